package ort

import (
	"context"
	"fmt"
	"slices"

	onnx "github.com/yalue/onnxruntime_go"
)

// Stepper runs a training step again and again. State tensors stay in place
// between steps: the model's input "x" pairs with its output "x_next", and the
// two buffers change roles after each step, so nothing is copied.
type Stepper struct {
	session *Session
	now     map[string]*onnx.Tensor[float32]
	next    map[string]*onnx.Tensor[float32]
}

const nextSuffix = "_next"

// NewStepper loads a training step and its first state; the tensors are copied.
func NewStepper(model []byte, state map[string]Tensor, o Options) (*Stepper, error) {
	s, err := NewSession(model, o)
	if err != nil {
		return nil, err
	}
	t := &Stepper{session: s, now: map[string]*onnx.Tensor[float32]{}, next: map[string]*onnx.Tensor[float32]{}}
	for name, first := range state {
		if t.now[name], err = newTensor(Tensor{first.Shape, slices.Clone(first.Data)}); err == nil {
			t.next[name], err = newTensor(Tensor{first.Shape, make([]float32, len(first.Data))})
		}
		if err != nil {
			t.Close()
			return nil, fmt.Errorf("state %q: %w", name, err)
		}
	}
	for _, out := range s.outputs {
		if name, ok := stateName(out.Name); ok && t.now[name] == nil {
			t.Close()
			return nil, fmt.Errorf("the training step has a state %q that was not given", name)
		}
	}
	return t, nil
}

func stateName(output string) (string, bool) {
	if n := len(output) - len(nextSuffix); n > 0 && output[n:] == nextSuffix {
		return output[:n], true
	}
	return "", false
}

// Step runs once on in (everything but the state) and returns the outputs that
// are not state, such as the loss. On error or cancellation the state is as it
// was before.
func (t *Stepper) Step(ctx context.Context, in map[string]Tensor) (map[string]Tensor, error) {
	inputs, owned, err := t.inputs(in)
	defer destroy(owned)
	if err != nil {
		return nil, err
	}
	results := make([]onnx.Value, len(t.session.outputs))
	for n, o := range t.session.outputs {
		if name, ok := stateName(o.Name); ok {
			results[n] = t.next[name]
		}
	}
	if err := runCancellable(ctx, t.session.session, inputs, results); err != nil {
		return nil, err
	}
	out := map[string]Tensor{}
	for n, o := range t.session.outputs {
		if name, ok := stateName(o.Name); ok {
			t.now[name], t.next[name] = t.next[name], t.now[name]
			continue
		}
		v := results[n].(*onnx.Tensor[float32])
		out[o.Name] = Tensor{Shape: ints(v.GetShape()), Data: slices.Clone(v.GetData())}
		v.Destroy()
	}
	return out, nil
}

// inputs joins the state and the given tensors in the model's order; owned are
// those to be destroyed after the step.
func (t *Stepper) inputs(in map[string]Tensor) (values, owned []onnx.Value, err error) {
	if err := t.session.known(in); err != nil {
		return nil, nil, err
	}
	for _, want := range t.session.inputs {
		if state, ok := t.now[want.Name]; ok {
			values = append(values, state)
			continue
		}
		given, ok := in[want.Name]
		if !ok {
			return nil, owned, fmt.Errorf("input %q is missing", want.Name)
		}
		if !fits(want.Shape, given.Shape) {
			return nil, owned, fmt.Errorf("input %q has shape %v, the step takes %v", want.Name, given.Shape, want.Shape)
		}
		v, err := newTensor(given)
		if err != nil {
			return nil, owned, fmt.Errorf("input %q: %w", want.Name, err)
		}
		values, owned = append(values, v), append(owned, v)
	}
	return values, owned, nil
}

// State copies the state tensors.
func (t *Stepper) State() map[string]Tensor {
	out := map[string]Tensor{}
	for name, v := range t.now {
		out[name] = Tensor{Shape: ints(v.GetShape()), Data: slices.Clone(v.GetData())}
	}
	return out
}

// Close frees the step and its state.
func (t *Stepper) Close() error {
	for _, set := range []map[string]*onnx.Tensor[float32]{t.now, t.next} {
		for _, v := range set {
			if v != nil {
				v.Destroy()
			}
		}
	}
	return t.session.Close()
}
