package codec

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// decodeJPEG8 decodes JPEG of 8 bits by the standard library.
func decodeJPEG8(data []byte, f Frame) ([]byte, error) {
	if len(data) < f.pixels()/256 { // a flat block of 64 pixels takes two bits at least
		return nil, fmt.Errorf("the JPEG is too short for the image: the file is cut off or damaged")
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the JPEG cannot be decoded: %w", err)
	}
	if img.Bounds() != image.Rect(0, 0, f.Columns, f.Rows) {
		return nil, fmt.Errorf("the JPEG changes its size: the file is damaged")
	}
	samples, err := components(img, f)
	if err != nil {
		return nil, err
	}
	return widen(samples, f.width()), nil
}

// components gives the samples as they were stored: a YCbCr image stays so.
func components(img image.Image, f Frame) ([]byte, error) {
	out := make([]byte, 0, f.pixels()*f.Samples)
	switch img := img.(type) {
	case *image.Gray:
		for y := range f.Rows {
			out = append(out, img.Pix[y*img.Stride:][:f.Columns]...)
		}
	case *image.YCbCr:
		for y := range f.Rows {
			for x := range f.Columns {
				c := img.COffset(x, y)
				out = append(out, img.Y[img.YOffset(x, y)], img.Cb[c], img.Cr[c])
			}
		}
	case *image.RGBA:
		for y := range f.Rows {
			for x := range f.Columns {
				out = append(out, img.Pix[img.PixOffset(x, y):][:3]...)
			}
		}
	default:
		return nil, fmt.Errorf("a JPEG of this colour model is not decoded")
	}
	return out, nil
}

// widen brings bytes to samples of the allocated width.
func widen(samples []byte, width int) []byte {
	if width == 1 {
		return samples
	}
	out := make([]byte, len(samples)*width)
	for i, s := range samples {
		out[i*width] = s
	}
	return out
}
