package nets

import (
	"fmt"

	"columna/export/graph"
	"columna/export/loss"
)

// DeSambaConfig sizes DeSamba and switches its modules.
type DeSambaConfig struct {
	Preset      string
	Size        [3]int // D, H, W of the lesion's region of interest
	Stem        [3]int // stride of the patch embedding
	Widths      []int  // channels of each stage, of both backbones
	Depths      []int  // SAMBlocks of each stage
	OutDepths   []int  // gated blocks of each stage of MambaOut
	Expansion   int    // of the ConvNeXt-V2 body
	LargeKernel int    // of the spatial branch and of MambaOut, along each axis
	Bands       int    // radial frequency bands the modulator steers
	FuseStage   int    // stage on whose grid the scales are joined
	Feature     int    // channels of f_i
	Decoupled   int    // channels of U_i and S_ij
	TabularDim  int    // width of the tabular encoder
	HeadDim     int    // hidden width of each head
	Dropout     float64

	SAMNet, MambaOut, Frequency, DRLM, SelfLoss, CrossLoss, Tabular bool // the paper's ablations
	Smooth                                                          bool // differentiable everywhere, for tests
}

// Sizes that the lesion data fix.
const (
	sequenceCount     = 3 // T1, T2, fat-suppressed T2
	tabularCount      = 4 // age, sex, level, lesion count; each has a missing flag
	metastasisClasses = 6
	spondylitisCount  = 2
)

// DeSambaPreset is the configuration named compact or paper.
func DeSambaPreset(preset string) (DeSambaConfig, error) {
	c := DeSambaConfig{
		Preset: preset, Bands: 4, FuseStage: 1, Dropout: 0.2,
		SAMNet: true, MambaOut: true, Frequency: true, DRLM: true, SelfLoss: true, CrossLoss: true, Tabular: true,
	}
	switch preset {
	case "compact":
		c.Size, c.Stem = [3]int{16, 32, 32}, [3]int{2, 2, 2}
		c.Widths, c.Depths, c.OutDepths = []int{12, 24, 48, 64}, []int{1, 1, 2, 1}, []int{1, 1, 1, 1}
		c.Expansion, c.LargeKernel = 2, 5
		c.Feature, c.Decoupled, c.TabularDim, c.HeadDim = 48, 48, 32, 64
	case "paper": // 434.66 M parameters, 308.09 GFLOPs: within 1 % of the paper's 433.82 M and 308.32
		c.Size, c.Stem = [3]int{32, 128, 128}, [3]int{2, 4, 4}
		c.Widths, c.Depths, c.OutDepths = []int{88, 176, 352, 960}, []int{3, 4, 6, 3}, []int{3, 4, 6, 3}
		c.Expansion, c.LargeKernel = 4, 7
		c.Feature, c.Decoupled, c.TabularDim, c.HeadDim = 768, 768, 128, 512
	default:
		return c, fmt.Errorf("desamba has no preset %q: choose compact or paper", preset)
	}
	return c, nil
}

// DeSamba tells the primary site of a spinal metastasis, and pyogenic from
// tuberculous spondylitis, from three sequences and clinical features
// (seeds/desamba.txt).
type DeSamba struct{ cfg DeSambaConfig }

// NewDeSamba checks the configuration.
func NewDeSamba(cfg DeSambaConfig) (*DeSamba, error) {
	stages := len(cfg.Widths)
	switch {
	case !cfg.SAMNet && !cfg.MambaOut:
		return nil, fmt.Errorf("desamba needs SAMNet or MambaOut: both are switched off")
	case stages == 0 || len(cfg.Depths) != stages || len(cfg.OutDepths) != stages:
		return nil, fmt.Errorf("desamba: %d widths, %d depths and %d MambaOut depths must be as many", stages, len(cfg.Depths), len(cfg.OutDepths))
	case cfg.FuseStage < 0 || cfg.FuseStage >= stages:
		return nil, fmt.Errorf("desamba has %d stages, so none numbered %d to fuse at", stages, cfg.FuseStage)
	}
	for a, n := range cfg.Size {
		if n < 1 || cfg.Stem[a] < 1 || n%cfg.Stem[a] != 0 {
			return nil, fmt.Errorf("desamba: a region of %v voxels must be a multiple of the stem's stride %v", cfg.Size, cfg.Stem)
		}
	}
	return &DeSamba{cfg}, nil
}

// Name is the network's name.
func (n *DeSamba) Name() string { return "desamba" }

// Preset is the name of its sizes.
func (n *DeSamba) Preset() string { return n.cfg.Preset }

// sequenceNames are the inputs' names in the order of present.
func sequenceNames() []string { return []string{"t1", "t2", "t2fs"} }

// Inputs are the three regions, which of them exist, and the clinical features:
// age/100, sex (male 1), level/20, count/10, then 1 for each that is missing.
func (n *DeSamba) Inputs() []Port {
	var in []Port
	for _, name := range sequenceNames() {
		in = append(in, Port{Name: name, Shape: append([]int{1, 1}, n.cfg.Size[:]...)})
	}
	in = append(in, Port{Name: "present", Shape: []int{1, sequenceCount}})
	if n.cfg.Tabular {
		in = append(in, Port{Name: "tabular", Shape: []int{1, 2 * tabularCount}})
	}
	return in
}

// Outputs are the logits of the two heads.
func (n *DeSamba) Outputs() []string { return []string{"metastasis", "spondylitis"} }

