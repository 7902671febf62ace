package nets

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/export/loss"
	"columna/internal/twin"
)

// lesionTwin compares a part of a tiny DeSamba with its twin; build makes its
// outputs.
func lesionTwin(t *testing.T, name string, cfg DeSambaConfig, batch int, build func(d *desamba) values) {
	t.Helper()
	d := &desamba{classLayers{g: graph.New(name)}, cfg, batch, map[[3]int]*fourier{}}
	twin.Check(t, twinCase(t, name), d.g, build(d), twin.Strict())
}

// sequencesOf declares the features of all sequences, (2, 3C, D, H, W).
func sequencesOf(d *desamba, name string, channels int, grid [3]int) *graph.Value {
	return d.g.Input(name, d.batch, sequenceCount*channels, grid[0], grid[1], grid[2])
}

// inScope builds one value in a scope of the whole network.
func inScope(g *graph.Graph, name string, build func() *graph.Value) values {
	out := values{}
	g.Scope(name, func() { out["y"] = build() })
	return out
}

func TestTwin_DeSambaBlocks(t *testing.T) {
	grids := map[string][3]int{"even": {4, 6, 8}, "odd": {3, 4, 5}, "flat": {1, 2, 3}}
	for _, name := range slices.Sorted(maps.Keys(grids)) {
		grid, cfg := grids[name], tinyDeSamba()
		const sam, out = "samnet.stage0.block0", "mambaout.stage0.block0"
		cfg.Bands = 3
		lesionTwin(t, "desamba_samb_"+name, cfg, 2, func(d *desamba) values {
			return inScope(d.g, sam, func() *graph.Value { return d.samb(sequencesOf(d, "x", 4, grid)) })
		})
		cfg = tinyDeSamba()
		lesionTwin(t, "desamba_convnext_"+name, cfg, 2, func(d *desamba) values {
			return inScope(d.g, sam, func() *graph.Value {
				return d.image(d.convNeXt("spatial", sequencesOf(d, "x", 4, grid), 7, grid), grid)
			})
		})
		samBlock := func(d *desamba) values {
			return inScope(d.g, sam, func() *graph.Value {
				return d.image(d.samBlock(scale{d.rows(sequencesOf(d, "x", 4, grid)), grid}).rows, grid)
			})
		}
		lesionTwin(t, "desamba_samblock_"+name, cfg, 2, samBlock)
		cfg.Frequency = false
		lesionTwin(t, "desamba_samblock_"+name+"_no_frequency", cfg, 2, samBlock)
		lesionTwin(t, "desamba_gated_"+name, cfg, 2, func(d *desamba) values {
			return inScope(d.g, out, func() *graph.Value {
				return d.image(d.gatedBlock(scale{d.rows(sequencesOf(d, "x", 4, grid)), grid}).rows, grid)
			})
		})
	}
}

func TestTwin_DeSambaBackbones(t *testing.T) {
	cfg := tinyDeSamba()
	cfg.Widths, cfg.Depths, cfg.OutDepths = []int{3, 4, 5}, []int{1, 2, 1}, []int{1, 1, 2}
	cfg.Stem, cfg.FuseStage = [3]int{1, 2, 2}, 1
	ways := map[string]func(d *desamba, x *graph.Value) []scale{"mambaout": (*desamba).mambaOut, "samnet": (*desamba).samNet}
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		build := ways[way]
		lesionTwin(t, "desamba_"+way, cfg, 2, func(d *desamba) values {
			out := values{}
			for i, s := range build(d, d.rows(sequencesOf(d, "x", 1, cfg.Size))) {
				out[fmt.Sprintf("scale%d", i)] = d.image(s.rows, s.grid)
			}
			return out
		})
	}
	lesionTwin(t, "desamba_fuse", cfg, 2, func(d *desamba) values {
		var scales []scale
		for i, grid := range [][3]int{{4, 3, 4}, {2, 3, 2}, {1, 3, 1}, {4, 3, 4}, {2, 3, 2}, {1, 3, 1}} {
			x := sequencesOf(d, fmt.Sprintf("scale%d", i), cfg.Widths[i%3], grid)
			scales = append(scales, scale{d.rows(x), grid})
		}
		f, grid := d.fuse(scales)
		return values{"y": d.image(f, grid)}
	})
}

// renamed gives the reconstruction losses the twin's names.
func renamed(out values) values {
	for to, from := range map[string]string{"self": loss.SelfReconstruction, "cross": loss.CrossReconstruction} {
		if v := out[from]; v != nil {
			out[to] = v
			delete(out, from)
		}
	}
	return out
}

