package nets

import (
	"fmt"
	"math"
	"strconv"

	"columna/export/graph"
)

// TransUNetConfig sets the sizes of TransUNet.
type TransUNetConfig struct {
	SegmenterConfig
	Strides [4][3]int // of root convolution, pooling, second and third stage
	Root    int       // channels of the root convolution
	Units   [3]int    // bottleneck units of the three stages
	Encoder Norm      // normalisation of the residual encoder
	Hidden  int       // width of a token
	Layers  int       // of the transformer
	Heads   int       // of its attention
	MLP     int       // width of its hidden layer
	Dropout float64   // in the transformer
	Decoder [5]int    // channels of the decoder, at the tokens' resolution first
}

func transUNetPresets() []string { return []string{"compact", "compact2d", "paper"} }

// TransUNetPreset returns the sizes of a name. "compact" and "compact2d" read the
// spine, in three dimensions and slice by slice. "paper" is the paper's
// R50-ViT-B (Chen et al. 2021) in its two dimensions: images of 224x224, three
// stages of ResNet-50, 196 tokens of 768, 12 layers of 12 heads, MLP 3072, decoder
// of 512, 256, 128, 64, 16 channels, nine classes.
func TransUNetPreset(name string) (TransUNetConfig, error) {
	switch name {
	case "compact":
		return transUNetCompact(name, 3), nil
	case "compact2d":
		return transUNetCompact(name, 2), nil
	case "paper":
		return TransUNetConfig{
			SegmenterConfig: SegmenterConfig{Preset: name, Dims: 2, Size: [3]int{1, 224, 224}, Channels: 3, Semantic: 9, Norm: NormBatch},
			Strides:         [4][3]int(spineStrides(2)),
			Root:            64, Units: [3]int{3, 4, 9}, Encoder: NormGroup,
			Hidden: 768, Layers: 12, Heads: 12, MLP: 3072, Dropout: 0.1,
			Decoder: [5]int{512, 256, 128, 64, 16},
		}, nil
	}
	return TransUNetConfig{}, noPreset("transunet", name, transUNetPresets())
}

func transUNetCompact(preset string, dims int) TransUNetConfig {
	return TransUNetConfig{
		SegmenterConfig: spineSegmenter(preset, dims),
		Strides:         [4][3]int(spineStrides(dims)),
		Root:            12, Units: [3]int{1, 2, 2},
		Hidden: 96, Layers: 4, Heads: 4, MLP: 192,
		Decoder: [5]int{64, 48, 32, 16, 8},
	}
}

// NewTransUNet checks the sizes and returns the network.
func NewTransUNet(cfg TransUNetConfig) (*Segmenter, error) {
	if cfg.Heads < 1 || cfg.Hidden%cfg.Heads != 0 {
		return nil, fmt.Errorf("transunet: %d heads do not divide the width %d", cfg.Heads, cfg.Hidden)
	}
	if cfg.Encoder == NormGroup && cfg.Root%normGroups != 0 {
		return nil, fmt.Errorf("transunet: %d groups do not divide the %d channels", normGroups, cfg.Root)
	}
	return newSegmenter(&Segmenter{name: "transunet", cfg: cfg.SegmenterConfig, strides: cfg.Strides[:], decode: cfg.decode, wide: true, tokens: true})
}

// decode is the hybrid encoder and the cascaded upsampler (sections 3.1 and 3.2).
func (c TransUNetConfig) decode(l *segmenterLayers, x *graph.Value) []*graph.Value {
	skips, x := c.residual(l, x)
	l.g.Scope("transformer", func() { x = c.transformer(l, x) })
	x = l.block("decoder4", x, c.Decoder[0], l.kernel(4))
	features := []*graph.Value{4: x}
	for i := 3; i >= 0; i-- {
		l.g.Scope("decoder"+strconv.Itoa(i), func() {
			x = graph.UpsampleLinear(x, l.axes(c.Strides[i])...)
			if i > 0 { // at the input's resolution there is no skip
				x = graph.Concat(1, x, skips[i-1])
			}
			x = l.twice(x, [2]int{c.Decoder[4-i], c.Decoder[4-i]}, i)
		})
		if i == 2 {
			x = l.seen(x)
		}
		features[i] = x
	}
	return features
}

