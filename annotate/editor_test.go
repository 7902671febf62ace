package annotate

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"columna/spine"
	"columna/volume"
)

// sagittal is anisotropic and tilted: 0.7 x 0.9 mm in the slice, 4.4 mm between
// slices, i mostly posterior, j mostly inferior, k left.
func sagittal() volume.Grid {
	i := volume.Vec3{0.1, 0.97, 0.2}.Unit()
	j := volume.Vec3{0.2, 0.1, -1}
	j = j.Sub(i.Scale(i.Dot(j))).Unit()
	return volume.Grid{Size: [3]int{40, 36, 9}, Affine: volume.NewAffine(i.Scale(0.7), j.Scale(0.9), i.Cross(j).Scale(-4.4), volume.Vec3{12, -30, 80})}
}

func at(g volume.Grid, i, j, k float64) volume.Vec3 { return g.ToWorld(volume.Vec3{i, j, k}) }

// draw makes one stroke through points.
func draw(t *testing.T, e *Editor, s Stroke, points ...volume.Vec3) (Delta, bool) {
	t.Helper()
	if err := e.Begin(s); err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		e.MoveTo(p)
	}
	return e.End()
}

// segment is the distance of p from the way a-b.
func segment(p, a, b volume.Vec3) float64 {
	ab := b.Sub(a)
	t := 0.0
	if n := ab.Dot(ab); n > 0 {
		t = math.Min(math.Max(p.Sub(a).Dot(ab)/n, 0), 1)
	}
	return p.Sub(a.Add(ab.Scale(t))).Norm()
}

func TestBrush_PaintsWhatLiesWithinItsMillimetres(t *testing.T) {
	for _, sphere := range []bool{false, true} {
		g := sagittal()
		e := New(volume.NewLabelMap(g))
		a, b := at(g, 12.3, 10.8, 4), at(g, 25.1, 20.4, 4)
		draw(t, e, Stroke{Label: spine.L3, RadiusMM: 5, Sphere: sphere, SliceK: 4, Protect: true}, a, b)
		for n, got := range e.Mask().Data {
			i, j, k := g.Coords(n)
			d := segment(at(g, float64(i), float64(j), float64(k)), a, b)
			want := d <= 5 && (sphere || k == 4)
			if (got == uint8(spine.L3)) != want {
				t.Fatalf("sphere %v: voxel (%d, %d, %d), %.3f mm from the way, painted: %v", sphere, i, j, k, d, !want)
			}
		}
	}
}

func TestBrush_AreaIsThatOfTheDisc(t *testing.T) {
	g := volume.Grid{Size: [3]int{200, 100, 1}, Affine: volume.NewAffine(volume.Vec3{0.3}, volume.Vec3{0, 0, -0.6}, volume.Vec3{0, 4}, volume.Vec3{})}
	e := New(volume.NewLabelMap(g))
	d, _ := draw(t, e, Stroke{Label: spine.Canal, RadiusMM: 10}, at(g, 100, 50, 0))
	if area, want := float64(d.Voxels())*0.3*0.6, math.Pi*100; math.Abs(area-want) > 0.02*want {
		t.Errorf("a brush of 10 mm paints %.1f mm2, a disc has %.1f", area, want)
	}
}

func TestBrush_2DStaysInItsSliceWhateverTheDepth(t *testing.T) {
	g := sagittal()
	flat, deep := New(volume.NewLabelMap(g)), New(volume.NewLabelMap(g))
	s := Stroke{Label: spine.L1, RadiusMM: 4, SliceK: 3}
	draw(t, flat, s, at(g, 20, 20, 3))
	draw(t, deep, s, at(g, 20, 20, 3.4))
	if !bytes.Equal(flat.Mask().Data, deep.Mask().Data) {
		t.Error("the depth of the pointer changed what was painted")
	}
}

func TestBrush_SmallerThanAVoxelLeavesAnUnbrokenLine(t *testing.T) {
	g := sagittal()
	e := New(volume.NewLabelMap(g))
	draw(t, e, Stroke{Label: spine.L1, RadiusMM: 0.01, SliceK: 2}, at(g, 5.4, 5.3, 2), at(g, 30.2, 22.7, 2))
	seen := map[int]bool{}
	for n, v := range e.Mask().Data {
		if v != 0 {
			i, _, _ := g.Coords(n)
			seen[i] = true
		}
	}
	for i := 5; i <= 30; i++ {
		if !seen[i] {
			t.Errorf("column %d of the line is missing", i)
		}
	}
}

