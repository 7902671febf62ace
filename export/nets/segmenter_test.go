package nets

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/export/loss"
	"columna/internal/ort"
)

// tinySpine is the spine task at the smallest size.
func tinySpine(dims int) SegmenterConfig {
	return SegmenterConfig{
		Preset: "tiny", Dims: dims, Size: [3]int{4, 16, 16}, Sequences: []string{"t1", "t2"},
		Semantic: 3, Nodes: 15, Leak: 0.01, Flat: 1,
	}
}

func tinyStrides(dims int) [][3]int {
	if dims == 2 {
		return [][3]int{{1, 2, 2}, {1, 2, 2}}
	}
	return [][3]int{{1, 2, 2}, {2, 2, 2}}
}

func tinyUNet(dims int) UNetConfig {
	return UNetConfig{SegmenterConfig: tinySpine(dims), Widths: [][2]int{{2, 3}, {3, 4}, {4, 4}}, Strides: tinyStrides(dims)}
}

func tinyUNet3Plus(dims int) UNet3PlusConfig {
	return UNet3PlusConfig{SegmenterConfig: tinySpine(dims), Widths: []int{3, 4, 4}, Strides: tinyStrides(dims), Skip: 2}
}

func tinyTransUNet(dims int) TransUNetConfig {
	last := [3]int{2, 2, 2}
	if dims == 2 {
		last[0] = 1
	}
	return TransUNetConfig{
		SegmenterConfig: tinySpine(dims), Strides: [4][3]int{{1, 2, 2}, {1, 2, 2}, last, {1, 1, 1}},
		Root: 2, Units: [3]int{1, 1, 1}, Hidden: 4, Layers: 2, Heads: 2, MLP: 6, Decoder: [5]int{4, 4, 3, 3, 2},
	}
}

func must[N Net](n N, err error) N {
	if err != nil {
		panic(err)
	}
	return n
}

// tinySegmenters are all reference networks in two and three dimensions, changed
// by f.
func tinySegmenters(f func(*SegmenterConfig)) map[string]*Segmenter {
	all := map[string]*Segmenter{}
	for _, dims := range []int{2, 3} {
		u, p, t := tinyUNet(dims), tinyUNet3Plus(dims), tinyTransUNet(dims)
		for _, c := range []*SegmenterConfig{&u.SegmenterConfig, &p.SegmenterConfig, &t.SegmenterConfig} {
			f(c)
		}
		for _, n := range []*Segmenter{must(NewUNet(u)), must(NewUNet3Plus(p)), must(NewTransUNet(t))} {
			all[fmt.Sprintf("%s/%dd", n.Name(), dims)] = n
		}
	}
	return all
}

func unchanged(*SegmenterConfig) {}

// tinyPapers are the ways of the paper presets at the smallest size: one image
// instead of sequences, batch, group or no normalisation, and dropout in two.
func tinyPapers(dropout float64) map[string]*Segmenter {
	image := func(c *SegmenterConfig, norm Norm) {
		c.Sequences, c.Channels, c.Nodes, c.Norm, c.Leak = nil, 2, 0, norm, 0
		if c.Dims == 2 {
			c.Size[0] = 1
		}
	}
	cicek, ronneberger, plus, trans := tinyUNet(3), tinyUNet(2), tinyUNet3Plus(2), tinyTransUNet(2)
	image(&cicek.SegmenterConfig, NormBatch)
	image(&ronneberger.SegmenterConfig, NormNone)
	image(&plus.SegmenterConfig, NormBatch)
	image(&trans.SegmenterConfig, NormBatch)
	cicek.KeepUp, ronneberger.Dropout = true, dropout
	trans.Encoder, trans.Root, trans.Dropout = NormGroup, normGroups, dropout
	return map[string]*Segmenter{
		"3D U-Net": must(NewUNet(cicek)), "U-Net": must(NewUNet(ronneberger)),
		"UNet3+": must(NewUNet3Plus(plus)), "TransUNet": must(NewTransUNet(trans)),
	}
}

