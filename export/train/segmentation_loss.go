package train

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/spine"
)

// classes is how many classes the network tells apart, nodes how many levels.
func (c crop) classes() int { return len(nets.Labels(c.net, "semantic")) }
func (c crop) nodes() int   { return len(nets.Labels(c.net, "level")) }

// within is a channel, or background where the network has not so many.
func within(channel, channels int) int {
	if channel < channels {
		return channel
	}
	return 0
}

// targets are the one-hot labels, the levels at half the in-plane resolution, and
// where each is known.
func targets(labels []uint8, s Segment, c crop) map[string]ort.Tensor {
	n, classes := c.d*c.h*c.w, c.classes()
	sem := make([]float32, classes*n)
	for i, l := range labels {
		sem[within(semanticOf(spine.Structure(l)), classes)*n+i] = 1
	}
	node, mask := levels(labels, s, c)
	sacrum := float32(0)
	if s.NoSacrum {
		sacrum = 1
	}
	return map[string]ort.Tensor{
		"target_semantic": {Shape: []int{1, classes, c.d, c.h, c.w}, Data: sem},
		"target_level":    {Shape: []int{1, c.nodes(), c.d, c.h / 2, c.w / 2}, Data: node},
		"level_mask":      {Shape: []int{1, 1, c.d, c.h / 2, c.w / 2}, Data: mask},
		"no_sacrum":       {Shape: []int{1}, Data: []float32{sacrum}},
	}
}

// levels are the shares of the graph's nodes in each cell of 2x2 pixels. Where
// the sacrum was not labelled, background says nothing.
func levels(labels []uint8, s Segment, c crop) (node, mask []float32) {
	h, w, nodes := c.h/2, c.w/2, c.nodes()
	n := c.d * h * w
	node, mask = make([]float32, nodes*n), make([]float32, n)
	for i, l := range labels {
		x, y, k := i%c.w, i/c.w%c.h, i/(c.w*c.h)
		cell := (k*h+y/2)*w + x/2
		node[within(nodeOf(spine.Structure(l)), nodes)*n+cell] += 0.25
		if !s.NoLevels && (l != 0 || !s.NoSacrum) {
			mask[cell] = 1
		}
	}
	return node, mask
}

// Loss is that of the first size.
func (t *SegmentationTask) Loss(g *graph.Graph) *graph.Value { return t.LossOf(g, 0) }

// LossOf is Dice plus cross entropy of the classes, or the loss that was chosen, deep
// supervision at every decoder stage that the network has logits for,
// and cross entropy of the levels.
func (t *SegmentationTask) LossOf(g *graph.Graph, size int) *graph.Value {
	c := t.crops[size]
	out := c.net.Forward(g, nets.Feed(g, c.net, t.batch))
	return g.Label("loss", func() *graph.Value { return t.lossOn(g, out, c) })
}

// lossOn is the loss of a network's outputs.
func (t *SegmentationTask) lossOn(g *graph.Graph, out map[string]*graph.Value, c crop) *graph.Value {
	n := t.batch
	truth := g.Input("target_semantic", n, c.classes(), c.d, c.h, c.w)
	level := g.Input("target_level", n, c.nodes(), c.d, c.h/2, c.w/2)
	mask := g.Input("level_mask", n, 1, c.d, c.h/2, c.w/2)
	noSacrum := graph.Reshape(g.Input("no_sacrum", n), n, 1, 1, 1, 1)
	main := t.classLoss(out["semantic"], truth, noSacrum, true)
	var aux []*graph.Value
	for n := 1; out["_aux"+strconv.Itoa(n)] != nil; n++ {
		logits := out["_aux"+strconv.Itoa(n)]
		aux = append(aux, t.classLoss(logits, loss.Shrink(truth, logits), noSacrum, false))
	}
	total := t.supervised(main, aux)
	weights := levelWeights(c.nodes())
	named := loss.CrossEntropy(out["_level_aux1"], level, weights, mask)
	if coarse := out["_level_aux4"]; coarse != nil {
		shrunk := loss.CrossEntropy(coarse, loss.Shrink(level, coarse), weights, loss.Shrink(mask, coarse))
		named = graph.Add(named, graph.MulScalar(shrunk, 0.5))
	}
	return graph.Add(total, graph.MulScalar(named, 0.5))
}

