package bench

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/internal/ort"
)

// network is a whole network, with the batch that it is trained with.
type network struct {
	net, preset string
	batch       int
	loss        func(g *graph.Graph, out map[string]*graph.Value) *graph.Value
	once        bool // too slow to be timed more than once
}

// networks gives each its inference (a batch of one, constant weights) and its
// training step (loss, gradients, Adam), each alone in a process.
func networks() []benchmark {
	var out []benchmark
	for _, n := range []network{
		{net: "gfssnet", preset: "compact", batch: 1, loss: segmentationLoss},
		{net: "stenosisnet", preset: "compact", batch: 16, loss: gradeLoss},
		{net: "desamba", preset: "compact", batch: 6, loss: lesionLoss},
		{net: "unet", preset: "wide", batch: 1, loss: segmentationLoss},
	} {
		name := "net/" + n.net + "-" + n.preset
		step := name + "/step"
		if n.batch > 1 {
			step += "-batch-" + strconv.Itoa(n.batch)
		}
		out = append(out,
			benchmark{name: name + "/inference", alone: true, run: func(ctx context.Context, l *lab) ([]Result, error) { return n.inference(ctx, l, name+"/inference") }},
			benchmark{name: step, alone: true, run: func(ctx context.Context, l *lab) ([]Result, error) { return n.step(ctx, l, step) }},
		)
	}
	return out
}

// segmentationLoss is the soft Dice loss of the classes and, where the network
// has them, of the coarser stages, plus the cross entropy of the levels.
func segmentationLoss(g *graph.Graph, out map[string]*graph.Value) *graph.Value {
	truth := g.Input("target_semantic", out["semantic"].Shape()...)
	total := loss.Dice(graph.Softmax(out["semantic"], 1), truth, nil)
	for _, name := range []string{"_aux1", "_aux2", "_aux3"} {
		if logits := out[name]; logits != nil {
			total = graph.Add(total, loss.Dice(graph.Softmax(logits, 1), loss.Shrink(truth, logits), nil))
		}
	}
	if out["_level_aux1"] == nil {
		return total
	}
	level := g.Input("target_level", out["_level_aux1"].Shape()...)
	for _, name := range []string{"_level_aux1", "_level_aux4"} {
		if logits := out[name]; logits != nil {
			total = graph.Add(total, loss.CrossEntropy(logits, loss.Shrink(level, logits), nil, nil))
		}
	}
	return total
}

func gradeLoss(g *graph.Graph, out map[string]*graph.Value) *graph.Value {
	target := g.Input("target", out["logits"].Shape()...)
	return loss.ClassCrossEntropy(out["logits"], target, loss.ClassOptions{})
}

func lesionLoss(g *graph.Graph, out map[string]*graph.Value) *graph.Value {
	target := g.Input("target", out["metastasis"].Shape()...)
	return loss.DeSamba(out, "metastasis", target, loss.ClassOptions{})
}

// build makes the network on a new graph for a batch.
func (n network) build(batch int, training bool) (*graph.Graph, map[string]*graph.Value, nets.Net, error) {
	net, err := nets.New(n.net, n.preset)
	if err != nil {
		return nil, nil, nil, err
	}
	g := graph.New(n.net)
	g.Training = training
	var out map[string]*graph.Value
	err = graph.Try(func() {
		in := map[string]*graph.Value{}
		for _, p := range net.Inputs() {
			in[p.Name] = g.Input(p.Name, append([]int{batch}, p.Shape[1:]...)...)
		}
		out = net.Forward(g, in)
	})
	return g, out, net, err
}

// inference measures loading and one run, as the reading room does them.
func (n network) inference(ctx context.Context, l *lab, name string) ([]Result, error) {
	before := residentMB()
	g, out, net, err := n.build(1, false)
	if err != nil {
		return nil, err
	}
	var public []*graph.Value
	for _, o := range net.Outputs() {
		public = append(public, out[o])
	}
	work := graph.FLOPs(public...)
	file, err := nets.Inference(net, g.InitParams(1), nil)
	if err != nil {
		return nil, err
	}
	feed := feedFor(g)
	began := time.Now()
	s, err := ort.NewSession(file, l.ortOptions())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return l.whole(ctx, whole{name, "one inference", before, time.Since(began).Seconds(), work, n.once}, func(ctx context.Context) error {
		_, err := s.Run(ctx, feed)
		return err
	})
}

// step measures building and loading a training step, and one step.
func (n network) step(ctx context.Context, l *lab, name string) ([]Result, error) {
	before := residentMB()
	work, err := n.stepWork()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	s, feed, err := n.stepper(l)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return l.whole(ctx, whole{name, "one step", before, time.Since(began).Seconds(), work, n.once}, func(ctx context.Context) error {
		_, err := s.Step(ctx, feed)
		return err
	})
}

