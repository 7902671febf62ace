package train

import (
	"strconv"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
)

// clipNorm is the length that gradients are scaled down to.
const clipNorm = 1

// stepModel is the training step of a network: forward, its recipe's loss, gradients
// and Adam.
func stepModel(net nets.Net, o FileOptions) (m *graph.Model, err error) {
	batch := o.Batch
	if batch == 0 {
		batch = max(recipes()[net.Name()].batch, 1)
	}
	var inner error
	err = graph.Try(func() {
		g := graph.New(net.Name() + "_step")
		g.Training = true
		file := graph.EncodeOptions{Opset: o.Opset, Shapes: true}
		m, inner = graph.TrainingModel(g, recipeLoss(net, g, batch), nil, graph.AdamOptions{ClipNorm: clipNorm, File: file})
	})
	if err == nil {
		err = inner
	}
	return m, err
}

// recipeLoss is the loss that a network is taught with, on the whole grid.
func recipeLoss(net nets.Net, g *graph.Graph, batch int) *graph.Value {
	s := net.Inputs()[0].Shape
	switch {
	case net.Name() == "stenosisnet":
		return (&StenosisTask{net: net, size: s[2], batch: batch}).Loss(g)
	case net.Name() == "desamba":
		return (&LesionTask{net: net, batch: batch}).Loss(g)
	case readsSpine(net):
		return (&SegmentationTask{net: net, batch: batch, crops: []crop{{net, s[2], s[3], s[4]}}}).Loss(g)
	}
	out := net.Forward(g, nets.Feed(g, net, batch))
	return g.Label("loss", func() *graph.Value { return plainLoss(g, out) })
}

// plainLoss teaches segmentation networks that do not read our spine, such as the
// papers' presets: HFD-Tversky, of two classes Dice, with deep supervision, and
// cross entropy of the levels.
func plainLoss(g *graph.Graph, out map[string]*graph.Value) *graph.Value {
	truth := g.Input("target_semantic", out["semantic"].Shape()...)
	name, classes := "hfd-tversky", truth.Dim(1)
	if classes < 3 {
		name = "dice"
	}
	of, err := loss.Segmentation(name, classes, loss.Options{})
	if err != nil {
		panic(err)
	}
	var aux []*graph.Value
	for n := 1; out["_aux"+strconv.Itoa(n)] != nil; n++ {
		logits := out["_aux"+strconv.Itoa(n)]
		aux = append(aux, of(logits, loss.Shrink(truth, logits)))
	}
	total := loss.DeepSupervision(of(out["semantic"], truth), aux, loss.DeepSupervisionWeight(0))
	level := out["_level_aux1"]
	if level == nil {
		return total
	}
	named := loss.CrossEntropy(level, g.Input("target_level", level.Shape()...), nil, nil)
	return graph.Add(total, graph.MulScalar(named, 0.5))
}
