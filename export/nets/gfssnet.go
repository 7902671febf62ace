package nets

import (
	"fmt"

	"columna/export/graph"
)

// MambaMode says along which directions GF-SSNet scans (the paper's ablation).
type MambaMode int

// The modes: no scans, along the sagittal slice axis D only, along D, H and W.
const (
	MambaNone MambaMode = iota
	MambaSagittal
	MambaThree
)

// GFSSNetConfig sets the sizes and switches of GF-SSNet. Triples are in the order
// of the tensor's axes: D (slices), H (rows), W (columns).
type GFSSNetConfig struct {
	Preset   string
	Size     [3]int    // input grid
	Whole    [3]int    // grid that Size is a crop of while training; zero: Size is the whole
	Semantic int       // semantic classes
	Nodes    int       // nodes of the anatomical graph, the level classes
	Edges    [][2]int  // its edges
	Stem     [3]int    // stride of the patch embedding before the first stage
	Down     [3][3]int // stride of the down-sampling after stages 1, 2, 3
	Channels [4]int    // width of the four encoder stages
	Head     int       // width at the input's own resolution

	Kernels      int       // kernels mixed by FDConv (N)
	Inner        [4]int    // channels scanned by TD-Mamba in each stage
	State        [4]int    // state size of the scans
	ScanKernel   [4]int    // length of the short convolution before the scans
	ScanPool     [4][3]int // the scans run on a grid pooled by this much
	NodeFeatures int       // width of a node in the GCN

	FDConv bool      // else a plain 3x3x3 convolution
	Mamba  MambaMode // also for the rotational Mamba of PAAF
	GCN    bool      // else levels are read from the decoder alone
	DAPU   bool      // else UNet3+ full-scale skips and one convolution
	Smooth bool      // SiLU for every ReLU, so that finite differences exist
	Frugal bool      // training computes stages twice instead of keeping what is inside them
}

// GFSSNetPreset returns the sizes called "compact", "fine" or "paper".
func GFSSNetPreset(name string) (GFSSNetConfig, error) {
	switch name {
	case "compact":
		return gfssnetCompact(), nil
	case "fine":
		return gfssnetFine(), nil
	case "paper":
		return gfssnetPaper(), nil
	}
	return GFSSNetConfig{}, fmt.Errorf("GF-SSNet has no preset %q: choose compact, fine or paper", name)
}

// gfssnetCompact trains on two CPU cores. Slices are 4 mm and pixels 1.5 mm, so
// the slice axis is halved once, when a pixel has grown to 6 mm.
func gfssnetCompact() GFSSNetConfig {
	return GFSSNetConfig{
		Preset: "compact", Size: [3]int{16, 192, 128},
		Semantic: 6, Nodes: 15, Edges: anatomicalEdges(),
		Stem:     [3]int{1, 2, 2},
		Down:     [3][3]int{{1, 2, 2}, {2, 2, 2}, {1, 2, 2}},
		Channels: [4]int{8, 16, 32, 48}, Head: 6,
		Kernels: 4, Inner: [4]int{8, 8, 12, 16}, State: [4]int{4, 4, 6, 8}, ScanKernel: [4]int{3, 3, 5, 5},
		ScanPool:     [4][3]int{{1, 4, 4}, {1, 2, 2}, {1, 1, 1}, {1, 1, 1}},
		NodeFeatures: 128, FDConv: true, Mamba: MambaThree, GCN: true, DAPU: true,
	}
}

// gfssnetFine is the shipped size: pixels of 1.125 mm, since a disc is no more than
// eight of them high, and twice the width.
func gfssnetFine() GFSSNetConfig {
	c := gfssnetCompact()
	c.Preset, c.Size = "fine", [3]int{16, 256, 176}
	c.Channels, c.Head = [4]int{16, 32, 48, 64}, 8
	return c
}

