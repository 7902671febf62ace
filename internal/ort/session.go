package ort

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	onnx "github.com/yalue/onnxruntime_go"
)

// Tensor is a float32 array in row-major order.
type Tensor struct {
	Shape []int
	Data  []float32
}

// IO is a model input or output; -1 in Shape is a size fixed only at run time.
type IO struct {
	Name  string
	Shape []int
}

// Options set how a session runs.
type Options struct {
	Threads         int  // intra-op threads; 0 leaves the choice to ONNX Runtime
	OptimizationOff bool // skip graph optimisation: large training graphs load faster

	// Provider is where the session runs, one of Providers; "" is the CPU. Where it
	// cannot be had the session runs on the CPU, and Notice, if not nil, hears why in
	// one sentence. Auto falls back without a word.
	Provider string
	Notice   func(sentence string)
}

// Session is a loaded model. Run may be called from several goroutines.
type Session struct {
	session  *onnx.DynamicAdvancedSession
	inputs   []IO
	outputs  []IO
	provider string
}

// NewSession loads an ONNX model from memory.
func NewSession(model []byte, o Options) (*Session, error) {
	if err := Init(); err != nil {
		return nil, err
	}
	in, out, err := boundary(model)
	if err != nil {
		return nil, fmt.Errorf("read the ONNX model: %w", err)
	}
	s := &Session{inputs: in, outputs: out}
	s.provider, err = o.open(func(options *onnx.SessionOptions) (err error) {
		s.session, err = onnx.NewDynamicAdvancedSessionWithONNXData(model, names(s.inputs), names(s.outputs), options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the ONNX model: %w", err)
	}
	return s, nil
}

func newOptions(o Options) (*onnx.SessionOptions, error) {
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	steps := []error{options.SetMemPattern(false)}
	// Threads that spin while they wait starve the window and every neighbour.
	steps = append(steps, options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"))
	steps = append(steps, options.AddSessionConfigEntry("session.use_env_allocators", "1"))
	if o.Threads > 0 {
		steps = append(steps, options.SetIntraOpNumThreads(o.Threads))
	}
	if o.OptimizationOff {
		steps = append(steps, options.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelDisableAll))
	}
	if err := errors.Join(steps...); err != nil {
		options.Destroy()
		return nil, fmt.Errorf("set ONNX Runtime options: %w", err)
	}
	return options, nil
}

func names(list []IO) []string {
	var out []string
	for _, io := range list {
		out = append(out, io.Name)
	}
	return out
}

// Inputs lists the model's inputs.
func (s *Session) Inputs() []IO { return slices.Clone(s.inputs) }

// Outputs lists the model's outputs.
func (s *Session) Outputs() []IO { return slices.Clone(s.outputs) }

// Provider names the execution provider that the session runs on.
func (s *Session) Provider() string { return s.provider }

// Close frees the session.
func (s *Session) Close() error { return s.session.Destroy() }

// Run computes every output. Cancelling ctx ends the run inside the network; the
// session stays usable.
func (s *Session) Run(ctx context.Context, in map[string]Tensor) (map[string]Tensor, error) {
	return s.RunInto(ctx, in, nil)
}

// RunInto is Run that writes the outputs named in into to the memory given there,
// which must not overlap an input's, and returns the others. When it fails, that
// memory holds anything.
func (s *Session) RunInto(ctx context.Context, in, into map[string]Tensor) (map[string]Tensor, error) {
	values, err := s.bind(in)
	defer destroy(values)
	if err != nil {
		return nil, err
	}
	results, err := s.place(into)
	defer func() { destroy(results) }()
	if err != nil {
		return nil, err
	}
	if err := runCancellable(ctx, s.session, values, results); err != nil {
		return nil, err
	}
	out := map[string]Tensor{}
	for n, v := range results {
		name := s.outputs[n].Name
		if _, given := into[name]; given {
			continue
		}
		t, ok := v.(*onnx.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("output %s is not a float32 tensor", name)
		}
		out[name] = Tensor{Shape: ints(t.GetShape()), Data: slices.Clone(t.GetData())}
	}
	return out, nil
}

// place makes the tensors of the outputs whose memory is given; the others are
// left to ONNX Runtime.
func (s *Session) place(into map[string]Tensor) ([]onnx.Value, error) {
	results := make([]onnx.Value, len(s.outputs))
	for n, o := range s.outputs {
		t, given := into[o.Name]
		if !given {
			continue
		}
		if !fits(o.Shape, t.Shape) {
			return results, fmt.Errorf("output %q has shape %v, not %v", o.Name, o.Shape, t.Shape)
		}
		v, err := newTensor(t)
		if err != nil {
			return results, fmt.Errorf("output %q: %w", o.Name, err)
		}
		results[n] = v
	}
	return results, nil
}

// bind makes the input tensors in the model's order.
func (s *Session) bind(in map[string]Tensor) ([]onnx.Value, error) {
	if err := s.known(in); err != nil {
		return nil, err
	}
	var values []onnx.Value
	for _, want := range s.inputs {
		t, ok := in[want.Name]
		if !ok {
			return values, fmt.Errorf("input %q is missing", want.Name)
		}
		if !fits(want.Shape, t.Shape) {
			return values, fmt.Errorf("input %q has shape %v, the model takes %v", want.Name, t.Shape, want.Shape)
		}
		v, err := newTensor(t)
		if err != nil {
			return values, fmt.Errorf("input %q: %w", want.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// known refuses tensors that the model does not take.
func (s *Session) known(in map[string]Tensor) error {
	for name := range in {
		if !slices.ContainsFunc(s.inputs, func(io IO) bool { return io.Name == name }) {
			return fmt.Errorf("the model has no input %q; it takes %v", name, names(s.inputs))
		}
	}
	return nil
}

func fits(want, have []int) bool {
	return slices.EqualFunc(want, have, func(w, h int) bool { return w == h || w < 0 })
}

func newTensor(t Tensor) (*onnx.Tensor[float32], error) {
	n := 1
	var shape []int64
	for _, d := range t.Shape {
		n *= d
		shape = append(shape, int64(d))
	}
	if n != len(t.Data) {
		return nil, fmt.Errorf("%d values for shape %v", len(t.Data), t.Shape)
	}
	return onnx.NewTensor(onnx.NewShape(shape...), t.Data)
}

func ints(shape onnx.Shape) []int {
	out := make([]int, len(shape))
	for i, d := range shape {
		out[i] = int(d)
	}
	return out
}

func destroy(values []onnx.Value) {
	for _, v := range values {
		if v != nil {
			v.Destroy()
		}
	}
}

// runCancellable runs a session and terminates it when ctx ends.
func runCancellable(ctx context.Context, s *onnx.DynamicAdvancedSession, in, out []onnx.Value) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	options, err := onnx.NewRunOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	var pinner runtime.Pinner // the tensors lie in Go's memory
	defer pinner.Unpin()
	pin(&pinner, in)
	pin(&pinner, out)
	done, watcher := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watcher)
		select {
		case <-ctx.Done():
			options.Terminate()
		case <-done:
		}
	}()
	err = s.RunWithOptions(in, out, options)
	close(done)
	<-watcher
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("run the network: %w", err)
	}
	return nil
}

func pin(p *runtime.Pinner, values []onnx.Value) {
	for _, v := range values {
		if t, ok := v.(*onnx.Tensor[float32]); ok && len(t.GetData()) > 0 {
			p.Pin(&t.GetData()[0])
		}
	}
}
