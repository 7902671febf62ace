package phantom

import (
	"bytes"
	"math"
	"reflect"
	"runtime"
	"testing"

	"columna/spine"
	"columna/volume"
)

// wild is everything at once on small images.
func wild() Options {
	return Options{Small: true, WithSTIR: true, Pathology: 0.5, Variety: 1, RandomContrast: 0.3}
}

// patients builds anatomies of the training mix.
func patients(n int, o Options) []*patient {
	out := make([]*patient, n)
	for i := range out {
		out[i] = build(uint64(300+i), o)
	}
	return out
}

func TestVariety_SameSeedSameBytesOnAnyNumberOfProcessors(t *testing.T) {
	want := Want{SizeVox: [3]int{40, 60, 9}, SpacingMM: [3]float64{4, 4, 4}, Techniques: []Technique{T2Star, Space}}
	for seed := uint64(20); seed < 22; seed++ {
		a, b := Generate(seed, wild()), MakeSample(seed, wild(), want)
		before := runtime.GOMAXPROCS(1)
		c, d := Generate(seed, wild()), MakeSample(seed, wild(), want)
		runtime.GOMAXPROCS(before)
		if !reflect.DeepEqual(a, c) || !reflect.DeepEqual(b, d) {
			t.Errorf("two runs of seed %d differ", seed)
		}
	}
}

func TestVariety_DrawsFourToSixLumbarVertebraeAndTellsThem(t *testing.T) {
	seen := map[int]int{}
	for seed := range uint64(120) {
		seen[newPatient(seed, Options{Variety: 1}).lumbar]++
	}
	if seen[4] < 4 || seen[6] < 6 || seen[5] < 80 || len(seen) != 3 {
		t.Errorf("counts %v", seen)
	}
	for lumbar := 4; lumbar <= 6; lumbar++ {
		o := wild()
		o.Lumbar = lumbar
		c := Generate(31, o)
		if c.LumbarCount != lumbar {
			t.Errorf("asked for %d lumbar vertebrae, told %d", lumbar, c.LumbarCount)
		}
		for l := spine.L3; l <= spine.DiscL4L5; l++ {
			if l != spine.DiscL1L2 && l != spine.DiscL2L3 && !hasLevel(c, l) {
				t.Errorf("%d lumbar vertebrae: no %s in the truth", lumbar, l)
			}
		}
	}
	if c := Generate(31, Options{Small: true}); c.LumbarCount != 5 || c.Transitional != "" {
		t.Errorf("an ordinary patient has %d lumbar vertebrae, %q", c.LumbarCount, c.Transitional)
	}
}

func hasLevel(c *Case, s spine.Structure) bool {
	for _, l := range c.Levels {
		if l == s {
			return true
		}
	}
	return false
}

func TestLumbarCount_RibsEndAboveTheLumbarVertebrae(t *testing.T) {
	for lumbar, lowest := range map[int]spine.Structure{4: spine.L1, 5: spine.T12, 6: spine.VertebraAbove} {
		p := build(5, Options{Lumbar: lumbar})
		for n := 1; n < firstSacral; n++ {
			v := &p.vertebrae[n]
			found := false
			for a := -1.0; a < 20 && !found; a += 0.5 { // around the head of the rib
				for u := 0.0; u < 40; u++ {
					_, ok := p.ribAt(v.top+a, u, v.halfW+6)
					found = found || ok
				}
			}
			if has := n < firstSacral-lumbar; has != found {
				t.Errorf("%d lumbar vertebrae: %s has a rib: %v", lumbar, structureOf(n), found)
			}
			if n == firstSacral-lumbar-1 && structureOf(n) != lowest {
				t.Errorf("%d lumbar vertebrae: the lowest rib is at %s", lumbar, structureOf(n))
			}
		}
	}
}