// gfssnetPaper has the sizes that Hong et al. state: 48x256x256, three classes,
// ten nodes of 128 features. Widths are not stated and are ours, as is the patch
// embedding, without which the scans of the first stage do not fit in 20 GB.
func gfssnetPaper() GFSSNetConfig {
	return GFSSNetConfig{
		Preset: "paper", Size: [3]int{48, 256, 256},
		Semantic: 3, Nodes: 10, Edges: paperEdges(),
		Stem:     [3]int{1, 2, 2},
		Down:     [3][3]int{{2, 2, 2}, {2, 2, 2}, {2, 2, 2}},
		Channels: [4]int{32, 64, 128, 256}, Head: 16,
		Kernels: 4, Inner: [4]int{16, 32, 64, 128}, State: [4]int{4, 8, 16, 16}, ScanKernel: [4]int{3, 3, 5, 7},
		ScanPool:     [4][3]int{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
		NodeFeatures: 128, FDConv: true, Mamba: MambaThree, GCN: true, DAPU: true, Frugal: true,
	}
}

// paperEdges is the paper's graph: 0 background, 1-5 L1..L5, 6-9 discs L1/L2 to
// L4/L5; each vertebra touches its neighbouring discs.
func paperEdges() [][2]int {
	var e [][2]int
	for disc := 6; disc <= 9; disc++ {
		e = append(e, [2]int{disc - 5, disc}, [2]int{disc - 4, disc})
	}
	return e
}

// anatomicalEdges adds to the paper's graph disc L5/S1 (10), S1 (11), T12 (12),
// disc T12/L1 (13) and everything above T12 (14).
func anatomicalEdges() [][2]int {
	return append(paperEdges(), [2]int{5, 10}, [2]int{10, 11}, [2]int{12, 13}, [2]int{13, 1}, [2]int{14, 12})
}

// GFSSNet segments the lumbar spine from sagittal T1 and T2 (Hong et al., "GF-SSNet",
// networks.md section 1).
//
// Inputs: "t1", "t2" (B,1,D,H,W) on one grid and "present" (B,2) in {0,1}; the
// values of an absent sequence are not used.
// Outputs: "semantic" logits (B,Semantic,D,H,W) and "level" logits (B,Nodes,D,H,W).
// Internal outputs for deep supervision, logits at their own resolution, the
// finest first: "_aux1".."_aux3" semantic and "_level_aux1".."_level_aux3" level
// from the decoder stages, and "_level_aux4", the GCN's node assignment. "level" is
// an interpolation of "_level_aux1", so training need only supervise the latter. "_cam" is
// the feature map for Grad-CAM.
type GFSSNet struct{ cfg GFSSNetConfig }

// NewGFSSNet checks the sizes and returns the network.
func NewGFSSNet(cfg GFSSNetConfig) (*GFSSNet, error) {
	for a := range 3 {
		stride := cfg.Stem[a]
		for s := range 3 {
			stride *= cfg.Down[s][a]
		}
		if stride == 0 || cfg.Size[a] == 0 || cfg.Size[a]%stride != 0 {
			return nil, fmt.Errorf("GF-SSNet input axis %d of size %d is not a multiple of its stride %d", a, cfg.Size[a], stride)
		}
	}
	for _, e := range cfg.Edges {
		if min(e[0], e[1]) < 0 || max(e[0], e[1]) >= cfg.Nodes {
			return nil, fmt.Errorf("GF-SSNet edge %v names a node outside 0..%d", e, cfg.Nodes-1)
		}
	}
	return &GFSSNet{cfg}, nil
}

// Name is "gfssnet".
func (n *GFSSNet) Name() string { return "gfssnet" }

// Preset is the name of the sizes.
func (n *GFSSNet) Preset() string { return n.cfg.Preset }

// Inputs are t1, t2 and present.
func (n *GFSSNet) Inputs() []Port {
	s := n.cfg.Size
	return []Port{
		{"t1", []int{1, 1, s[0], s[1], s[2]}},
		{"t2", []int{1, 1, s[0], s[1], s[2]}},
		{"present", []int{1, 2}},
	}
}

// Outputs are the semantic and the level logits.
func (n *GFSSNet) Outputs() []string { return []string{"semantic", "level"} }

// CAM looks at the second decoder stage: at the bottleneck a cell is as high as a
// disc with its neighbours, too coarse to point at a structure.
func (n *GFSSNet) CAM() []CAMTarget {
	return []CAMTarget{{Logits: "semantic", Features: []string{"_cam"}, Inputs: []string{"t1"}}}
}

// Forward builds encoder, feature co-learning, graph reasoning and decoder.
func (n *GFSSNet) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	b := &gfssnet{g: g, cfg: n.cfg}
	seq := [2]string{"t1", "t2"}
	var stages [2][4]*graph.Value
	var masked [2]*graph.Value
	for i, name := range seq {
		var present *graph.Value
		g.Scope("input", func() {
			present = graph.Reshape(graph.Slice(in["present"], 1, i, i+1), -1, 1, 1, 1, 1)
			masked[i] = graph.Mul(in[name], present)
		})
		g.Scope("see."+name, func() { stages[i] = b.encode(in[name], present) })
	}
	skips := b.skips(stages, masked)
	out := map[string]*graph.Value{}
	x := b.coLearn(stages[0][3], stages[1][3])
	var level *graph.Value
	if n.cfg.GCN {
		g.Scope("gcn", func() { x, level = b.reason(x) })
		out["_level_aux4"] = level
	}
	b.decode(x, level, skips, out)
	return out
}

