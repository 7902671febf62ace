package spine

import (
	"math"
	"testing"

	"columna/volume"
)

func TestStructures_AreInLabelOrderWithDistinctColoursAndCodes(t *testing.T) {
	colours, names := map[any]Structure{}, map[string]Structure{}
	for n, info := range Structures() {
		if int(info.Structure) != n+1 {
			t.Errorf("row %d holds label %d", n, info.Structure)
		}
		if other, taken := colours[info.Color]; taken {
			t.Errorf("%v and %v share a colour", info.Structure, other)
		}
		if other, taken := names[info.Name]; taken {
			t.Errorf("labels %d and %d share the name %s", info.Structure, other, info.Name)
		}
		if info.SNOMED == "" || info.Meaning == "" {
			t.Errorf("%v has no code", info.Structure)
		}
		colours[info.Color], names[info.Name] = info.Structure, info.Structure
	}
	if _, ok := (MaxStructure + 1).Info(); ok {
		t.Error("a label beyond the table is described")
	}
}

func TestLevels_LieBetweenTheirVertebrae(t *testing.T) {
	for l := L1L2; l <= L5S1; l++ {
		if got := l.Upper().String() + "/" + l.Lower().String(); got != l.Title() || l.Disc().String() != "disc "+got {
			t.Errorf("level %v: disc %v between %s", l, l.Disc(), got)
		}
		if !l.Upper().IsVertebra() || !l.Lower().IsVertebra() || !l.Disc().IsDisc() {
			t.Errorf("level %v: %v, %v, %v are not vertebra, disc, vertebra", l, l.Upper(), l.Disc(), l.Lower())
		}
	}
}

func TestWords_AreReadBackAsTheyWereWritten(t *testing.T) {
	for l := L1L2; l <= L5S1; l++ {
		if got, err := ParseLevel(l.String()); err != nil || got != l {
			t.Errorf("%v came back as %v, %v", l, got, err)
		}
	}
	for c := SpinalCanalStenosis; c <= RightSubarticularStenosis; c++ {
		if got, err := ParseCondition(c.String()); err != nil || got != c {
			t.Errorf("%v came back as %v, %v", c, got, err)
		}
	}
	for g := Ungraded; g <= Severe; g++ {
		if got, err := ParseGrade(g.String()); err != nil || got != g {
			t.Errorf("%v came back as %v, %v", g, got, err)
		}
	}
	if _, err := ParseGrade("mild"); err == nil {
		t.Error("a word that is no grade was read")
	}
}

func TestSides_AreThePatients(t *testing.T) {
	for c, want := range map[Condition]int{SpinalCanalStenosis: 0, LeftNeuralForaminalNarrowing: 1,
		RightNeuralForaminalNarrowing: -1, LeftSubarticularStenosis: 1, RightSubarticularStenosis: -1} {
		if c.Side() != want {
			t.Errorf("%v lies on side %d, want %d", c, c.Side(), want)
		}
	}
}

func TestFind_TakesFatSuppressedT2ForSTIR(t *testing.T) {
	s := Study{Series: []Series{{UID: "a", Sequence: T2FS, Plane: Sagittal}, {UID: "b", Sequence: T2, Plane: Axial}, {UID: "b", Block: 1, Sequence: T2, Plane: Axial}}}
	if got := s.Find(STIR, Sagittal); got == nil || got.UID != "a" {
		t.Errorf("got %v", got)
	}
	if s.Find(T1, Sagittal) != nil || len(s.FindAll(T2, Axial)) != 2 {
		t.Error("series were found that are not there, or blocks were missed")
	}
}

func TestPointAt_NamesTheNearestSliceAndItsPixel(t *testing.T) {
	g := volume.Grid{Size: [3]int{10, 20, 3}, Affine: volume.NewAffine(volume.Vec3{0, 2, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{-4, 0, 0}, volume.Vec3{8, 0, 30})}
	s := Series{UID: "1.2", SOPUIDs: []string{"k0", "k1", "k2"}, Volume: volume.New(g)}
	p := s.PointAt(g.ToWorld(volume.Vec3{3.25, 7.5, 1.3}))
	if p.SOPUID != "k1" || math.Abs(p.XPx-3.25) > 1e-9 || math.Abs(p.YPx-7.5) > 1e-9 {
		t.Errorf("got %+v", p)
	}
	if p := s.PointAt(g.ToWorld(volume.Vec3{0, 0, 99})); p.SOPUID != "k2" {
		t.Errorf("beyond the last slice it is %s", p.SOPUID)
	}
}

func TestLesionFinding_SaysOfInfectionsWhatTheNetworkSaid(t *testing.T) {
	if f := (LesionFinding{}); f.SaysInfection() || f.InfectionWords() != "" {
		t.Errorf("of nothing it says %q", f.InfectionWords())
	}
	f := LesionFinding{Infection: [InfectionCount]float64{0.7, 0.3}}
	if got := f.InfectionWords(); got != "if an infection: pyogenic 0.70, tuberculous 0.30" {
		t.Errorf("got %q", got)
	}
}
