package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// instance is one copy of the module with its memory.
type instance struct {
	module api.Module
}

// export is the module's function that decodes a family.
func (k family) export() string {
	switch k {
	case jpegLS:
		return "DecodeJpegLs"
	case jpeg2000:
		return "DecodeJpeg2000"
	case htj2k:
		return "DecodeHtJpeg2000"
	}
	return "DecodeJpeg"
}

// decode hands the frame over, decodes it and copies the result out. The first
// error ends it; the instance is of no use then.
func (i *instance) decode(ctx context.Context, kind family, data []byte, f Frame) ([]byte, error) {
	c := &caller{ctx: ctx, module: i.module}
	frame := c.frame(f)
	c.call("SetEncodedBufferSize", frame, uint64(len(data)))
	c.write(c.call("GetEncodedBuffer", frame), data)
	parameters := c.call("CreateDecoderParameters")
	c.call("SetConvertColorspaceToRgb", parameters, 0)
	c.call(kind.export(), frame, parameters)
	out := c.read(c.call("GetDecodedBuffer", frame), c.call("GetDecodedBufferSize", frame), f.Size())
	c.call("ReleaseDecoderParameters", parameters)
	c.call("ReleaseCodecsContext", frame)
	return out, c.err
}

// caller calls the module's functions until one fails.
type caller struct {
	ctx    context.Context
	module api.Module
	err    error
}

func (c *caller) call(name string, args ...uint64) uint64 {
	if c.err != nil {
		return 0
	}
	f := c.module.ExportedFunction(name)
	if f == nil {
		c.err = fmt.Errorf("the module has no function %s", name)
		return 0
	}
	results, err := f.Call(c.ctx, args...)
	c.err = err
	if err != nil || len(results) == 0 {
		return 0
	}
	return results[0]
}

// Photometric interpretations by the module's numbers: grey or RGB, which asks
// for no conversion.
const (
	greyImage = 1
	rgbImage  = 3
)

// frame describes the image to the module.
func (c *caller) frame(f Frame) uint64 {
	p, photometric, signed := c.call("CreateCodecsContext"), uint64(greyImage), uint64(0)
	if f.Samples > 1 {
		photometric = rgbImage
	}
	if f.Signed {
		signed = 1
	}
	c.call("SetColumns", p, uint64(f.Columns))
	c.call("SetRows", p, uint64(f.Rows))
	c.call("SetBitsAllocated", p, uint64(f.BitsAllocated))
	c.call("SetBitsStored", p, uint64(f.BitsStored))
	c.call("SetSamplesPerPixel", p, uint64(f.Samples))
	c.call("SetPixelRepresentation", p, signed)
	c.call("SetPlanarConfiguration", p, 0)
	c.call("SetPhotometricInterpretation", p, photometric)
	return p
}

func (c *caller) write(at uint64, data []byte) {
	if c.err == nil && !c.module.Memory().Write(uint32(at), data) {
		c.err = errors.New("the data do not fit into the module's memory")
	}
}

// read copies the result out if it has the size that was asked for.
func (c *caller) read(at, n uint64, want int) []byte {
	if c.err != nil {
		return nil
	}
	if n != uint64(want) {
		c.err = codecError(fmt.Sprintf("%d bytes came out, %d are needed", n, want))
		return nil
	}
	b, ok := c.module.Memory().Read(uint32(at), uint32(n))
	if !ok {
		c.err = errors.New("the result lies outside the module's memory")
	}
	return bytes.Clone(b)
}
