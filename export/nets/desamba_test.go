package nets

import (
	"math"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/export/loss"
)

// tinyDeSamba has every module at the smallest size.
func tinyDeSamba() DeSambaConfig {
	return DeSambaConfig{
		Preset: "tiny", Size: [3]int{4, 6, 8}, Stem: [3]int{2, 2, 2}, Widths: []int{4, 5}, Depths: []int{1, 1},
		OutDepths: []int{1, 1}, Expansion: 2, LargeKernel: 3, Bands: 2, FuseStage: 0, Feature: 4, Decoupled: 4,
		TabularDim: 3, HeadDim: 4, Dropout: 0.3,
		SAMNet: true, MambaOut: true, Frequency: true, DRLM: true, SelfLoss: true, CrossLoss: true, Tabular: true,
	}
}

// lesionsOf couples a DeSamba with lesions whose texture tells the class, and
// the total loss of both heads. The last sample lacks the second sequence and
// two clinical features.
func lesionsOf(t testing.TB, cfg DeSambaConfig, batch int) lesson {
	t.Helper()
	n, err := NewDeSamba(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := lesson{net: n, batch: batch, data: map[string][]float32{}}
	r, voxels := graph.NewRandom(4), cfg.Size[0]*cfg.Size[1]*cfg.Size[2]
	for q, name := range sequenceNames() {
		px := make([]float32, batch*voxels)
		for i := range px {
			b, x := i/voxels, i%cfg.Size[2]
			px[i] = float32(math.Sin(float64(x*(1+(b+q)%3)))) + float32(0.3*r.Normal())
		}
		s.data[name] = px
	}
	s.data["present"], s.data["tabular"] = filled(batch*3, 1), make([]float32, batch*8)
	s.data["metastasis_target"], s.data["spondylitis_target"] = make([]float32, batch*6), make([]float32, batch*2)
	for b := range batch {
		copy(s.data["tabular"][b*8:], []float32{0.6, float32(b % 2), 0.2, 0.1})
		s.data["metastasis_target"][b*6+b%6] = 1
		s.data["spondylitis_target"][b*2+b%2] = 1
	}
	last := batch - 1
	s.data["present"][last*3+1] = 0
	copy(s.data["tabular"][last*8:], []float32{0.6, 0, 0.2, 0, 0, 1, 0, 1})
	s.loss = func(g *graph.Graph, out map[string]*graph.Value) *graph.Value {
		total := loss.DeSamba(out, "metastasis", g.Input("metastasis_target", batch, 6), loss.ClassOptions{Smoothing: 0.05})
		second := loss.ClassCrossEntropy(out["spondylitis"], g.Input("spondylitis_target", batch, 2), loss.ClassOptions{})
		return graph.Add(total, second)
	}
	return s
}

func filled(n int, x float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = x
	}
	return out
}

func TestDeSamba_GradientsEqualFiniteDifferences(t *testing.T) {
	cfg := tinyDeSamba()
	cfg.Smooth = true
	halfPresent(lesionsOf(t, cfg, 2)).checkGradients(t, 5)
}

// halfPresent marks sequences as partly there, so that both the features and the
// embedding of an absent sequence are felt.
func halfPresent(s lesson) lesson {
	for i := range s.data["present"] {
		s.data["present"][i] = 0.5 + 0.1*float32(i%4)
	}
	return s
}

func TestDeSamba_EveryParameterIsFelt(t *testing.T) {
	halfPresent(lesionsOf(t, tinyDeSamba(), 2)).checkAlive(t)
}

func TestDeSamba_ExportsEqualTheReference(t *testing.T) {
	lesionsOf(t, tinyDeSamba(), 2).checkExports(t, 1)
}

func TestDeSamba_SwitchesRemoveTheirModule(t *testing.T) {
	for module, off := range map[string]func(*DeSambaConfig){
		"samnet":   func(c *DeSambaConfig) { c.SAMNet = false },
		"mambaout": func(c *DeSambaConfig) { c.MambaOut = false },
		"samb":     func(c *DeSambaConfig) { c.Frequency = false },
		"drlm":     func(c *DeSambaConfig) { c.DRLM = false },
		"self.":    func(c *DeSambaConfig) { c.SelfLoss = false },
		"cross.":   func(c *DeSambaConfig) { c.CrossLoss = false },
		"tabular":  func(c *DeSambaConfig) { c.Tabular = false },
	} {
		cfg := tinyDeSamba()
		if paramsUnder(lesionsOf(t, cfg, 1).net, module) == 0 {
			t.Errorf("%s: no parameter is named so", module)
		}
		off(&cfg)
		s := lesionsOf(t, cfg, 2)
		if n := paramsUnder(s.net, module); n != 0 {
			t.Errorf("%s: switched off, %d parameters are still there", module, n)
		}
		halfPresent(s).checkAlive(t)
	}
}

func TestDeSamba_LossesAreSwitchable(t *testing.T) {
	cfg := tinyDeSamba()
	cfg.SelfLoss = false
	g := graph.New("losses")
	n := lesionsOf(t, cfg, 1).net
	out := n.Forward(g, feed(g, n))
	if out[loss.SelfReconstruction] != nil || out[loss.CrossReconstruction] == nil {
		t.Error("switching off the self loss must leave the cross loss alone")
	}
}

