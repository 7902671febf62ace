package sr

import (
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// grids are stacks that hang in every way: rows and columns turned, slices from left
// to right and back, tilted in two planes, and axial.
func grids() map[string]volume.Grid {
	at := func(i, j, k volume.Vec3) volume.Grid {
		g := volume.Grid{Size: [3]int{60, 64, 20}, Affine: volume.NewAffine(i, j, k, volume.Vec3{})}
		o := g.CenterMM().Scale(-1)
		g.Affine = volume.NewAffine(i, j, k, o)
		return g
	}
	c, s := math.Cos(0.3), math.Sin(0.3)
	return map[string]volume.Grid{
		"slices to the left":  at(volume.Vec3{0, 2, 0}, volume.Vec3{0, 0, -3}, volume.Vec3{4, 0, 0}),
		"slices to the right": at(volume.Vec3{0, 2, 0}, volume.Vec3{0, 0, -3}, volume.Vec3{-4, 0, 0}),
		"rows turned":         at(volume.Vec3{0, -2, 0}, volume.Vec3{0, 0, 3}, volume.Vec3{4, 0, 0}),
		"oblique":             at(volume.Vec3{-2 * s, 2 * c, 0}, volume.Vec3{0, 0, -3}, volume.Vec3{4 * c, 4 * s, 0}),
		"axial":               at(volume.Vec3{2, 0, 0}, volume.Vec3{0, 3 * c, 3 * s}, volume.Vec3{0, -8 * s, 8 * c}),
		"axial turned":        at(volume.Vec3{-2, 0, 0}, volume.Vec3{0, 3, 0}, volume.Vec3{0, 0, -8}),
	}
}

// sample is a report on one series of a grid, in which every cell has a grade and a
// point of its own on the condition's side, but for one that cannot be read and one
// that nobody graded.
func sample(t testing.TB, g volume.Grid) *Report {
	t.Helper()
	study := &spine.Study{UID: "1.2.3.4", PatientID: "P1", PatientName: "Test^Person", Sex: "F", Age: "054Y", Date: "20240312"}
	s := spine.Series{UID: "1.2.3.4.5", Number: 3, SOPClassUID: "1.2.840.10008.5.1.4.1.1.4", FrameOfReferenceUID: "1.2.3.4.9",
		Sequence: spine.T2, Plane: spine.Sagittal, Volume: volume.New(g)}
	for k := range g.Size[2] {
		s.SOPUIDs = append(s.SOPUIDs, dicom.NewUID("image "+string(rune('a'+k))))
	}
	study.Series = []spine.Series{s}
	src, _ := dicom.ReadSource(study, &study.Series[0], dicom.FileRef{})
	r := &Report{Source: src, Study: study, At: time.Date(2024, 3, 12, 14, 2, 0, 0, time.UTC),
		Grader: spine.ModelRef{Name: "stenosisnet", SHA256: "3fa9"}, Segmenter: spine.ModelRef{Name: "gfssnet", SHA256: "77ab"},
		Measures: []spine.Measure{{Level: spine.L4L5, CanalAreaMM2: 81.25, CanalAPMM: 7.9, DiscHeightMM: 9.5}}}
	for c := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			mm := volume.Vec3{14.5 * float64(c.Side()), 3 + float64(c), 40 - 18*float64(l)}
			p := study.Series[0].PointAt(mm)
			cell := Cell{AI: spine.GradeFinding{Condition: c, Level: l, Grade: spine.Grade((int(c) + int(l)) % 3),
				Probabilities: [3]float64{0.25, 0.5, 0.25}, Point: &p}, Reader: spine.Ungraded}
			r.Cells = append(r.Cells, cell)
		}
	}
	r.Cells[24].AI = spine.GradeFinding{Condition: spine.RightSubarticularStenosis, Level: spine.L5S1, Grade: spine.NotGradable, Reason: "no axial series"}
	r.Cells[0].AI = spine.GradeFinding{Condition: spine.SpinalCanalStenosis, Level: spine.L1L2, Grade: spine.Ungraded}
	r.Cells[3].Reader, r.Cells[3].Author, r.Cells[3].Reason = spine.Severe, "Reader^One", "epidural fat"
	return r
}

func sagittal() volume.Grid { return grids()["slices to the left"] }

