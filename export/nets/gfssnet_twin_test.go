package nets

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
	"columna/internal/twin"
)

// values are named inputs or outputs of a module.
type values = map[string]*graph.Value

// gfssnetTwin builds the module of one case of scripts/twins/gfssnet_cases.py.
type gfssnetTwin struct {
	name  string // of the case, after "gfssnet_"
	cfg   GFSSNetConfig
	build func(b *gfssnet, in values) values
}

// checkGFSSNet compares each module with its twin.
func checkGFSSNet(t *testing.T, list []gfssnetTwin, bounds twin.Bounds) {
	t.Helper()
	for _, m := range list {
		t.Run(m.name, func(t *testing.T) {
			c := twinCase(t, "gfssnet_"+m.name)
			g := graph.New(m.name)
			in := values{}
			for _, name := range slices.Sorted(maps.Keys(c.Inputs)) {
				in[name] = g.Input(name, c.Inputs[name].Shape...)
			}
			out := m.build(&gfssnet{g: g, cfg: m.cfg}, in)
			twin.Check(t, c, g, out, bounds)
		})
	}
}

// twinCase reads a case that scripts/twins wrote.
func twinCase(t *testing.T, name string) *twin.Case {
	t.Helper()
	c, err := twin.Read("testdata/twins/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// only is the outputs of a module with one.
func only(y *graph.Value) values { return values{"y": y} }

// changed is the tiny network with other sizes or switches.
func changed(change func(*GFSSNetConfig)) GFSSNetConfig {
	cfg := tinyGFSSNet()
	change(&cfg)
	return cfg
}

// switches are the ablations by the names of their cases.
func switches() map[string]GFSSNetConfig {
	return map[string]GFSSNetConfig{
		"":           tinyGFSSNet(),
		"_no_fdconv": changed(func(c *GFSSNetConfig) { c.FDConv = false }),
		"_sagittal":  changed(func(c *GFSSNetConfig) { c.Mamba = MambaSagittal }),
		"_no_mamba":  changed(func(c *GFSSNetConfig) { c.Mamba = MambaNone }),
		"_no_gcn":    changed(func(c *GFSSNetConfig) { c.GCN = false }),
		"_no_dapu":   changed(func(c *GFSSNetConfig) { c.DAPU = false }),
		"_baseline": changed(func(c *GFSSNetConfig) {
			c.FDConv, c.Mamba, c.GCN, c.DAPU = false, MambaNone, false, false
		}),
	}
}

func TestTwin_GFSSNetEncoder(t *testing.T) {
	inner := func(mode MambaMode) GFSSNetConfig {
		return changed(func(c *GFSSNetConfig) { c.Inner[0], c.Mamba = 3, mode })
	}
	fdconv := func(b *gfssnet, in values) values {
		return only(b.activate(b.norm("fdconv.norm", b.fdconv(in["x"]))))
	}
	mamba := func(stage int) func(b *gfssnet, in values) values {
		return func(b *gfssnet, in values) values { return only(b.mamba(stage, in["x"])) }
	}
	scan := func(axis int) func(b *gfssnet, in values) values {
		return func(b *gfssnet, in values) values { return only(b.scan(0, in["x"], axis)) }
	}
	kernels := changed(func(c *GFSSNetConfig) { c.Kernels = 3 })
	checkGFSSNet(t, []gfssnetTwin{
		{"fdconv_batch1", kernels, fdconv},
		{"fdconv_batch2", kernels, fdconv},
		{"selective", tinyGFSSNet(), func(b *gfssnet, in values) values {
			return only(graph.Transpose(b.selective(2, graph.Transpose(in["u"], 1, 2, 0)), 2, 0, 1))
		}},
		{"scan_d", tinyGFSSNet(), scan(2)},
		{"scan_h", tinyGFSSNet(), scan(3)},
		{"scan_w", tinyGFSSNet(), scan(4)},
		{"mamba_pooled", inner(MambaThree), mamba(0)},
		{"mamba", inner(MambaThree), mamba(1)},
		{"mamba_sagittal", inner(MambaSagittal), mamba(1)},
	}, twin.Strict())
	checkGFSSNet(t, []gfssnetTwin{
		{"encoder_present0", tinyGFSSNet(), buildEncoder},
		{"encoder_present1", tinyGFSSNet(), buildEncoder},
	}, twin.Whole())
	for _, name := range []string{"", "_no_fdconv", "_sagittal", "_no_mamba", "_baseline"} {
		cfg := switches()[name]
		checkGFSSNet(t, []gfssnetTwin{{"see" + name, cfg, func(b *gfssnet, in values) values {
			return only(b.seeStage(1, b.patch("down", in["x"], cfg.Channels[1], cfg.Down[0])))
		}}}, twin.Strict())
	}
}

// buildEncoder gives the four stages of one sequence.
func buildEncoder(b *gfssnet, in values) values {
	out := values{}
	for s, y := range b.encode(in["x"], in["present"]) {
		out["stage"+strconv.Itoa(s+1)] = y
	}
	return out
}

func TestTwin_GFSSNetFusion(t *testing.T) {
	deep := changed(func(c *GFSSNetConfig) { c.Size = [3]int{4, 24, 16} })
	crop, still := deep, deep
	crop.Whole, still.Mamba = [3]int{8, 40, 32}, MambaNone
	paper := deep
	paper.Nodes, paper.Edges = 10, paperEdges()
	epa := func(b *gfssnet, in values) values { return only(b.positionAttention(in["x"])) }
	paaf := func(b *gfssnet, in values) values { return only(b.coLearn(in["t1"], in["t2"])) }
	gcn := func(b *gfssnet, in values) values {
		y, assignment := b.reason(in["x"])
		return values{"y": y, "assignment": assignment}
	}
	checkGFSSNet(t, []gfssnetTwin{
		{"rotational", deep, func(b *gfssnet, in values) values { return only(b.rotational(in["x"])) }},
		{"pair", deep, func(b *gfssnet, in values) values { return only(b.pair(in["t1"], in["t2"])) }},
		{"epa", deep, epa}, {"epa_crop", crop, epa},
		{"paaf", deep, paaf}, {"paaf_no_mamba", still, paaf},
		{"gcn", deep, gcn}, {"gcn_paper", paper, gcn},
	}, twin.Strict())
}

func TestTwin_GFSSNetDecoder(t *testing.T) {
	dapu := func(light bool) func(b *gfssnet, in values) values {
		return func(b *gfssnet, in values) values {
			return only(b.dapu(in["x"], in["skip"], 6, [3]int{1, 2, 2}, light))
		}
	}
	checkGFSSNet(t, []gfssnetTwin{
		{"dapu", tinyGFSSNet(), dapu(false)}, {"dapu_light", tinyGFSSNet(), dapu(true)},
	}, twin.Strict())
	for s, out := range []int{2, 2, 3, 4} {
		checkGFSSNet(t, []gfssnetTwin{{"fullscale" + strconv.Itoa(s), tinyGFSSNet(), func(b *gfssnet, in values) values {
			skips := make([]*graph.Value, 4)
			for f := range skips {
				skips[f] = in["skip"+strconv.Itoa(f)]
			}
			bottleneck := in["bottleneck"]
			if bottleneck == nil { // at the lowest stage the input is the bottleneck
				bottleneck = in["x"]
			}
			return only(b.fullScale(in["x"], bottleneck, skips, s, out))
		}}}, twin.Strict())
	}
}

// buildGFSSNet is the whole network with all outputs, public and internal.
func buildGFSSNet(b *gfssnet, in values) values {
	n := &GFSSNet{b.cfg}
	return n.Forward(b.g, in)
}

func TestTwin_GFSSNetTiny(t *testing.T) {
	var list []gfssnetTwin
	for _, name := range slices.Sorted(maps.Keys(switches())) {
		list = append(list, gfssnetTwin{"tiny" + name, switches()[name], buildGFSSNet})
	}
	list = append(list, gfssnetTwin{"tiny_t1_alone", tinyGFSSNet(), buildGFSSNet},
		gfssnetTwin{"tiny_t2_alone", tinyGFSSNet(), buildGFSSNet})
	checkGFSSNet(t, list, twin.Whole())
}

// compactCrop is the compact network on a grid that the evaluator can afford.
func compactCrop() GFSSNetConfig {
	cfg := gfssnetCompact()
	cfg.Whole, cfg.Size = cfg.Size, [3]int{4, 32, 32}
	return cfg
}

// The whole network, by the graph with all gradients and by the inference file.
func TestTwin_GFSSNetCompact(t *testing.T) {
	checkGFSSNet(t, []gfssnetTwin{{"compact", compactCrop(), buildGFSSNet}}, twin.Whole())
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	n := mustGFSSNet(t, compactCrop())
	g := graph.New("names")
	n.Forward(g, feed(g, n))
	c := twinCase(t, "gfssnet_compact")
	out := runFile(t, c, g, func(w graph.Weights) ([]byte, error) { return Inference(n, w, nil) })
	for _, name := range n.Outputs() {
		twin.CheckFile(t, c, name, out[name].Data, 1e-5)
	}
}

// Grad-CAM of a class and of one instance, by the graph and by the exported file.
func TestTwin_GFSSNetGradCAM(t *testing.T) {
	bounds := twin.Whole()
	bounds.Runtime.Forward = 1e-4 // the map is made of gradients
	n := mustGFSSNet(t, compactCrop())
	for _, name := range []string{"gfssnet_cam_class", "gfssnet_cam_instance"} {
		c := twinCase(t, name)
		g := graph.New(name)
		cam := camOutputs(g, n, feed(g, n))[0].Value
		twin.Check(t, c, g, values{"cam": cam}, bounds)
		if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
			continue
		}
		out := runFile(t, c, g, func(w graph.Weights) ([]byte, error) { return GradCAM(n, w, nil) })
		twin.CheckFile(t, c, "cam", out["cam"].Data, bounds.Runtime.Forward)
	}
}

// runFile runs an exported file with the weights of a case on its inputs; g names
// both.
func runFile(t *testing.T, c *twin.Case, g *graph.Graph, export func(graph.Weights) ([]byte, error)) map[string]ort.Tensor {
	t.Helper()
	w := graph.Weights{}
	for _, p := range append(g.Params(), g.States()...) {
		w[p.Name] = drawn(t)(c.Param(p.Name))
	}
	model, err := export(w)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]ort.Tensor{}
	for _, v := range g.Inputs() {
		in[v.Name()] = ort.Tensor{Shape: v.Shape(), Data: drawn(t)(c.Input(v.Name()))}
	}
	return runModel(t, model, in)
}

// drawn fails the test where numbers cannot be drawn.
func drawn(t *testing.T) func(data []float32, err error) []float32 {
	return func(data []float32, err error) []float32 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}
