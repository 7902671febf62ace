package nets

import (
	"fmt"

	"columna/export/graph"
)

// StenosisConfig sizes StenosisNet and switches its modules.
type StenosisConfig struct {
	Preset     string
	Size       int     // side of the square crop in pixels; a multiple of 8
	Stem       []int   // channels of the 7x7 convolutions; the first has stride 2
	Inception  []int   // channels out of each Enhanced Inception Module
	Reduction  int     // of CBAM's channel attention
	Heads      int     // of the self-attention
	Embed      int     // width of the self-attention, all heads together
	Slots      int     // of the slot attention
	SlotDim    int     // width of a slot
	SlotIters  int     // refinements of the slots
	SlotCells  int     // cells per side that the slots compete for; 1 is the paper's pooled vector
	Tail       []int   // widths of the fully connected layers
	Dropout    float64 // after each of them
	Grades     int     // 3 of the clinic (the binary is their sum), or 2 of the paper
	Conditions int     // one-hot length

	CBAM, SelfAttention, SlotAttention bool // the paper's ablations
	Smooth                             bool // differentiable everywhere, for tests
}

// StenosisPreset is the configuration named compact or paper.
func StenosisPreset(preset string) (StenosisConfig, error) {
	c := StenosisConfig{
		Preset: preset, Reduction: 8, Slots: 4, SlotIters: 3, Dropout: 0.5, Grades: 3, Conditions: 5,
		CBAM: true, SelfAttention: true, SlotAttention: true,
	}
	switch preset {
	case "compact":
		c.Size, c.Stem, c.Inception = 96, []int{16, 24}, []int{96, 128}
		c.Heads, c.Embed, c.SlotDim, c.SlotCells, c.Tail = 4, 64, 64, 12, []int{128, 64}
	case "paper":
		c.Size, c.Stem, c.Inception = 224, []int{64, 64, 64}, []int{256, 512}
		c.Heads, c.Embed, c.SlotDim, c.SlotCells, c.Tail = 8, 512, 512, 14, []int{512, 256}
		c.Reduction, c.Slots = 16, 8
	default:
		return c, fmt.Errorf("stenosisnet has no preset %q: choose compact or paper", preset)
	}
	return c, nil
}

// StenosisNet grades one crop of one level and condition
// (seeds/stenosis-attention-cnn.txt).
type StenosisNet struct{ cfg StenosisConfig }

// NewStenosisNet checks the configuration.
func NewStenosisNet(cfg StenosisConfig) (*StenosisNet, error) {
	down := 4 << max(0, len(cfg.Inception)-1)
	switch {
	case len(cfg.Stem) == 0 || len(cfg.Inception) == 0:
		return nil, fmt.Errorf("stenosisnet needs at least one stem convolution and one inception module")
	case cfg.Size <= 0 || cfg.Size%down != 0:
		return nil, fmt.Errorf("stenosisnet: the crop of %d pixels must be a multiple of %d", cfg.Size, down)
	case cfg.SlotAttention && (cfg.SlotCells < 1 || (cfg.Size/down)%cfg.SlotCells != 0):
		return nil, fmt.Errorf("stenosisnet: %d slot cells do not divide the %d feature positions per side", cfg.SlotCells, cfg.Size/down)
	case cfg.SelfAttention && (cfg.Heads < 1 || cfg.Embed%cfg.Heads != 0):
		return nil, fmt.Errorf("stenosisnet: %d heads do not divide the width %d", cfg.Heads, cfg.Embed)
	}
	return &StenosisNet{cfg}, nil
}

// Name is the network's name.
func (n *StenosisNet) Name() string { return "stenosisnet" }

// Preset is the name of its sizes.
func (n *StenosisNet) Preset() string { return n.cfg.Preset }

// Inputs are the crop, 0..255 less its mean, and the one-hot condition.
func (n *StenosisNet) Inputs() []Port {
	return []Port{
		{Name: "image", Shape: []int{1, 1, n.cfg.Size, n.cfg.Size}},
		{Name: "condition", Shape: []int{1, n.cfg.Conditions}},
	}
}

// Outputs are the grade logits and the maps of the attention modules built in,
// each on the grid of the crop.
func (n *StenosisNet) Outputs() []string {
	out := []string{"logits"}
	if n.cfg.CBAM {
		out = append(out, "cbam_map")
	}
	if n.cfg.SlotAttention {
		out = append(out, "slot_attention")
	}
	if n.cfg.SelfAttention {
		out = append(out, "self_attention")
	}
	return out
}

// CAM explains the logits by the features that all three attentions read.
func (n *StenosisNet) CAM() []CAMTarget {
	return []CAMTarget{{Logits: "logits", Features: []string{"_cam"}, Inputs: []string{"image"}}}
}