func TestLabels_EveryDiscLiesBetweenItsVertebrae(t *testing.T) {
	for i, p := range patients(12, wild()) {
		for l := range spine.Level(spine.LevelCount) {
			x := &p.discs[firstLumbar+int(l)]
			var run []spine.Structure
			unlabelled := 0 // the dark lines above and below the disc
			for s := x.mid - 18; s <= x.mid+18; s += 0.25 {
				w := p.spot(s, 0, 0)
				_, label := p.classify(w[0], w[1], w[2])
				switch got := spine.Structure(label); {
				case got == spine.Background:
					unlabelled++
				case len(run) == 0 || run[len(run)-1] != got:
					run = append(run, got)
				}
			}
			if mm := float64(unlabelled) * 0.25 / 2; mm == 0 || mm > unlabelledDisc+unlabelledBody+0.25 {
				t.Errorf("patient %d: %.2f mm at each face of %s are labelled as neither disc nor body", i, mm, l.Disc())
			}
			if want := []spine.Structure{l.Upper(), l.Disc(), l.Lower()}; !reflect.DeepEqual(run, want) {
				t.Errorf("patient %d: from the top %v, want %v", i, run, want)
			}
		}
	}
}

func TestLabels_StructuresFollowEachOtherDownTheSpine(t *testing.T) {
	order := []spine.Structure{spine.T12, spine.DiscT12L1}
	for l := range spine.Level(spine.LevelCount) {
		order = append(order, l.Upper(), l.Disc())
	}
	order = append(order, spine.S1)
	for seed := uint64(40); seed < 42; seed++ {
		o := wild()
		o.SlabMM, o.ThicknessMM = 80, 5
		p, c := build(seed, o), Generate(seed, o)
		last := math.Inf(-1)
		for _, l := range order {
			if !hasLevel(c, l) {
				continue
			}
			mm := centroid(c.Truth, l)
			if s, _, _, _ := p.locate(mm[0], mm[1], mm[2]); s <= last {
				t.Errorf("seed %d: %s lies at %.0f mm, the structure above it at %.0f", seed, l, s, last)
			} else {
				last = s
			}
		}
	}
}

func TestLabels_CanalIsNowhereInterrupted(t *testing.T) {
	for i, p := range patients(10, wild()) {
		from, to := p.vertebrae[firstLumbar-1].top, p.discs[firstSacral-1].mid
		for s := from; s < to; s++ {
			if sectionArea(p, s, spine.Canal, 0.7) < 2 {
				t.Errorf("patient %d: no canal at s = %.0f", i, s)
				break
			}
		}
	}
}

// sectionArea counts a structure in the plane at right angles to the spine at s, in
// steps of millimetres, read from the patient's world.
func sectionArea(p *patient, s float64, of spine.Structure, step float64) float64 {
	n := 0
	for u := 5.0; u < 50; u += step {
		for x := -16.0; x <= 16; x += step {
			w := p.spot(s, u, x)
			if _, label := p.classify(w[0], w[1], w[2]); label == uint8(of) {
				n++
			}
		}
	}
	return float64(n) * step * step
}

func TestMeasures_AreThoseOfTheLabels(t *testing.T) {
	for i, p := range patients(6, wild()) {
		for l := range spine.LevelCount {
			x := &p.discs[firstLumbar+l]
			m := p.measure(x)
			area := sectionArea(p, x.mid, spine.Canal, 0.5)
			if d := math.Abs(area - m.CanalAreaMM2); d > 6+0.06*m.CanalAreaMM2 {
				t.Errorf("patient %d level %d: canal %.0f mm2 by labels, %.0f told", i, l, area, m.CanalAreaMM2)
			}
			if m.CanalAPMM < 0.5 || m.CanalAPMM > 25 || m.DiscHeightMM < 1 || m.DiscHeightMM > 20 {
				t.Errorf("patient %d level %d: %.1f mm deep canal, %.1f mm high disc", i, l, m.CanalAPMM, m.DiscHeightMM)
			}
			for side := range 2 {
				if m.ForamenFatMM2[side] > 400 {
					t.Errorf("patient %d level %d: %.0f mm2 of fat in a foramen", i, l, m.ForamenFatMM2[side])
				}
			}
		}
	}
}

func TestSides_ScoliosisTurnsNothingAround(t *testing.T) {
	for i, p := range patients(12, wild()) {
		for l := range spine.Level(spine.LevelCount) {
			for _, c := range []spine.Condition{spine.LeftNeuralForaminalNarrowing, spine.LeftSubarticularStenosis} {
				left, right := p.target(c, l), p.target(c+1, l)
				if d := left.Sub(right); d[0] < 8 || math.Abs(d[0]) < math.Abs(d[1]) {
					t.Errorf("patient %d %s %s: left lies %v from right", i, c, l, d)
				}
			}
		}
	}
}

