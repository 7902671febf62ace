package seg

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// reworked is our own file, changed to be as another tool writes it.
func reworked(t testing.TB, m *volume.LabelMap, change func(d *dataset.Dataset)) []byte {
	t.Helper()
	f, err := dataset.Parse(encoded(t, output(t, t.TempDir(), m)))
	if err != nil {
		t.Fatal(err)
	}
	change(f.Dataset)
	return dataset.Encode(f.Dataset, dataset.ExplicitLE)
}

// frameOf is the bytes of frame n, one each pixel.
func frameOf(m *volume.LabelMap, f frame) []byte {
	size := m.Size[0] * m.Size[1]
	out := make([]byte, size)
	for n, l := range m.Data[f.k*size : (f.k+1)*size] {
		if l == f.label {
			out[n] = 1
		}
	}
	return out
}

// packed is one bit a byte, the lowest first.
func packed(b []byte) []byte {
	out := make([]byte, (len(b)+7)/8)
	for n, x := range b {
		out[n/8] |= x << (n % 8)
	}
	return out
}

// pixelsAs replaces the pixel data by frames of bytes that value makes of our bits.
func pixelsAs(m *volume.LabelMap, d *dataset.Dataset, value func(byte) byte) {
	frames, _, _ := framesOf(m)
	var px []byte
	for _, f := range frames {
		for _, b := range frameOf(m, f) {
			px = append(px, value(b))
		}
	}
	d.SetShorts(tagBitsAllocated, 8)
	d.SetBytes(tagPixelData, "OB", px)
}

// must fails unless a segmentation gives the mask back on its grid.
func must(t *testing.T, b []byte, m *volume.LabelMap, warning string) {
	t.Helper()
	s, err := Parse(b)
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(s.On(m.Grid).Data, m.Data) {
		t.Error("the voxels differ")
	}
	if got := strings.Join(s.Warnings, "; "); !strings.Contains(got, warning) || warning == "" && got != "" {
		t.Errorf("warnings %q, want %q", got, warning)
	}
}

func small(t *testing.T) *volume.LabelMap {
	t.Helper()
	return speckled(lattices()["oblique"], 8)
}

func TestParse_TakesFractionalVoxelsFromOneHalf(t *testing.T) {
	m := small(t)
	must(t, reworked(t, m, func(d *dataset.Dataset) {
		d.SetText(tagSegType, "CS", "FRACTIONAL")
		d.SetText(0x00620010, "CS", "PROBABILITY")
		d.SetShorts(tagMaxFraction, 200)
		pixelsAs(m, d, func(b byte) byte { return 99 + b }) // 99 of 200 is less than a half, 100 is one
	}), m, "one half")
}

func TestParse_ReadsLabelMaps(t *testing.T) {
	m := small(t)
	size := m.Size[0] * m.Size[1]
	for _, bits := range []int{8, 16} {
		must(t, reworked(t, m, func(d *dataset.Dataset) {
			asLabelMap(d, m)
			if bits == 16 {
				d.SetShorts(tagBitsAllocated, 16)
				var px []byte
				for _, l := range m.Data {
					px = binary.LittleEndian.AppendUint16(px, uint16(l))
				}
				d.SetBytes(tagPixelData, "OW", px)
			}
		}), m, "")
	}
	if size%8 == 0 {
		t.Error("the frames fill whole bytes: choose others")
	}
}

// asLabelMap makes the data set a label map segmentation of every slice. Segment
// numbers are labels here, as every structure occurs.
func asLabelMap(d *dataset.Dataset, m *volume.LabelMap) {
	d.SetText(tagSOPClass, "UI", dicom.LabelMapSegmentationStorage)
	d.SetText(tagSegType, "CS", "LABELMAP")
	d.SetShorts(tagBitsAllocated, 8)
	d.SetIntegers(tagFrames, m.Size[2])
	d.SetBytes(tagPixelData, "OB", m.Data)
	var items []*dataset.Dataset
	for k := range m.Size[2] {
		p := m.ToWorld(volume.Vec3{0, 0, float64(k)})
		position, item := dataset.New(), dataset.New()
		position.SetDecimals(tagPosition, p[0], p[1], p[2])
		item.SetSequence(tagPlanePosition, position)
		items = append(items, item)
	}
	d.SetSequence(tagFrameGroups, items...)
}

