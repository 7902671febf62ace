package dataset

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/suyashkumar/dicom/pkg/uid"
)

// encoding is how the data set's elements are laid out.
type encoding struct {
	order    binary.ByteOrder
	explicit bool
	deflated bool
}

// encodingOf tells the layout of a transfer syntax. Every compressed syntax of
// the standard is explicit little endian outside its pixel data (PS3.5 A.4).
func encodingOf(syntax string) (encoding, error) {
	switch syntax {
	case ImplicitLE:
		return encoding{order: binary.LittleEndian}, nil
	case Deflated:
		return encoding{order: binary.LittleEndian, explicit: true, deflated: true}, nil
	case ExplicitBE:
		return encoding{order: binary.BigEndian, explicit: true}, nil
	}
	if info, err := uid.Lookup(syntax); err != nil || info.Type != uid.TypeTransferSyntax {
		if !bytes.HasPrefix([]byte(syntax), []byte("1.2.840.10008.1.2.")) {
			return encoding{}, fmt.Errorf("transfer syntax %q is not one of the standard: export the series as explicit little endian", syntax)
		}
	}
	return encoding{order: binary.LittleEndian, explicit: true}, nil
}

// SyntaxName is a transfer syntax as a person would say it.
func SyntaxName(syntax string) string {
	if info, err := uid.Lookup(syntax); err == nil {
		return fmt.Sprintf("%s (%s)", info.Name, syntax)
	}
	return syntax
}

// inflate undoes the deflated transfer syntax, bounded in size.
func inflate(b []byte) ([]byte, error) {
	limit := int64(min(maxInflateBytes, 8<<20+32*len(b))) // MR deflates by 2 to 4
	r := flate.NewReader(bytes.NewReader(b))
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(out)) > limit {
		return nil, fmt.Errorf("deflated data grow beyond %d bytes: refused as a decompression bomb", limit)
	}
	if err != nil && len(out) == 0 {
		return nil, fmt.Errorf("deflated data cannot be inflated: %w", err)
	}
	return out, nil // a cut stream is judged by the elements it holds
}
