package loss

import (
	"math"

	"columna/export/graph"
)

// CrossEntropy is the mean over the positions of -w_c log softmax(logits)_c of
// the true class c, divided by the mean weight. mask (N,1,spatial...) leaves
// positions out where it is 0; nil masks nothing and nil weights are ones.
func CrossEntropy(logits, g *graph.Value, weights []float64, mask *graph.Value) *graph.Value {
	return Focal(logits, g, 0, weights, mask)
}

// Focal is cross entropy with each position weighted by (1-p)^gamma, p the
// probability of its true class (Lin et al. 2017).
func Focal(logits, g *graph.Value, gamma float64, weights []float64, mask *graph.Value) *graph.Value {
	weight := graph.ReduceSum(graph.Mul(g, classAxis(logits, weights)), true, 1)
	if mask != nil {
		weight = graph.Mul(weight, mask)
	}
	logp := graph.ReduceSum(graph.Mul(g, graph.LogSoftmax(logits, 1)), true, 1)
	cost := graph.Neg(logp)
	if gamma != 0 {
		rest := graph.AddScalar(graph.Neg(graph.Exp(logp)), 1)
		cost = graph.Mul(graph.PowScalar(graph.Relu(rest), gamma), cost)
	}
	return graph.Div(sumAll(graph.Mul(weight, cost)), graph.AddScalar(sumAll(weight), 1e-6))
}

// classAxis shapes per-class weights to broadcast against (N,C,spatial...).
func classAxis(like *graph.Value, weights []float64) *graph.Value {
	shape := make([]int, len(like.Shape()))
	for a := range shape {
		shape[a] = 1
	}
	shape[1] = like.Shape()[1]
	return graph.Reshape(perClass(like.Graph(), weights, shape[1]), shape...)
}

// L1 is the mean absolute difference.
func L1(a, b *graph.Value) *graph.Value { return meanAll(graph.Abs(graph.Sub(a, b))) }

// DeepSupervision is main + weight * mean(aux); without aux it is main.
func DeepSupervision(main *graph.Value, aux []*graph.Value, weight float64) *graph.Value {
	if len(aux) == 0 || weight == 0 {
		return main
	}
	return DeepSupervisionBy(main, aux, graph.Scalar(main.Graph(), weight))
}

// DeepSupervisionBy is DeepSupervision with a weight of one element, such as an
// input, so that one training graph can follow DeepSupervisionWeight over epochs.
func DeepSupervisionBy(main *graph.Value, aux []*graph.Value, weight *graph.Value) *graph.Value {
	if len(aux) == 0 {
		return main
	}
	sum := aux[0]
	for _, a := range aux[1:] {
		sum = graph.Add(sum, a)
	}
	return graph.Add(main, graph.Mul(graph.MulScalar(sum, 1/float64(len(aux))), weight))
}

// DeepSupervisionWeight is the paper's schedule: 0.4, times 0.8 every 30 epochs.
func DeepSupervisionWeight(epoch int) float64 { return 0.4 * math.Pow(0.8, float64(epoch/30)) }

// Shrink pools a truth to the grid of logits at a lower resolution, so that the
// deep supervision is soft where a cell holds several classes.
func Shrink(g, logits *graph.Value) *graph.Value {
	var k []int
	same := true
	for a := 2; a < len(g.Shape()); a++ {
		k = append(k, g.Shape()[a]/logits.Shape()[a])
		same = same && k[a-2] == 1
	}
	if same {
		return g
	}
	return graph.AvgPool(g, k...)
}
