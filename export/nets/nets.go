// Package nets holds the networks as functions from graph values to graph
// values. One definition of each gives its inference file, its Grad-CAM file and,
// with a loss from export/loss, its training step.
package nets

import (
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
	// Name is the network's name, one of Names.
	Name() string
	// Preset is the name of its sizes, one of Presets.
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

// entry is a network that New knows.
type entry struct {
	name    string
	presets []string
	modules []string // that it can do without
	build   func(preset string, without []string) (Net, error)
}

func registry() []entry {
	usual := []string{"compact", "paper"}
	return []entry{
		known("gfssnet", []string{"compact", "fine", "paper"}, GFSSNetPreset, NewGFSSNet, gfssnetModules()),
		known("desamba", usual, DeSambaPreset, NewDeSamba, desambaModules()),
		known("stenosisnet", usual, StenosisPreset, NewStenosisNet, stenosisModules()),
		known("unet", unetPresets(), UNetPreset, NewUNet, nil),
		known("unet3plus", unet3PlusPresets(), UNet3PlusPreset, NewUNet3Plus, nil),
		known("transunet", transUNetPresets(), TransUNetPreset, NewTransUNet, nil),
	}
}

// known joins a network's presets, its modules and its constructor.
func known[C any, N Net](net string, presets []string, preset func(string) (C, error), build func(C) (N, error), modules []module[C]) entry {
	return entry{net, presets, namesOf(modules), func(name string, without []string) (Net, error) {
		cfg, err := preset(name)
		if err != nil {
			return nil, err
		}
		if err := leaveOut(net, &cfg, modules, without); err != nil {
			return nil, err
		}
		n, err := build(cfg)
		if err != nil {
			return nil, err
		}
		return n, nil
	}}
}

// Names lists the networks.
func Names() []string {
	var list []string
	for _, e := range registry() {
		list = append(list, e.name)
	}
	return list
}

// Presets lists the presets of the network called name; none if there is none.
func Presets(name string) []string {
	for _, e := range registry() {
		if e.name == name {
			return e.presets
		}
	}
	return nil
}

// New returns the network called name with the sizes called preset, whole or without
// some of its Modules.
func New(name, preset string, without ...string) (Net, error) {
	for _, e := range registry() {
		if e.name == name {
			return e.build(preset, without)
		}
	}
	return nil, fmt.Errorf("no network %q: choose one of %s", name, strings.Join(Names(), ", "))
}

// noPreset is the error for a preset that a network has not.
func noPreset(net, preset string, list []string) error {
	return fmt.Errorf("%s has no preset %q: choose one of %s", net, preset, strings.Join(list, ", "))
}

// public picks the network's public outputs.
func public(n Net, out map[string]*graph.Value) []graph.Output {
	var list []graph.Output
	for _, name := range n.Outputs() {
		list = append(list, graph.Output{Name: name, Value: out[name]})
	}
	return list
}
