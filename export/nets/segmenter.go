package nets

import (
	"fmt"

	"columna/export/graph"
)

// Norm says how convolutional blocks are normalised.
type Norm int

// The normalisations: of each channel of each sample, of each channel over the
// batch, of groups of channels of each sample (Wu & He 2018), none (the convolutions
// have biases then).
const (
	NormInstance Norm = iota
	NormBatch
	NormGroup
	NormNone
)

// SegmenterConfig is what the reference segmentation networks (U-Net, UNet3+,
// TransUNet) share: what comes in, what goes out and how a block is made. Triples
// are in the order of the tensor's axes: D (slices), H (rows), W (columns).
type SegmenterConfig struct {
	Preset    string
	Dims      int      // of the convolutions: 3, or 2 to take slice by slice
	Size      [3]int   // input grid; one image in two dimensions has D = 1
	Whole     [3]int   // grid that Size is a crop of while training; zero: Size is the whole
	Sequences []string // inputs of one channel each, beside "present"; nil: one input "image"
	Channels  int      // of "image"
	Semantic  int      // classes
	Nodes     int      // level classes; 0: no level output
	Norm      Norm
	Leak      float64 // slope of the rectifier below zero
	Flat      int     // how many of the finest resolutions have kernels within the slice
	Smooth    bool    // differentiable everywhere, so that finite differences exist
}

// spineSegmenter is the task of the spine presets: GF-SSNet's inputs and outputs on its
// compact grid, so that data, losses and inference are shared. Slices are 4 mm and
// pixels 1.5 mm: kernels leave the slice where a pixel has grown to 6 mm.
func spineSegmenter(preset string, dims int) SegmenterConfig {
	return SegmenterConfig{
		Preset: preset, Dims: dims, Size: [3]int{16, 192, 128}, Sequences: []string{"t1", "t2"},
		Semantic: 6, Nodes: 15, Norm: NormInstance, Leak: 0.01, Flat: 2,
	}
}

// Segmenter is one of the reference segmentation networks.
//
// Inputs: with Sequences one (B,1,D,H,W) each and "present" (B,n) in {0,1}; the
// values of an absent sequence are not used. Else "image", (B,Channels,D,H,W) or,
// in two dimensions, (B,Channels,H,W).
// Outputs: "semantic" logits (B,Semantic,..) and, if there are Nodes, "level"
// logits (B,Nodes,..), both on the grid of the input.
// Internal outputs: "_level_aux1", the level logits at half the resolution, of
// which "level" is an interpolation, so that training need only supervise the
// former; with deep supervision "_aux1", "_aux2", ..., semantic logits of the
// decoder's coarser stages, the finest first; "_cam" for Grad-CAM.
type Segmenter struct {
	name string
	cfg  SegmenterConfig
	// strides are the steps from each resolution to the next coarser.
	strides [][3]int
	// decode builds encoder and decoder on x (B,C,spatial..) and returns the
	// decoder's features, the input's resolution first, then ever coarser.
	decode func(l *segmenterLayers, x *graph.Value) []*graph.Value
	wide   bool // heads look at a pixel's neighbours too
	deep   bool // every stage of the decoder is supervised
	tokens bool // it has a learned number for each position
}

// newSegmenter checks the sizes.
func newSegmenter(s *Segmenter) (*Segmenter, error) {
	c := s.cfg
	if c.Dims != 2 && c.Dims != 3 {
		return nil, fmt.Errorf("%s: convolutions of %d dimensions: choose 2 or 3", s.name, c.Dims)
	}
	if c.Sequences == nil && c.Channels < 1 || c.Semantic < 2 {
		return nil, fmt.Errorf("%s wants at least one channel and two classes, not %d and %d", s.name, c.Channels, c.Semantic)
	}
	for a := range 3 {
		stride := 1
		for _, step := range s.strides {
			stride *= step[a]
		}
		if stride < 1 || c.Size[a] < 1 || c.Size[a]%stride != 0 {
			return nil, fmt.Errorf("%s input axis %d of size %d is not a multiple of its stride %d", s.name, a, c.Size[a], stride)
		}
		if c.Dims == 2 && a == 0 && stride > 1 {
			return nil, fmt.Errorf("%s takes slice by slice and cannot step over slices", s.name)
		}
	}
	return s, nil
}

// Name is the network's name.
func (s *Segmenter) Name() string { return s.name }

// Preset is the name of its sizes.
func (s *Segmenter) Preset() string { return s.cfg.Preset }

// Inputs are the sequences and which of them exist, or the image.
func (s *Segmenter) Inputs() []Port {
	size := s.cfg.Size[:]
	if s.cfg.Sequences == nil {
		return []Port{{"image", append([]int{1, s.cfg.Channels}, size[3-s.cfg.Dims:]...)}}
	}
	var in []Port
	for _, name := range s.cfg.Sequences {
		in = append(in, Port{name, append([]int{1, 1}, size...)})
	}
	return append(in, Port{"present", []int{1, len(s.cfg.Sequences)}})
}