// pixelScale brings pixels of 0..255 less their mean to about unit variance;
// batch normalisation would undo any factor, finite precision likes this one.
const pixelScale = 1.0 / 64

// Forward builds the network for the batch size of its inputs.
func (n *StenosisNet) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	l := classLayers{g, n.cfg.Smooth}
	x := n.head(l, g.Label("input", func() *graph.Value { return graph.MulScalar(in["image"], pixelScale) }))
	out := map[string]*graph.Value{"_cam": x}
	pooled := n.body(l, x, out)
	if len(pooled) == 0 { // every attention switched off: the plain network
		pooled = append(pooled, graph.GlobalAvgPool(x))
	}
	out["logits"] = g.Label("tail", func() *graph.Value {
		return n.tail(l, graph.Concat(1, append(pooled, in["condition"])...))
	})
	return out
}

// head is 7x7 convolutions, max-pool and the inception modules, with another
// max-pool between two of them.
func (n *StenosisNet) head(l classLayers, x *graph.Value) *graph.Value {
	for i, c := range n.cfg.Stem {
		stride := 1
		if i == 0 {
			stride = 2
		}
		x = l.convNorm(fmt.Sprintf("head.conv%d", i), x, c, 7, stride, 1)
	}
	for i, c := range n.cfg.Inception {
		x = l.g.Label("head", func() *graph.Value { return l.maxPool(x) })
		x = l.inception(fmt.Sprintf("head.inception%d", i), x, c)
	}
	return x
}

// inception is the Enhanced Inception Module: branches of 1x1, of 3x3 and 5x5
// depthwise separable after a 1x1 reduction, and of 3x3 mean pooling and 1x1,
// side by side to out channels. Mean instead of maximum is ours: it is one
// constant depthwise convolution.
func (l classLayers) inception(name string, x *graph.Value, out int) *graph.Value {
	quarter := out / 4
	var y *graph.Value
	l.g.Scope(name, func() {
		y = graph.Concat(1,
			l.convNorm("b1", x, out-3*quarter, 1, 1, 1),
			l.separable("b3", x, quarter, 3),
			l.separable("b5", x, quarter, 5),
			l.convNorm("pool", boxMean(x), quarter, 1, 1, 1))
	})
	return y
}

// separable is a 1x1 reduction, then a depthwise separable k x k convolution.
func (l classLayers) separable(name string, x *graph.Value, out, k int) *graph.Value {
	var y *graph.Value
	l.g.Scope(name, func() {
		y = l.convNorm("reduce", x, out, 1, 1, 1)
		y = l.conv("depthwise", y, out, k, 1, out)
		y = l.convNorm("pointwise", y, out, 1, 1, 1)
	})
	return y
}

// boxMean is the mean of each pixel's 3x3 neighbourhood, zero outside.
func boxMean(x *graph.Value) *graph.Value {
	c := x.Dim(1)
	w := graph.Filled(x.Graph(), 1.0/9, c, 1, 3, 3)
	return graph.Conv(x, w, nil, graph.ConvOpts{Groups: c, Pad: []int{1, 1}})
}

// body runs the attentions side by side on the same features, adds their maps
// to out and gives each one's global average.
func (n *StenosisNet) body(l classLayers, x *graph.Value, out map[string]*graph.Value) []*graph.Value {
	var pooled []*graph.Value
	mean := func(y *graph.Value) *graph.Value {
		return l.g.Label("body", func() *graph.Value { return graph.GlobalAvgPool(y) })
	}
	toGrid := func(m *graph.Value) *graph.Value {
		return l.g.Label("maps", func() *graph.Value { return graph.ResizeLinear(m, n.cfg.Size, n.cfg.Size) })
	}
	if n.cfg.CBAM {
		y, m := n.cbam(l, x)
		pooled, out["cbam_map"] = append(pooled, mean(y)), toGrid(m)
	}
	if n.cfg.SelfAttention {
		y, m := n.selfAttention(l, x)
		pooled, out["self_attention"] = append(pooled, mean(y)), toGrid(m)
	}
	if n.cfg.SlotAttention {
		y, m := n.slotAttention(l, x)
		pooled, out["slot_attention"] = append(pooled, y), toGrid(m)
	}
	return pooled
}

// tail is fully connected layers with layer normalisation and dropout.
func (n *StenosisNet) tail(l classLayers, x *graph.Value) *graph.Value {
	for i, width := range n.cfg.Tail {
		name := fmt.Sprintf("tail.fc%d", i)
		x = l.dropout(l.relu(l.layerNorm(name+".norm", l.dense(name, x, width))), n.cfg.Dropout)
	}
	return l.dense("tail.logits", x, n.cfg.Grades)
}
