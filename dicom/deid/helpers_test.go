package deid

import (
	"encoding/binary"
	"fmt"
	"testing"

	"columna/dicom/dataset"
)

// key is any key.
func key() Key { return Key("a key for tests, 32 bytes long...") }

func profile(t testing.TB, o Options) *Profile {
	t.Helper()
	p, err := New(key(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	classMR  = "1.2.840.10008.5.1.4.1.1.4"
	classSEG = "1.2.840.10008.5.1.4.1.1.66.4"
	classSR  = "1.2.840.10008.5.1.4.1.1.88.33"
	classSC  = "1.2.840.10008.5.1.4.1.1.7"
)

// object is a small valid image of a class; n tells images of a series apart.
func object(class string, n int) *dataset.Dataset {
	d := dataset.New()
	d.SetText(tagCharacterSet, "CS", "ISO_IR 192")
	d.SetText(tagImageType, "CS", "ORIGINAL", "PRIMARY", "OTHER")
	d.SetText(tagSOPClass, "UI", class)
	d.SetText(tagSOPInstance, "UI", fmt.Sprintf("1.3.6.1.4.1.99999.1.%d", n))
	d.SetText(tagModality, "CS", "MR")
	d.SetText(0x00080020, "DA", "20190423")
	d.SetText(0x00080070, "LO", "Acme Magnets")
	d.SetText(tagPatientName, "PN", "Quendelbach^Ottilie")
	d.SetText(tagPatientID, "LO", "PID-7731-X")
	d.SetText(0x00100030, "DA", "19521108")
	d.SetText(0x00100040, "CS", "F")
	d.SetText(0x00101010, "AS", "066Y")
	d.SetText(tagStudyUID, "UI", "1.3.6.1.4.1.99999.2")
	d.SetText(tagSeriesUID, "UI", "1.3.6.1.4.1.99999.3")
	d.SetText(0x00200052, "UI", "1.3.6.1.4.1.99999.4")
	d.SetShorts(tagSamples, 1)
	d.SetText(tagPhotometric, "CS", "MONOCHROME2")
	d.SetShorts(tagRows, 4)
	d.SetShorts(tagColumns, 4)
	d.SetShorts(tagBits, 16)
	d.SetShorts(tagStored, 12)
	d.SetShorts(tagHighBit, 11)
	d.SetShorts(0x00280103, 0)
	var px []byte
	for i := range uint16(16) {
		px = binary.LittleEndian.AppendUint16(px, 100*i)
	}
	d.SetBytes(tagPixelData, "OW", px)
	return d
}

func item(fill func(*dataset.Dataset)) *dataset.Dataset {
	d := dataset.New()
	fill(d)
	return d
}

// clean de-identifies a data set and reads the result back.
func clean(t *testing.T, p *Profile, d *dataset.Dataset) *dataset.File {
	t.Helper()
	r, err := p.CleanDataset(d, dataset.ExplicitLE)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dataset.Parse(r.File)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
