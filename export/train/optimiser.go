package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime/debug"
	"slices"

	"columna/export/graph"
	"columna/internal/ort"
)

// partSize is how many weights one run of the update changes: so few that what
// it needs beside them stays small.
const partSize = 1 << 20

// optimiser holds what training changes, as flat vectors, and the models that
// change it: for each size of batch a gradient step, and one update that spends the
// sum of the gradients. All sizes share the vectors, and the gradient steps read and
// write them in place, so the memory of a step is that of one batch, however many
// make up the step.
type optimiser struct {
	sizes   []batchSize
	update  *ort.Session // Adam on a part of the weights
	average *ort.Session // running mean of the states; nil where none is kept
	params  int          // trained numbers
	part    int          // numbers that one run of update changes
	batches int          // of one step
	changed []string     // vectors that update changes
	// vectors are "theta", "m", "v", "grad" and "ema", as long as whole parts, and
	// "state" and "ema_state". Spare is where the coming state is written, and a part
	// of each vector that the update changes; with several batches a step also "grad",
	// that of one batch.
	vectors, spare map[string][]float32
}

// batchSize is the gradient step for batches of one size.
type batchSize struct {
	graph  *graph.Graph
	step   *ort.Session
	inputs map[string]bool // of the step; what the loss does not depend on is none
	noise  []noisePort
}

