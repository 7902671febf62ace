package metaimage

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"columna/internal/files"
	"columna/volume"
)

// Write saves a volume, compressed, in the smallest type that holds its values as
// they are: uint8, int16, uint16 or float32. A name in .mha makes one file, a name
// in .mhd a header with a .zraw file beside it. Each file appears whole or not at
// all.
func Write(path string, v *volume.Volume) error {
	err := v.Validate()
	if err == nil {
		k := files.Smallest(v.Data)
		err = writeFile(path, layout{v.Grid, k, binary.LittleEndian, true}, k.Append(nil, binary.LittleEndian, v.Data))
	}
	if err != nil {
		return fmt.Errorf("write MetaImage %s: %w", path, err)
	}
	return nil
}

// WriteLabels saves a label map as uint8, in the manner of Write.
func WriteLabels(path string, m *volume.LabelMap) error {
	err := m.Validate()
	if err == nil {
		err = writeFile(path, layout{m.Grid, files.Uint8, binary.LittleEndian, true}, m.Data)
	}
	if err != nil {
		return fmt.Errorf("write MetaImage %s: %w", path, err)
	}
	return nil
}

// layout is what the header says of the voxels.
type layout struct {
	grid       volume.Grid
	kind       files.Kind
	order      binary.ByteOrder
	compressed bool
}

func writeFile(path string, l layout, raw []byte) error {
	body, err := l.pack(raw)
	if err != nil {
		return err
	}
	lower := strings.ToLower(path)
	switch {
	case strings.HasSuffix(lower, ".mha"):
		return files.Write(path, both(l.header("LOCAL", len(body)), body))
	case strings.HasSuffix(lower, ".mhd"):
		voxels := path[:len(path)-len(".mhd")] + ".zraw"
		if name := filepath.Base(voxels); strings.ContainsAny(name, "%: \t\\") {
			return fmt.Errorf("the name %q cannot stand in a header: use .mha, or a name without spaces", name)
		}
		if err := files.Write(voxels, both(nil, body)); err != nil {
			return err
		}
		return files.Write(path, both(l.header(filepath.Base(voxels), len(body)), nil))
	}
	return errors.New("the name must end in .mha or .mhd")
}

func both(a, b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, err := w.Write(a); err != nil {
			return err
		}
		_, err := w.Write(b)
		return err
	}
}

// pack compresses the voxels where the layout says so.
func (l layout) pack(raw []byte) ([]byte, error) {
	if !l.compressed {
		return raw, nil
	}
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	err = z.Close()
	return packed.Bytes(), err
}

// header is the text before the voxels, which are in the file named.
func (l layout) header(file string, packedSize int) []byte {
	g := l.grid
	spacing, origin := g.SpacingMM(), g.Affine.Column(3)
	var direction []float64
	for c := range 3 {
		d := g.Affine.Column(c).Scale(1 / spacing[c])
		direction = append(direction, d[:]...)
	}
	var b bytes.Buffer
	line := func(key string, value any) { fmt.Fprintf(&b, "%s = %v\n", key, value) }
	line("ObjectType", "Image")
	line("NDims", 3)
	line("Comment", "Columna, not a medical device")
	line("BinaryData", "True")
	line("BinaryDataByteOrderMSB", metaBool(l.order == binary.BigEndian))
	line("CompressedData", metaBool(l.compressed))
	if l.compressed {
		line("CompressedDataSize", packedSize)
	}
	line("TransformMatrix", join(direction))
	line("Offset", join(origin[:]))
	line("CenterOfRotation", "0 0 0")
	line("AnatomicalOrientation", from(g))
	line("ElementSpacing", join(spacing[:]))
	line("DimSize", fmt.Sprintf("%d %d %d", g.Size[0], g.Size[1], g.Size[2]))
	line("ElementType", elementOf(l.kind))
	line("ElementDataFile", file)
	return b.Bytes()
}

// elementOf names a kind; int32 is MET_INT, the four-byte MET_LONG its older name.
func elementOf(k files.Kind) string {
	best := ""
	for name, kind := range kinds() {
		if kind == k && name != "MET_LONG" && name != "MET_ULONG" && name != "MET_ASCII_CHAR" {
			best = name
		}
	}
	return best
}

func metaBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// from names, as MetaIO does, where the axes come from: the opposite of where
// Grid.Orientation says they go.
func from(g volume.Grid) string {
	return strings.NewReplacer("L", "R", "R", "L", "A", "P", "P", "A", "S", "I", "I", "S").Replace(g.Orientation())
}

func join(x []float64) string {
	var words []string
	for _, v := range x {
		words = append(words, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(words, " ")
}
