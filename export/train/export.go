package train

import (
	"fmt"

	"columna/export/graph"
	"columna/export/nets"
	"columna/inference"
	"columna/models"
	"columna/spine"
)

// Build turns a network and its weights into a model that serves: the inference
// graph and the Grad-CAM graph, both for any batch size, and the card, to which know
// adds.
func Build(net nets.Net, w graph.Weights, know func(*models.Spec)) (*models.Model, error) {
	m := &models.Model{}
	cam, _, err := write(net, w, FileOptions{Kind: models.GradCAM, keep: true}, know)
	if err != nil {
		return nil, err
	}
	file, spec, err := write(net, w, FileOptions{Kind: models.Inference, Fixed: true, keep: true}, know)
	if err != nil {
		return nil, err
	}
	m.Spec, m.ONNX, m.CAM = spec, file.Bytes(), cam.Bytes()
	return m, nil
}

// FileOptions says which of a network's three files is written, and how.
type FileOptions struct {
	Kind  string // one of models.Kinds
	Batch int    // samples; 0: any number, for a training step the recipe's
	Opset int    // 0: graph.DefaultOpset
	// Fixed keeps the preset's volume size where the network could leave it open. It
	// serves faster so.
	Fixed bool

	keep bool // the weights can be read back from the file
}

// Fresh builds a file with the weights that a training of the seed begins with,
// and its card.
func Fresh(net nets.Net, seed uint64, o FileOptions) (*graph.Model, models.Spec, error) {
	about := fmt.Sprintf("untrained: fresh weights, seed %d", seed)
	var w graph.Weights
	if o.Kind == models.Training {
		about = fmt.Sprintf("untrained: theta, which the file takes, begins as the fresh weights of seed %d", seed)
	} else {
		err := graph.Try(func() {
			g := graph.New(net.Name())
			net.Forward(g, nets.Feed(g, net, 1))
			w = g.InitParams(seed)
		})
		if err != nil {
			return nil, models.Spec{}, err
		}
	}
	return write(net, w, o, func(s *models.Spec) {
		s.TrainedOn, s.Licence = about, "Apache-2.0"
		s.Limits = "What it says means nothing yet. Not a medical device."
	})
}

// write makes a file with the card inside.
func write(net nets.Net, w graph.Weights, o FileOptions, know func(*models.Spec)) (*graph.Model, models.Spec, error) {
	spec := models.Spec{Name: net.Name(), Preset: net.Preset(), Without: nets.Without(net), Kind: o.Kind, Temperature: 1, Opset: o.Opset}
	if spec.Opset == 0 {
		spec.Opset = graph.DefaultOpset
	}
	m, err := o.model(net, w)
	if err != nil {
		return nil, spec, fmt.Errorf("export %s: %w", net.Name(), err)
	}
	spec.Inputs, spec.Outputs = ports(net, m.Inputs), ports(net, m.Outputs)
	spec.Labels = nets.Labels(net, net.Outputs()[0])
	spec.Sizes = nets.SizeRule(net, o.Batch == 0 && o.Kind != models.Training, o.freeVolume(net))
	if m.Lean {
		spec.Sizes += "; the shapes inside are hidden, to save memory"
	}
	spec.SizeVox, spec.SpacingMM = gridOf(net)
	if err := measure(net, &spec); err != nil {
		return nil, spec, err
	}
	know(&spec)
	m.Describe(spec.Metadata())
	return m, spec, nil
}

// model builds the file.
func (o FileOptions) model(net nets.Net, w graph.Weights) (*graph.Model, error) {
	e := nets.ExportOptions{Weights: w, Batch: o.Batch, Opset: o.Opset, FreeVolume: o.freeVolume(net), KeepWeights: o.keep}
	switch o.Kind {
	case models.Inference:
		return nets.ExportInference(net, e)
	case models.GradCAM:
		return nets.ExportGradCAM(net, e)
	case models.Training:
		return stepModel(net, o)
	}
	return nil, fmt.Errorf("there is no file of kind %q", o.Kind)
}

// freeVolume says whether the file takes volumes of other sizes.
func (o FileOptions) freeVolume(net nets.Net) bool {
	r, ok := net.(nets.Resizable)
	return o.Kind == models.Inference && !o.Fixed && ok && r.Multiple() != [3]int{}
}

// ports are a file's inputs or outputs in the words of its card.
func ports(net nets.Net, list []graph.Port) []models.Port {
	out := make([]models.Port, len(list))
	for i, p := range list {
		out[i] = models.Port{Name: p.Name, Shape: p.Shape, Meaning: nets.Meaning(net, p.Name)}
		for _, name := range p.Free {
			if name != "" {
				out[i].Free = p.Free
			}
		}
	}
	return out
}

// gridOf is the grid that the network reads, along i, j, k: columns, rows, slices.
// The spacing is zero where the network does not fix it.
func gridOf(net nets.Net) (size [3]int, mm [3]float64) {
	s := net.Inputs()[0].Shape
	size = [3]int{s[len(s)-1], s[len(s)-2], 1}
	if len(s) == 5 {
		size[2] = s[2]
	}
	switch {
	case net.Name() == "stenosisnet":
		side := inference.CropFOVMM / float64(size[0])
		mm = [3]float64{side, side, 0}
	case readsSpine(net):
		mm = gridMM(size[2], size[1])
	}
	return size, mm
}

// readsSpine says whether a segmentation network has the spine's classes and levels,
// at least the paper's.
func readsSpine(net nets.Net) bool {
	c := crop{net: net}
	return c.classes() > semDisc && c.nodes() > nodeOf(spine.DiscL4L5)
}

// measure counts the network's parameters and its operations for one sample.
func measure(net nets.Net, spec *models.Spec) error {
	return graph.Try(func() {
		g := graph.New(net.Name())
		out := net.Forward(g, nets.Feed(g, net, 1))
		var values []*graph.Value
		for _, name := range net.Outputs() {
			values = append(values, out[name])
		}
		spec.Parameters = graph.ParamCount(g)
		spec.GFLOPs = graph.FLOPs(values...) / 1e9
	})
}