func TestTwin_DRLM(t *testing.T) {
	for _, on := range []struct {
		name        string
		self, cross bool
	}{{"both", true, true}, {"self", true, false}, {"cross", false, true}, {"none", false, false}} {
		cfg := tinyDeSamba()
		cfg.Decoupled, cfg.SelfLoss, cfg.CrossLoss = 5, on.self, on.cross
		lesionTwin(t, "desamba_drlm_"+on.name, cfg, 2, func(d *desamba) values {
			var f [sequenceCount]*graph.Value
			for i, s := range sequenceNames() {
				f[i] = d.g.Input("f_"+s, 2, 4, 2, 3, 2)
			}
			out := values{}
			out["pooled"] = graph.Concat(1, d.decouple(f, d.g.Input("present", 2, 3), out)...)
			return renamed(out)
		})
	}
}

func TestTwin_DeSambaHeads(t *testing.T) {
	cfg := tinyDeSamba()
	cfg.TabularDim, cfg.HeadDim = 5, 5
	lesionTwin(t, "desamba_tabular", cfg, 3, func(d *desamba) values {
		return values{"y": d.tabular(d.g.Input("x", 3, 2*tabularCount))}
	})
	for _, name := range []string{"metastasis", "spondylitis"} {
		classes := map[string]int{"metastasis": metastasisClasses, "spondylitis": spondylitisCount}[name]
		for _, suffix := range []string{"", "_training"} {
			lesionTwin(t, "desamba_"+name+suffix, cfg, 3, func(d *desamba) values {
				d.g.Training = suffix != ""
				return values{"y": d.head(name, d.g.Input("x", 3, 27), classes)}
			})
		}
	}
}

// lesionNetworkTwin compares a whole network: logits, reconstruction losses and
// the features that Grad-CAM reads.
func lesionNetworkTwin(t *testing.T, name string, cfg DeSambaConfig, batch int, training bool, b twin.Bounds) {
	t.Helper()
	n, err := NewDeSamba(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(name)
	g.Training = training
	in := values{}
	for _, p := range n.Inputs() {
		in[p.Name] = g.Input(p.Name, append([]int{batch}, p.Shape[1:]...)...)
	}
	out := renamed(n.Forward(g, in))
	for _, s := range sequenceNames() {
		out["features_"+s] = out[camName(s)]
		delete(out, camName(s))
	}
	twin.Check(t, twinCase(t, name), g, out, b)
}

// table3 switches DeSamba to the variants of the paper's ablation study.
var table3 = map[string]func(*DeSambaConfig){
	"cnv2":    func(c *DeSambaConfig) { *c = withoutAll(*c); c.SAMNet = true },
	"samnet":  func(c *DeSambaConfig) { *c = withoutAll(*c); c.SAMNet, c.Frequency = true, true },
	"mo":      func(c *DeSambaConfig) { *c = withoutAll(*c); c.MambaOut = true },
	"desn":    func(c *DeSambaConfig) { c.MambaOut, c.Tabular = false, false },
	"demo":    func(c *DeSambaConfig) { c.SAMNet, c.Frequency, c.Tabular = false, false, false },
	"samba":   func(c *DeSambaConfig) { c.DRLM, c.SelfLoss, c.CrossLoss, c.Tabular = false, false, false, false },
	"tf":      func(c *DeSambaConfig) { c.DRLM, c.SelfLoss, c.CrossLoss = false, false, false },
	"de_c":    func(c *DeSambaConfig) { c.SelfLoss = false },
	"de_s":    func(c *DeSambaConfig) { c.CrossLoss = false },
	"desamba": func(*DeSambaConfig) {},
}

func withoutAll(c DeSambaConfig) DeSambaConfig {
	c.SAMNet, c.MambaOut, c.Frequency, c.DRLM, c.SelfLoss, c.CrossLoss, c.Tabular = false, false, false, false, false, false, false
	return c
}

func TestTwin_DeSambaTable3(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(table3)) {
		cfg := tinyDeSamba()
		table3[name](&cfg)
		lesionNetworkTwin(t, "desamba_tiny_"+name, cfg, 2, false, twin.Whole())
	}
}

func TestTwin_DeSambaOneSequence(t *testing.T) {
	for _, s := range sequenceNames() {
		lesionNetworkTwin(t, "desamba_tiny_"+s+"_alone", tinyDeSamba(), 1, false, twin.Whole())
	}
}

func TestTwin_DeSambaTraining(t *testing.T) {
	lesionNetworkTwin(t, "desamba_tiny_training", tinyDeSamba(), 3, true, twin.Whole())
}

func TestTwin_DeSambaCompact(t *testing.T) {
	cfg, err := DeSambaPreset("compact")
	if err != nil {
		t.Fatal(err)
	}
	lesionNetworkTwin(t, "desamba_compact_training", cfg, 1, true, twin.Strict())
	exportTwin(t, "desamba_compact_exported", &DeSamba{cfg})
}

func TestTwin_DeSambaGradCAM(t *testing.T) {
	compact, err := DeSambaPreset("compact")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"metastasis", "spondylitis", "absent"} {
		camTwin(t, "desamba_cam_"+name, &DeSamba{tinyDeSamba()})
	}
	camTwin(t, "desamba_compact_cam", &DeSamba{compact})
}