func TestParse_TakesFramesInAnyOrder(t *testing.T) {
	m := small(t)
	frames, _, err := framesOf(m)
	if err != nil {
		t.Fatal(err)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(frames))
	shuffled := make([]frame, len(frames))
	must(t, reworked(t, m, func(d *dataset.Dataset) {
		items := make([]*dataset.Dataset, len(frames))
		for n, to := range order {
			items[to], shuffled[to] = d.Items(tagFrameGroups)[n], frames[n]
		}
		d.SetSequence(tagFrameGroups, items...)
		d.SetBytes(tagPixelData, "OB", packBits(m, shuffled))
	}), m, "")
}

func TestParse_TakesGeometryPerFrame(t *testing.T) {
	m := small(t)
	must(t, reworked(t, m, func(d *dataset.Dataset) {
		shared := d.Item(tagSharedGroups)
		for _, item := range d.Items(tagFrameGroups) {
			for _, group := range []dataset.Tag{tagPlaneOrientation, tagPixelMeasures} {
				item.Put(shared.Find(group))
			}
		}
		d.SetSequence(tagSharedGroups, dataset.New())
	}), m, "")
}

func TestParse_TakesFramesThatBeginAtWholeBytes(t *testing.T) {
	m := small(t)
	frames, _, err := framesOf(m)
	if err != nil {
		t.Fatal(err)
	}
	must(t, reworked(t, m, func(d *dataset.Dataset) {
		var px []byte
		for _, f := range frames {
			px = append(px, packed(frameOf(m, f))...)
		}
		d.SetBytes(tagPixelData, "OB", px)
	}), m, "")
}

func TestParse_TakesCompressedFrames(t *testing.T) {
	m := small(t)
	frames, _, err := framesOf(m)
	if err != nil {
		t.Fatal(err)
	}
	for syntax, pack := range map[string]func([]byte) []byte{dataset.RLELossless: literalRLE, deflatedFrames: deflated} {
		f, err := dataset.Parse(encoded(t, output(t, t.TempDir(), m)))
		if err != nil {
			t.Fatal(err)
		}
		e := &dataset.Element{Tag: tagPixelData, VR: "OB"}
		for _, fr := range frames {
			e.Fragments = append(e.Fragments, pack(packed(frameOf(m, fr))))
		}
		f.Put(e)
		must(t, dataset.Encode(f.Dataset, syntax), m, "")
	}
}

// literalRLE is one RLE segment without runs (PS3.5 Annex G).
func literalRLE(b []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, 1)
	out = binary.LittleEndian.AppendUint32(out, 64)
	out = append(out, make([]byte, 56)...)
	for part := range slices.Chunk(b, 128) {
		out = append(append(out, byte(len(part)-1)), part...)
	}
	if len(out)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	w.Write(b)
	w.Close()
	if out.Len()%2 == 1 {
		out.WriteByte(0)
	}
	return out.Bytes()
}

func TestParse_ReadsTheWholeFileDeflated(t *testing.T) {
	m := small(t)
	f, err := dataset.Parse(encoded(t, output(t, t.TempDir(), m)))
	if err != nil {
		t.Fatal(err)
	}
	meta := dataset.New()
	meta.SetText(0x00020010, "UI", dataset.Deflated)
	b := append(append(make([]byte, 128), "DICM"...), meta.Encode()...)
	must(t, append(b, deflated(f.Encode())...), m, "")
}