// gfssnet is one build of the network on a graph.
type gfssnet struct {
	g   *graph.Graph
	cfg GFSSNetConfig
}

// recompute is f(x); a frugal network forgets what is inside it until the gradient
// comes.
func (b *gfssnet) recompute(f func(x []*graph.Value) *graph.Value, x ...*graph.Value) *graph.Value {
	if b.cfg.Frugal {
		return graph.Recompute(x, f)
	}
	return f(x)
}

func (b *gfssnet) relu(x *graph.Value) *graph.Value {
	if b.cfg.Smooth {
		return graph.Silu(x)
	}
	return graph.Relu(x)
}

// activate is the non-linearity of the convolutional blocks.
func (b *gfssnet) activate(x *graph.Value) *graph.Value {
	if b.cfg.Smooth {
		return graph.Silu(x)
	}
	return graph.LeakyRelu(x, 0.01)
}

// layer builds a layer in a scope of its own, so that parameters become
// "see.t1.stage2.fuse/w" and nodes "see.t1.stage2.fuse/Conv_1".
func (b *gfssnet) layer(name string, build func() *graph.Value) (y *graph.Value) {
	b.g.Scope(name, func() { y = build() })
	return y
}

// conv is a dilated "same" convolution without bias.
func (b *gfssnet) conv(name string, x *graph.Value, out int, k [3]int, dilation int) *graph.Value {
	in := channels(x)
	return b.layer(name, func() *graph.Value {
		w := b.g.Param("w", []int{out, in, k[0], k[1], k[2]}, graph.HeInit(in*k[0]*k[1]*k[2]))
		if dilation == 1 {
			return graph.Conv(x, w, nil, graph.ConvOpts{})
		}
		return graph.Conv(x, w, nil, graph.ConvOpts{Dilation: []int{dilation}})
	})
}

// pointwise is a 1x1x1 convolution with bias.
func (b *gfssnet) pointwise(name string, x *graph.Value, out int) *graph.Value {
	in := channels(x)
	return b.layer(name, func() *graph.Value {
		w := b.g.Param("w", []int{out, in, 1, 1, 1}, graph.XavierInit(in, out))
		return graph.Conv(x, w, b.g.Param("b", []int{out}, graph.ZeroInit()), graph.ConvOpts{})
	})
}

// depthwise convolves each channel by itself.
func (b *gfssnet) depthwise(name string, x *graph.Value, k [3]int) *graph.Value {
	c := channels(x)
	return b.layer(name, func() *graph.Value {
		w := b.g.Param("w", []int{c, 1, k[0], k[1], k[2]}, graph.HeInit(k[0]*k[1]*k[2]))
		return graph.Conv(x, w, b.g.Param("b", []int{c}, graph.ZeroInit()), graph.ConvOpts{Groups: c})
	})
}

// norm is instance normalisation with scale and shift; it keeps training stable
// at a batch of one.
func (b *gfssnet) norm(name string, x *graph.Value) *graph.Value {
	c := channels(x)
	return b.layer(name, func() *graph.Value {
		gamma := b.g.Param("gamma", []int{c}, graph.ConstInit(1))
		return graph.InstanceNorm(x, gamma, b.g.Param("beta", []int{c}, graph.ZeroInit()), 1e-5)
	})
}

// patch embeds non-overlapping patches: convolution with kernel = stride.
func (b *gfssnet) patch(name string, x *graph.Value, out int, stride [3]int) *graph.Value {
	in := channels(x)
	x = b.layer(name, func() *graph.Value {
		w := b.g.Param("w", []int{out, in, stride[0], stride[1], stride[2]}, graph.HeInit(in*stride[0]*stride[1]*stride[2]))
		return graph.Conv(x, w, nil, graph.ConvOpts{Stride: stride[:], Pad: []int{0, 0, 0}})
	})
	return b.norm(name+".norm", x)
}

func channels(x *graph.Value) int { return x.Shape()[1] }
