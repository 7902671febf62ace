package nets

import (
	"fmt"

	"columna/export/graph"
)

// ExportOptions says how a network's file is written.
type ExportOptions struct {
	Weights graph.Weights
	Doc     map[string]string // metadata
	Opset   int               // 0: graph.DefaultOpset
	// Batch is the number of samples that the model takes; 0 leaves it open.
	Batch int
	// FreeVolume leaves the spatial sizes open too, in whole multiples of the network's
	// stride; the network must be Resizable.
	FreeVolume bool
	// KeepWeights lets graph.DecodeWeights read the weights back.
	KeepWeights bool
	// Verbatim leaves out all simplification: for comparing.
	Verbatim bool
}

// Resizable is a network that takes volumes of other sizes with the same weights.
type Resizable interface {
	Net
	// Multiple is what each axis, D, H and W, must be a whole multiple of; 0 for an
	// axis that cannot change.
	Multiple() [3]int
	// Crop is the network for another size.
	Crop(size [3]int) (Net, error)
}

// SizeRule says which sizes of a network's file may change.
func SizeRule(n Net, batch, volume bool) string {
	rule := "one batch size"
	if batch {
		rule = "any batch size"
	}
	r, ok := n.(Resizable)
	if !ok || r.Multiple() == [3]int{} {
		return rule + "; the rest is fixed by the network"
	}
	if !volume {
		return rule + "; the volume size is fixed in this file"
	}
	for a, m := range r.Multiple() {
		if m > 0 {
			rule += fmt.Sprintf("; %s a whole multiple of %d", axisNames()[a], m)
		}
	}
	return rule
}

// axisNames are the names of the open sizes of D, H and W.
func axisNames() [3]string { return [3]string{"depth", "height", "width"} }

// Inference encodes the network with constant weights w as an ONNX model for any
// batch size; doc becomes the model's metadata.
func Inference(n Net, w graph.Weights, doc map[string]string) ([]byte, error) {
	return bytesOf(ExportInference(n, ExportOptions{Weights: w, Doc: doc, KeepWeights: true}))
}

// ExportInference writes the network with its public outputs.
func ExportInference(n Net, o ExportOptions) (*graph.Model, error) {
	m, err := export(n, o, func(g *graph.Graph, n Net, batch int) []graph.Output {
		return public(n, n.Forward(g, Feed(g, n, batch)))
	})
	if err != nil {
		return nil, fmt.Errorf("inference graph of %s: %w", n.Name(), err)
	}
	return m, nil
}

func bytesOf(m *graph.Model, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return m.Bytes(), nil
}

// Feed declares the network's inputs on g for a batch size.
func Feed(g *graph.Graph, n Net, batch int) map[string]*graph.Value {
	in := map[string]*graph.Value{}
	for _, p := range n.Inputs() {
		in[p.Name] = g.Input(p.Name, append([]int{batch}, p.Shape[1:]...)...)
	}
	return in
}

// builder makes a model's outputs on a graph.
type builder func(g *graph.Graph, n Net, batch int) []graph.Output

// export writes what build makes.
func export(n Net, o ExportOptions, build builder) (m *graph.Model, err error) {
	file := graph.EncodeOptions{Weights: o.Weights, Doc: o.Doc, Opset: o.Opset, KeepWeights: o.KeepWeights, Fold: !o.Verbatim, Verbatim: o.Verbatim}
	if o.Batch > 0 && !o.FreeVolume {
		var inner error
		err = graph.Try(func() {
			g := graph.New(n.Name())
			m, inner = graph.Export(g, build(g, n, o.Batch), file)
		})
		if err == nil {
			err = inner
		}
		return m, err
	}
	free, axes, err := freeSizes(n, o)
	if err != nil {
		return nil, err
	}
	return graph.ExportFree(free, func(sizes []int) (*graph.Graph, []graph.Output) {
		g := graph.New(n.Name())
		batch, at := o.Batch, n
		if g.FreeBatch = batch == 0; g.FreeBatch {
			batch, sizes = sizes[0], sizes[1:]
		}
		if g.FreeVolume = o.FreeVolume; g.FreeVolume {
			at = resized(n.(Resizable), axes, sizes)
		}
		return g, build(g, at, batch)
	}, file)
}

// freeSizes lists the sizes left open and the axes of those that are not the batch.
// They are built at primes, or primes times the stride, which no width equals.
func freeSizes(n Net, o ExportOptions) (free []graph.Free, axes []int, err error) {
	if o.Batch == 0 {
		free = append(free, graph.Free{Name: "batch", Sizes: [3]int{7, 11, 13}})
	}
	if !o.FreeVolume {
		return free, nil, nil
	}
	r, ok := n.(Resizable)
	if !ok || r.Multiple() == [3]int{} {
		return nil, nil, fmt.Errorf("the volume size of %s is fixed", n.Name())
	}
	primes := [3][3]int{{17, 19, 23}, {29, 31, 37}, {41, 43, 47}}
	for a, m := range r.Multiple() {
		if m == 0 {
			continue
		}
		p := primes[a]
		free = append(free, graph.Free{Name: axisNames()[a], Sizes: [3]int{m * p[0], m * p[1], m * p[2]}})
		axes = append(axes, a)
	}
	return free, axes, nil
}

// resized is the network with other sizes on some axes.
func resized(n Resizable, axes, sizes []int) Net {
	var size [3]int
	shape := n.Inputs()[0].Shape
	for a := range size {
		if at := len(shape) - 3 + a; at >= 2 {
			size[a] = shape[at]
		} else {
			size[a] = 1
		}
	}
	for i, a := range axes {
		size[a] = sizes[i]
	}
	at, err := n.Crop(size)
	if err != nil {
		panic(err)
	}
	return at
}
