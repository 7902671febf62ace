package nets

import (
	"fmt"
	"strconv"

	"columna/export/graph"
)

// UNet3PlusConfig sets the sizes of UNet3+.
type UNet3PlusConfig struct {
	SegmenterConfig
	Widths  []int    // of the encoder, the input's resolution first
	Strides [][3]int // from each resolution to the next
	Skip    int      // channels that each resolution contributes to a decoder stage
}

func unet3PlusPresets() []string { return []string{"compact", "compact2d", "paper"} }

// UNet3PlusPreset returns the sizes of a name. "compact" and "compact2d" read the
// spine, in three dimensions and slice by slice. "paper" is the paper's network
// (Huang et al. 2020) in its two dimensions: 64 to 1024 channels, 64 from each of
// five resolutions to decoder stages of 320, images of 320x320 with the two
// neighbouring slices as channels.
func UNet3PlusPreset(name string) (UNet3PlusConfig, error) {
	switch name {
	case "compact":
		return unet3PlusCompact(name, 3), nil
	case "compact2d":
		return unet3PlusCompact(name, 2), nil
	case "paper":
		return UNet3PlusConfig{
			SegmenterConfig: SegmenterConfig{Preset: name, Dims: 2, Size: [3]int{1, 320, 320}, Channels: 3, Semantic: 2, Norm: NormBatch},
			Widths:          []int{64, 128, 256, 512, 1024},
			Strides:         spineStrides(2),
			Skip:            64,
		}, nil
	}
	return UNet3PlusConfig{}, noPreset("unet3plus", name, unet3PlusPresets())
}

func unet3PlusCompact(preset string, dims int) UNet3PlusConfig {
	return UNet3PlusConfig{
		SegmenterConfig: spineSegmenter(preset, dims),
		Widths:          []int{8, 16, 32, 48, 48},
		Strides:         spineStrides(dims),
		Skip:            4,
	}
}

// NewUNet3Plus checks the sizes and returns the network.
func NewUNet3Plus(cfg UNet3PlusConfig) (*Segmenter, error) {
	if err := wantLevels("unet3plus", len(cfg.Widths), len(cfg.Strides)); err != nil {
		return nil, err
	}
	if cfg.Skip < 1 {
		return nil, fmt.Errorf("unet3plus wants at least one channel in a skip connection")
	}
	return newSegmenter(&Segmenter{name: "unet3plus", cfg: cfg.SegmenterConfig, strides: cfg.Strides,
		decode: cfg.decode, wide: true, deep: true})
}

// decode joins in every decoder stage all resolutions (section 2.1): the finer
// ones from the encoder, pooled, its own, and the coarser ones from the decoder,
// interpolated. The paper's classification-guided module is left out: there is no
// image without the organ here.
func (c UNet3PlusConfig) decode(l *segmenterLayers, x *graph.Value) []*graph.Value {
	var widths [][2]int
	for _, w := range c.Widths {
		widths = append(widths, [2]int{w, w})
	}
	features := contract(l, x, widths, c.Strides)
	if len(features) == 3 {
		features[2] = l.seen(features[2])
	}
	for i := len(features) - 2; i >= 0; i-- {
		l.g.Scope("decoder"+strconv.Itoa(i), func() { features[i] = c.stage(l, features, i) })
		if i == 2 {
			features[i] = l.seen(features[i])
		}
	}
	return features
}

// stage is the decoder at resolution i. Coarser than i, features are already the
// decoder's.
func (c UNet3PlusConfig) stage(l *segmenterLayers, features []*graph.Value, i int) *graph.Value {
	var list []*graph.Value
	for j, f := range features {
		switch {
		case j < i:
			f = l.pool(f, product(c.Strides[j:i]))
		case j > i:
			f = graph.UpsampleLinear(f, l.axes(product(c.Strides[i:j]))...)
		}
		list = append(list, l.block("from"+strconv.Itoa(j), f, c.Skip, l.kernel(i)))
	}
	return l.block("join", graph.Concat(1, list...), c.Skip*len(features), l.kernel(i))
}

// product multiplies strides axis by axis.
func product(strides [][3]int) [3]int {
	p := [3]int{1, 1, 1}
	for _, s := range strides {
		for a := range p {
			p[a] *= s[a]
		}
	}
	return p
}