func TestDeSamba_LearnsOneBatch(t *testing.T) {
	cfg := tinyDeSamba()
	cfg.Dropout = 0
	first, last, _ := lesionsOf(t, cfg, 4).learn(t, 80, 0.02)
	if last > 0.6*first {
		t.Errorf("loss went from %g to %g in 80 steps", first, last)
	}
}

func TestDeSamba_AbsentSequenceIsNotRead(t *testing.T) {
	s := lesionsOf(t, tinyDeSamba(), 1) // lacks T2
	g := graph.New("absent")
	out := s.net.Forward(g, feed(g, s.net))
	w, in := disturbed(g, 8), plain(s.sample(0))
	logits := func() []float32 { return graph.Eval([]*graph.Value{out["metastasis"]}, in, w)[0] }
	before := logits()
	in["t2"] = filled(len(in["t2"]), 7)
	if d := farthest(before, logits()); d > 1e-6 {
		t.Errorf("a sequence marked absent moves the logits by %g", d)
	}
	in["t1"] = filled(len(in["t1"]), 7)
	if farthest(before, logits()) < 1e-4 {
		t.Error("a sequence marked present does not move the logits")
	}
}

func TestDeSamba_MissingFeatureIsNotRead(t *testing.T) {
	s := lesionsOf(t, tinyDeSamba(), 1)
	g := graph.New("missing")
	out := s.net.Forward(g, feed(g, s.net))
	w, in := disturbed(g, 8), plain(s.sample(0))
	logits := func() []float32 { return graph.Eval([]*graph.Value{out["metastasis"]}, in, w)[0] }
	before := logits()
	in["tabular"] = append([]float32(nil), in["tabular"]...)
	in["tabular"][1], in["tabular"][3] = 1, 0.9 // both flagged missing
	if d := farthest(before, logits()); d > 1e-6 {
		t.Errorf("a feature marked missing moves the logits by %g", d)
	}
}

func TestDeSamba_SamplesOfABatchDoNotMix(t *testing.T) {
	s := lesionsOf(t, tinyDeSamba(), 3)
	both := graph.New("batch")
	_, out := s.build(both)
	w := disturbed(both, 8)
	all := graph.Eval([]*graph.Value{out["metastasis"]}, plain(s.feedOf(both, 1)), w)[0]
	g := graph.New("single")
	one := s.net.Forward(g, feed(g, s.net))["metastasis"]
	for b := range 3 {
		got := graph.Eval([]*graph.Value{one}, plain(s.sample(b)), w)[0]
		if d := farthest(got, all[b*6:(b+1)*6]); d > 1e-5 {
			t.Errorf("sample %d differs by %g when it is alone", b, d)
		}
	}
}

func TestDeSamba_RefusesUnusableSizes(t *testing.T) {
	for name, spoil := range map[string]func(*DeSambaConfig){
		"size":      func(c *DeSambaConfig) { c.Size[2] = 7 },
		"backbones": func(c *DeSambaConfig) { c.SAMNet, c.MambaOut = false, false },
		"depths":    func(c *DeSambaConfig) { c.Depths = []int{1} },
		"fusion":    func(c *DeSambaConfig) { c.FuseStage = 2 },
	} {
		cfg := tinyDeSamba()
		spoil(&cfg)
		if _, err := NewDeSamba(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := DeSambaPreset("huge"); err == nil {
		t.Error("an unknown preset was accepted")
	}
}

// The paper states 3, 4, 6, 3 SAMBlocks, 433.82 M parameters and 308.32 GFLOPs; both
// are to be met within 10 %. It is silent on the rest, which is ours. Nothing is
// allocated for the weights.
func TestDeSamba_PaperPresetHasThePapersSize(t *testing.T) {
	cfg, err := DeSambaPreset("paper")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(cfg.Depths, []int{3, 4, 6, 3}) || !slices.Equal(cfg.Widths, []int{88, 176, 352, 960}) ||
		cfg.Size != [3]int{32, 128, 128} || cfg.LargeKernel != 7 || cfg.Feature != 768 || cfg.Decoupled != 768 {
		t.Errorf("the sizes are %+v", cfg)
	}
	n, err := NewDeSamba(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("paper")
	out := n.Forward(g, feed(g, n))
	params := float64(graph.ParamCount(g)) / 1e6
	gflops := graph.FLOPs(out["metastasis"], out["spondylitis"]) / 1e9
	if math.Abs(params/433.82-1) > 0.1 || math.Abs(gflops/308.32-1) > 0.1 {
		t.Errorf("%.2f M parameters and %.2f GFLOPs", params, gflops)
	}
}

func BenchmarkDeSamba_CompactStepBatch8(b *testing.B) {
	cfg, _ := DeSambaPreset("compact")
	lesionsOf(b, cfg, 8).clockStep(b)
}

func BenchmarkDeSamba_CompactInference(b *testing.B) {
	cfg, _ := DeSambaPreset("compact")
	lesionsOf(b, cfg, 1).clockInference(b)
}
