package inference

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"columna/models"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// layouts are sagittal series as scanners and files store them.
func layouts() map[string]struct {
	q    pose
	perm [3]int
	sign [3]float64
} {
	type layout = struct {
		q    pose
		perm [3]int
		sign [3]float64
	}
	return map[string]layout{
		"upright":                  {upright, standard, forward},
		"slices right to left":     {upright, standard, [3]float64{1, 1, -1}},
		"every axis flipped":       {upright, standard, [3]float64{-1, -1, -1}},
		"rows and columns swapped": {upright, [3]int{1, 0, 2}, forward},
		"slices along i":           {upright, [3]int{2, 0, 1}, [3]float64{-1, 1, -1}},
		"oblique":                  {turned(12, 15), standard, forward},
		"oblique and flipped":      {turned(-20, 10), standard, [3]float64{-1, 1, -1}},
		"oblique and slices first": {turned(8, -18), [3]int{2, 1, 0}, [3]float64{1, -1, -1}},
	}
}

func TestCanonicalGrid_RunsToPosteriorInferiorLeft(t *testing.T) {
	for name, c := range layouts() {
		series := c.q.sagittal(c.perm, c.sign)
		g := CanonicalGrid(series, [3]int{128, 192, 16}, [3]float64{1.5, 1.5, 4})
		if got := g.Orientation(); got != "PIL" {
			t.Errorf("%s: orientation %s, want PIL", name, got)
		}
		if d := g.CenterMM().Sub(series.CenterMM()).Norm(); d > 2.01 {
			t.Errorf("%s: centre is %.2f mm away from the series'", name, d)
		}
		if d := math.Abs(g.Affine.Determinant()); math.Abs(d-1.5*1.5*4) > 1e-9 {
			t.Errorf("%s: voxel volume %g mm3", name, d)
		}
	}
}

func TestCanonicalGrid_PutsSlicesOnAcquiredSlices(t *testing.T) {
	for _, slices := range []int{14, 15, 19} {
		for _, sign := range []float64{1, -1} {
			series := upright.grid(volume.Vec3{}, [3]int{60, 60, slices}, [3]float64{2, 2, 4.4}, standard, [3]float64{1, 1, sign})
			g := CanonicalGrid(series, [3]int{64, 64, 16}, [3]float64{1.5, 1.5, 4})
			k := series.ToVoxel(g.ToWorld(volume.Vec3{0, 0, 3}))[2]
			if math.Abs(k-math.Round(k)) > 1e-9 {
				t.Errorf("%d slices, sign %g: network slice 3 lies at acquired slice %g", slices, sign, k)
			}
		}
	}
}

