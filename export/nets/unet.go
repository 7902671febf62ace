package nets

import (
	"strconv"

	"columna/export/graph"
)

// UNetConfig sets the sizes of U-Net.
type UNetConfig struct {
	SegmenterConfig
	Widths  [][2]int // of the two convolutions of each resolution, the input's first
	Strides [][3]int // from each resolution to the next
	KeepUp  bool     // up-convolutions keep the channels (3D U-Net), else they give the next level's
	Dropout float64  // at the end of the contracting path
}

func unetPresets() []string { return []string{"compact", "compact2d", "paper", "paper2d", "wide"} }

// UNetPreset returns the sizes of a name. "compact" and "compact2d" read the
// spine, in three dimensions and slice by slice. "paper" is 3D U-Net (Çiçek et al.
// 2016): 32 to 512 channels, batch normalisation, three channels and labels.
// "paper2d" is U-Net (Ronneberger et al. 2015): 64 to 1024 channels without
// normalisation. Ours pad their convolutions, where the papers' shrink the image.
// "wide" is the network whose training step is timed.
func UNetPreset(name string) (UNetConfig, error) {
	switch name {
	case "compact":
		return unetCompact(name, 3), nil
	case "compact2d":
		return unetCompact(name, 2), nil
	case "paper":
		return unetCicek(), nil
	case "paper2d":
		return unetRonneberger(), nil
	case "wide":
		return unetWide(), nil
	}
	return UNetConfig{}, noPreset("unet", name, unetPresets())
}

func unetCompact(preset string, dims int) UNetConfig {
	c := UNetConfig{
		SegmenterConfig: spineSegmenter(preset, dims),
		Widths:          [][2]int{{8, 8}, {16, 16}, {32, 32}, {64, 64}, {96, 96}},
		Strides:         spineStrides(dims),
	}
	return c
}

// spineStrides halve the slice axis only where a pixel has grown to a slice's
// size, and never in two dimensions.
func spineStrides(dims int) [][3]int {
	if dims == 2 {
		return [][3]int{{1, 2, 2}, {1, 2, 2}, {1, 2, 2}, {1, 2, 2}}
	}
	return [][3]int{{1, 2, 2}, {1, 2, 2}, {2, 2, 2}, {2, 2, 2}}
}

// unetCicek takes a tile of 64x96x96. The paper's of 116x132x132, of which 28x44x44
// come out labelled, would not train in 20 GB with all of it labelled.
func unetCicek() UNetConfig {
	return UNetConfig{
		SegmenterConfig: SegmenterConfig{Preset: "paper", Dims: 3, Size: [3]int{64, 96, 96}, Channels: 3, Semantic: 3, Norm: NormBatch},
		Widths:          [][2]int{{32, 64}, {64, 128}, {128, 256}, {256, 512}},
		Strides:         [][3]int{{2, 2, 2}, {2, 2, 2}, {2, 2, 2}},
		KeepUp:          true,
	}
}

// unetRonneberger takes the paper's images of 512x512 whole.
func unetRonneberger() UNetConfig {
	return UNetConfig{
		SegmenterConfig: SegmenterConfig{Preset: "paper2d", Dims: 2, Size: [3]int{1, 512, 512}, Channels: 1, Semantic: 2, Norm: NormNone},
		Widths:          [][2]int{{64, 64}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}},
		Strides:         [][3]int{{1, 2, 2}, {1, 2, 2}, {1, 2, 2}, {1, 2, 2}},
		Dropout:         0.5,
	}
}

func unetWide() UNetConfig {
	return UNetConfig{
		SegmenterConfig: SegmenterConfig{Preset: "wide", Dims: 3, Size: [3]int{16, 96, 96}, Channels: 1, Semantic: 3, Leak: 0.01},
		Widths:          [][2]int{{32, 32}, {64, 64}, {128, 128}},
		Strides:         [][3]int{{2, 2, 2}, {2, 2, 2}},
	}
}

// NewUNet checks the sizes and returns the network.
func NewUNet(cfg UNetConfig) (*Segmenter, error) {
	if err := wantLevels("unet", len(cfg.Widths), len(cfg.Strides)); err != nil {
		return nil, err
	}
	return newSegmenter(&Segmenter{name: "unet", cfg: cfg.SegmenterConfig, strides: cfg.Strides, decode: cfg.decode})
}

// decode contracts and expands. The features of each resolution go across to the
// expanding path.
func (c UNetConfig) decode(l *segmenterLayers, x *graph.Value) []*graph.Value {
	features := contract(l, x, c.Widths, c.Strides)
	last := len(features) - 1
	features[last] = l.dropout(features[last], c.Dropout)
	if last == 2 {
		features[last] = l.seen(features[last])
	}
	for i := last - 1; i >= 0; i-- {
		l.g.Scope("decoder"+strconv.Itoa(i), func() {
			out := c.Widths[i][1]
			up := out
			if c.KeepUp {
				up = channels(features[i+1])
			}
			joined := graph.Concat(1, features[i], l.upConvolve("up", features[i+1], up, c.Strides[i]))
			features[i] = l.twice(joined, [2]int{out, out}, i)
		})
		if i == 2 {
			features[i] = l.seen(features[i])
		}
	}
	return features
}

// contract is the encoder of U-Net and UNet3+: two blocks at each resolution and
// pooling between. It returns every resolution's features, the finest first.
func contract(l *segmenterLayers, x *graph.Value, widths [][2]int, strides [][3]int) []*graph.Value {
	var features []*graph.Value
	for i, w := range widths {
		l.g.Scope("encoder"+strconv.Itoa(i), func() {
			if i == 0 {
				x = l.first("conv1", x, w[0], l.kernel(0), [3]int{1, 1, 1})
				x = l.block("conv2", x, w[1], l.kernel(0))
			} else {
				x = l.twice(l.pool(x, strides[i-1]), w, i)
			}
		})
		features = append(features, x)
	}
	return features
}