// CAM explains each head by every sequence's features f_i: one map a sequence.
func (n *DeSamba) CAM() []CAMTarget {
	features := make([]string, sequenceCount)
	for i, name := range sequenceNames() {
		features[i] = camName(name)
	}
	return []CAMTarget{
		{Logits: "metastasis", Features: features, Inputs: sequenceNames()},
		{Logits: "spondylitis", Features: features, Inputs: sequenceNames()},
	}
}

func camName(sequence string) string { return "_cam_" + sequence }

// desamba builds one DeSamba on a graph.
//
// The encoders of the three sequences have separate weights and the same shape,
// so they are built as one network: dense layers carry a leading sequence axis,
// depthwise convolutions run over all sequences' channels at once. Features come
// in two layouts: an image is (B, 3C, D, H, W); rows are (3, B*D*H*W, C).
type desamba struct {
	classLayers
	cfg   DeSambaConfig
	batch int
	dft   map[[3]int]*fourier // transforms by grid, shared by all blocks
}

// Forward builds the network for the batch size of its inputs.
func (n *DeSamba) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	d := &desamba{classLayers{g, n.cfg.Smooth}, n.cfg, in["t1"].Dim(0), map[[3]int]*fourier{}}
	x := g.Label("input", func() *graph.Value { return d.stack(in) })
	f := d.encode(x, in["present"])
	out := map[string]*graph.Value{}
	for i, name := range sequenceNames() {
		out[camName(name)] = f[i]
	}
	var pooled []*graph.Value
	if n.cfg.DRLM {
		pooled = d.decouple(f, in["present"], out)
	} else {
		for i := range f {
			pooled = append(pooled, graph.GlobalAvgPool(f[i]))
		}
	}
	if n.cfg.Tabular {
		pooled = append(pooled, g.Label("tabular", func() *graph.Value { return d.tabular(in["tabular"]) }))
	}
	x = g.Label("pooled", func() *graph.Value { return graph.Concat(1, pooled...) })
	heads := map[string]int{"metastasis": metastasisClasses, "spondylitis": spondylitisCount}
	for _, name := range n.Outputs() {
		out[name] = g.Label(name, func() *graph.Value { return d.head(name, x, heads[name]) })
	}
	return out
}

// stack puts the three sequences side by side as rows (3, B*D*H*W, 1).
func (d *desamba) stack(in map[string]*graph.Value) *graph.Value {
	var all []*graph.Value
	for _, name := range sequenceNames() {
		all = append(all, graph.Reshape(in[name], 1, -1, 1))
	}
	return graph.Concat(0, all...)
}

// encode gives f_i of every sequence, (B,Feature,D,H,W) on the grid of the
// fusion stage. A missing sequence's are a learned embedding.
func (d *desamba) encode(x, present *graph.Value) [sequenceCount]*graph.Value {
	var scales []scale
	if d.cfg.SAMNet {
		scales = append(scales, d.samNet(x)...)
	}
	if d.cfg.MambaOut {
		scales = append(scales, d.mambaOut(x)...)
	}
	f, grid := d.fuse(scales)
	var parts []*graph.Value
	d.g.Label("absent", func() *graph.Value {
		parts = graph.Split(d.image(f, grid), 1, d.cfg.Feature, d.cfg.Feature, d.cfg.Feature)
		return parts[0]
	})
	var out [sequenceCount]*graph.Value
	for i, name := range sequenceNames() {
		out[i] = d.g.Label("absent", func() *graph.Value {
			here := graph.Reshape(graph.Slice(present, 1, i, i+1), d.batch, 1, 1, 1, 1)
			absent := d.g.Param("absent."+name, []int{1, d.cfg.Feature, 1, 1, 1}, graph.NormalInit(0.02))
			away := graph.Mul(graph.AddScalar(graph.Neg(here), 1), absent)
			return graph.Add(graph.Mul(parts[i], here), away)
		})
	}
	return out
}

// tabular encodes the clinical features. A missing one is replaced by a learned
// value, and its flag stays among the inputs.
func (d *desamba) tabular(x *graph.Value) *graph.Value {
	values, missing := graph.Slice(x, 1, 0, tabularCount), graph.Slice(x, 1, tabularCount, 2*tabularCount)
	unknown := d.g.Param("tabular.unknown", []int{1, tabularCount}, graph.ZeroInit())
	values = graph.Add(values, graph.Mul(missing, graph.Sub(unknown, values)))
	h := d.dense("tabular.0", graph.Concat(1, values, missing), d.cfg.TabularDim)
	h = graph.Gelu(d.layerNorm("tabular.norm", h))
	return graph.Gelu(d.dense("tabular.1", h, d.cfg.TabularDim))
}

// head classifies from the joined features.
func (d *desamba) head(name string, x *graph.Value, classes int) *graph.Value {
	h := d.layerNorm(name+".norm", d.dense(name+".0", d.dropout(x, d.cfg.Dropout), d.cfg.HeadDim))
	return d.dense(name+".logits", d.dropout(graph.Gelu(h), d.cfg.Dropout), classes)
}

// distance is |a-b|, or smoothly sqrt((a-b)^2 + 0.01).
func (d *desamba) distance(a, b *graph.Value) *graph.Value {
	if d.smooth {
		return graph.Sqrt(graph.AddScalar(graph.Square(graph.Sub(a, b)), 0.01))
	}
	return graph.Abs(graph.Sub(a, b))
}

// Names of the reconstruction losses, as export/loss looks for them.
const (
	selfReconstruction  = loss.SelfReconstruction
	crossReconstruction = loss.CrossReconstruction
)
