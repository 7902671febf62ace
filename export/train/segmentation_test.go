package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/inference"
	"columna/internal/ort"
	"columna/models"
	"columna/phantom"
	"columna/spine"
)

// smallSpines are the segmentation networks' spine presets on a small grid.
func smallSpines(t *testing.T) map[string]nets.Net {
	t.Helper()
	all := map[string]nets.Net{}
	for name, preset := range map[string]string{"gfssnet": "compact", "unet": "compact", "unet3plus": "compact2d", "transunet": "compact"} {
		n, err := nets.New(name, preset)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = n.(nets.Cropper).Crop([3]int{8, 32, 64}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// smallTask teaches a network one made-up study that fills its grid.
func smallTask(t *testing.T, net nets.Net) *SegmentationTask {
	t.Helper()
	shape := net.Inputs()[0].Shape
	d, h, w := shape[2], shape[3], shape[4]
	s := Segment{T1: make([]uint8, d*h*w), T2: make([]uint8, d*h*w), Labels: make([]uint8, d*h*w)}
	for i := range s.Labels {
		if x, y := i%w, i/w%h; x > w/3 && x < 2*w/3 {
			s.Labels[i] = uint8([]spine.Structure{spine.L4, spine.DiscL4L5, spine.L5, spine.DiscL5S1}[y*4/h])
		}
		s.T1[i], s.T2[i] = 100+s.Labels[i]*10, 180-s.Labels[i]*8
	}
	task := &SegmentationTask{net: net, d: d, h: h, w: w, batch: 1, seed: 1, train: []Segment{s}}
	var err error
	if task.crops, err = task.sizes(Options{}); err != nil {
		t.Fatal(err)
	}
	task.arrange()
	return task
}

func TestSegmentationTask_TeachesEveryNetwork(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	for name, net := range smallSpines(t) {
		task := smallTask(t, net)
		o, err := newOptimiser(task, Config{ClipNorm: 1, Seed: 1, Session: ort.Options{Threads: 1}})
		if err != nil {
			t.Fatal(err)
		}
		var losses []float64
		for step := range 4 {
			loss, _, err := o.add(t.Context(), 0, task.Batch(1))
			if err == nil {
				_, err = o.apply(2e-3, step+1)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			losses = append(losses, loss)
		}
		if !(losses[3] < losses[0]) {
			t.Errorf("%s: the loss of one batch went from %g to %g", name, losses[0], losses[3])
		}
		o.close()
	}
}

// lossOf evaluates the training loss of a task on its first batch and fresh
// weights; also gives weigh the spectral correlation of the output.
func lossOf(t *testing.T, task *SegmentationTask) (total, spectral float64) {
	t.Helper()
	g := graph.New("loss")
	l := task.Loss(g)
	in := map[string][]float32{}
	for name, tensor := range task.Batch(1) {
		in[name] = tensor.Data
	}
	h := graph.New("output")
	c := task.crops[0]
	out := c.net.Forward(h, nets.Feed(h, c.net, 1))
	truth := h.Input("target_semantic", 1, semCount, c.d, c.h, c.w)
	s := loss.SpectralCorrelation(graph.Softmax(out["semantic"], 1), truth)
	return float64(graph.Eval([]*graph.Value{l}, in, g.InitParams(1))[0][0]),
		float64(graph.Eval([]*graph.Value{s}, in, h.InitParams(1))[0][0])
}

func TestSegmentationTask_SpectralTermIsAddedAtItsWeight(t *testing.T) {
	cfg, err := nets.UNetPreset("compact2d")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Widths, cfg.Strides, cfg.Size = [][2]int{{2, 2}, {2, 2}, {2, 2}}, cfg.Strides[:2], [3]int{4, 16, 16}
	net, err := nets.NewUNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float64]string{}
	for _, name := range append([]string{""}, loss.Names()...) {
		plain, with := smallTask(t, net), smallTask(t, net)
		if err := errors.Join(plain.chooseLoss(name, 0), with.chooseLoss(name, 0.3)); err != nil {
			t.Fatal(err)
		}
		a, term := lossOf(t, plain)
		b, _ := lossOf(t, with)
		if math.Abs(b-a-0.3*term) > 1e-4 || term < 0.05 {
			t.Errorf("loss %q: %g becomes %g with a spectral term of %g at 0.3", name, a, b, term)
		}
		if other, taken := seen[a]; taken {
			t.Errorf("losses %q and %q are both %g", name, other, a)
		}
		seen[a] = name
	}
}

func TestOptions_CheckRefusesWhatCannotBeTaught(t *testing.T) {
	for what, o := range map[string]Options{
		"unknown network":           {Net: "resnet"},
		"unknown preset":            {Net: "unet", Preset: "huge"},
		"a preset without levels":   {Net: "unet", Preset: "wide"},
		"unknown loss":              {Net: "unet", Loss: "l2"},
		"negative spectral weight":  {Net: "unet", Spectral: -1},
		"a loss for classification": {Net: "desamba", Loss: "dice"},
	} {
		if err := o.Check(); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	for _, net := range nets.Names() {
		if err := (Options{Net: net}).Check(); err != nil {
			t.Error(err)
		}
	}
	if err := (Options{Net: "transunet", Preset: "compact2d", Loss: "focal+spectral", Spectral: 0.2}).Check(); err != nil {
		t.Error(err)
	}
}

func TestSegmentationNetworks_ServeInference(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	study := phantom.Generate(5, phantom.DefaultOptions()).Study
	net, err := nets.New("unet", "compact2d")
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("weights")
	net.Forward(g, nets.Feed(g, net, 1))
	m, err := Build(net, g.InitParams(1), (&SegmentationTask{d: 16, h: 192, w: 128, spacing: gridMM(16, 192)}).Card)
	if err != nil {
		t.Fatal(err)
	}
	p, err := inference.New(inference.Config{Models: map[string]*models.Model{inference.SegmentationNet: m}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a, err := p.Segment(context.Background(), &study, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Models[0].Name != "unet" || a.Mask == nil {
		t.Errorf("segmented by %v", a.Models)
	}
}

func TestSegmentationTask_DeepSupervisionFades(t *testing.T) {
	net := smallSpines(t)["unet3plus"]
	total := func(epoch, n int) float64 {
		task := smallTask(t, net)
		task.epoch = epoch
		g := graph.New("loss")
		l := task.Loss(g)
		in := map[string][]float32{}
		for name, tensor := range task.Batch(1) {
			in[name] = tensor.Data
		}
		if epoch > 0 {
			in["deep_weight"] = task.Batch(n)["deep_weight"].Data
		}
		return float64(graph.Eval([]*graph.Value{l}, in, g.InitParams(1))[0][0])
	}
	plain, first, later, last := total(0, 0), total(2, 59), total(2, 60), total(2, 120)
	if math.Abs(plain-first) > 1e-5 {
		t.Errorf("in the first epochs the loss is %g, by the weight 0.4 %g", first, plain)
	}
	if fell, next := first-later, later-last; !(fell > 1e-3) || math.Abs(next-0.8*fell) > 1e-4 {
		t.Errorf("every 30 epochs the loss goes %g, %g, %g: not by 0.8", first, later, last)
	}
}

// The paper's three classes and ten nodes are the first of ours.
func TestSegmentationTask_TeachesThePapersClasses(t *testing.T) {
	needLibrary(t)
	paper, err := nets.GFSSNetPreset("paper")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := nets.GFSSNetPreset("compact")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Semantic, cfg.Nodes, cfg.Edges = paper.Semantic, paper.Nodes, paper.Edges
	cfg.Size, cfg.Channels, cfg.Head, cfg.Kernels, cfg.NodeFeatures = [3]int{8, 16, 16}, [4]int{2, 3, 4, 4}, 2, 2, 4
	cfg.Inner, cfg.State, cfg.ScanPool = [4]int{2, 2, 2, 2}, [4]int{2, 2, 2, 2}, paper.ScanPool
	net, err := nets.NewGFSSNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const voxels = 8 * 16 * 16
	s := Segment{T1: bytesOf(1, voxels, 256), T2: bytesOf(2, voxels, 256), Labels: make([]uint8, voxels)}
	for i := range s.Labels {
		s.Labels[i] = uint8([]spine.Structure{spine.L4, spine.DiscL4L5, spine.S1, spine.Canal}[i%4])
	}
	task := &SegmentationTask{net: net, d: 8, h: 16, w: 16, batch: 1, train: []Segment{s}, held: []Segment{s}}
	task.crops = []crop{{net, 8, 16, 16}}
	task.arrange()
	in := targets(s.Labels, s, task.crops[0])
	n := len(s.Labels)
	for channel, share := range []float32{0.5, 0.25, 0.25} { // sacrum and canal are background
		if got := sum(in["target_semantic"].Data[channel*n:][:n]); got != share*float32(n) {
			t.Errorf("class %d has %g of %d voxels", channel, got, n)
		}
	}
	if l := in["target_level"]; l.Shape[1] != 10 || sum(l.Data[4*n/4:][:n/4]) != float32(n)/16 {
		t.Errorf("the levels are %v, of which L4 has %g", l.Shape, sum(l.Data[4*n/4:][:n/4]))
	}
	o, err := newOptimiser(task, Config{Seed: 1, Session: ort.Options{Threads: 1, OptimizationOff: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if loss, norm, err := o.add(t.Context(), 0, task.Batch(0)); err != nil || !finite(loss) || !finite(norm) || norm == 0 {
		t.Errorf("loss %v, norm %v, %v", loss, norm, err)
	}
	val, err := task.Validate(t.Context(), o.weights())
	_, canal := val.Figures["phantom_dice_canal"]
	if want := (val.Figures["phantom_dice_body"] + val.Figures["phantom_dice_disc"]) / 2; err != nil || canal || val.Score != want {
		t.Errorf("%+v, want the score %g, %v", val, want, err)
	}
}

func sum(x []float32) (s float32) {
	for _, v := range x {
		s += v
	}
	return s
}
