package finetune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"columna/export/dataset"
	"columna/export/eval"
	"columna/export/graph"
	"columna/export/nets"
	"columna/export/train"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// The tests teach a tiny network on spines of blocks, 4.5 mm a voxel, each structure of
// one grey value. What it learns is little, but it is learned, judged and refused as the
// real one's. A network of 8 channels throughout cannot hold what two scanners show: it forgets.
const tinyRows, tinyColumns, tinySlices = 48, 32, 4

func tinyNet(t testing.TB) nets.Net {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	cfg, err := nets.UNetPreset("compact2d")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Widths, cfg.Strides, cfg.Size = [][2]int{{8, 8}, {16, 16}, {32, 32}}, cfg.Strides[:2], [3]int{tinySlices, tinyRows, tinyColumns}
	net, err := nets.NewUNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// pitchMM is from disc to disc.
const pitchMM = 32

// blockAt is the structure of a spine of blocks at a point.
func blockAt(mm volume.Vec3) spine.Structure {
	switch {
	case max(mm[0], -mm[0]) > 20:
		return spine.Background
	case mm[1] > 22 && mm[1] < 40 && mm[2] > -110 && mm[2] < 100:
		return spine.Canal
	case max(mm[1], -mm[1]) > 20:
		return spine.Background
	}
	for l := range spine.Level(spine.LevelCount) {
		switch d := mm[2] - (64 - pitchMM*float64(l)); {
		case d >= -6 && d <= 6:
			return l.Disc()
		case d > 6 && d < pitchMM-6:
			return l.Upper()
		}
	}
	if mm[2] > -90 && mm[2] < -64 { // without a sacrum it may be seen anywhere: nobody says where it is not
		return spine.S1
	}
	return spine.Background
}

// greys are how a scanner shows background, bodies, discs and canal.
type greys [4]float32

func ordinary() greys { return greys{60, 110, 15, 220} }
func foreign() greys  { return greys{120, 70, 240, 20} } // a scanner that nobody has learned

func (g greys) of(s spine.Structure) float32 {
	switch {
	case s.IsVertebra():
		return g[1]
	case s.IsDisc():
		return g[2]
	case s == spine.Canal:
		return g[3]
	}
	return g[0]
}

// tinyStudy is the n-th patient: the spine lies elsewhere in each.
func tinyStudy(n int, scanner greys) *dataset.Case {
	shift := volume.Vec3{0, float64(n*7%13) - 6, float64(n*5%17) - 8}
	g := volume.Grid{Size: [3]int{tinyColumns, tinyRows, tinySlices}, Affine: volume.NewAffine(
		volume.Vec3{0, 4.5, 0}, volume.Vec3{0, 0, -4.5}, volume.Vec3{8, 0, 0}, volume.Vec3{-12, -70, 106})}
	c, v, r := &dataset.Case{Labels: volume.NewLabelMap(g)}, volume.New(g), graph.NewRandom(uint64(n))
	for i := range v.Data {
		x, y, z := g.Coords(i)
		s := blockAt(g.ToWorld(volume.Vec3{float64(x), float64(y), float64(z)}).Add(shift))
		c.Labels.Data[i], v.Data[i] = uint8(s), scanner.of(s)+float32(4*r.Normal())
	}
	c.Study.Series = []spine.Series{{UID: fmt.Sprint(n), Sequence: spine.T2, Plane: spine.Sagittal, Confidence: 1, Volume: v}}
	return c
}

// shelf is a database of corrections, of patients whose spoiled masks a careless
// reader has accepted.
type shelf struct {
	count   int
	spoiled func(patient string) bool
}

func (s *shelf) Accepted(context.Context) (out []dataset.Correction, err error) {
	for n := range s.count {
		p := fmt.Sprintf("patient %d", n)
		out = append(out, dataset.Correction{ID: fmt.Sprint(n), Patient: p, SHA256: fmt.Sprint(n, s.spoiled(p))})
	}
	return out, nil
}

func (s *shelf) Load(_ context.Context, id string) (*dataset.Case, error) {
	var n int
	if _, err := fmt.Sscan(id, &n); err != nil {
		return nil, err
	}
	c := tinyStudy(n, foreign())
	if s.spoiled(fmt.Sprintf("patient %d", n)) {
		c.Labels = permuted(c.Labels)
	}
	return c, nil
}

// permuted calls discs bodies, bodies canal and the canal discs.
func permuted(m *volume.LabelMap) *volume.LabelMap {
	out := volume.NewLabelMap(m.Grid)
	for n, l := range m.Data {
		switch s := spine.Structure(l); {
		case s.IsDisc():
			l = uint8(spine.L3)
		case s.IsVertebra():
			l = uint8(spine.Canal)
		case s == spine.Canal:
			l = uint8(spine.DiscL3L4)
		}
		out.Data[n] = l
	}
	return out
}

// tinyParent is the model in use of all tests: fresh weights, taught on the ordinary
// scanner.
func tinyParent(t testing.TB, net nets.Net, steps int) *models.Model {
	t.Helper()
	var w graph.Weights
	err := graph.Try(func() {
		g := graph.New(net.Name())
		net.Forward(g, nets.Feed(g, net, 1))
		w = g.InitParams(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := train.Build(net, w, func(s *models.Spec) { s.SpacingMM, s.TrainedOn = [3]float64{4.5, 4.5, 8}, "nothing" })
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := &train.Tuning{Net: net, Parent: m, Corrections: known(), Replay: known(), Dir: dir, Steps: steps, LR: 2e-2, EMA: 0.9, Seed: 3, Threads: 1}
	if err := train.Tune(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if m, err = models.LoadDir(filepath.Join(dir, "best"), net.Name()); err != nil {
		t.Fatal(err)
	}
	return m
}

// known are studies of the ordinary scanner.
func known() (out []train.Correction) {
	for n := 100; n < 108; n++ {
		out = append(out, train.Correction{ID: fmt.Sprint(n), Patient: fmt.Sprint(n), Load: func(context.Context) (*dataset.Case, error) {
			return tinyStudy(n, ordinary()), nil
		}})
	}
	return out
}

// tinyOptions are a fine-tuning on 12 patients of the foreign scanner.
func tinyOptions(t testing.TB, net nets.Net, parent *models.Model, poison bool) Options {
	t.Helper()
	h, err := FreezeHoldout(names(0, 12), "salt")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := dataset.OpenCorrections(context.Background(), &shelf{12, func(p string) bool { return poison && !h.Held(p) }})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Parent: parent, Cases: cases, Holdout: h, Dir: t.TempDir(), Steps: 160, LR: 1e-2, Seed: 5, Replay: 12, Threads: 1, Net: net,
		known: known(), replay: func(n int) *replayCase {
			c := tinyStudy(200+n, ordinary())
			return &eval.Case{Set: "phantoms", ID: fmt.Sprint(n), Patient: fmt.Sprint(n), Study: c.Study, Truth: eval.Truth{Mask: c.Labels}}
		}}
}

func run(t *testing.T, o Options) *Outcome {
	t.Helper()
	out, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range out.Report.Checks {
		t.Log(c.Passed, c)
	}
	return out
}

// The whole loop: corrections of a scanner that the model in use has not seen are
// learned without loss elsewhere, and the same corrections spoiled are refused.
func TestRun_LearnsCorrectionsAndRefusesPoison(t *testing.T) {
	net := tinyNet(t)
	parent := tinyParent(t, net, 200)
	good := run(t, tinyOptions(t, net, parent, false))
	if r := good.Report; r.Decision != Accepted || r.Corrections != 8 || r.HeldOut != 4 || r.Checks[0].Change.Low < 0.05 {
		t.Errorf("%s: %v", r.Decision, r.Reasons)
	}
	if m := good.Candidate; m.Parent != parent.SHA256 || m.Learned.Patients != 8 || !strings.Contains(m.TrainedOn, "8 accepted corrections") {
		t.Errorf("card: %+v", m.Spec)
	}
	o := tinyOptions(t, net, parent, true)
	bad := run(t, o)
	if bad.Report.Decision != Refused || bad.Report.Candidate == parent.SHA256 {
		t.Errorf("%s: %v", bad.Report.Decision, bad.Report.Reasons)
	}
	for _, name := range []string{"run.json", "report.json", "report.html", "records.json", "log.jsonl", "candidate/unet.onnx"} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); err != nil {
			t.Errorf("the run folder does not say everything: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "samples")); !os.IsNotExist(err) {
		t.Error("images of patients stay in the run folder")
	}
	mustRollBack(t, parent, good.Candidate)
}

// mustRollBack puts a candidate into use and the parent back, byte for byte.
func mustRollBack(t *testing.T, parent, candidate *models.Model) {
	t.Helper()
	l := models.Library{Dir: t.TempDir()}
	folder := filepath.Join(l.Dir, parent.Name)
	err := errors.Join(models.Save(filepath.Join(folder, parent.SHA256), parent),
		os.WriteFile(filepath.Join(folder, "current"), []byte(parent.SHA256), 0o600), l.Install(candidate))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := l.Load(parent.Name); err != nil || m.SHA256 != candidate.SHA256 {
		t.Errorf("the candidate is not in use: %v", err)
	}
	_, err = l.Rollback(parent.Name)
	if m, again := l.Load(parent.Name); err != nil || again != nil || m.SHA256 != parent.SHA256 || !bytes.Equal(m.ONNX, parent.ONNX) {
		t.Errorf("the rollback did not restore the former model: %v, %v", err, again)
	}
}

func TestRun_GoesOnWhereItWasCancelled(t *testing.T) {
	net := tinyNet(t)
	parent := tinyParent(t, net, 2)
	whole := tinyOptions(t, net, parent, false)
	whole.Steps, whole.Replay = 6, 4
	want := run(t, whole)
	o := whole
	o.Dir = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	var at time.Time
	o.Progress = func(p Progress) {
		if strings.HasPrefix(p.Stage, "learning, step 3") && at.IsZero() {
			at = time.Now()
			cancel()
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	t.Logf("ended %v after it was cancelled", time.Since(at))
	o.Progress = nil
	if got := run(t, o); got.Report.Candidate != want.Report.Candidate {
		t.Error("a run that was cancelled and gone on with gave other weights")
	}
	o.Steps = 7
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "name another one") {
		t.Errorf("another run went on in the folder: %v", err)
	}
}