// imagesOf couples a segmentation network with a batch of synthetic images and a
// loss that feels all its outputs.
func imagesOf(n *Segmenter, batch int) lesson {
	s := lesson{net: n, batch: batch, data: map[string][]float32{}}
	r, size := graph.NewRandom(21), n.cfg.Size
	for _, p := range n.Inputs() {
		data := make([]float32, batch*volumeOf(p.Shape))
		for i := range data {
			data[i] = float32(r.Normal())
		}
		s.data[p.Name] = data
	}
	for i := range s.data["present"] {
		s.data["present"][i] = []float32{1, 0.5, 0.25}[i%3] // a fraction reaches the embedding too
	}
	voxels := volumeOf(size[:])
	for name, classes := range map[string]int{"target_semantic": n.cfg.Semantic, "target_level": n.cfg.Nodes} {
		one := make([]float32, batch*classes*voxels)
		for i := range batch * voxels {
			if classes > 0 {
				w := i % size[2]
				one[(i/voxels*classes+w*classes/size[2])*voxels+i%voxels] = 1
			}
		}
		s.data[name] = one
	}
	s.loss = func(g *graph.Graph, out map[string]*graph.Value) *graph.Value { return segmenterLoss(g, n, batch, out) }
	return s
}

// segmenterLoss is the mean cross entropy of the semantic logits, of those of deep
// supervision and of the levels at half the resolution.
func segmenterLoss(g *graph.Graph, n *Segmenter, batch int, out map[string]*graph.Value) *graph.Value {
	grid := out["semantic"].Shape()[2:]
	target := func(name string, classes int) *graph.Value {
		return g.Input("target_"+name, append([]int{batch, classes}, grid...)...)
	}
	truth := target("semantic", n.cfg.Semantic)
	total := loss.CrossEntropy(out["semantic"], truth, nil, nil)
	for i := 1; out[fmt.Sprint("_aux", i)] != nil; i++ {
		aux := out[fmt.Sprint("_aux", i)]
		total = graph.Add(total, loss.CrossEntropy(aux, loss.Shrink(truth, aux), nil, nil))
	}
	if level := out["_level_aux1"]; level != nil {
		named := loss.CrossEntropy(level, loss.Shrink(target("level", n.cfg.Nodes), level), nil, nil)
		total = graph.Add(total, named)
	}
	return total
}

func TestSegmenters_GradientsEqualFiniteDifferences(t *testing.T) {
	for name, n := range tinySegmenters(func(c *SegmenterConfig) { c.Smooth, c.Size = true, [3]int{2, 8, 8} }) {
		t.Run(name, func(t *testing.T) { imagesOf(n, 2).checkGradients(t, 5) })
	}
	for name, n := range tinyPapers(0.3) {
		t.Run(name, func(t *testing.T) {
			n.cfg.Smooth, n.cfg.Size = true, [3]int{min(n.cfg.Size[0], 2), 8, 8}
			imagesOf(n, 2).checkGradients(t, 5)
		})
	}
}

func TestSegmenters_EveryParameterIsFelt(t *testing.T) {
	for name, n := range tinySegmenters(unchanged) {
		t.Run(name, func(t *testing.T) { imagesOf(n, 1).checkAlive(t) })
	}
}

func TestSegmenters_ExportsEqualTheReference(t *testing.T) {
	all := tinySegmenters(unchanged)
	for name, n := range tinyPapers(0.3) {
		all[name] = n
	}
	for name, n := range all {
		t.Run(name, func(t *testing.T) { checkSegmenter(t, n) })
	}
}