func encoded(t testing.TB, r *Report) []byte {
	t.Helper()
	b, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reread(t testing.TB, r *Report) *Document {
	t.Helper()
	d, err := Parse(encoded(t, r))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEncode_HasOneGroupForEachOfThe25Cells(t *testing.T) {
	d := reread(t, sample(t, sagittal()))
	seen := map[[2]int]bool{}
	for _, f := range d.Findings {
		seen[[2]int{int(f.AI.Condition), int(f.AI.Level)}] = true
	}
	if len(d.Findings) != 25 || len(seen) != 25 {
		t.Errorf("%d findings of %d cells", len(d.Findings), len(seen))
	}
	empty := &Report{Source: sample(t, sagittal()).Source, Study: &spine.Study{UID: "1.2"}}
	if d := reread(t, empty); len(d.Findings) != 25 || d.Complete || d.Findings[7].Severity != spine.Ungraded {
		t.Errorf("a reading of nothing: %d findings, complete %v", len(d.Findings), d.Complete)
	}
}

func TestParse_ReadsWhatWasWritten(t *testing.T) {
	r := sample(t, sagittal())
	r.Lesions = []spine.LesionFinding{{Box: spine.Box{Min: volume.Vec3{1, 2, 3}, Max: volume.Vec3{5, 6, 7}}, Level: spine.L3,
		Probabilities: [6]float64{0.5, 0.25, 0.125, 0.125}, Infection: [2]float64{0.75, 0.25}}}
	d := reread(t, r)
	for n, f := range d.Findings {
		want, _ := r.Cells[n].grade()
		got := f.AI
		if got.Point != nil {
			p := *r.Cells[n].AI.Point
			if got.Point.LPS.Sub(p.LPS).Norm() > 1e-4 || math.Abs(got.Point.XPx-p.XPx) > 1e-4 || math.Abs(got.Point.YPx-p.YPx) > 1e-4 ||
				got.Point.SOPUID != p.SOPUID || got.Point.SeriesUID != p.SeriesUID {
				t.Errorf("cell %d: point %+v, want %+v", n, *got.Point, p)
			}
		}
		if (got.Point == nil) != (r.Cells[n].AI.Point == nil) || f.Severity != want {
			t.Errorf("cell %d: severity %v, want %v; point %v", n, f.Severity, want, got.Point)
		}
		got.Point = r.Cells[n].AI.Point
		if !reflect.DeepEqual(got, r.Cells[n].AI) || f.Reader != r.Cells[n].Reader || f.Reason != r.Cells[n].Reason || f.Author != r.Cells[n].Author {
			t.Errorf("cell %d: %+v, want %+v", n, f.Cell, r.Cells[n])
		}
	}
	if !reflect.DeepEqual(d.Measures, r.Measures) {
		t.Errorf("measures %v", d.Measures)
	}
	if len(d.Lesions) != 1 || d.Lesions[0].Level != spine.L3 || d.Lesions[0].CenterLPS != (volume.Vec3{3, 4, 5}) || d.Lesions[0].Probabilities != r.Lesions[0].Probabilities || d.Lesions[0].Infection != r.Lesions[0].Infection {
		t.Errorf("lesions %+v", d.Lesions)
	}
}

func TestEncode_SaysOfAnEmptyCellThatNobodyGradedIt(t *testing.T) {
	f := groupsOf(t, sample(t, sagittal()))[0]
	if v := first(f, table().severity, "CODE").Item(tagConceptCode).Text(tagCodeValue); v != "373121007" {
		t.Errorf("severity of an empty cell is %q, not Not Evaluated", v)
	}
	if first(f, table().aiSeverity, "CODE").Find(tagConceptCode) != nil {
		t.Error("a network that did not speak is quoted")
	}
}

// groupsOf are the measurement groups in the order of the file.
func groupsOf(t testing.TB, r *Report) (out []*dataset.Dataset) {
	t.Helper()
	f, err := dataset.Parse(encoded(t, r))
	if err != nil {
		t.Fatal(err)
	}
	c := table()
	each(f.Dataset, c.measurements, func(all *dataset.Dataset) {
		each(all, c.group, func(g *dataset.Dataset) { out = append(out, g) })
	})
	return out
}

// Sides are the patient's: the code of the file, the sign of the patient's x and the
// pixel on the image must agree however the images hang.
func TestEncode_KeepsLeftAndRightHoweverTheImagesHang(t *testing.T) {
	for name, g := range grids() {
		r := sample(t, g)
		for n, item := range groupsOf(t, r) {
			c, p := r.Cells[n].AI.Condition, r.Cells[n].AI.Point
			if p == nil {
				continue
			}
			side := first(first(item, table().site, "CODE"), table().laterality, "CODE").Item(tagConceptCode).Text(tagCodeValue)
			mm := first(item, table().imageRegion, "SCOORD3D").Numbers(tagGraphicData)
			want := ""
			switch {
			case strings.HasPrefix(c.String(), "left"):
				want = "7771000"
			case strings.HasPrefix(c.String(), "right"):
				want = "24028007"
			}
			if side != want || want == "7771000" && mm[0] <= 0 || want == "24028007" && mm[0] >= 0 {
				t.Errorf("%s, %v: side %s at x %.1f", name, c, side, mm[0])
			}
			on := first(item, table().imageRegion, "SCOORD")
			px := on.Numbers(tagGraphicData)
			if len(px) != 2 {
				t.Fatalf("%s, %v %v: no pixel", name, c, r.Cells[n].AI.Level)
			}
			k := indexOf(r.Study.Series[0].SOPUIDs, on.Item(tagContent).Item(tagReferencedSOP).Text(tagRefInstance))
			back := g.ToWorld(volume.Vec3{px[0] - 0.5, px[1] - 0.5, float64(k)})
			if d := back.Sub(p.LPS); d.Norm() > g.SpacingMM()[2]/2+1e-3 {
				t.Errorf("%s, %v: the pixel lies %.2f mm from the point", name, c, d.Norm())
			}
		}
	}
}

func indexOf(all []string, s string) int {
	for n, x := range all {
		if x == s {
			return n
		}
	}
	return -1
}

func TestEncode_NamesTheFrameOfAnEnhancedImage(t *testing.T) {
	r := sample(t, sagittal())
	s := &r.Study.Series[0]
	for k := range s.SOPUIDs {
		s.SOPUIDs[k], s.Frames = "1.2.3.77", append(s.Frames, 100-k)
	}
	for n := range r.Cells {
		if p := r.Cells[n].AI.Point; p != nil {
			p.SOPUID = "1.2.3.77"
		}
	}
	for _, f := range reread(t, r).Findings {
		if f.AI.Point == nil {
			continue
		}
		k := int(math.Round(s.Volume.ToVoxel(f.AI.Point.LPS)[2]))
		if f.Image == nil || f.Image.Frame != 100-k {
			t.Errorf("%v %v: image %+v, want frame %d", f.AI.Condition, f.AI.Level, f.Image, 100-k)
		}
	}
}

func TestEncode_PointsToNoImageWhereASliceWasFilledIn(t *testing.T) {
	r := sample(t, sagittal())
	s := &r.Study.Series[0]
	s.Gaps = make([]bool, len(s.SOPUIDs))
	for k := range s.Gaps {
		s.Gaps[k] = true
	}
	for _, f := range reread(t, r).Findings {
		if f.Image != nil {
			t.Fatalf("%v points to %v", f.AI.Condition, *f.Image)
		}
	}
}

func TestEncode_IsVerifiedOnlyByANamedReader(t *testing.T) {
	r := sample(t, sagittal())
	if d := reread(t, r); d.Verified || d.Verifier != "" || d.Complete {
		t.Errorf("an unread case: verified %v by %q, complete %v", d.Verified, d.Verifier, d.Complete)
	}
	r.Verifier, r.VerifiedAt = "Reader^One", r.At
	r.Cells[0].Reader, r.Cells[0].Author = spine.NormalMild, "Reader^One"
	if d := reread(t, r); !d.Verified || d.Verifier != "Reader^One" || !d.Complete {
		t.Errorf("an accepted case: verified %v by %q, complete %v", d.Verified, d.Verifier, d.Complete)
	}
}

func TestEncode_ListsEveryImageOfTheTreeAsEvidence(t *testing.T) {
	r := sample(t, sagittal())
	r.Segmentation = &Reference{SeriesUID: "1.2.3.8", Image: dicom.ImageRef{SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.4", SOPUID: "1.2.3.8.1"}}
	d := reread(t, r)
	listed := map[string]bool{}
	for _, e := range d.Evidence {
		if listed[e.Image.SOPUID] {
			t.Errorf("%s stands twice", e.Image.SOPUID)
		}
		listed[e.Image.SOPUID] = true
	}
	for _, f := range d.Findings {
		if f.Image != nil && !listed[f.Image.SOPUID] {
			t.Errorf("%s is no evidence", f.Image.SOPUID)
		}
	}
	if !listed["1.2.3.8.1"] {
		t.Error("the segmentation is no evidence")
	}
}

func TestEncode_KeepsTrackingFromReportToReport(t *testing.T) {
	a := sample(t, sagittal())
	b := sample(t, sagittal())
	b.At, b.Cells[5].Reader = b.At.Add(time.Hour), spine.Severe
	x, y := reread(t, a), reread(t, b)
	seen := map[string]bool{}
	for n := range x.Findings {
		if x.Findings[n].TrackingUID != y.Findings[n].TrackingUID || seen[x.Findings[n].TrackingUID] {
			t.Errorf("cell %d is tracked as %s and %s", n, x.Findings[n].TrackingUID, y.Findings[n].TrackingUID)
		}
		seen[x.Findings[n].TrackingUID] = true
	}
	if x.SOPUID == y.SOPUID {
		t.Error("two readings are one object")
	}
}

func TestParse_RefusesASideThatIsNotSaid(t *testing.T) {
	f, err := dataset.Parse(encoded(t, sample(t, sagittal())))
	if err != nil {
		t.Fatal(err)
	}
	c := table()
	each(f.Dataset, c.measurements, func(all *dataset.Dataset) {
		each(all, c.group, func(g *dataset.Dataset) { first(g, c.site, "CODE").Remove(tagContent) })
	})
	if d, err := Parse(dataset.Encode(f.Dataset, dataset.ExplicitLE)); err == nil {
		t.Errorf("read as %d findings", len(d.Findings))
	}
}

func TestParse_RefusesOtherObjects(t *testing.T) {
	dir := t.TempDir()
	r := sample(t, sagittal())
	if err := dicom.WriteSeries(dir, r.Study, &r.Study.Series[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(filepath.Join(dir, "IM00001.dcm")); err == nil || !strings.Contains(err.Error(), ErrOther.Error()) {
		t.Errorf("an image: %v", err)
	}
}

// hostile are reports of which something is missing, doubled or of another kind.
func hostile(t testing.TB, r *Report) (out [][]byte) {
	t.Helper()
	c := table()
	for _, spoil := range []func(g *dataset.Dataset){
		func(g *dataset.Dataset) { first(g, c.imageRegion, "SCOORD3D").SetFloats(tagGraphicData, "FL", 1, 2) },
		func(g *dataset.Dataset) {
			first(g, c.imageRegion, "SCOORD").SetFloats(tagGraphicData, "FL", math.NaN(), math.Inf(1))
		},
		func(g *dataset.Dataset) { first(g, c.imageRegion, "SCOORD").Remove(tagContent) },
		func(g *dataset.Dataset) { first(g, c.severity, "CODE").Remove(tagConceptCode) },
		func(g *dataset.Dataset) { first(g, c.finding, "CODE").SetSequence(tagConceptCode) },
		func(g *dataset.Dataset) { first(g, c.area, "NUM").Remove(tagMeasured) },
		func(g *dataset.Dataset) {
			g.SetSequence(tagContent, append(g.Items(tagContent), g.Items(tagContent)...)...)
		},
		func(g *dataset.Dataset) { g.SetText(tagContent, "UT", "no sequence") },
	} {
		f, err := dataset.Parse(encoded(t, r))
		if err != nil {
			t.Fatal(err)
		}
		each(f.Dataset, c.measurements, func(all *dataset.Dataset) { each(all, c.group, spoil) })
		out = append(out, dataset.Encode(f.Dataset, dataset.ExplicitLE))
	}
	return out
}

func FuzzSR(f *testing.F) {
	r := sample(f, sagittal())
	f.Add(encoded(f, r))
	r.Lesions = []spine.LesionFinding{{Level: spine.L3}}
	r.Verifier, r.VerifiedAt = "Reader^One", r.At
	f.Add(encoded(f, r))
	f.Add(encoded(f, &Report{Source: r.Source, Study: &spine.Study{}}))
	for _, b := range hostile(f, r) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		for _, x := range d.Findings {
			if x.AI.Level < 0 || x.AI.Level >= spine.LevelCount || x.AI.Condition < 0 || x.AI.Condition >= spine.ConditionCount || x.Severity > spine.Severe {
				t.Fatalf("%+v", x)
			}
			if p := x.AI.Point; p != nil && !finite(p.LPS[0], p.LPS[1], p.LPS[2], p.XPx, p.YPx) || !finite(x.AI.Probabilities[:]...) {
				t.Fatalf("%+v at %+v", x, p)
			}
		}
	})
}
