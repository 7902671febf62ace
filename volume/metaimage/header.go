package metaimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"columna/internal/files"
	"columna/volume"
)

// header is what is needed of the text before the voxels.
type header struct {
	grid       volume.Grid
	kind       files.Kind
	order      binary.ByteOrder
	compressed bool
	packedSize int64  // CompressedDataSize
	file       string // "" for LOCAL
	skip       int64  // bytes before the voxels in file, -1: they are its end
	warnings   []string
	doubt      error
}

func (h *header) warn(format string, args ...any) {
	h.warnings = append(h.warnings, fmt.Sprintf(format, args...))
}

// readHeader reads "Key = Value" lines up to ElementDataFile, which ends them.
func readHeader(s *files.Source) (header, error) {
	keys := map[string]string{}
	for lines, size := 0, 0; ; lines++ {
		line, err := s.Line()
		size += len(line)
		if err != nil || lines > 200 || size > 1<<15 {
			return header{}, errors.New("this is not a MetaImage file (no ElementDataFile line)")
		}
		at := bytes.IndexAny(line, "=:")
		if at < 0 {
			return header{}, fmt.Errorf("this is not a MetaImage file (line %d is not \"key = value\")", lines+1)
		}
		key, value := strings.TrimSpace(string(line[:at])), strings.TrimSpace(string(line[at+1:]))
		keys[key] = value
		if key == "ElementDataFile" {
			return parse(keys)
		}
	}
}

// kinds are MetaIO's element types that are grey values. Its long has four bytes.
func kinds() map[string]files.Kind {
	return map[string]files.Kind{
		"MET_UCHAR": files.Uint8, "MET_CHAR": files.Int8, "MET_ASCII_CHAR": files.Int8, "MET_SHORT": files.Int16, "MET_USHORT": files.Uint16,
		"MET_INT": files.Int32, "MET_LONG": files.Int32, "MET_UINT": files.Uint32, "MET_ULONG": files.Uint32,
		"MET_LONG_LONG": files.Int64, "MET_ULONG_LONG": files.Uint64, "MET_FLOAT": files.Float32, "MET_DOUBLE": files.Float64,
	}
}

// parse checks the keys.
func parse(keys map[string]string) (h header, err error) {
	if t := keys["ObjectType"]; t != "" && t != "Image" {
		return h, fmt.Errorf("the file holds a %q, not an image", t)
	}
	if c := keys["ElementNumberOfChannels"]; c != "" && c != "1" {
		return h, fmt.Errorf("the image has %s channels (colour cannot be read)", c)
	}
	if b := keys["BinaryData"]; b != "" && !isTrue(b) {
		return h, errors.New("the voxels are text; save them as binary data")
	}
	if h.kind = kinds()[keys["ElementType"]]; h.kind == 0 {
		return h, fmt.Errorf("the element type %q is not a grey value", keys["ElementType"])
	}
	h.order = binary.LittleEndian
	if isTrue(keys["BinaryDataByteOrderMSB"]) || isTrue(keys["ElementByteOrderMSB"]) {
		h.order = binary.BigEndian
	}
	if err := h.readGrid(keys); err != nil {
		return h, err
	}
	for _, key := range []string{"ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"} {
		if value, ok := keys[key]; ok {
			h.warn("%s = %s is not applied, as in ITK", key, value)
		}
	}
	return h, h.parseFile(keys)
}

// parseFile accepts LOCAL or the plain name of a file in the same folder.
func (h *header) parseFile(keys map[string]string) (err error) {
	h.compressed = isTrue(keys["CompressedData"])
	name := keys["ElementDataFile"]
	switch {
	case strings.EqualFold(name, "LOCAL"):
		return nil
	case name == "" || name == "LIST" || strings.ContainsAny(name, "%") || len(strings.Fields(name)) > 1:
		return fmt.Errorf("voxels spread over several files (%q) cannot be read; save the image as one .mha", name)
	case filepath.Base(name) != name || name == "." || name == ".." || strings.ContainsAny(name, `/\:`):
		return fmt.Errorf("the header names the file %q, which would escape the folder; only one beside the header is opened", name)
	}
	h.file = name
	if h.skip, err = count(keys, "HeaderSize", -1); err != nil {
		return err
	}
	if h.skip == -1 && h.compressed {
		h.packedSize, err = count(keys, "CompressedDataSize", 1)
	}
	return err
}

// count reads a number of bytes, 0 where it is not given and may be so.
func count(keys map[string]string, key string, least int64) (int64, error) {
	s, ok := keys[key]
	if !ok && least <= 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > 1<<40 {
		return 0, fmt.Errorf("a %s of %q cannot be read", key, s)
	}
	return n, nil
}

// isTrue reads MetaIO's True, T, 1.
func isTrue(s string) bool {
	return s != "" && strings.ContainsAny(s[:1], "Tt1Yy")
}
