package nets

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
	"columna/internal/twin"
)

// stenosisTwin compares a module of a tiny StenosisNet with its twin. build makes
// it on x, which is shaped (2,...).
func stenosisTwin(t *testing.T, name string, x []int, change func(*StenosisConfig), build func(n *StenosisNet, l classLayers, x *graph.Value) values) {
	t.Helper()
	cfg := tinyStenosis()
	if change != nil {
		change(&cfg)
	}
	g := graph.New(name)
	out := build(&StenosisNet{cfg}, classLayers{g: g}, g.Input("x", x...))
	twin.Check(t, twinCase(t, name), g, out, twin.Strict())
}

// withStates adds what the running statistics are after a training step, under
// the names that scripts/twins gives them.
func withStates(g *graph.Graph, out values) values {
	for _, s := range g.States() {
		if g.Training {
			out["next "+strings.ReplaceAll(s.Name, "/", ".")] = g.NextState(s.Value)
		}
	}
	return out
}

func TestTwin_StenosisHead(t *testing.T) {
	for _, training := range []bool{false, true} {
		suffix := map[bool]string{true: "_training"}[training]
		stenosisTwin(t, "stenosisnet_conv7"+suffix, []int{2, 1, 9, 8}, nil, func(_ *StenosisNet, l classLayers, x *graph.Value) values {
			l.g.Training = training
			return withStates(l.g, values{"y": l.convNorm("head.conv0", x, 2, 7, 2, 1)})
		})
		stenosisTwin(t, "stenosisnet_inception"+suffix, []int{2, 3, 6, 7}, nil, func(_ *StenosisNet, l classLayers, x *graph.Value) values {
			l.g.Training = training
			return withStates(l.g, values{"y": l.inception("head.inception0", x, 10)})
		})
	}
}

func TestTwin_StenosisAttention(t *testing.T) {
	stenosisTwin(t, "stenosisnet_cbam", []int{2, 8, 4, 5}, nil, func(n *StenosisNet, l classLayers, x *graph.Value) values {
		y, m := n.cbam(l, x)
		return values{"y": y, "map": m}
	})
	heads := func(c *StenosisConfig) { c.Embed, c.Heads = 6, 3 }
	stenosisTwin(t, "stenosisnet_mhsam", []int{2, 8, 2, 2}, heads, func(n *StenosisNet, l classLayers, x *graph.Value) values {
		y, m := n.selfAttention(l, x)
		return values{"y": y, "map": m}
	})
	for _, s := range [][2]int{{1, 2}, {2, 2}, {3, 2}, {3, 1}, {3, 4}} {
		slots := func(c *StenosisConfig) { c.Slots, c.SlotDim, c.SlotIters, c.SlotCells = 3, 5, s[0], s[1] }
		stenosisTwin(t, fmt.Sprintf("stenosisnet_slots_%d_%d", s[0], s[1]), []int{2, 8, 4, 4}, slots, func(n *StenosisNet, l classLayers, x *graph.Value) values {
			y, m := n.slotAttention(l, x)
			return values{"y": y, "map": m}
		})
	}
}

// stenosisNetworkTwin compares a whole network: logits, attention maps, features
// and in training the running statistics.
func stenosisNetworkTwin(t *testing.T, name string, cfg StenosisConfig, batch int, training bool, b twin.Bounds) {
	t.Helper()
	n, err := NewStenosisNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(name)
	g.Training = training
	in := values{}
	for _, p := range n.Inputs() {
		in[p.Name] = g.Input(p.Name, append([]int{batch}, p.Shape[1:]...)...)
	}
	all := n.Forward(g, in)
	out := values{"features": all["_cam"]}
	for _, o := range n.Outputs() {
		out[o] = all[o]
	}
	twin.Check(t, twinCase(t, name), g, withStates(g, out), b)
}

func TestTwin_StenosisNetSwitches(t *testing.T) {
	for on := range 8 {
		cfg, name := tinyStenosis(), "stenosisnet_tiny"
		cfg.CBAM, cfg.SelfAttention, cfg.SlotAttention = on&1 > 0, on&2 > 0, on&4 > 0
		for i, s := range []string{"_cbam", "_self_attention", "_slot_attention"} {
			if on>>i&1 > 0 {
				name += s
			}
		}
		stenosisNetworkTwin(t, name, cfg, 2, false, twin.Whole())
	}
}

func TestTwin_StenosisNetTraining(t *testing.T) {
	cfg := tinyStenosis()
	cfg.Inception = []int{8, 12} // batch normalisation undoes the scale of a single channel
	stenosisNetworkTwin(t, "stenosisnet_tiny_training", cfg, 3, true, twin.Whole())
}

func TestTwin_StenosisNetCompact(t *testing.T) {
	cfg, err := StenosisPreset("compact")
	if err != nil {
		t.Fatal(err)
	}
	stenosisNetworkTwin(t, "stenosisnet_compact", cfg, 1, false, twin.Strict())
	stenosisNetworkTwin(t, "stenosisnet_compact_training", cfg, 2, true, twin.Strict())
	exportTwin(t, "stenosisnet_compact_exported", &StenosisNet{cfg})
}

// camTwin compares Grad-CAM with autograd's, by the graph and by the exported file.
func camTwin(t *testing.T, name string, n Net) {
	t.Helper()
	bounds := twin.Whole()
	bounds.Runtime.Forward = 1e-4 // maps are made of gradients
	c, g, out := twinCase(t, name), graph.New(name), values{}
	delete(c.Outputs, "aggregate") // inference joins the maps
	for _, o := range camOutputs(g, n, feed(g, n)) {
		out[o.Name] = o.Value
	}
	twin.Check(t, c, g, out, bounds)
	fileTwin(t, c, g, bounds.Runtime.Forward, func(w graph.Weights) ([]byte, error) { return GradCAM(n, w, nil) })
}

// exportTwin compares the outputs of the exported inference file with the twin's.
func exportTwin(t *testing.T, name string, n Net) {
	t.Helper()
	g := graph.New(name)
	n.Forward(g, feed(g, n))
	export := func(w graph.Weights) ([]byte, error) { return Inference(n, w, nil) }
	fileTwin(t, twinCase(t, name), g, 1e-5, export)
}

func fileTwin(t *testing.T, c *twin.Case, g *graph.Graph, bound float64, export func(graph.Weights) ([]byte, error)) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Log(err)
		return
	}
	out := runFile(t, c, g, export)
	for _, name := range slices.Sorted(maps.Keys(c.Outputs)) {
		twin.CheckFile(t, c, name, out[name].Data, bound)
	}
}

func TestTwin_StenosisNetGradCAM(t *testing.T) {
	compact, err := StenosisPreset("compact")
	if err != nil {
		t.Fatal(err)
	}
	binary := tinyStenosis()
	binary.Grades = 2
	camTwin(t, "stenosisnet_cam_2", &StenosisNet{binary})
	camTwin(t, "stenosisnet_cam_3", &StenosisNet{tinyStenosis()})
	camTwin(t, "stenosisnet_compact_cam", &StenosisNet{compact})
}
