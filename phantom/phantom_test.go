package phantom

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"testing"

	"columna/spine"
	"columna/volume"
)

func small(pathology float64) Options {
	return Options{Small: true, WithAxial: true, WithSTIR: true, Pathology: pathology}
}

func TestGenerate_SameSeedSameBytes(t *testing.T) {
	a := Generate(5, small(0.5))
	before := runtime.GOMAXPROCS(1)
	b := Generate(5, small(0.5))
	runtime.GOMAXPROCS(before)
	if !reflect.DeepEqual(a, b) {
		t.Fatal("two runs of seed 5 differ")
	}
	if c := Generate(6, small(0.5)); reflect.DeepEqual(a.Truth.Data, c.Truth.Data) {
		t.Fatal("seeds 5 and 6 give the same anatomy")
	}
}

func TestGenerate_HasEverySeriesAndStructure(t *testing.T) {
	c := Generate(2, small(0.5))
	for _, seq := range []spine.Sequence{spine.T1, spine.T2, spine.STIR} {
		s := c.Study.Find(seq, spine.Sagittal)
		if s == nil {
			t.Fatalf("no sagittal %s", seq)
		}
		if err := s.Volume.Validate(); err != nil {
			t.Error(err)
		}
		if len(s.SOPUIDs) != s.Volume.Size[2] {
			t.Errorf("%s: %d SOP UIDs for %d slices", seq, len(s.SOPUIDs), s.Volume.Size[2])
		}
		if o := s.Volume.Orientation(); o != "PIL" && o != "PIR" {
			t.Errorf("%s runs %s", seq, o)
		}
	}
	if !volume.SameGrid(c.Truth.Grid, c.Study.Find(spine.T2, spine.Sagittal).Volume.Grid) {
		t.Error("truth is not on the grid of the sagittal T2")
	}
	count := map[uint8]int{}
	for _, l := range c.Truth.Data {
		count[l]++
	}
	for s := spine.L1; s <= spine.DiscT12L1; s++ {
		if count[uint8(s)] < 50 {
			t.Errorf("%s has %d voxels", s, count[uint8(s)])
		}
	}
	for l := range count {
		if l > uint8(spine.MaxStructure) {
			t.Errorf("label %d is no structure", l)
		}
	}
}

func TestGenerate_AxialBlocksLieOnTheirDiscs(t *testing.T) {
	c := Generate(3, small(0.5))
	blocks := c.Study.FindAll(spine.T2, spine.Axial)
	if len(blocks) != spine.LevelCount {
		t.Fatalf("%d axial blocks", len(blocks))
	}
	for l, b := range blocks {
		if b.Block != l || b.UID != blocks[0].UID {
			t.Errorf("block %d has number %d and UID %s", l, b.Block, b.UID)
		}
		if o := b.Volume.Orientation(); o != "LPS" {
			t.Errorf("block %d runs %s", l, o)
		}
		mm := centroid(c.Truth, spine.Level(l).Disc())
		if k := b.Volume.ToVoxel(mm)[2] - float64(b.Volume.Size[2]-1)/2; math.Abs(k) > 0.7 {
			t.Errorf("the middle of disc %s lies %.1f slices from the middle of its block", spine.Level(l).Title(), k)
		}
	}
}

func centroid(m *volume.LabelMap, s spine.Structure) volume.Vec3 {
	_, mm, _ := boxOf(m, uint8(s))
	return mm
}

// meanOf is the mean grey value of the voxels of a structure.
func meanOf(v *volume.Volume, m *volume.LabelMap, s spine.Structure) float64 {
	sum, n := 0.0, 0.0
	for i, l := range m.Data {
		if l == uint8(s) {
			sum, n = sum+float64(v.Data[i]), n+1
		}
	}
	return sum / n
}

func TestGenerate_SequencesShowTissuesInTheirOrder(t *testing.T) {
	c := Generate(4, small(0))
	t1 := c.Study.Find(spine.T1, spine.Sagittal).Volume
	t2 := c.Study.Find(spine.T2, spine.Sagittal).Volume
	stir := c.Study.Find(spine.STIR, spine.Sagittal).Volume
	if csf, bone := meanOf(t2, c.Truth, spine.Canal), meanOf(t2, c.Truth, spine.L3); csf < 1.3*bone {
		t.Errorf("T2: canal %.0f is not brighter than bone %.0f", csf, bone)
	}
	if csf, bone := meanOf(t1, c.Truth, spine.Canal), meanOf(t1, c.Truth, spine.L3); csf > 0.8*bone {
		t.Errorf("T1: canal %.0f is not darker than bone %.0f", csf, bone)
	}
	if csf, bone := meanOf(stir, c.Truth, spine.Canal), meanOf(stir, c.Truth, spine.L3); csf < 2*bone {
		t.Errorf("STIR: canal %.0f is not much brighter than bone %.0f", csf, bone)
	}
}