func TestParse_GivesAVoxelOfTwoSegmentsToTheLater(t *testing.T) {
	g := sagittal([3]int{8, 8, 3})
	m := volume.NewLabelMap(g)
	m.Data[9], m.Data[10] = uint8(spine.L1), uint8(spine.L2)
	s := parsed(t, reworked(t, m, func(d *dataset.Dataset) {
		px := d.Find(tagPixelData).Value
		px[1] |= 1 << 2 // voxel 10 belongs to L1 too
		items := d.Items(tagFrameGroups)
		d.SetSequence(tagFrameGroups, items[1], items[0]) // the frames change places, so
		d.SetBytes(tagPixelData, "OB", append(bytes.Clone(px[8:16]), px[:8]...))
	}))
	if got := s.On(g); got.Data[9] != uint8(spine.L1) || got.Data[10] != uint8(spine.L2) {
		t.Errorf("voxels are %d and %d", got.Data[9], got.Data[10])
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "1 voxels belong to several") {
		t.Errorf("warnings %v", s.Warnings)
	}
}

func TestParse_KeepsSegmentsThatItDoesNotKnow(t *testing.T) {
	g := sagittal([3]int{8, 8, 3})
	m := volume.NewLabelMap(g)
	m.Data[9], m.Data[10] = uint8(spine.L1), uint8(spine.L2)
	s := parsed(t, reworked(t, m, func(d *dataset.Dataset) {
		x := d.Items(tagSegments)[1]
		x.SetText(tagSegLabel, "LO", "Liver")
		x.SetSequence(tagPropertyType, dicom.Code("10200004", "SCT", "Liver"))
	}))
	if got := s.On(g); got.Data[9] != uint8(spine.L1) || got.Data[10] != FirstExtra || s.Extra() != "Liver" {
		t.Errorf("voxels are %d and %d, extra %q", got.Data[9], got.Data[10], s.Extra())
	}
}

func TestParse_PlacesASegmentationOfAnotherGridByItsCoordinates(t *testing.T) {
	fine := lattice([3]int{40, 40, 20}, volume.Vec3{0.5, 0.5, 1}, volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, true, volume.Vec3{-10, -10, 10})
	axial := lattice([3]int{20, 20, 10}, volume.Vec3{1, 1, 2}, volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0}, false, volume.Vec3{-9.5, -9.5, -9})
	from := func(g volume.Grid, n int) float64 { // the surface of a ball, negative inside
		i, j, k := g.Coords(n)
		return g.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)}).Sub(volume.Vec3{0, 0, 1}).Norm() - 6
	}
	ball := volume.NewLabelMap(fine)
	for n := range ball.Data {
		if from(fine, n) < 0 {
			ball.Data[n] = uint8(spine.L3)
		}
	}
	inside := 0
	for n, l := range parsed(t, encoded(t, output(t, t.TempDir(), ball))).On(axial).Data {
		d := from(axial, n)
		if d < -1 && l != uint8(spine.L3) || d > 1 && l != 0 {
			t.Fatalf("a voxel %.1f mm from the surface is %d", d, l)
		}
		if l != 0 {
			inside++
		}
	}
	if inside < 300 {
		t.Errorf("only %d voxels of the ball arrived", inside)
	}
}

func TestParse_ReadsFramesOfTwoDirections(t *testing.T) {
	sag, ax := sagittal([3]int{16, 16, 3}), lattice([3]int{16, 16, 3}, volume.Vec3{1, 1, 4}, volume.Vec3{1, 0, 0}, volume.Vec3{0, 1, 0.3}, false, volume.Vec3{0, 0, -500})
	m, other := speckled(sag, 1), speckled(ax, 2)
	both := reworked(t, m, func(d *dataset.Dataset) {
		o := output(t, t.TempDir(), other)
		more, _, _ := framesOf(other)
		items := d.Items(tagFrameGroups)
		for _, f := range more {
			item := o.perFrame(f)
			item.Put(o.shared().Find(tagPlaneOrientation))
			item.Put(o.shared().Find(tagPixelMeasures))
			items = append(items, item)
		}
		d.SetSequence(tagFrameGroups, items...)
		d.SetIntegers(tagFrames, len(items))
		d.SetBytes(tagPixelData, "OB", append(bytes.Clone(d.Find(tagPixelData).Value), packBits(other, more)...))
	})
	s := parsed(t, both)
	if len(s.Parts) != 2 {
		t.Fatalf("%d parts, want 2", len(s.Parts))
	}
	if !bytes.Equal(s.On(sag).Data, m.Data) || !bytes.Equal(s.On(ax).Data, other.Data) {
		t.Error("the voxels differ")
	}
	if _, err := s.Mask(); err == nil {
		t.Error("two directions were given out as one volume")
	}
}

