// Package nets holds the three networks as functions from graph values to graph
// values. One definition of each gives its inference file, its Grad-CAM file and,
// with a loss from export/loss, its training step.
package nets

import (
	"errors"
	"fmt"
	"strings"

	"columna/export/graph"
)

// Port is a named input with its shape for a batch of one.
type Port struct {
	Name  string
	Shape []int
}

// Net is a network of one preset.
type Net interface {
	// Name is the network's name: "gfssnet", "desamba" or "stenosisnet".
	Name() string
	// Preset is the name of its sizes: "compact" or "paper".
	Preset() string
	// Inputs are the input ports; the first dimension is the batch.
	Inputs() []Port
	// Forward builds the network on g. Besides the public outputs it returns
	// internal ones, whose names begin with "_": logits for deep supervision,
	// reconstruction losses, features for Grad-CAM.
	Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value
	// Outputs names the public outputs in order.
	Outputs() []string
	// CAM says what Grad-CAM explains and where it looks.
	CAM() []CAMTarget
}

// Names lists the networks.
func Names() []string { return []string{"gfssnet", "desamba", "stenosisnet"} }

// New returns the network called name with the sizes called preset.
func New(name, preset string) (Net, error) {
	switch name {
	case "gfssnet":
		cfg, err := GFSSNetPreset(preset)
		if err != nil {
			return nil, err
		}
		return NewGFSSNet(cfg)
	case "desamba":
		cfg, err := DeSambaPreset(preset)
		if err != nil {
			return nil, err
		}
		return NewDeSamba(cfg)
	case "stenosisnet":
		cfg, err := StenosisPreset(preset)
		if err != nil {
			return nil, err
		}
		return NewStenosisNet(cfg)
	default:
		return nil, fmt.Errorf("no network %q: choose one of %s", name, strings.Join(Names(), ", "))
	}
}

// Inference encodes the network with constant weights w as an ONNX model; doc
// becomes the model's metadata.
func Inference(n Net, w graph.Weights, doc map[string]string) ([]byte, error) {
	var model []byte
	var encodeErr error
	err := graph.Try(func() {
		g := graph.New(n.Name())
		out := n.Forward(g, feed(g, n))
		model, encodeErr = graph.Encode(g, public(n, out), graph.EncodeOptions{Weights: w, Doc: doc})
	})
	if err = errors.Join(err, encodeErr); err != nil {
		return nil, fmt.Errorf("inference graph of %s: %w", n.Name(), err)
	}
	return model, nil
}

// feed declares the network's inputs on g.
func feed(g *graph.Graph, n Net) map[string]*graph.Value {
	in := map[string]*graph.Value{}
	for _, p := range n.Inputs() {
		in[p.Name] = g.Input(p.Name, p.Shape...)
	}
	return in
}

// public picks the network's public outputs.
func public(n Net, out map[string]*graph.Value) []graph.Output {
	var list []graph.Output
	for _, name := range n.Outputs() {
		list = append(list, graph.Output{Name: name, Value: out[name]})
	}
	return list
}