func TestPulse_STIRNullsFatAtEveryField(t *testing.T) {
	for _, field := range []float64{0.55, 1, 1.5, 3} {
		fat := fatMatter
		fat.t1 = fatT1(field)
		m := baseMatter()
		grey := func(of Technique, x tissue) float64 {
			w, f := drawPulse(newDice(1, 1), of, field, 1).of(m[x], fat)
			return w + f
		}
		if f, muscle := grey(STIR, tFat), grey(STIR, tMuscle); f > 0.5*muscle {
			t.Errorf("%v T: fat %.3f, muscle %.3f on STIR", field, f, muscle)
		}
		if f, muscle := grey(T1, tFat), grey(T1, tMuscle); f < 1.3*muscle {
			t.Errorf("%v T: fat %.3f, muscle %.3f on T1", field, f, muscle)
		}
		if f, fluid := grey(T2FS, tFat), grey(T2FS, tCSF); f > 0.3*fluid {
			t.Errorf("%v T: fat %.3f, fluid %.3f on fat-suppressed T2", field, f, fluid)
		}
		for _, of := range []Technique{T2, Space, T2Star, Balanced} {
			if fluid, muscle := grey(of, tCSF), grey(of, tMuscle); fluid < 1.3*muscle {
				t.Errorf("%v T: fluid %.3f, muscle %.3f on %s", field, fluid, muscle, of)
			}
		}
	}
}

func TestGrades_HealthySpineIsNormal(t *testing.T) {
	for _, g := range Generate(8, Options{Small: true}).Grades {
		if g.Grade != spine.NormalMild {
			t.Errorf("%s at %s is %s", g.Condition, g.Level, g.Grade)
		}
	}
}

func TestGrades_FollowTheThresholds(t *testing.T) {
	m := Measure{CanalRatio: 0.41, ForamenFatRatio: [2]float64{0.57, 0.59}, RecessMM: [2]float64{2.7, 5.1}}
	want := [spine.ConditionCount]spine.Grade{spine.Severe, spine.Moderate, spine.NormalMild, spine.Severe, spine.NormalMild}
	for c, w := range want {
		if g := gradeOf(m, spine.Condition(c)); g != w {
			t.Errorf("%s is %s, want %s", spine.Condition(c), g, w)
		}
	}
}

// oneSided is an anatomy whose only narrowings are on the left of one level.
func oneSided(level spine.Level) *patient {
	p := newPatient(11, Options{})
	for n := range p.discs {
		p.discs[n].narrow = healthyNarrowing()
	}
	x := &p.discs[firstLumbar+int(level)]
	x.narrow.recess[0], x.narrow.foramen[0] = 1.5, 0.1
	p.finish(11)
	return p
}

func TestSides_LeftNarrowingIsOnThePatientsLeft(t *testing.T) {
	p := oneSided(spine.L3L4)
	x := &p.discs[firstLumbar+int(spine.L3L4)]
	m := p.measure(x)
	if gradeOf(m, spine.LeftSubarticularStenosis) != spine.Severe || gradeOf(m, spine.RightSubarticularStenosis) != spine.NormalMild {
		t.Errorf("recess %v mm, asked for a narrow left one", m.RecessMM)
	}
	if gradeOf(m, spine.LeftNeuralForaminalNarrowing) != spine.Severe || gradeOf(m, spine.RightNeuralForaminalNarrowing) != spine.NormalMild {
		t.Errorf("foraminal fat %v, asked for a narrow left one", m.ForamenFatRatio)
	}
	left, right := p.fatAround(p.target(spine.LeftNeuralForaminalNarrowing, spine.L3L4)), p.fatAround(p.target(spine.RightNeuralForaminalNarrowing, spine.L3L4))
	if 2*left > right {
		t.Errorf("world: %d fat points in the left foramen, %d in the right", left, right)
	}
	if a, b := p.target(spine.LeftSubarticularStenosis, 0), p.target(spine.RightSubarticularStenosis, 0); a[0] < b[0]+10 {
		t.Errorf("left point %v is not on the left of %v", a, b)
	}
}

func (p *patient) fatAround(mm volume.Vec3) int {
	n := 0
	for y := -7.0; y <= 7; y++ {
		for z := -7.0; z <= 7; z++ {
			if tissue, _ := p.classify(mm[0], mm[1]+y, mm[2]+z); tissue == tForamenFat {
				n++
			}
		}
	}
	return n
}