// Outputs are the semantic and the level logits.
func (s *Segmenter) Outputs() []string {
	if s.cfg.Nodes == 0 {
		return []string{"semantic"}
	}
	return []string{"semantic", "level"}
}

// CAM looks at the decoder's features two steps below the input's resolution, as
// GF-SSNet's does.
func (s *Segmenter) CAM() []CAMTarget {
	return []CAMTarget{{Logits: "semantic", Features: []string{"_cam"}, Inputs: []string{s.Inputs()[0].Name}}}
}

// Crop is the network for crops of a size; its weights are those of the whole.
func (s *Segmenter) Crop(size [3]int) (Net, error) {
	crop := *s
	if crop.cfg.Whole == [3]int{} {
		crop.cfg.Whole = crop.cfg.Size
	}
	crop.cfg.Size = size
	return newSegmenter(&crop)
}

// Multiple is the total stride of each axis; the position table of TransUNet fixes
// the size.
func (s *Segmenter) Multiple() [3]int {
	if s.tokens {
		return [3]int{}
	}
	m := [3]int{1, 1, 1}
	for _, step := range s.strides {
		for a := range m {
			m[a] *= step[a]
		}
	}
	if s.cfg.Dims == 2 && s.cfg.Sequences == nil { // a single image
		m[0] = 0
	}
	return m
}

// Forward builds the network for the batch size of its inputs.
func (s *Segmenter) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	l := &segmenterLayers{classLayers: classLayers{g, s.cfg.Smooth}, cfg: s.cfg}
	x := g.Label("input", func() *graph.Value { return l.input(in) })
	features := s.decode(l, x)
	out := map[string]*graph.Value{"_cam": l.cam}
	kernel := func(level int) [3]int {
		if s.wide {
			return l.kernel(level)
		}
		return [3]int{1, 1, 1}
	}
	stack := func(name string, x *graph.Value) *graph.Value {
		return g.Label(name, func() *graph.Value { return l.stack(x) })
	}
	out["semantic"] = stack("semantic", l.logits("semantic", features[0], s.cfg.Semantic, kernel(0)))
	if s.deep {
		for i, f := range features[1:] {
			name := fmt.Sprintf("aux%d", i+1)
			out["_"+name] = stack(name, l.logits(name, f, s.cfg.Semantic, kernel(i+1)))
		}
	}
	if s.cfg.Nodes > 0 {
		level := l.logits("level", features[1], s.cfg.Nodes, [3]int{1, 1, 1})
		out["_level_aux1"] = stack("level", level)
		level = g.Label("level", func() *graph.Value { return graph.UpsampleLinear(level, l.axes(s.strides[0])...) })
		out["level"] = stack("level", level)
	}
	return out
}

// input joins the sequences as channels, the absent ones as zeros, and cuts stacks
// to slices for a network in two dimensions.
func (l *segmenterLayers) input(in map[string]*graph.Value) *graph.Value {
	if l.cfg.Sequences == nil {
		return in["image"]
	}
	l.present = in["present"]
	var list []*graph.Value
	for i, name := range l.cfg.Sequences {
		here := graph.Reshape(graph.Slice(l.present, 1, i, i+1), -1, 1, 1, 1, 1)
		list = append(list, graph.Mul(in[name], here))
	}
	return l.slices(graph.Concat(1, list...))
}

// sliced says whether stacks are taken slice by slice.
func (l *segmenterLayers) sliced() bool { return l.cfg.Dims == 2 && l.cfg.Sequences != nil }

// slices turns (B,C,D,H,W) into (B*D,C,H,W) where the network wants slices.
func (l *segmenterLayers) slices(x *graph.Value) *graph.Value {
	if !l.sliced() {
		return x
	}
	s := x.Shape()
	return graph.Reshape(graph.Transpose(x, 0, 2, 1, 3, 4), s[0]*s[2], s[1], s[3], s[4])
}

// stack is slices undone.
func (l *segmenterLayers) stack(x *graph.Value) *graph.Value {
	if !l.sliced() {
		return x
	}
	s := x.Shape()
	return graph.Transpose(graph.Reshape(x, -1, l.cfg.Size[0], s[1], s[2], s[3]), 0, 2, 1, 3, 4)
}

// wantLevels refuses configurations without a decoder or whose lists do not fit.
func wantLevels(net string, widths, strides int) error {
	if widths < 3 || strides != widths-1 {
		return fmt.Errorf("%s wants at least three resolutions and a stride between each two, not %d and %d", net, widths, strides)
	}
	return nil
}
