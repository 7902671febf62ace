package metaimage

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"columna/volume"
)

// header is what is needed of the text before the voxels.
type header struct {
	grid       volume.Grid
	element    string
	order      binary.ByteOrder
	compressed bool
	file       string // "" for LOCAL
	skip       int64  // bytes before the voxels in file
}

// readHeader reads "Key = Value" lines up to ElementDataFile, which ends them.
func readHeader(r *bufio.Reader) (header, error) {
	keys := map[string]string{}
	for lines, size := 0, 0; ; lines++ {
		line, err := r.ReadSlice('\n')
		size += len(line)
		if err != nil || lines > 200 || size > 1<<15 {
			return header{}, fmt.Errorf("this is not a MetaImage file (no ElementDataFile line)")
		}
		key, value, ok := strings.Cut(string(line), "=")
		if !ok {
			return header{}, fmt.Errorf("this is not a MetaImage file (line %d is not \"key = value\")", lines+1)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		keys[key] = value
		if key == "ElementDataFile" {
			return parse(keys)
		}
	}
}

// parse checks the keys.
func parse(keys map[string]string) (h header, err error) {
	if t := keys["ObjectType"]; t != "" && t != "Image" {
		return h, fmt.Errorf("the file holds a %q, not an image", t)
	}
	if keys["NDims"] != "3" {
		return h, fmt.Errorf("the image has %q dimensions; 3 are needed", keys["NDims"])
	}
	if c := keys["ElementNumberOfChannels"]; c != "" && c != "1" {
		return h, fmt.Errorf("the image has %s channels (colour cannot be read)", c)
	}
	if b := keys["BinaryData"]; b != "" && !isTrue(b) {
		return h, fmt.Errorf("the voxels are text; save them as binary data")
	}
	h.element = keys["ElementType"]
	if value, _ := decoder(h.element, binary.LittleEndian); value == nil {
		return h, fmt.Errorf("the element type %q is not a grey value", h.element)
	}
	h.order = binary.LittleEndian
	if isTrue(keys["BinaryDataByteOrderMSB"]) || isTrue(keys["ElementByteOrderMSB"]) {
		h.order = binary.BigEndian
	}
	h.compressed = isTrue(keys["CompressedData"])
	if h.grid, err = parseGrid(keys); err != nil {
		return h, err
	}
	return h, h.parseFile(keys)
}

// parseFile accepts LOCAL or the plain name of a file in the same folder.
func (h *header) parseFile(keys map[string]string) error {
	name := keys["ElementDataFile"]
	switch {
	case name == "LOCAL":
		return nil
	case name == "" || name == "LIST" || strings.ContainsAny(name, "%") || len(strings.Fields(name)) > 1:
		return fmt.Errorf("voxels spread over several files (%q) cannot be read; save the image as one .mha", name)
	case filepath.Base(name) != name || name == "." || name == ".." || strings.ContainsAny(name, `/\:`):
		return fmt.Errorf("the header names the file %q; only one in its own folder is opened", name)
	}
	h.file = name
	if s := keys["HeaderSize"]; s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return fmt.Errorf("a HeaderSize of %q cannot be read", s)
		}
		h.skip = n
	}
	return nil
}

// parseGrid reads size and orientation. TransformMatrix is the direction of i,
// then of j, then of k (ITK's MetaImageIO).
func parseGrid(keys map[string]string) (g volume.Grid, err error) {
	size, err := numbers(keys, 3, "DimSize")
	if err != nil {
		return g, err
	}
	voxels := 1.0
	for a, n := range size {
		if n != math.Trunc(n) || n < 1 || n > 1<<16 {
			return g, fmt.Errorf("a side of %g voxels is not possible", n)
		}
		g.Size[a] = int(n)
		voxels *= n
	}
	if voxels > maxVoxels {
		return g, fmt.Errorf("an image of %v voxels is larger than the limit of %d", g.Size, maxVoxels)
	}
	spacing, err := numbers(keys, 3, "ElementSpacing", "ElementSize")
	if err != nil {
		return g, err
	}
	direction, err := numbers(keys, 9, "TransformMatrix", "Rotation", "Orientation")
	if err != nil {
		return g, fmt.Errorf("%w; without it left and right are unknown", err)
	}
	origin, err := numbers(keys, 3, "Offset", "Origin", "Position")
	if err != nil {
		return g, err
	}
	for r := range 3 {
		for c := range 3 {
			g.Affine[r][c] = direction[3*c+r] * spacing[c]
		}
		g.Affine[r][3] = origin[r]
	}
	if err := g.Validate(); err != nil {
		return g, fmt.Errorf("the orientation cannot be used: %w", err)
	}
	return g, nil
}

// numbers reads count finite numbers of the first of the keys that is there.
func numbers(keys map[string]string, count int, names ...string) ([]float64, error) {
	for _, name := range names {
		text, ok := keys[name]
		if !ok {
			continue
		}
		words := strings.Fields(text)
		if len(words) != count {
			return nil, fmt.Errorf("%s has %d numbers instead of %d", name, len(words), count)
		}
		out := make([]float64, count)
		for n, w := range words {
			x, err := strconv.ParseFloat(w, 64)
			if err != nil || math.IsNaN(x) || math.Abs(x) > 1e6 {
				return nil, fmt.Errorf("%s has the impossible number %q", name, w)
			}
			out[n] = x
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s is missing", names[0])
}

// isTrue reads MetaIO's True, T, 1.
func isTrue(s string) bool {
	return s != "" && strings.ContainsAny(s[:1], "Tt1Yy")
}
