package inference

import (
	"math"
	"testing"

	"columna/models"
	"columna/volume"
)

// answerOf is an answer of two voxels: one where disc wins by a little, one by a lot.
func answerOf() *netAnswer {
	a := newNetAnswer(volume.Grid{Size: [3]int{2, 1, 1}, Affine: volume.NewAffine(
		volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{1, 0, 0}, volume.Vec3{})})
	a.semantic[2*classDisc], a.semantic[2*classDisc+1] = 1, 4
	return a
}

func classes(a *netAnswer) [2]uint8 {
	m := argmaxMap(a.grid, a.semantic, classCount)
	return [2]uint8{m.Data[0], m.Data[1]}
}

func TestCalibrate_TemperatureLeavesTheClassesOffsetsMoveThem(t *testing.T) {
	a := answerOf()
	a.calibrate(models.Spec{Temperature: 2})
	if got := classes(a); got != [2]uint8{classDisc, classDisc} || a.semantic[2*classDisc+1] != 2 {
		t.Errorf("temperature alone: classes %v, logit %g", got, a.semantic[2*classDisc+1])
	}
	a = answerOf()
	a.calibrate(models.Spec{Temperature: 2, Offsets: []float64{0, 0, -2, 0, 0, 0}})
	if got := classes(a); got != [2]uint8{classBackground, classDisc} || a.semantic[2*classDisc+1] != 1 {
		t.Errorf("with offsets: classes %v, logit %g", got, a.semantic[2*classDisc+1])
	}
}

func TestCalibrate_OldCardsChangeNothing(t *testing.T) {
	a, want := answerOf(), answerOf()
	a.calibrate(models.Spec{})
	for n, v := range a.semantic {
		if v != want.semantic[n] {
			t.Fatalf("logit %d became %g", n, v)
		}
	}
}

func TestLogits_AreInterpolatedInThePatient(t *testing.T) {
	a := answerOf()
	l := make(Logits, classCount)
	for c := range l {
		l[c] = &volume.Volume{Grid: a.grid, Data: a.semantic[2*c:][:2]}
	}
	z, ok := l.At(volume.Vec3{0, 0.5, 0})
	if !ok || math.Abs(z[classDisc]-2.5) > 1e-6 || z[classBackground] != 0 {
		t.Errorf("between the voxels: %v, %v", z, ok)
	}
	if _, ok := l.At(volume.Vec3{0, 9, 0}); ok {
		t.Error("there are logits outside the grid")
	}
}