func TestStructure_IsKnownByItsCodeAndByOthersWords(t *testing.T) {
	for words, want := range map[string]spine.Structure{
		"vertebrae_L4": spine.L4, "L5 vertebra": spine.L5, "Lumbar vertebra 3": spine.L3, "First lumbar vertebra": spine.L1,
		"vertebra L1": spine.L1, "T12": spine.T12, "vertebrae_T12": spine.T12, "vertebrae_S1": spine.S1, "sacrum": spine.S1,
		"L4-L5 disc": spine.DiscL4L5, "disc_L5_S1": spine.DiscL5S1, "Disc L4-5": spine.DiscL4L5, "IVD T12/L1": spine.DiscT12L1,
		"intervertebral disc L2-L3": spine.DiscL2L3, "spinal canal": spine.Canal, "Vertebral canal": spine.Canal,
		"posterior elements": spine.Posterior, "vertebra above T12": spine.VertebraAbove,
		"spinal cord": 0, "Vertebra": 0, "vertebrae_T11": 0, "L4 left pedicle": 0, "disc L4": 0, "vertebrae L1 L2": 0,
		"Liver": 0, "": 0, "L6": 0, "disc L3/L5": 0, "psoas L4": 0,
	} {
		if got := byWords(words); got != want {
			t.Errorf("%q is %v, want %v", words, got, want)
		}
	}
	d := dataset.New()
	d.SetText(tagSegLabel, "LO", "Segment_1")
	d.SetSequence(tagPropertyType, dicom.Code("51282000", "SCT", "Vertebra"))
	d.SetSequence(tagAnatomicRegion, dicom.Code("14293000", "SCT", "L2 vertebra"))
	if got := structureOf(d); got != spine.L2 {
		t.Errorf("a vertebra in the region L2 is %v", got)
	}
}

func TestParse_AnswersHostileFilesWithASentence(t *testing.T) {
	m := small(t)
	for name, change := range map[string]func(d *dataset.Dataset){
		"another class":  func(d *dataset.Dataset) { d.SetText(tagSOPClass, "UI", "1.2.840.10008.5.1.4.1.1.4") },
		"a surface":      func(d *dataset.Dataset) { d.SetText(tagSOPClass, "UI", dicom.SurfaceSegmentationStorage) },
		"no pixels":      func(d *dataset.Dataset) { d.Remove(tagPixelData) },
		"short pixels":   func(d *dataset.Dataset) { d.SetBytes(tagPixelData, "OB", make([]byte, 100)) },
		"huge frames":    func(d *dataset.Dataset) { d.SetShorts(tagRows, 65535); d.SetShorts(tagColumns, 65535) },
		"countless":      func(d *dataset.Dataset) { d.SetIntegers(tagFrames, 2_000_000_000) },
		"no frames":      func(d *dataset.Dataset) { d.SetIntegers(tagFrames, -1) },
		"32 bits":        func(d *dataset.Dataset) { d.SetShorts(tagBitsAllocated, 32) },
		"unknown type":   func(d *dataset.Dataset) { d.SetText(tagSegType, "CS", "SOMETHING") },
		"no segments":    func(d *dataset.Dataset) { d.SetSequence(tagSegments) },
		"twice the same": func(d *dataset.Dataset) { d.SetSequence(tagSegments, d.Items(tagSegments)[0], d.Items(tagSegments)[0]) },
		"no positions":   func(d *dataset.Dataset) { d.SetSequence(tagFrameGroups) },
		"no orientation": func(d *dataset.Dataset) { d.Item(tagSharedGroups).Remove(tagPlaneOrientation) },
		"far apart":      func(d *dataset.Dataset) { move(d, 0, 90000) },
		"shifted":        func(d *dataset.Dataset) { shift(d) },
		"unknown segment": func(d *dataset.Dataset) {
			d.Items(tagFrameGroups)[0].Item(tagSegIdentity).SetShorts(tagSegReference, 999)
		},
		"endless spacing": func(d *dataset.Dataset) {
			d.Item(tagSharedGroups).Item(tagPixelMeasures).SetText(tagPixelSpacing, "DS", "nan", "inf")
		},
	} {
		if _, err := Parse(reworked(t, m, change)); err == nil {
			t.Errorf("%s: read", name)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one sentence: %v", name, err)
		}
	}
}

