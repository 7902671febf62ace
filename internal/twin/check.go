package twin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
)

// Errors are the worst relative errors over all outputs and over all gradients.
type Errors struct{ Forward, Gradient float64 }

// Bounds are the largest errors that Check accepts.
type Bounds struct {
	Reference Errors // graph.Eval, float64
	Runtime   Errors // ONNX Runtime, float32
}

// Strict holds both to 1e-5 forward and 1e-4 for gradients.
func Strict() Bounds {
	e := Errors{Forward: 1e-5, Gradient: 1e-4}
	return Bounds{Reference: e, Runtime: e}
}

// Whole are the bounds of a whole network: the reference evaluator is held to the
// strict ones. In float32 a rectifier here and there falls on its other side, and
// small gradients are differences of large ones: the bound leaves room for
// processors that round otherwise than the one the table was measured on.
func Whole() Bounds {
	b := Strict()
	b.Runtime.Gradient = 1e-2
	return b
}

// Check compares the outputs of a graph and their gradients with the twin's, once
// by the reference evaluator and once by ONNX Runtime. Inputs, parameters and
// outputs of the graph must be exactly those of the case, and every parameter
// must have its gradient there, unless the case has none at all. The errors are logged as a line of the table, with
// the name of the worst gradient.
func Check(t testing.TB, c *Case, g *graph.Graph, outputs map[string]*graph.Value, b Bounds) {
	t.Helper()
	r, err := newRun(c, g, outputs)
	if err != nil {
		t.Fatal(err)
	}
	reference, where := r.errors(graph.Eval(r.values, r.feed, r.weights))
	report(t, c, "reference evaluator", reference, b.Reference, where)
	got, err := r.onRuntime()
	switch {
	case errors.Is(err, ort.ErrNoLibrary):
		t.Log(err)
		return
	case err != nil:
		t.Fatal(err)
	}
	runtime, where := r.errors(got)
	report(t, c, "ONNX Runtime", runtime, b.Runtime, where)
	logRow(t, c, c.Module, r.cells(reference)+" | "+r.cells(runtime), where[1])
}

// CheckFile compares an output that ONNX Runtime computed from an exported file.
// It is a row of its own in the table.
func CheckFile(t testing.TB, c *Case, name string, got []float32, bound float64) {
	t.Helper()
	want := c.Outputs[name]
	d := want.compare(got, c.stream(name), want.Max)
	if !(d <= bound) {
		t.Errorf("%s by the exported file: output %s differs by %.2g, more than %.2g", c.Name, name, d, bound)
	}
	logRow(t, c, c.Module+", exported file", fmt.Sprintf("- | - | %.1e | -", d), name)
}

// cells are the two columns of the table for errors.
func (r *run) cells(e Errors) string {
	if len(r.wrt) == 0 {
		return fmt.Sprintf("%.1e | -", e.Forward)
	}
	return fmt.Sprintf("%.1e | %.1e", e.Forward, e.Gradient)
}

// logRow writes a line that scripts/twins/table.sh reads.
func logRow(t testing.TB, c *Case, module, cells, worst string) {
	t.Helper()
	t.Logf("twin | %s | %s | %s | %s", module, c.Name, cells, worst)
}

// report fails the test where an error is above its bound.
func report(t testing.TB, c *Case, by string, got, bound Errors, where [2]string) {
	t.Helper()
	if !(got.Forward <= bound.Forward) {
		t.Errorf("%s by %s: output %s differs by %.2g, more than %.2g", c.Name, by, where[0], got.Forward, bound.Forward)
	}
	if !(got.Gradient <= bound.Gradient) {
		t.Errorf("%s by %s: the gradient of %s differs by %.2g, more than %.2g", c.Name, by, where[1], got.Gradient, bound.Gradient)
	}
}

// run is a graph with everything needed to evaluate it on a case.
type run struct {
	c       *Case
	g       *graph.Graph
	feed    map[string][]float32
	weights graph.Weights
	outputs []string // names, in the order of values
	wrt     []string // names of the gradients, which follow in values
	values  []*graph.Value
}

func newRun(c *Case, g *graph.Graph, outputs map[string]*graph.Value) (*run, error) {
	r := &run{c: c, g: g, feed: map[string][]float32{}, weights: graph.Weights{}}
	leaves, err := r.leaves()
	if err != nil {
		return nil, err
	}
	score, err := r.score(outputs)
	if err != nil {
		return nil, err
	}
	var wrt []*graph.Value
	for _, name := range slices.Sorted(maps.Keys(c.Gradients)) {
		v, ok := leaves[name]
		if !ok || !slices.Equal(v.Shape(), c.Gradients[name].Shape) {
			return nil, fmt.Errorf("twin %s: the graph has no %s of shape %v", c.Name, name, c.Gradients[name].Shape)
		}
		r.wrt, wrt = append(r.wrt, name), append(wrt, v)
	}
	if len(wrt) > 0 {
		r.values = append(r.values, graph.Grad(score, wrt...)...)
	}
	return r, nil
}

