package dicom

import (
	"bytes"
	"context"
	"testing"

	"columna/dicom/dataset"
	"columna/internal/codec"
)

func TestPixels_TwoPixelsShareAColour(t *testing.T) {
	p := &pixelFormat{rows: 1, cols: 4, frames: 2, samples: 3, allocated: 8, stored: 8, photometric: "YBR_FULL_422",
		syntax: dataset.ExplicitLE, native: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}
	p.nativeBytes = len(p.native)
	if err := p.checkData(); err != nil {
		t.Fatal(err)
	}
	d := codec.NewDecoder()
	defer d.Close()
	got, err := p.frame(context.Background(), d, 1)
	if want := []byte{9, 11, 12, 10, 11, 12, 13, 15, 16, 14, 15, 16}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
}

func TestPixels_RefusesHalfTheColourOfAnOddPixel(t *testing.T) {
	p := &pixelFormat{rows: 1, cols: 3, frames: 1, samples: 3, allocated: 8, stored: 8, photometric: "YBR_FULL_422",
		syntax: dataset.ExplicitLE, nativeBytes: 9}
	if p.checkData() == nil {
		t.Error("took it")
	}
}