func TestPathologyLevel_DiseasesThatLevelAlone(t *testing.T) {
	o := Options{Small: true, Pathology: 1, PathologyLevel: 4, NoLesions: true}
	sick := 0
	for _, g := range Generate(3, o).Grades {
		if g.Level != spine.L4L5 && g.Grade != spine.NormalMild {
			t.Errorf("%s at %s is %s", g.Condition, g.Level, g.Grade)
		}
		sick += b2i(g.Grade != spine.NormalMild)
	}
	if sick < 3 {
		t.Errorf("%d places of L4/L5 are narrow", sick)
	}
}

func TestPfirrmann_FollowsWaterAndHeight(t *testing.T) {
	for _, c := range []struct {
		gone, height float64
		want         int
	}{{0, 1, 1}, {0.2, 1, 2}, {0.5, 0.9, 3}, {0.8, 0.7, 4}, {0.9, 0.4, 5}} {
		x := disc{degeneration: c.gone, half: c.height, healthyHalf: 1}
		if got := x.pfirrmann(); got != c.want {
			t.Errorf("%.0f%% of the water gone, %.0f%% of the height left: grade %d, want %d", 100*c.gone, 100*c.height, got, c.want)
		}
	}
}

func TestExternal_IsAFamilyThatTrainingNeverDraws(t *testing.T) {
	for seed := range uint64(60) {
		d, vary := newDice(seed, streamScanner), newDice(seed, streamStyle)
		if f := TrainingOptions().field(d, vary); f < 1 {
			t.Errorf("seed %d trains at %v T", seed, f)
		}
	}
	o := wild()
	o.External = true
	if c := Generate(4, o); c.Scanner.FieldT != 0.55 || c.Study.Series[0].Volume.SpacingMM()[2] < 5.4 {
		t.Errorf("%v T, slices %.1f mm apart", c.Scanner.FieldT, c.Study.Series[0].Volume.SpacingMM()[2])
	}
}

func TestMakeSample_MakesWhatIsAskedOnItsGrid(t *testing.T) {
	w := Want{SizeVox: [3]int{48, 64, 20}, SpacingMM: [3]float64{3, 3, 2}, Techniques: []Technique{T2FS, T1Grad, Balanced}}
	s := MakeSample(9, Options{}, w)
	if len(s.Images) != 3 || s.Truth.Size != w.SizeVox {
		t.Fatalf("%d images, truth %v", len(s.Images), s.Truth.Size)
	}
	for q, v := range s.Images {
		if err := v.Validate(); err != nil || !volume.SameGrid(v.Grid, s.Truth.Grid) {
			t.Errorf("%s: %v, or on a grid of its own", w.Techniques[q], err)
		}
	}
	if reflect.DeepEqual(s.Images[0].Data, s.Images[2].Data) {
		t.Error("two techniques give one image")
	}
}

func TestMakeSample_IsEmptyBesideASlab(t *testing.T) {
	s := MakeSample(9, Options{SlabMM: 12}, Want{SizeVox: [3]int{40, 50, 15}, SpacingMM: [3]float64{4, 4, 4}})
	plane := 40 * 50
	for k := range 15 {
		sum, labelled := float32(0), 0
		for i := range plane {
			sum += s.Images[0].Data[k*plane+i]
			labelled += int(s.Truth.Data[k*plane+i])
		}
		if beside := k < 3 || k > 11; beside && (sum != 0 || labelled != 0) || k == 7 && sum == 0 {
			t.Errorf("slice %d: grey %v, labels %d", k, sum, labelled)
		}
	}
}

func TestWriteTruth_TellsCountAndDiscs(t *testing.T) {
	o := wild()
	o.Lumbar = 6
	var b bytes.Buffer
	if err := WriteTruth(&b, Generate(10, o)); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"lumbar_count": 6`, `"pfirrmann"`, `"canal_ap_mm"`, `"foramen_fat_mm2"`, `"techniques"`} {
		if !bytes.Contains(b.Bytes(), []byte(word)) {
			t.Errorf("the truth does not say %s", word)
		}
	}
}