// move puts a frame elsewhere.
func move(d *dataset.Dataset, n int, mm float64) {
	p := d.Items(tagFrameGroups)[n].Item(tagPlanePosition)
	p.SetDecimals(tagPosition, mm, mm, mm)
}

// shift moves a frame within its plane.
func shift(d *dataset.Dataset) {
	ori := d.Item(tagSharedGroups).Item(tagPlaneOrientation).Numbers(tagOrientation)
	p := d.Items(tagFrameGroups)[3].Item(tagPlanePosition)
	x := p.Numbers(tagPosition)
	p.SetDecimals(tagPosition, x[0]+5*ori[0], x[1]+5*ori[1], x[2]+5*ori[2])
}

func TestParse_BoundsWhatCompressedFramesUnpackTo(t *testing.T) {
	m := small(t)
	f, err := dataset.Parse(encoded(t, output(t, t.TempDir(), m)))
	if err != nil {
		t.Fatal(err)
	}
	f.Put(&dataset.Element{Tag: tagPixelData, VR: "OB", Fragments: [][]byte{{1, 2}}})
	for _, syntax := range []string{dataset.RLELossless, deflatedFrames, dataset.JPEG2000Lossless} {
		if _, err := Parse(dataset.Encode(f.Dataset, syntax)); err == nil {
			t.Errorf("%s: one fragment of two bytes was read", syntax)
		}
	}
}

// liver files are pydicom's: one segmentation of dcmqi in several encodings.
func TestParse_ReadsOtherToolsFilesInEveryEncoding(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "data", "dicom", "formats")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no development data here")
	}
	for _, set := range [][]string{
		{"pydicom-data/liver.dcm", "pydicom-data/liver_expb.dcm", "pydicom-data/liver_rle.dcm", "pydicom-data/liver_deflate.dcm"},
		{"pydicom-data/liver_nonbyte_aligned.dcm", "pydicom-data/liver_nonbyte_aligned_rle.dcm", "pydicom-data/liver_nonbyte_aligned_deflate.dcm"},
		{"pydicom/liver_1frame.dcm", "pydicom/liver_expb_1frame.dcm"},
	} {
		var first *volume.LabelMap
		for _, name := range set {
			s, err := Read(filepath.Join(root, name))
			if err != nil {
				t.Error(err)
				continue
			}
			m, err := s.Mask()
			if err != nil {
				t.Error(err)
				continue
			}
			if first == nil {
				first = m
				t.Logf("%s: %v, %s, %v", name, m.Size, describe(m), s.Warnings)
			} else if !bytes.Equal(m.Data, first.Data) || !volume.SameGrid(m.Grid, first.Grid) {
				t.Errorf("%s differs from %s", name, set[0])
			}
		}
	}
}

func describe(m *volume.LabelMap) string {
	out := ""
	for _, x := range m.Measures() {
		out += fmt.Sprintf("label %d: %d voxels ", x.Label, x.Voxels)
	}
	return out
}

func FuzzRead(f *testing.F) {
	m := speckled(sagittal([3]int{9, 7, 3}), 4)
	f.Add(encoded(f, output(f, f.TempDir(), m)))
	f.Add(reworked(f, m, func(d *dataset.Dataset) { asLabelMap(d, m) }))
	f.Add(reworked(f, m, func(d *dataset.Dataset) {
		d.SetText(tagSegType, "CS", "FRACTIONAL")
		pixelsAs(m, d, func(b byte) byte { return 255 * b })
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		for _, p := range s.Parts {
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