func TestBrush_OutsideTheImageDoesNothing(t *testing.T) {
	g := sagittal()
	e := New(volume.NewLabelMap(g))
	far := volume.Vec3{1e5, -1e5, 3e5}
	nan := volume.Vec3{math.NaN(), 0, 0}
	inf := volume.Vec3{math.Inf(1), 0, 0}
	if _, ok := draw(t, e, Stroke{Label: spine.L1, RadiusMM: 4, Sphere: true}, far, nan, inf); ok {
		t.Error("something was painted")
	}
	if e.CanUndo() {
		t.Error("there is something to undo")
	}
}

func TestProtect_LeavesOtherLabelsAlone(t *testing.T) {
	g := sagittal()
	start := volume.NewLabelMap(g)
	for n := range start.Data {
		if i, _, _ := g.Coords(n); i >= 20 {
			start.Data[n] = uint8(spine.DiscL3L4)
		}
	}
	middle := at(g, 20, 18, 4)
	count := func(m *volume.LabelMap, s spine.Structure) (n int) {
		for _, v := range m.Data {
			if v == uint8(s) {
				n++
			}
		}
		return n
	}
	all := count(start, spine.DiscL3L4)
	for _, c := range []struct {
		s           Stroke
		disc, paint bool // whether the disc lost voxels, whether L3 has any
	}{
		{Stroke{Label: spine.L3, Protect: true}, false, true},
		{Stroke{Label: spine.L3}, true, true},
		{Stroke{Label: spine.L3, Erase: true, Protect: true}, false, false},
		{Stroke{Label: spine.DiscL3L4, Erase: true, Protect: true}, true, false},
		{Stroke{Erase: true, Protect: true}, true, false},
		{Stroke{Label: spine.L3, Erase: true}, true, false},
	} {
		e := New(start)
		c.s.RadiusMM, c.s.SliceK = 5, 4
		draw(t, e, c.s, middle)
		if lost := count(e.Mask(), spine.DiscL3L4) < all; lost != c.disc {
			t.Errorf("%+v: the disc lost voxels: %v", c.s, lost)
		}
		if painted := count(e.Mask(), spine.L3) > 0; painted != c.paint {
			t.Errorf("%+v: L3 was painted: %v", c.s, painted)
		}
	}
	if count(start, spine.DiscL3L4) != all {
		t.Error("the editor wrote into the mask it was given")
	}
}

func TestBegin_RefusesImpossibleStrokes(t *testing.T) {
	e := New(volume.NewLabelMap(sagittal()))
	for _, s := range []Stroke{
		{Label: spine.L1}, {Label: spine.L1, RadiusMM: -1}, {Label: spine.L1, RadiusMM: math.NaN()}, {Label: spine.L1, RadiusMM: math.Inf(1)},
		{Label: spine.L1, RadiusMM: 1, SliceK: 9}, {Label: spine.L1, RadiusMM: 1, SliceK: -1}, {RadiusMM: 1}, {Label: 200, RadiusMM: 1},
	} {
		if e.Begin(s) == nil {
			t.Errorf("%+v was accepted", s)
			e.Cancel()
		}
	}
	if err := e.Begin(Stroke{Label: spine.L1, RadiusMM: 1}); err != nil {
		t.Fatal(err)
	}
	if e.Begin(Stroke{Label: spine.L1, RadiusMM: 1}) == nil {
		t.Error("a second stroke was begun in the first")
	}
	if _, ok := e.Undo(); ok {
		t.Error("undo worked in the middle of a stroke")
	}
}

func TestCancel_TakesTheOpenStrokeBack(t *testing.T) {
	g := sagittal()
	e := New(random(rand.New(rand.NewPCG(5, 1)), g))
	before := e.Mask().Clone()
	if err := e.Begin(Stroke{Label: spine.L1, RadiusMM: 5, Sphere: true}); err != nil {
		t.Fatal(err)
	}
	painted := e.MoveTo(at(g, 20, 20, 4))
	e.Cancel()
	if !bytes.Equal(before.Data, e.Mask().Data) || e.CanUndo() {
		t.Error("the stroke is still there")
	}
	if painted.Empty() || e.Changed() != painted {
		t.Errorf("painted %v, restored %v", painted, e.Changed())
	}
}