func TestPoints_LieInTheRightStructures(t *testing.T) {
	c := Generate(9, small(0.4))
	for _, g := range c.Grades {
		disc := centroid(c.Truth, g.Level.Disc())
		d := g.Point.LPS.Sub(disc)
		if d.Norm() > 45 || d[1] < 5 {
			t.Errorf("%s %s: point %v from its disc", g.Condition, g.Level, d)
		}
		if side := float64(g.Condition.Side()); side != 0 && side*d[0] < 3 {
			t.Errorf("%s %s: %.1f mm to the left of its disc", g.Condition, g.Level, d[0])
		}
		if g.Condition == spine.SpinalCanalStenosis && c.CanalAreaMM2[g.Level] > 60 {
			vox := c.Truth.ToVoxel(g.Point.LPS)
			if l := c.Truth.At(int(vox[0]+0.5), int(vox[1]+0.5), int(vox[2]+0.5)); l != uint8(spine.Canal) {
				t.Errorf("canal point at %s lies in %s", g.Level, spine.Structure(l))
			}
		}
		s := seriesOf(&c.Study, g.Point)
		if s == nil || g.Point.SOPUID == "" {
			t.Errorf("%s %s: point in no slice", g.Condition, g.Level)
		}
	}
}

func seriesOf(st *spine.Study, p *spine.Point) *spine.Series {
	for i := range st.Series {
		if st.Series[i].UID == p.SeriesUID {
			return &st.Series[i]
		}
	}
	return nil
}

func TestLesions_LieInTheirVertebraAndLookTheirClass(t *testing.T) {
	o := small(0.3)
	o.WithAxial, o.AlwaysLesion = false, true
	seen := 0
	for seed := uint64(1); seed < 6; seed++ {
		c := Generate(seed, o)
		stir := c.Study.Find(spine.STIR, spine.Sagittal).Volume
		for _, l := range c.Lesions {
			seen++
			if l.Spondylitis {
				t.Errorf("seed %d: infection where metastases were asked for", seed)
			}
			if d := l.CentroidMM.Sub(centroid(c.Truth, l.Level)).Norm(); l.Level != spine.S1 && d > 30 {
				t.Errorf("seed %d: lesion of %s lies %.0f mm from it", seed, l.Level, d)
			}
			lesion := &volume.LabelMap{Grid: c.LesionMask.Grid, Data: c.LesionMask.Data}
			grey, bone := meanOf(stir, lesion, spine.Structure(l.Label)), meanOf(stir, c.Truth, spine.L2)
			if l.Class == spine.Kidney && grey < 1.5*bone {
				t.Errorf("seed %d: kidney metastasis %.0f on STIR, bone %.0f", seed, grey, bone)
			}
		}
	}
	if seen == 0 {
		t.Error("no lesion in five studies that must have one")
	}
}

func TestGenerateSagittal_LiesOnTheNetworkGrid(t *testing.T) {
	s := GenerateSagittal(3, Options{Pathology: 0.5, RandomContrast: 1}, [3]int{64, 96, 12}, [3]float64{3, 3, 5})
	if o := s.Truth.Orientation(); o != "PIL" {
		t.Errorf("runs %s, want PIL", o)
	}
	if !volume.SameGrid(s.T1.Grid, s.Truth.Grid) || !volume.SameGrid(s.T2.Grid, s.Truth.Grid) {
		t.Error("grids differ")
	}
	if z := centroid(s.Truth, spine.L1)[2] - centroid(s.Truth, spine.L5)[2]; z < 80 {
		t.Errorf("L1 lies %.0f mm above L5", z)
	}
}

func TestWriteTruth_TellsAllGrades(t *testing.T) {
	o := small(0.5)
	o.AlwaysLesion = true
	c := Generate(10, o)
	var b bytes.Buffer
	if err := WriteTruth(&b, c); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Grades  []struct{ Condition, Level, Grade string }
		Lesions []struct{ Class string }
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Grades) != 25 || len(back.Lesions) != len(c.Lesions) {
		t.Errorf("%d grades, %d lesions", len(back.Grades), len(back.Lesions))
	}
	for _, g := range back.Grades {
		if _, err := spine.ParseGrade(g.Grade); err != nil {
			t.Error(err)
		}
	}
}

func TestUID_IsValidAndItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(50) {
		u := uid(seed, "study")
		if len(u) > 64 || seen[u] {
			t.Fatalf("UID %s", u)
		}
		seen[u] = true
	}
}

func TestLocate_UndoesSpotOnACurvedSpine(t *testing.T) {
	p := newPatient(12, Options{Pathology: 0.5, Variety: 1})
	p.drawNarrowings(12, 0.5, 0)
	p.finish(12)
	p.scoliosis.bends[0].sway = 24
	p.tabulate()
	for s := -180.0; s < 40; s += 17 {
		for u := -25.0; u <= 30; u += 11 {
			for x := -20.0; x <= 20; x += 20 {
				w := p.spot(s, u, x)
				gs, gu, gx, _ := p.locate(w[0], w[1], w[2])
				if math.Abs(gs-s) > 0.8 || math.Abs(gu-u) > 0.7 || math.Abs(gx-x) > 0.7 {
					t.Errorf("s %.0f u %.0f x %.0f comes back as %.1f %.1f %.1f", s, u, x, gs, gu, gx)
				}
			}
		}
	}
}
