// Package twin compares a graph and its gradients with an independent PyTorch
// implementation of the same network, for tests that run without Python.
//
// A script under scripts/twins evaluates the PyTorch twin in float64 and writes a
// Case: what goes in, what came out, and the gradients. Check evaluates the graph
// on the same numbers and compares. What goes in is drawn from streams that both
// sides know, and large results are kept as a Digest, so a network of a million
// weights needs a small file.
package twin

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxFile bounds the bytes that are read from one unpacked file.
const maxFile = 32 << 20

// Case is one evaluation of a twin. Names of parameters are those of the graph
// with "." for "/", as PyTorch writes them.
type Case struct {
	Name   string            `json:"name"`   // seeds the streams
	Module string            `json:"module"` // the row of the table
	Inputs map[string]Tensor `json:"inputs"`
	Params map[string]Tensor `json:"params"` // states too
	// Outputs are what the twin gave.
	Outputs map[string]Digest `json:"outputs"`
	// Gradients are those of sum over the outputs o of sum(o * w_o), by inputs and
	// parameters; w_o is drawn from the stream "weight of o".
	Gradients map[string]Digest `json:"gradients"`
}

// Read reads a case from a gzip'd JSON file.
func Read(file string) (*Case, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("twin case %s: %w", file, err)
	}
	c := &Case{}
	if err := json.NewDecoder(io.LimitReader(packed, maxFile)).Decode(c); err != nil {
		return nil, fmt.Errorf("twin case %s: %w", file, err)
	}
	return c, c.validate(file)
}

// validate refuses sizes that do not fit, which would panic later.
func (c *Case) validate(file string) error {
	for _, group := range []map[string]Tensor{c.Inputs, c.Params} {
		for name, t := range group {
			if slices.ContainsFunc(t.Shape, func(d int) bool { return d < 1 }) || size(t.Shape) > maxFile {
				return fmt.Errorf("twin case %s: %s has shape %v", file, name, t.Shape)
			}
		}
	}
	for _, group := range []map[string]Digest{c.Outputs, c.Gradients} {
		for name, d := range group {
			if err := d.validate(); err != nil {
				return fmt.Errorf("twin case %s: %s: %w", file, name, err)
			}
		}
	}
	return nil
}

// Input gives the numbers of an input.
func (c *Case) Input(name string) ([]float32, error) {
	t, ok := c.Inputs[name]
	if !ok {
		return nil, fmt.Errorf("twin %s has no input %q", c.Name, name)
	}
	return t.numbers(c.stream(name))
}

// Param gives the numbers of a parameter or state by its name in the graph.
func (c *Case) Param(name string) ([]float32, error) {
	t, ok := c.Params[dotted(name)]
	if !ok {
		return nil, fmt.Errorf("twin %s has no parameter %q", c.Name, dotted(name))
	}
	return t.numbers(c.stream(dotted(name)))
}

// stream names the stream of a tensor of this case.
func (c *Case) stream(tensor string) string { return c.Name + ": " + tensor }

// dotted is a parameter's name as PyTorch writes it.
func dotted(name string) string { return strings.ReplaceAll(name, "/", ".") }
