package nets

import (
	"math"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/export/loss"
)

// tinyStenosis has every module at the smallest size.
func tinyStenosis() StenosisConfig {
	return StenosisConfig{
		Preset: "tiny", Size: 16, Stem: []int{2, 3}, Inception: []int{4, 8}, Reduction: 2,
		Heads: 2, Embed: 4, Slots: 2, SlotDim: 3, SlotIters: 2, SlotCells: 2, Tail: []int{6, 5}, Dropout: 0.5,
		Grades: 3, Conditions: 5, CBAM: true, SelfAttention: true, SlotAttention: true,
	}
}

// gradesOf couples a StenosisNet with crops that hold a bright square whose
// brightness is the grade, and the weighted cross entropy.
func gradesOf(t testing.TB, cfg StenosisConfig, batch int) lesson {
	t.Helper()
	n, err := NewStenosisNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := lesson{net: n, batch: batch, data: map[string][]float32{}}
	image, cond := make([]float32, batch*cfg.Size*cfg.Size), make([]float32, batch*cfg.Conditions)
	target := make([]float32, batch*cfg.Grades)
	r := graph.NewRandom(2)
	for i := range image {
		b, y, x := i/cfg.Size/cfg.Size, i/cfg.Size%cfg.Size, i%cfg.Size
		image[i] = float32(20 * r.Normal())
		if y > cfg.Size/3 && y < 2*cfg.Size/3 && x > cfg.Size/4 && x < cfg.Size/2 {
			image[i] += float32(60*(b%cfg.Grades) - 60)
		}
	}
	for b := range batch {
		cond[b*cfg.Conditions+b%cfg.Conditions] = 1
		target[b*cfg.Grades+b%cfg.Grades] = 1
	}
	s.data["image"], s.data["condition"], s.data["target"] = image, cond, target
	s.loss = func(g *graph.Graph, out map[string]*graph.Value) *graph.Value {
		t := g.Input("target", batch, cfg.Grades)
		return loss.ClassCrossEntropy(out["logits"], t, loss.ClassOptions{
			Smoothing: 0.05, ClassWeights: loss.RSNASeverityWeights()})
	}
	return s
}

func TestStenosisNet_GradientsEqualFiniteDifferences(t *testing.T) {
	cfg := tinyStenosis()
	cfg.Smooth = true
	gradesOf(t, cfg, 2).checkGradients(t, 5)
}

func TestStenosisNet_EveryParameterIsFelt(t *testing.T) {
	gradesOf(t, tinyStenosis(), 3).checkAlive(t)
}

func TestStenosisNet_ExportsEqualTheReference(t *testing.T) {
	gradesOf(t, tinyStenosis(), 1).checkExports(t, -1)
}

func TestStenosisNet_SwitchesRemoveTheirModule(t *testing.T) {
	for name, c := range map[string]struct {
		module, output string
		off            func(*StenosisConfig)
	}{
		"cbam": {"body.cbam", "cbam_map", func(c *StenosisConfig) { c.CBAM = false }},
		"self": {"body.self", "self_attention", func(c *StenosisConfig) { c.SelfAttention = false }},
		"slot": {"body.slots", "slot_attention", func(c *StenosisConfig) { c.SlotAttention = false }},
		"all": {"body", "cbam_map", func(c *StenosisConfig) {
			c.CBAM, c.SelfAttention, c.SlotAttention = false, false, false
		}},
	} {
		cfg := tinyStenosis()
		if paramsUnder(gradesOf(t, cfg, 1).net, c.module) == 0 {
			t.Errorf("%s: no parameter is named %s", name, c.module)
		}
		c.off(&cfg)
		s := gradesOf(t, cfg, 2)
		if paramsUnder(s.net, c.module) != 0 || slices.Contains(s.net.Outputs(), c.output) {
			t.Errorf("%s: switched off, the module is still there", name)
		}
		s.checkAlive(t)
	}
}

func TestStenosisNet_LearnsOneBatch(t *testing.T) {
	cfg := tinyStenosis()
	cfg.Dropout = 0
	first, last, w := gradesOf(t, cfg, 6).learn(t, 60, 0.02)
	if last > 0.7*first {
		t.Errorf("loss went from %g to %g in 60 steps", first, last)
	}
	for _, x := range w["head.conv0.norm/variance"] {
		if x == 1 || x <= 0 || math.IsNaN(float64(x)) {
			t.Errorf("the running variance is still %g", x)
		}
	}
}

func TestStenosisNet_AttentionMapsAreShares(t *testing.T) {
	s := gradesOf(t, tinyStenosis(), 1)
	g := graph.New("maps")
	out := s.net.Forward(g, feed(g, s.net))
	got := graph.Eval([]*graph.Value{
		graph.ReduceSum(out["slot_attention"], false, 1),
		graph.ReduceMean(out["self_attention"], false, 0, 1, 2, 3),
		out["cbam_map"],
	}, plain(s.sample(0)), g.InitParams(1))
	for _, x := range got[0] {
		if math.Abs(float64(x)-1) > 1e-5 {
			t.Fatalf("the slots' shares of a position sum to %g", x)
		}
	}
	if positions := 4.0; math.Abs(float64(got[1][0])*positions-1) > 0.2 {
		t.Errorf("the roll-out averages %g over %g positions", got[1][0], positions)
	}
	for _, x := range got[2] {
		if x <= 0 || x >= 1 {
			t.Fatalf("the CBAM map holds %g", x)
		}
	}
}

func TestStenosisNet_RefusesUnusableSizes(t *testing.T) {
	for name, spoil := range map[string]func(*StenosisConfig){
		"size":  func(c *StenosisConfig) { c.Size = 18 },
		"cells": func(c *StenosisConfig) { c.SlotCells = 3 },
		"heads": func(c *StenosisConfig) { c.Heads = 3 },
		"stem":  func(c *StenosisConfig) { c.Stem = nil },
	} {
		cfg := tinyStenosis()
		spoil(&cfg)
		if _, err := NewStenosisNet(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := StenosisPreset("huge"); err == nil {
		t.Error("an unknown preset was accepted")
	}
}

func TestStenosisNet_PresetsBuild(t *testing.T) {
	for preset, size := range map[string]int{"compact": 96, "paper": 224} {
		n, err := New("stenosisnet", preset)
		if err != nil {
			t.Fatal(err)
		}
		g := graph.New(preset)
		in := feed(g, n)
		if in["image"].Dim(2) != size {
			t.Errorf("%s takes crops of %d pixels", preset, in["image"].Dim(2))
		}
		out := n.Forward(g, in)
		for _, name := range n.Outputs()[1:] {
			if out[name].Dim(2) != size || out[name].Dim(3) != size {
				t.Errorf("%s of %s is %v, not on the crop's grid", name, preset, out[name].Shape())
			}
		}
	}
}

func BenchmarkStenosisNet_CompactStepBatch16(b *testing.B) {
	cfg, _ := StenosisPreset("compact")
	gradesOf(b, cfg, 16).clockStep(b)
}

func BenchmarkStenosisNet_CompactInference(b *testing.B) {
	cfg, _ := StenosisPreset("compact")
	gradesOf(b, cfg, 1).clockInference(b)
}
