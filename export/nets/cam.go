package nets

import (
	"fmt"

	"columna/export/graph"
)

// CAMTarget is one set of logits that Grad-CAM can explain.
type CAMTarget struct {
	Logits   string   // name of the logits in Forward's map
	Features []string // names of the feature maps in Forward's map
	Inputs   []string // for each feature map the input whose grid its map is drawn on
}

// GradCAM encodes the Grad-CAM graph of the network (Selvaraju et al. 2017) with
// constant weights w.
//
// It adds one input shaped like the logits, "cam_target" (for a network with
// several sets of logits "cam_target_NAME" each): the score that is explained is
// s = sum(logits * cam_target). So for a class it is one-hot, for a structure it
// is the structure's mask in the structure's channel.
//
// For each feature map A with channels k the output is
// ReLU(sum_k mean(ds/dA_k) A_k), (N,1,spatial...), interpolated linearly to the
// grid of its input and not scaled: "cam" if there is one, else "cam_0", "cam_1"...
// in the order of the features. The gradients are those that train the network.
func GradCAM(n Net, w graph.Weights, doc map[string]string) ([]byte, error) {
	return bytesOf(ExportGradCAM(n, ExportOptions{Weights: w, Doc: doc, KeepWeights: true}))
}

// ExportGradCAM is GradCAM with options. The volume size cannot be left open.
func ExportGradCAM(n Net, o ExportOptions) (*graph.Model, error) {
	m, err := export(n, o, func(g *graph.Graph, n Net, batch int) []graph.Output {
		g.Name += "_cam"
		return camOutputs(g, n, Feed(g, n, batch))
	})
	if err != nil {
		return nil, fmt.Errorf("Grad-CAM graph of %s: %w", n.Name(), err)
	}
	return m, nil
}

// camOutputs builds the maps of every feature of every target.
func camOutputs(g *graph.Graph, n Net, in map[string]*graph.Value) []graph.Output {
	out := n.Forward(g, in)
	score := g.Label("score", func() *graph.Value { return camScore(g, n.CAM(), out) })
	names, grids := camFeatures(n.CAM())
	var features []*graph.Value
	for _, name := range names {
		features = append(features, out[name])
	}
	grads := graph.Grad(score, features...)
	var list []graph.Output
	for i, f := range features {
		name := "cam"
		if len(features) > 1 {
			name = fmt.Sprintf("cam_%d", i)
		}
		m := g.Label("cam", func() *graph.Value { return camMap(f, grads[i], in[grids[i]].Shape()) })
		list = append(list, graph.Output{Name: name, Value: m})
	}
	return list
}

// camScore is the sum over the targets of logits * cam_target.
func camScore(g *graph.Graph, targets []CAMTarget, out map[string]*graph.Value) *graph.Value {
	var score *graph.Value
	for _, t := range targets {
		name := "cam_target"
		if len(targets) > 1 {
			name += "_" + t.Logits
		}
		logits := out[t.Logits]
		s := graph.ReduceSum(graph.Mul(logits, g.Input(name, logits.Shape()...)), false, allAxes(logits)...)
		if score == nil {
			score = s
		} else {
			score = graph.Add(score, s)
		}
	}
	return score
}

// camFeatures lists the features of all targets once, in order, with their inputs.
func camFeatures(targets []CAMTarget) (names, grids []string) {
	seen := map[string]bool{}
	for _, t := range targets {
		for i, f := range t.Features {
			if !seen[f] {
				seen[f] = true
				names, grids = append(names, f), append(grids, t.Inputs[i])
			}
		}
	}
	return names, grids
}

// camMap weighs the channels of a feature map by their mean gradient.
func camMap(feature, grad *graph.Value, grid []int) *graph.Value {
	weight := graph.ReduceMean(grad, true, spatialAxes(grad)...)
	cam := graph.Relu(graph.ReduceSum(graph.Mul(weight, feature), true, 1))
	return graph.ResizeLinear(cam, grid[2:]...)
}

func allAxes(v *graph.Value) []int {
	axes := make([]int, len(v.Shape()))
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// spatialAxes are the axes after batch and channel.
func spatialAxes(v *graph.Value) []int { return allAxes(v)[2:] }
