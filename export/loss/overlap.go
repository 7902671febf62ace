// Package loss holds the training losses as functions of graph values. A loss is
// a scalar; smaller is better. Segmentation losses take probabilities p or logits
// and a truth g of the same shape (N,C,spatial...), one-hot or, after pooling,
// the fraction of the cell that each class fills.
package loss

import "columna/export/graph"

// smooth keeps the overlap of an absent class defined, in voxels.
const smooth = 1

// Dice is 1 - soft Dice, the mean over classes; weights may be nil.
func Dice(p, g *graph.Value, weights []float64) *graph.Value {
	return Tversky(p, g, []float64{0.5}, []float64{0.5}, weights)
}

// Tversky is (1/C) sum_c w_c (1 - TI_c), where alpha_c punishes false positives
// and beta_c false negatives. alpha and beta hold one number per class or one for
// all; nil weights are ones.
func Tversky(p, g *graph.Value, alpha, beta, weights []float64) *graph.Value {
	c := p.Shape()[1]
	miss := graph.AddScalar(graph.Neg(tverskyIndex(p, g, alpha, beta)), 1)
	return graph.ReduceMean(graph.Mul(miss, perClass(p.Graph(), weights, c)), false, 0)
}

// tverskyIndex is TI of each class, (C), over all samples and positions:
// (sum p g + eps) / (sum p g + alpha sum p (1-g) + beta sum (1-p) g + eps).
func tverskyIndex(p, g *graph.Value, alpha, beta []float64) *graph.Value {
	axes := allButClass(p)
	c := p.Shape()[1]
	both := graph.ReduceSum(graph.Mul(p, g), false, axes...)
	onlyP := graph.Sub(graph.ReduceSum(p, false, axes...), both)
	onlyG := graph.Sub(graph.ReduceSum(g, false, axes...), both)
	wrong := graph.Add(graph.Mul(onlyP, perClass(p.Graph(), alpha, c)), graph.Mul(onlyG, perClass(p.Graph(), beta, c)))
	hit := graph.AddScalar(both, smooth)
	return graph.Div(hit, graph.Add(hit, wrong))
}

// HFDOptions sets the hybrid frequency-domain aware Tversky loss.
type HFDOptions struct {
	Alpha, Beta float64   // false positives, false negatives
	Omega       float64   // weight of the edge term
	Lambda      float64   // weight of the Tversky term over all classes
	Weights     []float64 // per class, nil = ones
	Vertebra    int       // class whose edges are compared
	Disc        int       // class whose Beta is raised by a fifth
}

// PaperHFD is the paper's best setting for classes of which 1 is the vertebra and
// 2 the disc. The classes that the paper has not, from 3 on, weigh as a vertebra.
func PaperHFD(classes int) HFDOptions {
	w := make([]float64, classes)
	for c := range w {
		w[c] = 1.2
	}
	w[0], w[2] = 0.2, 1.6
	return HFDOptions{Alpha: 0.25, Beta: 0.75, Omega: 0.07, Lambda: 0.55, Weights: w, Vertebra: 1, Disc: 2}
}

// HFDTversky is lambda L_T + (1-lambda) L_FDT (Hong et al., section 2.2.4).
func HFDTversky(p, g *graph.Value, o HFDOptions) *graph.Value {
	beta := make([]float64, p.Shape()[1])
	for c := range beta {
		beta[c] = o.Beta
	}
	beta[o.Disc] *= 1.2
	switch {
	case o.Lambda == 1:
		return Tversky(p, g, []float64{o.Alpha}, beta, o.Weights)
	case o.Lambda == 0:
		return FDTversky(p, g, o)
	}
	all := Tversky(p, g, []float64{o.Alpha}, beta, o.Weights)
	return graph.Add(graph.MulScalar(all, o.Lambda), graph.MulScalar(FDTversky(p, g, o), 1-o.Lambda))
}

// FDTversky is the Tversky loss of the vertebra alone plus omega L_Freq. Like the
// other classes' terms its share carries the vertebra's weight.
func FDTversky(p, g *graph.Value, o HFDOptions) *graph.Value {
	pv := graph.Slice(p, 1, o.Vertebra, o.Vertebra+1)
	gv := graph.Slice(g, 1, o.Vertebra, o.Vertebra+1)
	var w []float64
	if o.Weights != nil {
		w = o.Weights[o.Vertebra : o.Vertebra+1]
	}
	t := Tversky(pv, gv, []float64{o.Alpha}, []float64{o.Beta}, w)
	return graph.Add(t, graph.MulScalar(FrequencyGradient(pv, gv), o.Omega))
}

// FrequencyGradient is L_Freq of one class, (N,1,spatial...): the mean over the
// positions of the difference between the slopes of p and g.
func FrequencyGradient(p, g *graph.Value) *graph.Value {
	return meanAll(graph.Abs(graph.Sub(slope(p), slope(g))))
}

// slope is the mean over the spatial axes of the absolute forward difference,
// zero on the last cell of an axis.
func slope(p *graph.Value) *graph.Value {
	shape := p.Shape()
	var sum *graph.Value
	for a := 2; a < len(shape); a++ {
		n := shape[a]
		if n == 1 {
			continue
		}
		d := graph.Abs(graph.Sub(graph.Slice(p, a, 1, n), graph.Slice(p, a, 0, n-1)))
		after := make([]int, len(shape))
		after[a] = 1
		d = graph.Pad(d, make([]int, len(shape)), after)
		if sum == nil {
			sum = d
		} else {
			sum = graph.Add(sum, d)
		}
	}
	if sum == nil {
		return graph.MulScalar(p, 0)
	}
	return graph.MulScalar(sum, 1/float64(len(shape)-2))
}

// perClass is a constant (C); one number stands for all classes, nil for ones.
func perClass(g *graph.Graph, values []float64, c int) *graph.Value {
	data := make([]float32, c)
	for i := range data {
		switch {
		case values == nil:
			data[i] = 1
		case len(values) == 1:
			data[i] = float32(values[0])
		default:
			data[i] = float32(values[i])
		}
	}
	return graph.Const(g, []int{c}, data)
}

// allButClass are the batch axis and the spatial axes.
func allButClass(v *graph.Value) []int {
	axes := []int{0}
	for a := 2; a < len(v.Shape()); a++ {
		axes = append(axes, a)
	}
	return axes
}

func meanAll(v *graph.Value) *graph.Value {
	axes := make([]int, len(v.Shape()))
	for a := range axes {
		axes[a] = a
	}
	return graph.ReduceMean(v, false, axes...)
}

func sumAll(v *graph.Value) *graph.Value {
	axes := make([]int, len(v.Shape()))
	for a := range axes {
		axes[a] = a
	}
	return graph.ReduceSum(v, false, axes...)
}