func TestFill_TakesTheIslandOfALabelAndTheHoleOfASlice(t *testing.T) {
	g := sagittal()
	e := New(volume.NewLabelMap(g))
	disc := Stroke{Label: spine.L3, RadiusMM: 6, SliceK: 4}
	draw(t, e, disc, at(g, 20, 18, 4))
	hole := Stroke{Erase: true, RadiusMM: 3, SliceK: 4}
	d, _ := draw(t, e, hole, at(g, 20, 18, 4))
	if f, ok := e.Fill(at(g, 20, 18, 4), spine.L3); !ok || f.Voxels() != d.Voxels() {
		t.Errorf("the hole has %d voxels, filled were %d", d.Voxels(), f.Voxels())
	}
	if _, ok := e.Fill(at(g, 1, 1, 4), spine.L3); ok {
		t.Error("the open background was filled")
	}
	draw(t, e, Stroke{Label: spine.L3, RadiusMM: 2, SliceK: 7}, at(g, 5, 5, 7))
	if f, ok := e.Fill(at(g, 20, 18, 4), spine.L4); !ok || f.Changed().Max[2] != 5 {
		t.Errorf("relabelled %v in %v", ok, f.Changed())
	}
	if _, ok := e.Fill(volume.Vec3{1e4, 0, 0}, spine.L4); ok {
		t.Error("a point outside the image was filled")
	}
}

func TestReplace_IsOneEditAndNeedsTheSameGrid(t *testing.T) {
	g := sagittal()
	r := rand.New(rand.NewPCG(5, 2))
	a, b := random(r, g), random(r, g)
	e := New(a)
	d, ok, err := e.Replace(b, "copied from the AI")
	if err != nil || !ok || d.Reason != "copied from the AI" || !bytes.Equal(e.Mask().Data, b.Data) {
		t.Fatalf("%v, %v, %q", ok, err, d.Reason)
	}
	if _, ok, _ := e.Replace(b, "again"); ok {
		t.Error("the same mask was an edit")
	}
	e.Undo()
	if !bytes.Equal(e.Mask().Data, a.Data) {
		t.Error("undo did not bring the first mask back")
	}
	moved := g
	moved.Affine[0][3]++
	if _, _, err := e.Replace(volume.NewLabelMap(moved), "x"); err == nil {
		t.Error("a mask of another place was taken")
	}
}

// random is a map of noise in boxes.
func random(r *rand.Rand, g volume.Grid) *volume.LabelMap {
	m := volume.NewLabelMap(g)
	for n := range m.Data {
		if r.IntN(3) == 0 {
			m.Data[n] = uint8(r.IntN(18))
		}
	}
	return m
}

// edit makes a random edit and reports its journal entry.
func edit(r *rand.Rand, e *Editor) (kind string, data []byte) {
	g := e.Mask().Grid
	p := func() volume.Vec3 {
		return at(g, r.Float64()*float64(g.Size[0]), r.Float64()*float64(g.Size[1]), r.Float64()*float64(g.Size[2]))
	}
	var d Delta
	ok := false
	switch r.IntN(8) {
	case 0:
		if _, ok := e.Undo(); ok {
			return KindUndo, nil
		}
		return "", nil
	case 1:
		if _, ok := e.Redo(); ok {
			return KindRedo, nil
		}
		return "", nil
	case 2:
		d, ok = e.Fill(p(), spine.Structure(r.IntN(18)))
	case 3:
		d, ok, _ = e.Replace(random(r, g), "noise")
	default:
		s := Stroke{Label: spine.Structure(1 + r.IntN(17)), Erase: r.IntN(2) == 0, RadiusMM: 0.2 + 8*r.Float64(), Sphere: r.IntN(2) == 0, SliceK: r.IntN(g.Size[2]), Protect: r.IntN(2) == 0}
		if e.Begin(s) == nil {
			e.MoveTo(p())
			e.MoveTo(p())
			d, ok = e.End()
		}
	}
	if !ok {
		return "", nil
	}
	b, _ := d.MarshalBinary()
	return KindEdit, b
}

func TestUndoRedo_WalkTheWholeHistoryBothWays(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	e := New(random(r, sagittal()))
	states := [][]byte{bytes.Clone(e.Mask().Data)}
	for len(states) < 25 {
		before := bytes.Clone(e.Mask().Data)
		if kind, _ := edit(r, e); kind != KindEdit {
			if kind != "" { // an undo or redo: go back to the newest state
				for e.CanRedo() {
					e.Redo()
				}
				if kind == KindUndo && !bytes.Equal(e.Mask().Data, before) {
					t.Fatal("redo after undo changed the mask")
				}
			}
			continue
		}
		states = append(states, bytes.Clone(e.Mask().Data))
	}
	for n := len(states) - 2; n >= 0; n-- {
		if _, ok := e.Undo(); !ok || !bytes.Equal(e.Mask().Data, states[n]) {
			t.Fatalf("undo to state %d", n)
		}
	}
	if e.CanUndo() {
		t.Error("there is more to undo than was done")
	}
	for n := 1; n < len(states); n++ {
		if _, ok := e.Redo(); !ok || !bytes.Equal(e.Mask().Data, states[n]) {
			t.Fatalf("redo to state %d", n)
		}
	}
}