// newOptimiser builds the models with fresh weights.
func newOptimiser(task Task, cfg Config) (*optimiser, error) {
	o := &optimiser{batches: max(cfg.Accumulate, 1), vectors: map[string][]float32{}, spare: map[string][]float32{}}
	for n := range sizesOf(task) {
		if err := o.addSize(task, n, cfg); err != nil {
			o.close()
			return nil, fmt.Errorf("build the training graph of %s: %w", task.Net().Name(), err)
		}
	}
	if err := o.addUpdate(cfg); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// addSize builds the gradient step for batches of size n.
func (o *optimiser) addSize(task Task, n int, cfg Config) error {
	g := graph.New(task.Net().Name())
	g.Training = true
	var model []byte
	var encodeErr error
	err := graph.Try(func() {
		model, encodeErr = graph.GradientStep(g, graphLoss(task, g, n), nil)
	})
	if err := errors.Join(err, encodeErr); err != nil {
		return err
	}
	if n == 0 {
		first, err := firstWeights(g, cfg)
		if err != nil {
			return err
		}
		o.fill(graph.Flatten(g, first))
	} else if err := sameWeights(o.sizes[0].graph, g); err != nil {
		return err
	}
	debug.FreeOSMemory() // the first weights were there three times
	step, err := ort.NewSession(model, cfg.Session)
	if err != nil {
		return err
	}
	inputs := map[string]bool{}
	for _, io := range step.Inputs() {
		inputs[io.Name] = true
	}
	o.sizes = append(o.sizes, batchSize{graph: g, step: step, inputs: inputs, noise: noisePorts(g)})
	return nil
}

// firstWeights are fresh ones, and in their place those of cfg.From, which may lack
// what inference does without, as the heads of the deep supervision.
func firstWeights(g *graph.Graph, cfg Config) (graph.Weights, error) {
	w, taken := g.InitParams(cfg.Seed), 0
	for _, p := range slices.Concat(g.Params(), g.States()) {
		from, ok := cfg.From[p.Name]
		if !ok {
			continue
		}
		if len(from) != len(w[p.Name]) {
			return nil, fmt.Errorf("the weights to begin with are of another network: %s has %d numbers, not %d", p.Name, len(from), len(w[p.Name]))
		}
		w[p.Name] = from
		taken++
	}
	if cfg.From != nil && taken == 0 {
		return nil, errors.New("the weights to begin with are of another network: none of them belongs here")
	}
	return w, nil
}

// sameWeights refuses graphs that cannot share their vectors.
func sameWeights(a, b *graph.Graph) error {
	same := func(p, q *graph.Param) bool { return p.Name == q.Name && slices.Equal(p.Shape, q.Shape) }
	if !slices.EqualFunc(a.Params(), b.Params(), same) || !slices.EqualFunc(a.States(), b.States(), same) {
		return fmt.Errorf("the network has other weights for another size of input")
	}
	return nil
}

// fill allocates the vectors for first weights.
func (o *optimiser) fill(theta, state []float32) {
	o.params = len(theta)
	parts := (o.params + partSize - 1) / partSize
	o.part = (o.params + parts - 1) / parts
	for _, name := range []string{"theta", "m", "v", "grad"} {
		o.vectors[name] = make([]float32, parts*o.part)
	}
	copy(o.vectors["theta"], theta)
	if o.batches > 1 {
		o.spare["grad"] = make([]float32, parts*o.part)
	}
	if len(state) > 0 {
		o.vectors["state"], o.spare["state"] = state, make([]float32, len(state))
	}
}

// addUpdate builds the update and, if asked for, the running means.
func (o *optimiser) addUpdate(cfg Config) error {
	adam := graph.AdamOptions{ClipNorm: cfg.ClipNorm, EMA: cfg.EMA}
	o.changed = []string{"theta", "m", "v"}
	if cfg.EMA > 0 {
		o.changed = append(o.changed, "ema")
		o.vectors["ema"] = slices.Clone(o.vectors["theta"])
	}
	for _, name := range o.changed {
		o.spare[name] = make([]float32, o.part)
	}
	cpu := ort.Options{Threads: cfg.Session.Threads} // too little work to be worth moving it
	model, err := graph.UpdateStep(o.part, adam)
	if err != nil {
		return err
	}
	if o.update, err = ort.NewSession(model, cpu); err != nil || cfg.EMA == 0 || o.vectors["state"] == nil {
		return err
	}
	o.vectors["ema_state"] = slices.Clone(o.vectors["state"])
	o.spare["ema_state"] = make([]float32, len(o.vectors["state"]))
	if model, err = graph.AverageStep(len(o.vectors["state"]), cfg.EMA); err != nil {
		return err
	}
	o.average, err = ort.NewSession(model, cpu)
	return err
}

// add runs a batch of size n and adds its share of the gradient to the sum. norm is
// that of the batch's gradient. A batch whose loss or gradient is not finite leaves
// the sum of no use and the states as they were.
func (o *optimiser) add(ctx context.Context, n int, in map[string]ort.Tensor) (loss, norm float64, err error) {
	s, grad := o.sizes[n], o.vectors["grad"]
	if o.batches > 1 {
		grad = o.spare["grad"]
	}
	into := map[string]ort.Tensor{}
	fed := func(name string) bool { return s.inputs[name] }
	given := func(string) bool { return true }
	pieces(in, s.graph.Params(), "", o.vectors["theta"], fed)
	pieces(in, s.graph.States(), "", o.vectors["state"], fed)
	pieces(into, s.graph.Params(), graph.GradSuffix, grad, given)
	pieces(into, s.graph.States(), graph.NextSuffix, o.spare["state"], given)
	out, err := s.step.RunInto(ctx, in, into)
	if err != nil {
		return 0, 0, err
	}
	loss, norm = float64(out["loss"].Data[0]), length(grad)
	if !finite(loss) || !finite(norm) {
		return loss, norm, nil
	}
	if o.vectors["state"] != nil {
		o.swap("state")
	}
	if o.batches > 1 {
		addTo(o.vectors["grad"], grad, 1/float32(o.batches))
	}
	return loss, norm, nil
}

// pieces names the tensors that wanted parameters are in a vector of them all.
func pieces(out map[string]ort.Tensor, params []*graph.Param, suffix string, vector []float32, wanted func(name string) bool) {
	for _, p := range params {
		n := 1
		for _, d := range p.Shape {
			n *= d
		}
		if wanted(p.Name) {
			out[p.Name+suffix] = ort.Tensor{Shape: p.Shape, Data: vector[:n:n]}
		}
		vector = vector[n:]
	}
}

// length is the Euclidean norm, as far as float32 can say it.
func length(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return float64(float32(math.Sqrt(sum)))
}

// addTo adds share * x to sum.
func addTo(sum, x []float32, share float32) {
	for i, v := range x {
		sum[i] += v * share
	}
}

// apply spends the summed gradient on update number step (from 1) and returns its
// norm. It cannot be cancelled: half the weights would be new.
func (o *optimiser) apply(lr float64, step int) (norm float64, err error) {
	norm = length(o.vectors["grad"])
	fixed := map[string]ort.Tensor{"grad_norm": scalar(norm), "lr": scalar(lr), "step": scalar(float64(step))}
	for at := 0; at < o.params; at += o.part {
		if err := o.applyPart(at, fixed); err != nil {
			return norm, err
		}
	}
	o.drop()
	if o.average == nil {
		return norm, nil
	}
	in := map[string]ort.Tensor{"value": flat(o.vectors["state"]), "ema": flat(o.vectors["ema_state"]), "step": fixed["step"]}
	into := map[string]ort.Tensor{"ema_next": flat(o.spare["ema_state"])}
	_, err = o.average.RunInto(context.Background(), in, into)
	o.swap("ema_state")
	return norm, err
}

// swap makes what was written beside a vector the vector.
func (o *optimiser) swap(name string) {
	o.vectors[name], o.spare[name] = o.spare[name], o.vectors[name]
}

// applyPart updates the part of the vectors that begins at a weight.
func (o *optimiser) applyPart(at int, fixed map[string]ort.Tensor) error {
	in, into := maps.Clone(fixed), map[string]ort.Tensor{}
	in["grad"] = flat(o.vectors["grad"][at:][:o.part])
	for _, name := range o.changed {
		in[name], into[name+"_next"] = flat(o.vectors[name][at:][:o.part]), flat(o.spare[name])
	}
	if _, err := o.update.RunInto(context.Background(), in, into); err != nil {
		return err
	}
	for _, name := range o.changed {
		copy(o.vectors[name][at:], o.spare[name])
	}
	return nil
}

// drop forgets the summed gradient.
func (o *optimiser) drop() {
	if o.batches > 1 {
		clear(o.vectors["grad"])
	}
}

// weights are those to validate and export: the running mean where one is kept.
// They lie in the vectors and are to be read only, before the next step.
func (o *optimiser) weights() graph.Weights {
	theta, state := o.vectors["theta"], o.vectors["state"]
	if mean, ok := o.vectors["ema"]; ok {
		theta, state = mean, o.vectors["ema_state"]
	}
	cut, g := map[string]ort.Tensor{}, o.sizes[0].graph
	all := func(string) bool { return true }
	pieces(cut, g.Params(), "", theta, all)
	pieces(cut, g.States(), "", state, all)
	w := graph.Weights{}
	for name, t := range cut {
		w[name] = t.Data
	}
	return w
}

// kept are the vectors that a checkpoint needs, without padding. The summed
// gradient belongs to it only in the midst of a step.
func (o *optimiser) kept(midst bool) map[string][]float32 {
	out := map[string][]float32{}
	for name, v := range o.vectors {
		if name != "grad" || midst {
			out[name] = v[:min(len(v), o.size(name))]
		}
	}
	return out
}

// size is how many numbers of a vector count.
func (o *optimiser) size(name string) int {
	if name == "state" || name == "ema_state" {
		return len(o.vectors["state"])
	}
	return o.params
}

// restore takes over the vectors of a checkpoint. A running mean that the
// checkpoint has not begins at its weights.
func (o *optimiser) restore(kept map[string][]float32) error {
	for name, v := range o.vectors {
		from, ok := kept[name]
		if !ok {
			from = kept[map[string]string{"ema": "theta", "ema_state": "state"}[name]]
		}
		if len(from) == 0 && name == "grad" {
			continue
		}
		if len(from) != o.size(name) {
			return fmt.Errorf("it holds %d numbers of %q where the network has %d", len(from), name, o.size(name))
		}
		copy(v, from)
	}
	return nil
}

func (o *optimiser) close() {
	for _, s := range o.sizes {
		s.step.Close()
	}
	for _, s := range []*ort.Session{o.update, o.average} {
		if s != nil {
			s.Close()
		}
	}
}

func flat(x []float32) ort.Tensor { return ort.Tensor{Shape: []int{len(x)}, Data: x} }

func scalar(x float64) ort.Tensor { return flat([]float32{float32(x)}) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
