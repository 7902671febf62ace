package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"columna/export/graph"
	"columna/internal/ort"
)

// partSize is how many weights one run of the update changes: so few that what
// it needs beside them stays small.
const partSize = 1 << 20

// optimiser holds what training changes, as flat vectors, and the models that
// change it: for each size of batch a step that adds up gradients, and one update
// that spends the sum. All sizes share the vectors, so the memory of a step is
// that of one batch, however many make up the step.
type optimiser struct {
	sizes   []batchSize
	update  *ort.Session // Adam on a part of the weights
	average *ort.Session // running mean of the states; nil where none is kept
	params  int          // trained numbers
	part    int          // numbers that one run of update changes
	changed []string     // vectors that update changes
	// vectors are "theta", "m", "v", "grad" and "ema", as long as whole parts, and
	// "state" and "ema_state"; spare has a second "grad" and "state", and a part of
	// each vector that the update changes.
	vectors, spare map[string][]float32
}

// batchSize is the gradient step for batches of one size.
type batchSize struct {
	graph *graph.Graph
	step  *ort.Session
	noise []noisePort
}

// newOptimiser builds the models with fresh weights.
func newOptimiser(task Task, cfg Config) (*optimiser, error) {
	o := &optimiser{vectors: map[string][]float32{}, spare: map[string][]float32{}}
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
		o.fill(graph.Flatten(g, g.InitParams(cfg.Seed)))
	} else if err := sameWeights(o.sizes[0].graph, g); err != nil {
		return err
	}
	step, err := ort.NewSession(model, cfg.Session)
	if err != nil {
		return err
	}
	o.sizes = append(o.sizes, batchSize{graph: g, step: step, noise: noisePorts(g)})
	return nil
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
	o.spare["grad"] = make([]float32, parts*o.part)
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

// add runs a batch of size n and adds share of its gradient to the sum. norm is
// that of the sum. A batch whose loss or gradient is not finite changes nothing.
func (o *optimiser) add(ctx context.Context, n int, in map[string]ort.Tensor, share float64) (loss, norm float64, err error) {
	in["theta"], in["grad"] = flat(o.vectors["theta"][:o.params]), flat(o.vectors["grad"][:o.params])
	in["share"] = scalar(share)
	into := map[string]ort.Tensor{"grad_next": flat(o.spare["grad"][:o.params])}
	if state, ok := o.vectors["state"]; ok {
		in["state"], into["state_next"] = flat(state), flat(o.spare["state"])
	}
	out, err := o.sizes[n].step.RunInto(ctx, in, into)
	if err != nil {
		return 0, 0, err
	}
	loss, norm = float64(out["loss"].Data[0]), float64(out["grad_norm"].Data[0])
	if finite(loss) && finite(norm) {
		for output := range into {
			o.swap(strings.TrimSuffix(output, "_next"))
		}
	}
	return loss, norm, nil
}

// apply spends the summed gradient, of a norm, on update number step (from 1). It
// cannot be cancelled: half the weights would be new.
func (o *optimiser) apply(norm, lr float64, step int) error {
	fixed := map[string]ort.Tensor{"grad_norm": scalar(norm), "lr": scalar(lr), "step": scalar(float64(step))}
	for at := 0; at < o.params; at += o.part {
		if err := o.applyPart(at, fixed); err != nil {
			return err
		}
	}
	o.drop()
	if o.average == nil {
		return nil
	}
	in := map[string]ort.Tensor{"value": flat(o.vectors["state"]), "ema": flat(o.vectors["ema_state"]), "step": fixed["step"]}
	into := map[string]ort.Tensor{"ema_next": flat(o.spare["ema_state"])}
	_, err := o.average.RunInto(context.Background(), in, into)
	o.swap("ema_state")
	return err
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
func (o *optimiser) drop() { clear(o.vectors["grad"]) }

// weights are those to validate and export: the running mean where one is kept.
func (o *optimiser) weights() graph.Weights {
	theta, state := o.vectors["theta"], o.vectors["state"]
	if mean, ok := o.vectors["ema"]; ok {
		theta, state = mean, o.vectors["ema_state"]
	}
	return graph.Unflatten(o.sizes[0].graph, theta[:o.params], state)
}

// kept are the vectors that a checkpoint needs, without padding. The summed
// gradient belongs to it only in the midst of a step.
func (o *optimiser) kept(midst bool) map[string][]float32 {
	out := map[string][]float32{}
	for name, v := range o.vectors {
		if name != "grad" || midst {
			out[name] = v[:min(len(v), o.length(name))]
		}
	}
	return out
}

// length is how many numbers of a vector count.
func (o *optimiser) length(name string) int {
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
		if len(from) != o.length(name) {
			return fmt.Errorf("it holds %d numbers of %q where the network has %d", len(from), name, o.length(name))
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
