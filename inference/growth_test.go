package inference

import (
	"math"
	"strings"
	"testing"

	"columna/models"
	"columna/spine"
	"columna/volume"
)

// childGrowth is that of a patient of six years.
const childGrowth = 0.68

// child shrinks a grid in all directions.
func child(g volume.Grid) volume.Grid { return enlarged(g, childGrowth) }

func TestGrowth_FollowsTheAgeInTheHeader(t *testing.T) {
	for age, want := range map[string]float64{"006Y": 0.68, "072M": 0.68, "009Y": 0.78, "000D": 0.29,
		"012Y": 0.89, "013Y": 1, "054Y": 1, "": 1, "child": 1, "-05Y": 1} {
		if got := Growth(&spine.Study{Age: age}); math.Abs(got-want) > 1e-9 {
			t.Errorf("age %q: %g, want %g", age, got, want)
		}
	}
	for years, last := 0.0, 0.0; years < 20; years += 0.1 {
		if now := shareAt(years); now < last || now > 1 {
			t.Fatalf("at %.1f years %g, before %g", years, now, last)
		} else {
			last = now
		}
	}
}

// A child with the proportions of an adult, in an image of pixels smaller by as much,
// is shown to the network as the adult is.
func TestReading_ShowsAChildAsLargeAsAnAdult(t *testing.T) {
	spec := models.Spec{SizeVox: [3]int{48, 72, 15}, SpacingMM: [3]float64{4, 4, 4}}
	adult := upright.study(standard, forward)
	want, err := newReading(t.Context(), adult, spec)
	if err != nil {
		t.Fatal(err)
	}
	small := upright.study(standard, forward)
	small.Age = "006Y"
	for n := range small.Series {
		v := small.Series[n].Volume
		a := v.Affine
		v.Affine = volume.NewAffine(a.Column(0).Scale(childGrowth), a.Column(1).Scale(childGrowth), a.Column(2), a.Column(3).Scale(childGrowth))
	}
	if !strings.Contains(flagText(InputFlags(small)), "child") || strings.Contains(flagText(InputFlags(adult)), "child") {
		t.Errorf("flags of the child %q, of the adult %q", flagText(InputFlags(small)), flagText(InputFlags(adult)))
	}
	got, err := newReading(t.Context(), small, spec)
	if err != nil || got.grid.Size != want.grid.Size {
		t.Fatalf("grid %v, want %v, error %v", got.grid.Size, want.grid.Size, err)
	}
	diff := 0.0
	for n := range want.t2.Data {
		diff += math.Abs(float64(got.t2.Data[n]-want.t2.Data[n])) / float64(len(want.t2.Data))
	}
	if diff > 0.02 {
		t.Errorf("grey values differ by %.3f on average", diff)
	}
}

func TestAssemble_NamesAChildsVertebraeAsAnAdults(t *testing.T) {
	truth := upright.mask(netGrid())
	a := answerFor(truth, 0.5, asTold)
	said := &netAnswer{grid: child(a.grid), growth: childGrowth, semantic: a.semantic, level: a.level}
	got, flags := assemble(t.Context(), said, said.grid)
	if len(flags) != 0 {
		t.Errorf("flags: %s", flagText(flags))
	}
	for s := spine.L1; s <= spine.T12; s++ {
		if d := dice(got, truth, s); d < 0.9 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

func TestAssemble_PointsAtTheChildInThePatientsOwnMillimetres(t *testing.T) {
	truth := remove(upright.mask(netGrid()), spine.L3)
	a := answerFor(truth, 0.5, asTold)
	_, want := Assemble(t.Context(), a.semantic, a.level, a.grid, a.grid)
	said := &netAnswer{grid: child(a.grid), growth: childGrowth, semantic: a.semantic, level: a.level}
	_, got := assemble(t.Context(), said, said.grid)
	if len(want) == 0 || len(got) != len(want) || want[0].LPS == nil || got[0].LPS == nil {
		t.Fatalf("flags %q, want %q", flagText(got), flagText(want))
	}
	if d := got[0].LPS.Sub(want[0].LPS.Scale(childGrowth)).Norm(); d > 1e-6 {
		t.Errorf("the flag points %.1f mm beside the place", d)
	}
}
