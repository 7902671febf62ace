package eval

import (
	"math"
	"testing"

	"columna/spine"
	"columna/volume"
)

// column is a straight spine of the whole chain, six rows a structure from the top,
// the canal and posterior elements behind it.
func column() *volume.LabelMap {
	m := volume.NewLabelMap(volume.Grid{Size: [3]int{24, 6 * 13, 3}, Affine: volume.NewAffine(
		volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{2, 0, 0}, volume.Vec3{})})
	for n := range m.Data {
		i, j, _ := m.Coords(n)
		switch s := chain()[j/6]; {
		case i < 8:
			m.Data[n] = uint8(s)
		case i < 11:
			m.Data[n] = uint8(spine.Canal)
		case i < 14 && s != spine.S1:
			m.Data[n] = uint8(spine.Posterior)
		}
	}
	return m
}

func swapped(m *volume.LabelMap, from, to spine.Structure) *volume.LabelMap {
	out := m.Clone()
	for n, l := range out.Data {
		if l == uint8(from) {
			out.Data[n] = uint8(to)
		}
	}
	return out
}

func measured(truth, pred *volume.LabelMap) Record {
	return Measure(&Case{Set: "toy", ID: "1", Truth: Truth{Mask: truth}}, &spine.Analysis{Mask: pred})
}

func TestMeasure_TheTruthItselfIsPerfect(t *testing.T) {
	r := measured(column(), column())
	if s := r.Spine; s.True != 13 || s.Found != 13 || s.RightName != 13 || !s.InOrder || s.Islands != 0 || s.MissingLevels != 0 {
		t.Errorf("got %+v", *s)
	}
	if len(r.Levels) != 13 || len(r.Classes) != 6 || r.Score != 1 {
		t.Errorf("%d levels, %d classes, score %v", len(r.Levels), len(r.Classes), r.Score)
	}
	for _, s := range append(r.Levels, r.Classes...) {
		if s.Dice != 1 || s.IoU != 1 || s.HD95MM != 0 || s.ASSDMM != 0 {
			t.Errorf("got %+v", s)
		}
	}
}

func TestMeasure_AWrongNameIsFoundAndNotRight(t *testing.T) {
	r := measured(column(), swapped(column(), spine.L3, spine.VertebraAbove))
	if s := r.Spine; s.Found != 13 || s.RightName != 12 || s.InOrder || s.MissingLevels != 1 {
		t.Errorf("got %+v", *s)
	}
	if got, _ := find(r.Levels, "L3"); !got.missing() || !math.IsNaN(float64(got.Dice)) || got.orZero() != 0 {
		t.Errorf("a structure that is not there has %+v", got)
	}
	if got, _ := find(r.Classes, "body"); got.Dice != 1 {
		t.Errorf("the class has nothing to do with the name: %+v", got)
	}
}

func TestInOrder_BearsAShortFieldOfViewAndNoMore(t *testing.T) {
	short := swapped(swapped(column(), spine.T12, 0), spine.DiscT12L1, 0)
	if !inOrder(short) {
		t.Error("a spine that begins at L1 is out of order")
	}
	if inOrder(swapped(short, spine.DiscL3L4, 0)) {
		t.Error("a gap is in order")
	}
	upside := column()
	for n, l := range column().Data {
		i, j, k := upside.Coords(n)
		upside.Data[upside.Index(i, upside.Size[1]-1-j, k)] = l
	}
	if inOrder(upside) || inOrder(volume.NewLabelMap(short.Grid)) {
		t.Error("a spine upside down, or none, is in order")
	}
}

func TestIslands_AreWhatTouchesNoTrueStructure(t *testing.T) {
	pred := column()
	pred.Data[pred.Index(20, 4, 1)] = uint8(spine.L2) // two voxels of two labels: one island
	pred.Data[pred.Index(21, 4, 1)] = uint8(spine.Canal)
	pred.Data[pred.Index(20, 60, 2)] = uint8(spine.Posterior)
	pred.Data[pred.Index(14, 20, 1)] = uint8(spine.Posterior) // thicker, but of the spine
	if s := measured(column(), pred).Spine; s.Islands != 2 || math.Abs(s.IslandsMM3-3*2) > 1e-9 {
		t.Errorf("%d islands of %v mm3, want 2 of 6", s.Islands, s.IslandsMM3)
	}
}

func TestSameGround_WhatNobodyLabelledIsNoMistake(t *testing.T) {
	truth, pred := swapped(column(), spine.S1, 0), column()
	truth.Data[truth.Index(2, truth.Size[1]-1, 0)] = uint8(spine.S1) // a stray
	low := pred.Size[1] - 1
	pred.Data[pred.Index(12, low, 1)] = uint8(spine.Posterior) // behind the sacrum
	r := Measure(&Case{Truth: Truth{Mask: truth, NoSacrum: true}}, &spine.Analysis{Mask: pred})
	for _, s := range r.Classes {
		if s.Dice != 1 || s.Name == "sacrum" {
			t.Errorf("got %+v", s)
		}
	}
	if _, ok := find(r.Levels, "S1"); ok {
		t.Error("S1 is judged")
	}
	pred.Data[pred.Index(18, 10, 1)] = uint8(spine.Posterior)
	r = Measure(&Case{Truth: Truth{Mask: truth, NoSacrum: true}}, &spine.Analysis{Mask: pred})
	if s, _ := find(r.Classes, "vertebra"); s.Dice >= 1 {
		t.Error("posterior elements beside true ones are let off")
	}
}

// The plain twin: sets of voxels and every pair of surface voxels.
func TestClassScores_AreThoseOfSetsOfVoxels(t *testing.T) {
	truth, pred := column(), column()
	for n := range pred.Data {
		if i, j, _ := pred.Coords(n); (i*7+j*3+n)%5 == 0 {
			pred.Data[n] = uint8((int(pred.Data[n])*3 + i) % 14)
		}
	}
	belongs := func(class int, l uint8) bool {
		s := spine.Structure(l)
		return []bool{false, s.IsVertebra() && s != spine.S1, s.IsDisc(), s == spine.Canal, s == spine.S1, s == spine.Posterior,
			s.IsVertebra() && s != spine.S1 || s == spine.Posterior}[class]
	}
	for class := 1; class <= classVertebra; class++ {
		both, either, sum := 0.0, 0.0, 0.0
		for n := range truth.Data {
			a, b := belongs(class, truth.Data[n]), belongs(class, pred.Data[n])
			if a && b {
				both++
			}
			if a || b {
				either++
			}
			if a {
				sum++
			}
			if b {
				sum++
			}
		}
		got, _ := find(classScores(truth, pred), classNames()[class])
		if math.Abs(float64(got.Dice)-2*both/sum) > 1e-12 || math.Abs(float64(got.IoU)-both/either) > 1e-12 {
			t.Errorf("%s: %+v, want Dice %v, IoU %v", got.Name, got, 2*both/sum, both/either)
		}
	}
}
