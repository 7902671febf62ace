package train

import (
	"fmt"

	"columna/export/graph"
	"columna/export/nets"
	"columna/models"
)

// Build turns a network and its weights into a model: the inference graph, the
// Grad-CAM graph and the part of the card that follows from them.
func Build(net nets.Net, w graph.Weights) (*models.Model, error) {
	doc := map[string]string{"net": net.Name(), "preset": net.Preset()}
	m := &models.Model{Spec: models.Spec{Name: net.Name(), Preset: net.Preset(), Temperature: 1}}
	var err error
	if m.ONNX, err = nets.Inference(net, w, doc); err != nil {
		return nil, fmt.Errorf("export %s: %w", net.Name(), err)
	}
	if m.CAM, err = nets.GradCAM(net, w, doc); err != nil {
		return nil, fmt.Errorf("export the Grad-CAM of %s: %w", net.Name(), err)
	}
	return m, describe(net, &m.Spec)
}

// describe fills in ports, parameters and cost from a freshly built graph.
func describe(net nets.Net, spec *models.Spec) error {
	return graph.Try(func() {
		g := graph.New(net.Name())
		in := map[string]*graph.Value{}
		for _, p := range net.Inputs() {
			in[p.Name] = g.Input(p.Name, p.Shape...)
			spec.Inputs = append(spec.Inputs, models.Port{Name: p.Name, Shape: p.Shape})
		}
		out := net.Forward(g, in)
		var values []*graph.Value
		for _, name := range net.Outputs() {
			values = append(values, out[name])
			spec.Outputs = append(spec.Outputs, models.Port{Name: name, Shape: out[name].Shape()})
		}
		spec.Parameters = graph.ParamCount(g)
		spec.GFLOPs = graph.FLOPs(values...) / 1e9
		spec.Opset = graph.DefaultOpset
	})
}
