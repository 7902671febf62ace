package seg

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// encoded is an output as bytes.
func encoded(t testing.TB, o Output) []byte {
	t.Helper()
	b, err := Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// parsed reads bytes that must be a segmentation.
func parsed(t testing.TB, b []byte) *Segmentation {
	t.Helper()
	s, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lattices are grids of every kind: sizes that fill no whole bytes, oblique, flipped,
// sheared, one slice, one voxel.
func lattices() map[string]volume.Grid {
	oblique := lattice([3]int{37, 29, 11}, volume.Vec3{0.71, 0.69, 4.4}, volume.Vec3{0.1, 1, 0.2}, volume.Vec3{0.05, 0.1, -1}, false, volume.Vec3{30.123456789, -90.98765, 120.5})
	flipped := lattice([3]int{21, 13, 9}, volume.Vec3{0.8, 0.9, 3.3}, volume.Vec3{1, 0.02, 0}, volume.Vec3{0, 1, 0.3}, true, volume.Vec3{-80, -70, 1000})
	sheared := sagittal([3]int{16, 16, 6})
	sheared.Affine[1][2] = 0.9 // slices drift to posterior
	return map[string]volume.Grid{
		"sagittal": sagittal([3]int{32, 24, 7}), "oblique": oblique, "flipped": flipped, "sheared": sheared,
		"one slice": sagittal([3]int{9, 7, 1}), "one voxel": sagittal([3]int{1, 1, 1}), "odd": sagittal([3]int{7, 5, 3}),
	}
}

func TestRoundTrip_KeepsEveryVoxelOnEveryGrid(t *testing.T) {
	for name, g := range lattices() {
		m := speckled(g, 5)
		m.Data[0] = uint8(spine.L3)
		s := parsed(t, encoded(t, output(t, t.TempDir(), m)))
		if len(s.Warnings) > 0 || len(s.Parts) != 1 {
			t.Errorf("%s: %d parts, warnings %v", name, len(s.Parts), s.Warnings)
		}
		if got := s.On(g); !bytes.Equal(got.Data, m.Data) {
			t.Errorf("%s: the voxels differ", name)
		}
	}
}

func TestRoundTrip_KeepsPlacesToAThousandthOfAMillimetre(t *testing.T) {
	for name, g := range lattices() {
		if name == "sheared" || name == "flipped" || g.Size[2] == 1 {
			continue // a part's slices follow the normal, and one slice has no direction
		}
		m := speckled(g, 5)
		for _, k := range []int{0, g.Size[2] - 1} { // frames at both ends, so that the part is whole
			m.Data[k*g.Size[0]*g.Size[1]] = uint8(spine.L3)
		}
		own, err := parsed(t, encoded(t, output(t, t.TempDir(), m))).Mask()
		if err != nil {
			t.Fatal(err)
		}
		if !volume.SameGrid(own.Grid, g) || !bytes.Equal(own.Data, m.Data) {
			t.Errorf("%s: the segmentation's own grid is another", name)
		}
	}
}

func TestRoundTrip_KeepsEverySegmentsNameAndOrigin(t *testing.T) {
	m := speckled(sagittal([3]int{16, 16, 5}), 2)
	s := parsed(t, encoded(t, output(t, t.TempDir(), m)))
	if len(s.Segments) != int(spine.MaxStructure) {
		t.Fatalf("%d segments of %d", len(s.Segments), spine.MaxStructure)
	}
	for n, x := range s.Segments {
		want := Origin{Type: Manual}
		switch x.Structure {
		case spine.L1:
			want = Origin{Automatic, "GF-SSNet", "0123456789ab"}
		case spine.L2:
			want = Origin{Semiautomatic, "GF-SSNet", "0123456789ab"}
		}
		if int(x.Structure) != n+1 || x.Label != uint8(n+1) || x.Name != x.Structure.String() || x.Origin != want {
			t.Errorf("segment %d came back as %+v", n+1, x)
		}
	}
	if s.PatientID != "P1" || s.Description != "Columna segmentation" || len(s.SourceSeries) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestEncode_LeavesEmptyFramesOutAndNamesTheImageOfEach(t *testing.T) {
	m := volume.NewLabelMap(sagittal([3]int{8, 8, 6}))
	m.Data[m.Index(3, 3, 1)], m.Data[m.Index(3, 3, 4)], m.Data[m.Index(2, 2, 4)] = uint8(spine.L4), uint8(spine.L4), uint8(spine.Canal)
	o := output(t, t.TempDir(), m)
	o.Source.Images[4].Frame = 7 // as in a multi-frame source
	f, err := dataset.Parse(encoded(t, o))
	if err != nil {
		t.Fatal(err)
	}
	frames := f.Items(tagFrameGroups)
	if len(frames) != 3 || f.Text(tagFrames) != "3" {
		t.Fatalf("%d frames, want 3", len(frames))
	}
	for n, k := range []int{1, 4, 4} {
		im := frames[n].Item(tagDerivationImage).Item(tagSourceImage)
		if im.Text(0x00081155) != o.Source.Images[k].SOPUID {
			t.Errorf("frame %d refers to another image than that of slice %d", n, k)
		}
		want := o.Mask.ToWorld(volume.Vec3{0, 0, float64(k)})
		got := frames[n].Item(tagPlanePosition).Numbers(tagPosition)
		if (volume.Vec3{got[0], got[1], got[2]}).Sub(want).Norm() > 1e-6 {
			t.Errorf("frame %d lies at %v, want %v", n, got, want)
		}
	}
	if got := frames[1].Item(tagDerivationImage).Item(tagSourceImage).Text(0x00081160); got != "7" {
		t.Errorf("referenced frame %q, want 7", got)
	}
	if n := len(f.Item(tagReferencedSeries).Items(0x0008114A)); n != 2 {
		t.Errorf("%d images are referred to, want 2", n)
	}
}

func TestEncode_WritesNumbersThatDICOMAllows(t *testing.T) {
	f, err := dataset.Parse(encoded(t, output(t, t.TempDir(), speckled(lattices()["oblique"], 1))))
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	var walk func(d *dataset.Dataset)
	walk = func(d *dataset.Dataset) {
		for _, e := range d.Elements() {
			for _, item := range e.Items {
				walk(item)
			}
			if e.VR == "DS" {
				for _, s := range bytes.Split(e.Value, []byte(`\`)) {
					longest = max(longest, len(bytes.TrimRight(s, " ")))
				}
			}
		}
	}
	walk(f.Dataset)
	if longest > 16 || longest < 10 {
		t.Errorf("the longest decimal string has %d characters, 16 are allowed", longest)
	}
}

func TestEncode_WorksWithoutImages(t *testing.T) {
	m := speckled(sagittal([3]int{8, 8, 3}), 1)
	o := output(t, t.TempDir(), m)
	o.Source.Images = nil
	f, err := dataset.Parse(encoded(t, o))
	if err != nil {
		t.Fatal(err)
	}
	if f.Find(tagReferencedSeries) != nil || len(f.Items(tagFrameGroups)[0].Items(tagDerivationImage)) > 0 {
		t.Error("it refers to images that do not exist")
	}
}

func TestEncode_RefusesWhatNoSegmentationCanHold(t *testing.T) {
	g := sagittal([3]int{8, 8, 3})
	skew := speckled(g, 1)
	skew.Affine[1][1] = 0.3
	unknown := speckled(g, 1)
	unknown.Data[0] = 99
	for name, m := range map[string]*volume.LabelMap{"empty": volume.NewLabelMap(g), "skew": skew, "unknown label": unknown} {
		o := output(t, t.TempDir(), speckled(g, 1))
		o.Mask = m
		path := filepath.Join(t.TempDir(), "x.dcm")
		if err := Write(path, o); err == nil {
			t.Errorf("%s: written", name)
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) > 0 {
			t.Errorf("%s: a file was left behind", name)
		}
	}
}

func TestEncode_ColoursAreCIELabUnderD50(t *testing.T) {
	// White, black and sRGB's red as ICC profiles give them (L 54.29, a 80.81, b 69.89).
	for _, c := range []struct {
		r, g, b uint8
		want    [3]float64
	}{{255, 255, 255, [3]float64{100, 0, 0}}, {0, 0, 0, [3]float64{0, 0, 0}}, {255, 0, 0, [3]float64{54.29, 80.81, 69.89}}} {
		info := spine.StructureInfo{}.Color
		info.R, info.G, info.B = c.r, c.g, c.b
		got := cieLab(info)
		lab := [3]float64{float64(got[0]) * 100 / 65535, float64(got[1])*255/65535 - 128, float64(got[2])*255/65535 - 128}
		for n := range lab {
			if math.Abs(lab[n]-c.want[n]) > 0.05 {
				t.Errorf("%d %d %d is %v, want %v", c.r, c.g, c.b, lab, c.want)
			}
		}
	}
}

func TestRoundTrip_OfALumbarStudyIsExact(t *testing.T) {
	m := blocks(sagittal([3]int{512, 512, 16}), 11)
	o := output(t, t.TempDir(), m)
	s := parsed(t, encoded(t, o))
	if own, err := s.Mask(); err != nil || !bytes.Equal(own.Data, m.Data) {
		t.Error("the voxels differ")
	}
}

// blocks is a mask whose first n structures lie as bars through all slices.
func blocks(g volume.Grid, n int) *volume.LabelMap {
	m := volume.NewLabelMap(g)
	for at := range m.Data {
		i, j, _ := m.Coords(at)
		if i > g.Size[0]/3 && i < 2*g.Size[0]/3 {
			m.Data[at] = uint8(1 + j*n/g.Size[1])
		}
	}
	return m
}

func BenchmarkEncode(b *testing.B) {
	o := output(b, b.TempDir(), blocks(sagittal([3]int{512, 512, 16}), 11))
	for b.Loop() {
		encoded(b, o)
	}
}

func BenchmarkParse(b *testing.B) {
	raw := encoded(b, output(b, b.TempDir(), blocks(sagittal([3]int{512, 512, 16}), 11)))
	for b.Loop() {
		parsed(b, raw)
	}
}
