package dataset

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/suyashkumar/dicom/pkg/uid"
)

// layout is how the data set's elements are laid out.
type layout struct {
	order    binary.ByteOrder
	explicit bool
	deflated bool
}

// encodingOf tells the layout of a transfer syntax and whether it is one of the
// standard. Every compressed syntax is explicit little endian outside its pixel
// data (PS3.5 A.4), and so are the private ones that scanners write.
func encodingOf(syntax string) (enc layout, known bool) {
	enc = layout{order: binary.LittleEndian, explicit: true}
	switch syntax {
	case ImplicitLE:
		enc.explicit = false
	case Deflated:
		enc.deflated = true
	case ExplicitBE:
		enc.order = binary.BigEndian
	}
	info, err := uid.Lookup(syntax)
	return enc, err == nil && info.Type == uid.TypeTransferSyntax || strings.HasPrefix(syntax, "1.2.840.10008.1.2.")
}

// isNative reports the transfer syntaxes that leave pixels as they are.
func isNative(syntax string) bool {
	return syntax == ImplicitLE || syntax == ExplicitLE || syntax == ExplicitBE || syntax == Deflated
}

// syntax is the uncompressed transfer syntax of a layout. Implicit big endian,
// which is none of DICOM's, is taken for the explicit one: pixels are the same.
func (l layout) syntax() string {
	switch {
	case l.order == binary.BigEndian:
		return ExplicitBE
	case l.explicit:
		return ExplicitLE
	}
	return ImplicitLE
}

// seenIn tells the layout from the header of the first element: its group is
// below 0100 in almost every file, which shows where the bytes are swapped, and
// letters stand where the VR would.
func (l layout) seenIn(h []byte) layout {
	out := layout{order: l.order, explicit: l.explicit}
	if len(h) < 8 {
		return out
	}
	if out.explicit = isVR(h[4:6]); !l.explicit {
		out.explicit = knownVR(h[4:6])
	}
	switch {
	case h[0] != 0 && h[1] == 0:
		out.order = binary.LittleEndian
	case h[0] == 0 && h[1] != 0:
		out.order = binary.BigEndian
	}
	return out
}

// SyntaxName is a transfer syntax as a person would say it.
func SyntaxName(syntax string) string {
	if info, err := uid.Lookup(syntax); err == nil {
		return fmt.Sprintf("%s (%s)", info.Name, syntax)
	}
	return syntax
}

// inflate undoes the deflated transfer syntax, bounded in size. The zlib header
// that some writers put before the data is none of DICOM's (PS3.5 A.5).
func inflate(b []byte) (out []byte, faults []string, err error) {
	limit := int64(min(maxInflateBytes, 8<<20+32*len(b))) // MR deflates by 2 to 4
	if len(b) > 2 && b[0]&0x0F == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 && b[1]&0x20 == 0 {
		b, faults = b[2:], append(faults, faultZlib)
	}
	r := flate.NewReader(bytes.NewReader(b))
	out, err = io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(out)) > limit {
		return nil, faults, fmt.Errorf("deflated data grow beyond %d bytes: refused as a decompression bomb", limit)
	}
	if err != nil && len(out) == 0 {
		return nil, faults, fmt.Errorf("deflated data cannot be inflated: %w", err)
	}
	if err != nil {
		faults = append(faults, faultDeflateCut) // judged by the elements that it holds
	}
	return out, faults, nil
}