func TestReading_IsTheSameHoweverTheSeriesIsStored(t *testing.T) {
	spec := models.Spec{SizeVox: [3]int{48, 72, 15}, SpacingMM: [3]float64{4, 4, 4}}
	reference, err := newReading(t.Context(), upright.study(standard, forward), spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range layouts() {
		r, err := newReading(t.Context(), c.q.study(c.perm, c.sign), spec)
		if err != nil || r.present != [2]float32{1, 1} {
			t.Fatalf("%s: %+v, error %v", name, r, err)
		}
		want, t1 := reference.t1, r.t1
		// Voxels exactly on a border may fall either way by rounding.
		diff := 0.0
		for n := range want.Data {
			diff += math.Abs(float64(t1.Data[n] - want.Data[n]))
		}
		if diff /= float64(len(want.Data)); diff > 0.06 {
			t.Errorf("%s: differs by %.3f on average", name, diff)
		}
	}
}

func TestReading_LetsSTIRStandInForT2(t *testing.T) {
	study := upright.study(standard, forward)
	study.Series[1].Sequence = spine.STIR
	study.Series = study.Series[1:]
	spec := models.Spec{SizeVox: [3]int{32, 48, 15}, SpacingMM: [3]float64{6, 6, 4}}
	r, err := newReading(t.Context(), study, spec)
	if err != nil || r.present != [2]float32{0, 1} {
		t.Fatalf("%+v, error %v", r, err)
	}
	if sumSquares(r.t1.Data) != 0 || sumSquares(r.t2.Data) == 0 {
		t.Error("T1 should be zeros and T2 filled from STIR")
	}
}

func TestNormalise_GivesZeroMeanAndUnitDeviation(t *testing.T) {
	v := upright.image(upright.sagittal(standard, forward))
	Normalise(v)
	var sum float64
	for _, x := range v.Data {
		sum += float64(x)
	}
	n := float64(len(v.Data))
	if m, d := sum/n, sumSquares(v.Data)/n; math.Abs(m) > 1e-3 || math.Abs(d-1) > 1e-3 {
		t.Errorf("mean %g, variance %g", m, d)
	}
}

func sumSquares(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

// expected is where a condition lies in the test spine's own millimetres.
func expected(c spine.Condition, l spine.Level) volume.Vec3 {
	z := float64(spine.L5S1-l) * pitchMM
	side := float64(c.Side())
	switch c {
	case spine.SpinalCanalStenosis:
		return volume.Vec3{0, 28, z}
	case spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing:
		return volume.Vec3{side * 18, 21, z + 5}
	}
	return volume.Vec3{side * 8, 19, z}
}

func TestCrop_LiesOnItsSideAndSlice(t *testing.T) {
	for name, c := range layouts() {
		study := c.q.study(c.perm, c.sign)
		anatomy := NewAnatomy(c.q.mask(study.Series[0].Volume.Grid))
		for cond := range spine.Condition(spine.ConditionCount) {
			for l := range spine.Level(spine.LevelCount) {
				crop, reason := anatomy.Crop(study, cond, l, 32)
				if crop == nil {
					t.Errorf("%s, %s %s: %s", name, cond, l, reason)
					continue
				}
				if d := c.q.local(crop.Point.LPS).Sub(expected(cond, l)).Norm(); d > 5 {
					t.Errorf("%s, %s %s: %.1f mm from its place", name, cond, l, d)
				}
				vox, x, y := crop.Series.Volume.ToVoxel(crop.Point.LPS), crop.Point.XPx, crop.Point.YPx
				at := volume.Vec3{x, y, float64(crop.Slice)}
				switch sliceAxis(crop.Series) {
				case 0:
					at = volume.Vec3{float64(crop.Slice), x, y}
				case 1:
					at = volume.Vec3{x, float64(crop.Slice), y}
				}
				if vox.Sub(at).Norm() > 1e-6 {
					t.Errorf("%s, %s %s: pixel (%.1f, %.1f) of slice %d, the place is voxel %v", name, cond, l, x, y, crop.Slice, vox)
				}
				canal, _ := anatomy.Target(spine.SpinalCanalStenosis, l)
				if x := crop.Point.LPS.Sub(canal)[0]; cond.Side() != 0 && x*float64(cond.Side()) <= 0 {
					t.Errorf("%s, %s %s: read at %.1f mm to the left of the canal", name, cond, l, x)
				}
			}
		}
	}
}

// The grey values of the test spine rise towards left, posterior and inferior.
func TestCrop_HasCanonicalColumnsAndRows(t *testing.T) {
	for name, c := range layouts() {
		study := c.q.study(c.perm, c.sign)
		mask := c.q.mask(study.Series[0].Volume.Grid)
		for cond, want := range map[spine.Condition]string{
			spine.SpinalCanalStenosis:           "PI",
			spine.RightNeuralForaminalNarrowing: "PI",
			spine.LeftSubarticularStenosis:      "LP",
			spine.RightSubarticularStenosis:     "RP",
		} {
			crop, reason := CropFor(study, mask, cond, spine.L3L4, 32)
			if crop == nil {
				t.Fatalf("%s: %s", name, reason)
			}
			if got := crop.Grid.Orientation()[:2]; got != want {
				t.Errorf("%s, %s: columns and rows run to %s, want %s", name, cond, got, want)
			}
			for _, p := range [][2]int{{4, 4}, {16, 16}, {27, 9}} {
				mm := crop.Grid.ToWorld(volume.Vec3{float64(p[0]), float64(p[1]), 0})
				if s := study.Series[0].Volume; cond.Side() == 0 && !nearGrey(s, mm, crop, p) {
					t.Errorf("%s, %s: pixel %v does not show its place", name, cond, p)
				}
			}
		}
	}
}

// nearGrey checks the order of two pixels against the order of the volume there.
func nearGrey(v *volume.Volume, mm volume.Vec3, crop *Crop, p [2]int) bool {
	here, ok := v.Sample(v.ToVoxel(mm))
	mid, _ := v.Sample(v.ToVoxel(crop.Grid.ToWorld(volume.Vec3{16, 16, 0})))
	d := crop.Pixels[p[1]*crop.SizePx+p[0]] - crop.Pixels[16*crop.SizePx+16]
	return ok && (math.Abs(float64(here-mid)) < 20 || (here > mid) == (d > 0))
}

func TestCrop_LeftAndMirroredRightOfASymmetricSpineLookAlike(t *testing.T) {
	q := upright
	study := q.study(standard, forward)
	for n := range study.Series {
		v := study.Series[n].Volume
		eachVoxel(v.Grid, func(i int, mm volume.Vec3) {
			p := q.local(mm)
			v.Data[i] = greyAt(volume.Vec3{math.Abs(p[0]), p[1], p[2]})
		})
	}
	mask := q.mask(study.Series[0].Volume.Grid)
	left, _ := CropFor(study, mask, spine.LeftSubarticularStenosis, spine.L2L3, 48)
	right, _ := CropFor(study, mask, spine.RightSubarticularStenosis, spine.L2L3, 48)
	diff := make([]float32, len(left.Pixels))
	for n := range diff {
		diff[n] = left.Pixels[n] - right.Pixels[n]
	}
	if r := sumSquares(diff) / sumSquares(left.Pixels); r > 0.02 {
		t.Errorf("they differ by %.3f of their energy", r)
	}
}

func TestCrop_SaysWhyItCannotBeRead(t *testing.T) {
	study := upright.study(standard, forward)
	mask := upright.mask(study.Series[0].Volume.Grid)
	noAxial := &spine.Study{Series: study.Series[:2]}
	onlyT2 := &spine.Study{Series: study.Series[1:2]}
	twoBlocks := &spine.Study{Series: study.Series[:4]}
	for _, c := range []struct {
		study *spine.Study
		mask  *volume.LabelMap
		cond  spine.Condition
		want  string
	}{
		{noAxial, mask, spine.LeftSubarticularStenosis, "no axial T2 series in the study"},
		{onlyT2, mask, spine.RightNeuralForaminalNarrowing, "no sagittal T1 series in the study"},
		{twoBlocks, mask, spine.LeftSubarticularStenosis, "no axial T2 slice passes within reach of L5/S1"},
		{study, volume.NewLabelMap(mask.Grid), spine.SpinalCanalStenosis, "disc L5/S1 was not found in the images"},
	} {
		if crop, reason := CropFor(c.study, c.mask, c.cond, spine.L5S1, 32); crop != nil || reason != c.want {
			t.Errorf("got %q, want %q", reason, c.want)
		}
	}
}

func TestCrop_FindsACollapsedDiscBetweenItsVertebrae(t *testing.T) {
	study := upright.study(standard, forward)
	mask := upright.mask(study.Series[0].Volume.Grid)
	for n, l := range mask.Data {
		if spine.Structure(l) == spine.DiscL3L4 {
			mask.Data[n] = 0
		}
	}
	crop, reason := CropFor(study, mask, spine.SpinalCanalStenosis, spine.L3L4, 32)
	if crop == nil {
		t.Fatal(reason)
	}
	if d := upright.local(crop.Point.LPS).Sub(expected(spine.SpinalCanalStenosis, spine.L3L4)).Norm(); d > 4 {
		t.Errorf("%.1f mm from its place", d)
	}
}

func TestLesionROI_IsCentredAndTellsWhatIsMissing(t *testing.T) {
	study := upright.study(standard, forward)
	box := spine.Box{Min: upright.world(volume.Vec3{-8, -8, 82}), Max: upright.world(volume.Vec3{8, 8, 92})}
	roi, err := LesionROI(study, box, spine.L3, 0)
	if err != nil {
		t.Fatal(err)
	}
	if roi.Present != [3]float32{1, 1, 0} || roi.Tabular != [8]float32{0.54, 0, 0.15, 0, 0, 0, 0, 1} {
		t.Errorf("present %v, tabular %v", roi.Present, roi.Tabular)
	}
	if d := roi.Grid.CenterMM().Sub(box.Center()).Norm(); d > 1e-9 || roi.Grid.Orientation() != "PIL" {
		t.Errorf("%.2f mm off, orientation %s", d, roi.Grid.Orientation())
	}
	if fmt.Sprint(len(roi.Images[0]), len(roi.Images[2])) != "16384 16384" || sumSquares(roi.Images[2]) != 0 {
		t.Error("missing fat-suppressed image is not zeros of full size")
	}
}

func TestAgeYears(t *testing.T) {
	for s, want := range map[string]float64{"054Y": 54, "018M": 1.5, "7Y": 7} {
		if got, ok := ageYears(s); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %g", s, got)
		}
	}
	for _, s := range []string{"", "Y", "54", "-3Y", "xxY"} {
		if _, ok := ageYears(s); ok {
			t.Errorf("%q was read", s)
		}
	}
}

func TestCrop_FindsThePlacesOfAPhantom(t *testing.T) {
	c := phantom.Generate(3, phantom.Options{Small: true, WithAxial: true, Pathology: 0.5})
	anatomy := NewAnatomy(c.Truth)
	for _, g := range c.Grades {
		crop, reason := anatomy.Crop(&c.Study, g.Condition, g.Level, 32)
		if crop == nil {
			t.Errorf("%s %s: %s", g.Condition, g.Level, reason)
			continue
		}
		if d := crop.Point.LPS.Sub(g.Point.LPS).Norm(); d > 9 {
			t.Errorf("%s %s: %.1f mm from the place of the truth", g.Condition, g.Level, d)
		}
	}
}

func TestAssemble_KeepsAPhantomsStructures(t *testing.T) {
	c := phantom.Generate(5, phantom.Options{Small: true, Pathology: 0.5})
	grid := CanonicalGrid(c.Truth.Grid, [3]int{128, 192, 16}, [3]float64{1.5, 1.5, 4})
	a := answerFor(c.Truth.Resample(grid), 0.7, asTold)
	got, flags := Assemble(context.Background(), a.semantic, a.level, grid, c.Truth.Grid)
	if len(flags) != 0 {
		t.Errorf("flags: %s", flagText(flags))
	}
	for _, s := range c.Levels {
		if d := dice(got, c.Truth, s); d < 0.8 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

func TestStandardiseCrop_RefusesNothing(t *testing.T) {
	if standardiseCrop(nil, nil) || standardiseCrop([]float32{1}, []bool{false}) {
		t.Error("a crop without a single value cannot be standardised")
	}
}

func TestCropAt_IsCropAtItsTarget(t *testing.T) {
	c := phantom.Generate(4, phantom.Options{Small: true, WithAxial: true, SlabMM: 70})
	a := NewAnatomy(c.Truth)
	for condition := range spine.Condition(spine.ConditionCount) {
		want, reason := a.Crop(&c.Study, condition, spine.L3L4, 32)
		if reason != "" {
			t.Fatal(reason)
		}
		target, _ := a.Target(condition, spine.L3L4)
		got, reason := CropAt(&c.Study, condition, spine.L3L4, target, 32)
		if reason != "" || !slices.Equal(got.Pixels, want.Pixels) {
			t.Errorf("%v: another crop, %s", condition, reason)
		}
		if _, reason := CropAt(&c.Study, condition, spine.L3L4, target.Add(volume.Vec3{500, 500, 500}), 32); reason == "" {
			t.Errorf("%v: a crop far outside the patient", condition)
		}
	}
}