func TestChanged_HoldsEveryVoxelThatChanged(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 4))
	e := New(random(r, sagittal()))
	for range 60 {
		before := e.Mask().Clone()
		if kind, _ := edit(r, e); kind == "" {
			continue
		}
		var want volume.Box
		for n, v := range e.Mask().Data {
			if v != before.Data[n] {
				i, j, k := before.Coords(n)
				want = want.Add(i, j, k)
			}
		}
		got := e.Changed()
		if got.Union(want) != got {
			t.Fatalf("changed %v, reported %v", want, got)
		}
	}
}

func TestReplay_GivesTheSameMaskAndHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	start := random(r, sagittal())
	e := New(start)
	again := New(start)
	for range 80 {
		kind, data := edit(r, e)
		if kind == "" {
			continue
		}
		if err := again.Replay(kind, data); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(e.Mask().Data, again.Mask().Data) || e.Edits() != again.Edits() || e.CanRedo() != again.CanRedo() {
		t.Fatal("the replayed session is another one")
	}
	for e.CanUndo() {
		e.Undo()
		again.Undo()
		if !bytes.Equal(e.Mask().Data, again.Mask().Data) {
			t.Fatal("the histories differ")
		}
	}
}

func TestReplay_RefusesWhatDoesNotFit(t *testing.T) {
	g := sagittal()
	e := New(volume.NewLabelMap(g))
	d, _ := draw(t, e, Stroke{Label: spine.L1, RadiusMM: 3, SliceK: 1}, at(g, 10, 10, 1))
	b, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Replay(KindEdit, b); err == nil {
		t.Error("an edit was made twice")
	}
	other := New(volume.NewLabelMap(volume.Grid{Size: [3]int{5, 5, 5}, Affine: g.Affine}))
	for kind, data := range map[string][]byte{KindEdit: b, KindUndo: nil, KindRedo: nil, "paint": b} {
		if err := other.Replay(kind, data); err == nil {
			t.Errorf("%s was replayed where it does not belong", kind)
		}
	}
}

func TestDelta_OneFlippedBitIsNoticed(t *testing.T) {
	g := sagittal()
	e := New(volume.NewLabelMap(g))
	d, _ := draw(t, e, Stroke{Label: spine.L1, RadiusMM: 3, SliceK: 1}, at(g, 10, 10, 1))
	b, _ := d.MarshalBinary()
	for bit := range 8 * len(b) {
		c := bytes.Clone(b)
		c[bit/8] ^= 1 << (bit % 8)
		var back Delta
		if back.UnmarshalBinary(c) == nil {
			t.Fatalf("bit %d of %d was flipped unseen", bit, 8*len(b))
		}
	}
	if len(b) > 200 {
		t.Errorf("a small stroke takes %d bytes", len(b))
	}
}

func FuzzDelta(f *testing.F) {
	g := sagittal()
	e := New(volume.NewLabelMap(g))
	if err := e.Begin(Stroke{Label: spine.L1, RadiusMM: 3, SliceK: 1}); err != nil {
		f.Fatal(err)
	}
	e.MoveTo(at(g, 10, 10, 1))
	d, _ := e.End()
	b, _ := d.MarshalBinary()
	f.Add(b)
	f.Add(sealed([]byte{deltaVersion, 40, 36, 9, 0, 1, 0, 5, 0, 1}))
	f.Add(sealed([]byte{deltaVersion, 40, 36, 9, 0, 0xff, 0xff, 0xff, 0x7f}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b)} { // as it came, and with a checksum that is right
			var d Delta
			if d.UnmarshalBinary(b) != nil {
				continue
			}
			again, _ := d.MarshalBinary()
			var back Delta
			if err := back.UnmarshalBinary(again); err != nil || back.Voxels() != d.Voxels() {
				t.Errorf("a delta does not survive: %v", err)
			}
			New(volume.NewLabelMap(g)).Apply(d)
			d.Changed()
		}
	})
}