// supervised adds the mean of the deep supervision's losses. Its weight falls from
// epoch to epoch as the paper's does, where the task knows how long an epoch is.
func (t *SegmentationTask) supervised(main *graph.Value, aux []*graph.Value) *graph.Value {
	if t.epoch == 0 {
		return loss.DeepSupervision(main, aux, loss.DeepSupervisionWeight(0))
	}
	return loss.DeepSupervisionBy(main, aux, main.Graph().Input("deep_weight", 1))
}

// levelWeights make the background, nine tenths of all voxels, count for less.
func levelWeights(nodes int) []float64 {
	w := make([]float64, nodes)
	for i := range w {
		w[i] = 1
	}
	w[0] = 0.1
	return w
}

// classLoss compares the classes; where the sacrum was not labelled, calling a
// voxel sacrum counts as calling it background.
func (t *SegmentationTask) classLoss(logits, truth, noSacrum *graph.Value, full bool) *graph.Value {
	probs := graph.Softmax(logits, 1)
	if classes := logits.Dim(1); classes > semSacrum {
		p := slices.Clone(graph.Split(probs, 1, slices.Repeat([]int{1}, classes)...))
		moved := graph.Mul(p[semSacrum], noSacrum)
		p[semBackground] = graph.Add(p[semBackground], moved)
		p[semSacrum] = graph.Sub(p[semSacrum], moved)
		probs = graph.Concat(1, p...)
	}
	total := t.spatialLoss(probs, truth, full)
	if full && t.spectral > 0 {
		total = graph.Add(total, graph.MulScalar(loss.SpectralCorrelation(probs, truth), t.spectral))
	}
	return total
}

// spatialLoss is the loss that was chosen, of logits that give probs back, or the
// recipe's.
func (t *SegmentationTask) spatialLoss(probs, truth *graph.Value, full bool) *graph.Value {
	if t.main != nil {
		logits := graph.Log(graph.AddScalar(probs, 1e-5))
		if full {
			return t.main(logits, truth)
		}
		return t.deep(logits, truth)
	}
	return graph.Add(loss.Dice(probs, truth, nil), graph.MulScalar(crossEntropyOf(probs, truth), 0.5))
}

// chooseLoss sets the loss called name, with the spectral term at a weight. The
// term is of the output alone, not of the deep supervision.
func (t *SegmentationTask) chooseLoss(name string, spectral float64) error {
	if spectral < 0 {
		return fmt.Errorf("the weight of the spectral term is %g: it must not be negative", spectral)
	}
	if name == "" {
		t.spectral = spectral
		return nil
	}
	spatial, classes := strings.TrimSuffix(name, loss.SpectralSuffix), semCount
	if t.net != nil {
		classes = crop{net: t.net}.classes()
	}
	if spectral > 0 {
		name = spatial + loss.SpectralSuffix
	}
	var err error
	if t.main, err = loss.Segmentation(name, classes, loss.Options{Spectral: spectral}); err != nil {
		return err
	}
	t.deep, err = loss.Segmentation(spatial, classes, loss.Options{})
	return err
}

// crossEntropyOf is the mean over the voxels of -log of the true class's
// probability, bounded at 1e-5. All classes count the same: where thin structures
// counted for more, they were drawn a rim of pixels too large.
func crossEntropyOf(probs, truth *graph.Value) *graph.Value {
	logs := graph.Log(graph.AddScalar(probs, 1e-5))
	return graph.MulScalar(graph.ReduceMean(graph.Mul(truth, logs), false), -float64(probs.Dim(1)))
}
