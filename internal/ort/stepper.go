package ort

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Stepper runs a training step again and again. State tensors stay in place
// between steps: the model's input "x" pairs with its output "x_next", and the
// two buffers change roles after each step, so nothing is copied.
type Stepper struct {
	session   *Session
	now, next map[string]Tensor // next has the outputs' names
}

const nextSuffix = "_next"

// NewStepper loads a training step and its first state; the tensors are copied.
func NewStepper(model []byte, state map[string]Tensor, o Options) (*Stepper, error) {
	s, err := NewSession(model, o)
	if err != nil {
		return nil, err
	}
	t := &Stepper{session: s, now: map[string]Tensor{}, next: map[string]Tensor{}}
	for name, first := range state {
		t.now[name] = Tensor{first.Shape, slices.Clone(first.Data)}
	}
	for _, out := range s.outputs {
		name, ok := stateName(out.Name)
		if !ok {
			continue
		}
		first, given := t.now[name]
		if !given {
			t.Close()
			return nil, fmt.Errorf("the training step has a state %q that was not given", name)
		}
		t.next[out.Name] = Tensor{first.Shape, make([]float32, len(first.Data))}
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
	all := map[string]Tensor{}
	maps.Copy(all, in)
	maps.Copy(all, t.now)
	out, err := t.session.RunInto(ctx, all, t.next)
	if err != nil {
		return nil, err
	}
	for output := range t.next {
		name, _ := stateName(output)
		t.now[name], t.next[output] = t.next[output], t.now[name]
	}
	return out, nil
}

// State copies the state tensors.
func (t *Stepper) State() map[string]Tensor {
	out := map[string]Tensor{}
	for name, v := range t.now {
		out[name] = Tensor{Shape: slices.Clone(v.Shape), Data: slices.Clone(v.Data)}
	}
	return out
}

// Close frees the step.
func (t *Stepper) Close() error { return t.session.Close() }