// residual is the convolutional encoder: ResNet's root and its first three stages,
// of which the last gives the tokens and what comes before the skips. The root is
// pooled 2x2 where ResNet has overlapping 3x3.
func (c TransUNetConfig) residual(l *segmenterLayers, x *graph.Value) (skips []*graph.Value, deepest *graph.Value) {
	e := *l
	e.cfg.Norm = c.Encoder
	root := [3]int{7, 7, 7}
	if l.cfg.Flat > 0 {
		root[0] = 1
	}
	x = e.first("root", x, c.Root, root, c.Strides[0])
	skips = append(skips, x)
	x = l.g.Label("root", func() *graph.Value { return e.pool(x, c.Strides[1]) })
	for s, units := range c.Units {
		stride := [3]int{1, 1, 1}
		if s > 0 {
			skips, stride = append(skips, x), c.Strides[s+1]
		}
		for u := range units {
			l.g.Scope(fmt.Sprintf("stage%d.unit%d", s+1, u+1), func() { x = e.unit(x, c.Root<<s, stride, s+2) })
			stride = [3]int{1, 1, 1}
		}
	}
	return skips, x
}

// unit is a bottleneck unit (He et al. 2016, figure 5): 1x1, 3x3 and 1x1 convolution
// to four times the width, and beside them the identity or its projection.
func (l *segmenterLayers) unit(x *graph.Value, width int, stride [3]int, level int) *graph.Value {
	one := [3]int{1, 1, 1}
	y := l.activate(l.normalise("norm1", l.convolve("conv1", x, width, one, one, false)))
	y = l.activate(l.normalise("norm2", l.convolve("conv2", y, width, l.kernel(level), stride, false)))
	y = l.normalise("norm3", l.convolve("conv3", y, 4*width, one, one, false))
	if stride != one || channels(x) != 4*width {
		x = l.normalise("project.norm", l.convolve("project", x, 4*width, one, stride, false))
	}
	return l.activate(graph.Add(x, y))
}

// transformer embeds every position of x as a token, adds the learned embedding of
// its place and gives the tokens back as an image after the layers.
func (c TransUNetConfig) transformer(l *segmenterLayers, x *graph.Value) *graph.Value {
	one := [3]int{1, 1, 1}
	x = l.convolve("embed", x, c.Hidden, one, one, true)
	x = graph.Add(x, c.position(l, x.Shape()[2:]))
	s := x.Shape()
	t := graph.Transpose(graph.Reshape(x, s[0], c.Hidden, -1), 0, 2, 1)
	t = l.dropout(t, c.Dropout)
	for i := range c.Layers {
		l.g.Scope("layer"+strconv.Itoa(i), func() {
			t = graph.Add(t, c.attention(l, l.layerNorm("norm1", t)))
			h := graph.Gelu(l.dense("mlp1", l.layerNorm("norm2", t), c.MLP))
			h = l.dense("mlp2", l.dropout(h, c.Dropout), c.Hidden)
			t = graph.Add(t, l.dropout(h, c.Dropout))
		})
	}
	t = l.layerNorm("norm", t)
	return graph.Reshape(graph.Transpose(t, 0, 2, 1), s...)
}

// position is the embedding (1,Hidden,size..) of the places. A build for crops reads
// the middle of the whole grid's table.
func (c TransUNetConfig) position(l *segmenterLayers, size []int) *graph.Value {
	whole := l.axes(l.cfg.Whole)
	if l.cfg.Whole == [3]int{} {
		whole = l.axes(l.cfg.Size)
	}
	stride, shape := l.axes(product(c.Strides[:])), []int{1, c.Hidden}
	for a, n := range whole {
		shape = append(shape, n/stride[a])
	}
	table := l.g.Param("position", shape, graph.NormalInit(0.02))
	for a, n := range size {
		from := (shape[2+a] - n) / 2
		if n < shape[2+a] {
			table = graph.Slice(table, 2+a, from, from+n)
		}
	}
	return table
}

// attention is multi-head self-attention over tokens (N,T,Hidden).
func (c TransUNetConfig) attention(l *segmenterLayers, t *graph.Value) *graph.Value {
	s, dim := t.Shape(), c.Hidden/c.Heads
	heads := func(name string) *graph.Value { // (N,Heads,T,dim)
		return graph.Transpose(graph.Reshape(l.dense(name, t, c.Hidden), s[0], s[1], c.Heads, dim), 0, 2, 1, 3)
	}
	scores := graph.MatMul(heads("query"), graph.Transpose(heads("key"), 0, 1, 3, 2))
	weights := graph.Softmax(graph.MulScalar(scores, 1/math.Sqrt(float64(dim))), -1)
	y := graph.Transpose(graph.MatMul(weights, heads("value")), 0, 2, 1, 3)
	return l.dropout(l.dense("out", graph.Reshape(y, s...), c.Hidden), c.Dropout)
}
