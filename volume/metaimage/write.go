package metaimage

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"columna/volume"
)

// Write saves a volume as a compressed float32 .mha file, which appears whole or
// not at all.
func Write(path string, v *volume.Volume) error {
	if err := v.Validate(); err != nil {
		return fmt.Errorf("write MetaImage %s: %w", path, err)
	}
	raw := make([]byte, 0, 4*len(v.Data))
	for _, x := range v.Data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return writeFile(path, v.Grid, "MET_FLOAT", raw)
}

// WriteLabels saves a label map as a compressed uint8 .mha file, in the manner of
// Write.
func WriteLabels(path string, m *volume.LabelMap) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("write MetaImage %s: %w", path, err)
	}
	return writeFile(path, m.Grid, "MET_UCHAR", m.Data)
}

// encode makes the bytes of a .mha file.
func encode(g volume.Grid, element string, raw []byte) ([]byte, error) {
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	spacing := g.SpacingMM()
	var direction []float64
	for c := range 3 {
		d := g.Affine.Column(c).Scale(1 / spacing[c])
		direction = append(direction, d[:]...)
	}
	origin := g.Affine.Column(3)
	var b bytes.Buffer
	fmt.Fprintf(&b, "ObjectType = Image\nNDims = 3\nComment = Columna, not a medical device\n")
	fmt.Fprintf(&b, "BinaryData = True\nBinaryDataByteOrderMSB = False\n")
	fmt.Fprintf(&b, "CompressedData = True\nCompressedDataSize = %d\n", packed.Len())
	fmt.Fprintf(&b, "TransformMatrix = %s\nOffset = %s\nCenterOfRotation = 0 0 0\n", join(direction), join(origin[:]))
	fmt.Fprintf(&b, "AnatomicalOrientation = %s\n", from(g))
	fmt.Fprintf(&b, "ElementSpacing = %s\nDimSize = %d %d %d\n", join(spacing[:]), g.Size[0], g.Size[1], g.Size[2])
	fmt.Fprintf(&b, "ElementType = %s\nElementDataFile = LOCAL\n", element)
	b.Write(packed.Bytes())
	return b.Bytes(), nil
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

// writeFile writes beside the target and renames. Images are patient data, so the
// file is its owner's alone.
func writeFile(path string, g volume.Grid, element string, raw []byte) (err error) {
	if !strings.HasSuffix(path, ".mha") {
		return fmt.Errorf("write MetaImage %s: the name must end in .mha", path)
	}
	b, err := encode(g, element, raw)
	if err != nil {
		return fmt.Errorf("write MetaImage %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".columna-*")
	if err != nil {
		return fmt.Errorf("write MetaImage %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write MetaImage %s: %w", path, err)
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