// score takes the outputs in and gives the sum of them that is differentiated.
func (r *run) score(outputs map[string]*graph.Value) (*graph.Value, error) {
	r.outputs = slices.Sorted(maps.Keys(r.c.Outputs))
	if names := slices.Sorted(maps.Keys(outputs)); !slices.Equal(names, r.outputs) {
		return nil, fmt.Errorf("twin %s has the outputs %v, the graph %v", r.c.Name, r.outputs, names)
	}
	var score *graph.Value
	for _, name := range r.outputs {
		v, want := outputs[name], r.c.Outputs[name].Shape
		if !slices.Equal(v.Shape(), want) {
			return nil, fmt.Errorf("twin %s: output %s has shape %v, in the graph %v", r.c.Name, name, want, v.Shape())
		}
		r.values = append(r.values, v)
		s := weigh(v, "weight of "+r.c.stream(name))
		if score == nil {
			score = s
		} else {
			score = graph.Add(score, s)
		}
	}
	return score, nil
}

// weigh is sum(v * w) with w drawn from a stream.
func weigh(v *graph.Value, stream string) *graph.Value {
	draw, w := uniform(stream), make([]float32, size(v.Shape()))
	for i := range w {
		w[i] = float32(draw())
	}
	return graph.ReduceSum(graph.Mul(v, graph.Const(v.Graph(), v.Shape(), w)), false)
}

// leaves draws what goes in and maps the names in the case to values.
func (r *run) leaves() (map[string]*graph.Value, error) {
	leaves := map[string]*graph.Value{}
	for _, v := range r.g.Inputs() {
		data, err := r.c.Input(v.Name())
		if err := r.fits(v.Name(), v.Shape(), r.c.Inputs[v.Name()], err); err != nil {
			return nil, err
		}
		r.feed[v.Name()], leaves[v.Name()] = data, v
	}
	params := r.g.Params()
	for i, p := range append(params, r.g.States()...) {
		name := dotted(p.Name)
		data, err := r.c.Param(p.Name)
		if err := r.fits(name, p.Shape, r.c.Params[name], err); err != nil {
			return nil, err
		}
		if _, ok := r.c.Gradients[name]; !ok && i < len(params) && len(r.c.Gradients) > 0 {
			return nil, fmt.Errorf("twin %s has no gradient of %s", r.c.Name, name)
		}
		r.weights[p.Name], leaves[name] = data, p.Value
	}
	if want := len(r.c.Inputs) + len(r.c.Params); len(leaves) != want {
		return nil, fmt.Errorf("twin %s has %d inputs and parameters, the graph %d", r.c.Name, want, len(leaves))
	}
	return leaves, nil
}

func (r *run) fits(name string, shape []int, t Tensor, err error) error {
	if err == nil && !slices.Equal(shape, t.Shape) {
		err = fmt.Errorf("twin %s: %s has shape %v, in the graph %v", r.c.Name, name, t.Shape, shape)
	}
	return err
}

// onRuntime computes the values with ONNX Runtime, parameters fed as inputs.
func (r *run) onRuntime() ([][]float32, error) {
	if err := ort.Init(); err != nil {
		return nil, err
	}
	outs := make([]graph.Output, len(r.values))
	for i, v := range r.values {
		outs[i] = graph.Output{Name: fmt.Sprintf("value_%d", i), Value: v}
	}
	model, err := graph.Encode(r.g, outs, graph.EncodeOptions{})
	if err != nil {
		return nil, err
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1, OptimizationOff: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	in := map[string]ort.Tensor{}
	for _, port := range s.Inputs() {
		data, ok := r.feed[port.Name]
		if !ok {
			data = r.weights[port.Name]
		}
		in[port.Name] = ort.Tensor{Shape: port.Shape, Data: data}
	}
	results, err := s.Run(context.Background(), in)
	if err != nil {
		return nil, err
	}
	data := make([][]float32, len(outs))
	for i, o := range outs {
		data[i] = results[o.Name].Data
	}
	return data, nil
}

// zeroGradient is the share of a case's largest gradient below which a tensor's
// gradient is zero but for rounding, such as that of a bias before a
// normalisation. Its error is then relative to the largest gradient of the case.
const zeroGradient = 1e-9

// largestGradient is the largest magnitude in any gradient.
func (c *Case) largestGradient() float64 {
	most := 0.0
	for _, d := range c.Gradients {
		most = math.Max(most, d.Max)
	}
	return most
}

// errors are the worst errors of computed values and the names of the tensors
// that have them.
func (r *run) errors(got [][]float32) (e Errors, where [2]string) {
	for i, name := range r.outputs {
		want := r.c.Outputs[name]
		d := want.compare(got[i], r.c.stream(name), want.Max)
		if d > e.Forward {
			e.Forward, where[0] = d, name
		}
	}
	most := r.c.largestGradient()
	for i, name := range r.wrt {
		want := r.c.Gradients[name]
		scale := want.Max
		if scale <= zeroGradient*most {
			scale = most
		}
		d := want.compare(got[len(r.outputs)+i], r.c.stream("gradient of "+name), scale)
		if d > e.Gradient {
			e.Gradient, where[1] = d, name
		}
	}
	return e, where
}