// stepWork is the operations of loss and gradients as the graph has them.
func (n network) stepWork() (work float64, err error) {
	g, out, _, err := n.build(n.batch, true)
	if err != nil {
		return 0, err
	}
	err = graph.Try(func() {
		total := n.loss(g, out)
		var wrt []*graph.Value
		for _, p := range g.Params() {
			wrt = append(wrt, p.Value)
		}
		work = graph.FLOPs(append(graph.Grad(total, wrt...), total)...)
	})
	return work, err
}

// stepper builds the training step with fresh weights and loads it.
func (n network) stepper(l *lab) (*ort.Stepper, map[string]ort.Tensor, error) {
	g, out, _, err := n.build(n.batch, true)
	if err != nil {
		return nil, nil, err
	}
	var file []byte
	var feed map[string]ort.Tensor
	var stepErr error
	err = graph.Try(func() {
		total := n.loss(g, out)
		feed = feedFor(g)
		file, stepErr = graph.TrainingStep(g, total, nil, graph.AdamOptions{})
	})
	if err = errors.Join(err, stepErr); err != nil {
		return nil, nil, err
	}
	feed["lr"], feed["step"] = filled(1e-4, 1), filled(1, 1)
	theta, states := graph.Flatten(g, g.InitParams(1))
	state := map[string]ort.Tensor{"theta": vector(theta), "m": vector(make([]float32, len(theta))), "v": vector(make([]float32, len(theta)))}
	if len(states) > 0 {
		state["state"] = vector(states)
	}
	s, err := ort.NewStepper(file, state, l.ortOptions())
	return s, feed, err
}

// whole is what is known of a network before it is timed.
type whole struct {
	name, unit string  // unit is what is timed: "one step"
	beforeMB   float64 // resident memory before anything was built
	load, work float64 // seconds, FLOP
	once       bool    // time the first call
}

// whole times a network and reads the memory before anything else needs some.
func (l *lab) whole(ctx context.Context, w whole, call func(context.Context) error) ([]Result, error) {
	first, err := warm(ctx, call, w.once)
	if err != nil {
		return nil, err
	}
	peak := peakMB()
	ref, err := l.peakProduct()
	if err != nil {
		return nil, err
	}
	var rate Result
	if w.once {
		best, err := mean(ctx, longWindow, ref.model.run)
		if err != nil {
			return nil, err
		}
		rate = against(w.name+"/rate", w.work/giga/first, ref.unit, ref.name, ref.work/best)
	} else if rate, err = l.rate(ctx, w.name+"/rate", w.work/giga, ref, call); err != nil {
		return nil, err
	}
	ms := 1e3 * w.work / giga / rate.Value
	out := []Result{
		against(w.name+"/time", ms, "ms", "the same operations at the peak", 1e3*w.work/giga/rate.ReferenceValue),
		rate,
		against(w.name+"/load", 1e3*w.load, "ms", w.unit, ms),
	}
	if peak > 0 {
		out = append(out, against(w.name+"/memory", peak, "MB", "the process before", w.beforeMB))
	}
	return out, nil
}

// warm calls twice, once if that is all there is to be, and gives the time of the
// last call in seconds.
func warm(ctx context.Context, call func(context.Context) error, once bool) (float64, error) {
	if !once {
		if err := call(ctx); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	err := call(ctx)
	return time.Since(began).Seconds(), err
}

// feedFor makes plausible data for the inputs of a network or its training:
// truths are one-hot over axis 1, every sequence is there, noise is in 0..1.
func feedFor(g *graph.Graph) map[string]ort.Tensor {
	feed := map[string]ort.Tensor{}
	for _, v := range g.Inputs() {
		name, shape := v.Name(), v.Shape()
		t := random(shape)
		switch {
		case name == "present":
			t = filled(1, shape...)
		case strings.HasPrefix(name, "target"), name == "condition":
			t = oneHot(shape)
		case strings.HasPrefix(name, "noise"):
			for i := range t.Data {
				t.Data[i] += 0.5
			}
		}
		feed[name] = t
	}
	return feed
}

// oneHot draws a class for every position; classes lie along axis 1.
func oneHot(shape []int) ort.Tensor {
	t := filled(0, shape...)
	r := graph.NewRandom(2)
	classes, inner := shape[1], size(shape[2:])
	for n := range shape[0] {
		for i := range inner {
			c := int(r.Uint64() % uint64(classes))
			t.Data[(n*classes+c)*inner+i] = 1
		}
	}
	return t
}

func filled(x float32, shape ...int) ort.Tensor {
	t := ort.Tensor{Shape: shape, Data: make([]float32, size(shape))}
	for i := range t.Data {
		t.Data[i] = x
	}
	return t
}

func vector(data []float32) ort.Tensor { return ort.Tensor{Shape: []int{len(data)}, Data: data} }
