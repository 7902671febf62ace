package inference

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"columna/phantom"
	"columna/volume"
)

// The analytic spine's canal is 20 mm wide and 16 mm deep, its discs 10 mm high.
func TestMeasureLevels_MeasuresTheTestSpineHoweverItLies(t *testing.T) {
	turn := func(angle float64) volume.Vec3 { return volume.Vec3{0, math.Cos(angle), math.Sin(angle)} }
	for name, y := range map[string]volume.Vec3{"upright": turn(0), "tilted": turn(0.3), "tilted back": turn(-0.3)} {
		p := pose{x: volume.Vec3{1, 0, 0}, y: y, z: volume.Vec3{1, 0, 0}.Cross(y)}
		g := volume.Grid{Size: [3]int{300, 330, 31}, Affine: volume.NewAffine(volume.Vec3{0, 0.6, 0}, volume.Vec3{0, 0, -0.7}, volume.Vec3{2, 0, 0}, volume.Vec3{-31, -80, 190})}
		mask := volume.NewLabelMap(g)
		for n := range mask.Data {
			i, j, k := mask.Coords(n)
			w := g.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
			mask.Data[n] = uint8(labelAt(volume.Vec3{w.Dot(p.x), w.Dot(p.y), w.Dot(p.z)}))
		}
		all := MeasureLevels(mask)
		if len(all) < 4 {
			t.Fatalf("%s: %d levels", name, len(all))
		}
		for _, m := range all {
			if math.Abs(m.CanalAreaMM2-320) > 20 || math.Abs(m.CanalAPMM-16) > 0.7 || math.Abs(m.DiscHeightMM-10) > 0.7 {
				t.Errorf("%s, %s: %+v, want 320 mm2, 16 mm, 10 mm", name, m.Level.Title(), m)
			}
		}
	}
}

func TestMeasureLevels_DoesNotMeasureACanalThatRunsOutOfTheImages(t *testing.T) {
	g := volume.Grid{Size: [3]int{150, 330, 31}, Affine: volume.NewAffine(volume.Vec3{0, 0.6, 0}, volume.Vec3{0, 0, -0.7}, volume.Vec3{2, 0, 0}, volume.Vec3{-31, -60, 190})}
	mask := volume.NewLabelMap(g) // its last column lies in the canal
	for n := range mask.Data {
		i, j, k := mask.Coords(n)
		mask.Data[n] = uint8(labelAt(g.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})))
	}
	for _, m := range MeasureLevels(mask) {
		if m.CanalAreaMM2 > 0 || m.CanalAPMM > 0 || m.DiscHeightMM == 0 {
			t.Errorf("%+v", m)
		}
	}
}

func TestMeasureLevels_SaysNothingOfAnEmptyMask(t *testing.T) {
	g := volume.Grid{Size: [3]int{8, 8, 4}, Affine: volume.NewAffine(volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, volume.Vec3{4, 0, 0}, volume.Vec3{})}
	if all := MeasureLevels(volume.NewLabelMap(g)); len(all) > 0 {
		t.Errorf("%v", all)
	}
}

// Truth is the patient's geometry; the mask shows it in slices of 4 mm, which is what
// limits it.
func TestMeasureLevels_AgreesWithThePhantomsTruth(t *testing.T) {
	var area, depth, height []float64
	for seed := uint64(1); seed <= 2; seed++ {
		c := phantom.Generate(seed, phantom.Options{Small: true, Pathology: 0.5})
		for _, m := range MeasureLevels(c.Truth) {
			want := c.Measures[m.Level]
			area = append(area, m.CanalAreaMM2-want.CanalAreaMM2)
			depth = append(depth, m.CanalAPMM-want.CanalAPMM)
			height = append(height, m.DiscHeightMM-want.DiscHeightMM)
		}
	}
	for name, x := range map[string][]float64{"canal area, mm2": area, "canal depth, mm": depth, "disc height, mm": height} {
		bias, typical := mean1(x), medianAbs(x)
		t.Logf("%s: %d levels, mean error %+.2f, median absolute error %.2f, worst %.2f", name, len(x), bias, typical, slices.MaxFunc(x, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) }))
	}
	if medianAbs(area) > 15 || medianAbs(depth) > 1 || medianAbs(height) > 1 {
		t.Error("the mask is measured otherwise than the patient")
	}
}

func mean1(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func medianAbs(x []float64) float64 {
	y := make([]float64, len(x))
	for n, v := range x {
		y[n] = math.Abs(v)
	}
	slices.Sort(y)
	return y[len(y)/2]
}