// checkSegmenter runs the inference and the Grad-CAM file in ONNX Runtime: the
// logits must equal the reference evaluator's, and the map its definition with
// the reference's gradient, for the score of class 1 within its mask.
func checkSegmenter(t *testing.T, n *Segmenter) {
	t.Helper()
	needORT(t)
	s := imagesOf(n, 1)
	g := graph.New("reference")
	out := n.Forward(g, feed(g, n))
	w, in := disturbed(g, 6), s.sample(0)
	model, err := Inference(n, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := runModel(t, model, in)
	for _, name := range n.Outputs() {
		want := graph.Eval([]*graph.Value{out[name]}, plain(in), w)[0]
		if d := farthest(got[name].Data, want); d > 1e-4*farthest(want, make([]float32, len(want))) || !slices.Equal(got[name].Shape, out[name].Shape()) {
			t.Errorf("%s %v differs by %g from the reference %v", name, got[name].Shape, d, out[name].Shape())
		}
	}
	cam, err := GradCAM(n, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	mask := make([]float32, len(s.data["target_semantic"]))
	voxels := volumeOf(n.cfg.Size[:])
	copy(mask[voxels:2*voxels], s.data["target_semantic"][voxels:])
	score := graph.ReduceSum(graph.Mul(out["semantic"], g.Input("cam_target", out["semantic"].Shape()...)), false, allAxes(out["semantic"])...)
	in["cam_target"] = ort.Tensor{Shape: out["semantic"].Shape(), Data: mask}
	r := graph.Eval([]*graph.Value{out["_cam"], graph.Grad(score, out["_cam"])[0]}, plain(in), w)
	checkMap(t, "cam", runModel(t, cam, in)["cam"], r, out["_cam"].Shape())
}

func TestSegmenters_AbsentSequenceIsNotRead(t *testing.T) {
	needORT(t)
	for name, n := range tinySegmenters(unchanged) {
		s := imagesOf(n, 1)
		s.data["present"] = []float32{1, 1}
		both := s.sample(0)
		s.data["present"] = []float32{1, 0}
		one := s.sample(0)
		s.data["t2"] = filled(len(s.data["t2"]), 7)
		other := s.sample(0)
		model, err := Inference(n, weightsOf(n, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := runEach(t, model, both, one, other)
		if d := farthest(r[1]["semantic"].Data, r[2]["semantic"].Data); d != 0 {
			t.Errorf("%s: the values of an absent sequence change the result by %g", name, d)
		}
		if farthest(r[0]["semantic"].Data, r[1]["semantic"].Data) == 0 {
			t.Errorf("%s: a present sequence changes nothing", name)
		}
	}
}

func TestSegmenters_TwoDimensionsTakeSliceBySlice(t *testing.T) {
	needORT(t)
	for name, n := range tinySegmenters(unchanged) {
		s, slice := imagesOf(n, 1), n.cfg.Size[1]*n.cfg.Size[2]
		before := s.sample(0)
		s.data["t1"] = slices.Clone(s.data["t1"])
		for i := range slice {
			s.data["t1"][slice+i] += float32(i % 3)
		}
		model, err := Inference(n, weightsOf(n, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := runEach(t, model, before, s.sample(0))
		for k := range n.cfg.Size[0] {
			a, b := r[0]["semantic"].Data[k*slice:][:slice], r[1]["semantic"].Data[k*slice:][:slice]
			changed, reach := farthest(a, b) > 0, k == 1 || n.cfg.Dims == 3
			if changed != reach {
				t.Errorf("%s: slice %d changed %v with slice 1", name, k, changed)
			}
		}
	}
}

func TestSegmenters_CropHasTheWholeGridsParameters(t *testing.T) {
	for name, n := range tinySegmenters(unchanged) {
		crop, err := n.Crop([3]int{2, 16, 8})
		if err != nil {
			t.Fatal(err)
		}
		if got := crop.Inputs()[0].Shape; !slices.Equal(got, []int{1, 1, 2, 16, 8}) {
			t.Errorf("%s: the crop takes %v", name, got)
		}
		want, got := weightsOf(n, 3), weightsOf(crop, 3)
		if len(want) != len(got) {
			t.Errorf("%s: the crop has %d parameters, the whole %d", name, len(got), len(want))
		}
		for p := range got {
			if !slices.Equal(want[p], got[p]) {
				t.Errorf("%s: %s differs between crop and whole grid", name, p)
			}
		}
		if _, err := n.Crop([3]int{2, 15, 8}); err == nil {
			t.Errorf("%s: a crop of 15 rows is accepted", name)
		}
	}
}

// The papers' parameters: Çiçek et al. count 19,069,955 with one number for each
// normalised channel where our batch normalisation has two (2336 channels); Huang
// et al. give 26.97 million; TransUNet is known at 105.28 million.
func TestSegmenters_PaperPresetsHaveThePapersParameters(t *testing.T) {
	for _, c := range []struct {
		net, preset string
		want, off   float64
	}{
		{"unet", "paper", 19069955 + 2336, 0},
		{"unet", "wide", 1.36e6, 0.005},
		{"unet3plus", "paper", 26.97e6, 0.002},
		{"transunet", "paper", 105.28e6, 0.0001},
	} {
		n, err := New(c.net, c.preset)
		if err != nil {
			t.Fatal(err)
		}
		g := graph.New("count")
		n.Forward(g, feed(g, n))
		if got := float64(graph.ParamCount(g)); math.Abs(got-c.want) > c.off*c.want {
			t.Errorf("%s %s has %.0f parameters, want %.0f", c.net, c.preset, got, c.want)
		}
	}
}

func TestNew_EveryPresetBuildsAndUnknownOnesListTheRest(t *testing.T) {
	for _, name := range Names() {
		for _, preset := range Presets(name) {
			n, err := New(name, preset)
			if err != nil {
				t.Fatal(err)
			}
			if n.Name() != name || n.Preset() != preset {
				t.Errorf("%s %s calls itself %s %s", name, preset, n.Name(), n.Preset())
			}
			g := graph.New(preset)
			if err := graph.Try(func() {
				out := n.Forward(g, feed(g, n))
				var all []*graph.Value
				for _, o := range n.Outputs() {
					all = append(all, out[o])
				}
				for _, target := range n.CAM() {
					for _, f := range target.Features {
						if graph.Grad(graph.ReduceSum(out[target.Logits], false), out[f])[0] == nil {
							t.Errorf("%s %s: %s does not feel %s", name, preset, target.Logits, f)
						}
					}
				}
				t.Logf("%s %s: %d parameters, %.1f GFLOPs", name, preset, graph.ParamCount(g), graph.FLOPs(all...)/1e9)
			}); err != nil {
				t.Errorf("%s %s: %v", name, preset, err)
			}
		}
		_, err := New(name, "huge")
		for _, preset := range Presets(name) {
			if err == nil || !strings.Contains(err.Error(), preset) {
				t.Errorf("New(%q, huge) = %v, which does not offer %s", name, err, preset)
			}
		}
	}
	if _, err := New("resnet", "compact"); err == nil || !strings.Contains(err.Error(), "unet3plus") {
		t.Errorf("an unknown network gives %v", err)
	}
}

func TestSegmenters_RefuseSizesThatDoNotFit(t *testing.T) {
	for what, change := range map[string]func(*UNetConfig){
		"a size that is no multiple":       func(c *UNetConfig) { c.Size[1] = 18 },
		"four dimensions":                  func(c *UNetConfig) { c.Dims = 4 },
		"one class":                        func(c *UNetConfig) { c.Semantic = 1 },
		"no channel":                       func(c *UNetConfig) { c.Sequences = nil },
		"a stride too few":                 func(c *UNetConfig) { c.Strides = c.Strides[1:] },
		"two resolutions":                  func(c *UNetConfig) { c.Widths, c.Strides = c.Widths[1:], c.Strides[1:] },
		"steps over slices slice by slice": func(c *UNetConfig) { c.Dims = 2 },
	} {
		c := tinyUNet(3)
		change(&c)
		if _, err := NewUNet(c); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	p := tinyUNet3Plus(3)
	p.Skip = 0
	if _, err := NewUNet3Plus(p); err == nil {
		t.Error("a UNet3+ without skip channels is accepted")
	}
	c := tinyTransUNet(3)
	c.Heads = 3
	if _, err := NewTransUNet(c); err == nil {
		t.Error("three heads of a width of 4 are accepted")
	}
	c = tinyTransUNet(3)
	c.Encoder = NormGroup
	if _, err := NewTransUNet(c); err == nil {
		t.Error("32 groups of two channels are accepted")
	}
}

func TestSegmenters_SpinePresetsHaveGFSSNetsPorts(t *testing.T) {
	ports := func(name, preset string) string {
		n := must(New(name, preset))
		g := graph.New("ports")
		out := n.Forward(g, feed(g, n))
		list := []any{n.Inputs(), n.Outputs(), out["_level_aux1"].Shape()}
		for _, o := range n.Outputs() {
			list = append(list, out[o].Shape())
		}
		return fmt.Sprint(list...)
	}
	want := ports("gfssnet", "compact")
	for _, name := range []string{"unet", "unet3plus", "transunet"} {
		for _, preset := range []string{"compact", "compact2d"} {
			if got := ports(name, preset); got != want {
				t.Errorf("%s %s has %s, want %s", name, preset, got, want)
			}
		}
	}
}
