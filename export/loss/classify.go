package loss

import (
	"columna/export/graph"
)

// ClassOptions sets the cross entropy of a classification head.
type ClassOptions struct {
	// Smoothing moves this share of the target mass to all classes alike
	// (Szegedy et al. 2016, section 7). Zero leaves the target as it is.
	Smoothing float64
	// ClassWeights weighs every sample by its true class; nil weighs all alike.
	ClassWeights []float64
}

// RSNASeverityWeights are the sample weights of the RSNA 2024 lumbar spine
// challenge's log loss: normal/mild 1, moderate 2, severe 4.
func RSNASeverityWeights() []float64 { return []float64{1, 2, 4} }

// noWeight keeps the mean over a batch without any labelled sample at zero.
const noWeight = 1e-6

// ClassCrossEntropy is the weighted mean over the batch of the cross entropy
// between logits (B,C) and target (B,C), one row of class shares per sample. A
// row of zeros is a sample without a label and counts for nothing.
func ClassCrossEntropy(logits, target *graph.Value, o ClassOptions) *graph.Value {
	classes := float64(logits.Dim(1))
	smooth := target
	if o.Smoothing > 0 {
		smooth = graph.AddScalar(graph.MulScalar(target, 1-o.Smoothing), o.Smoothing/classes)
	}
	each := graph.Neg(graph.ReduceSum(graph.Mul(smooth, graph.LogSoftmax(logits, 1)), false, 1))
	weight := sampleWeight(target, o.ClassWeights)
	total := graph.ReduceSum(graph.Mul(weight, each), false, 0)
	return graph.Div(total, graph.AddScalar(graph.ReduceSum(weight, false, 0), noWeight))
}

// sampleWeight is each sample's weight, (B): that of its true class.
func sampleWeight(target *graph.Value, classWeights []float64) *graph.Value {
	if classWeights != nil {
		w := make([]float32, len(classWeights))
		for i, x := range classWeights {
			w[i] = float32(x)
		}
		target = graph.Mul(target, graph.Const(target.Graph(), []int{1, len(w)}, w))
	}
	return graph.ReduceSum(target, false, 1)
}

// Names under which DeSamba hands out its reconstruction losses, each already
// a mean absolute difference between a sequence's features and their
// reconstruction, over the sequences that are present.
const (
	SelfReconstruction  = "_self_reconstruction"
	CrossReconstruction = "_cross_reconstruction"
)

// reconstructionWeight is the share of each reconstruction loss in DeSamba's
// total (seeds/desamba.txt, equation 5).
const reconstructionWeight = 0.5

// DeSamba is the network's total loss for one head: cross entropy + 0.5 self
// reconstruction + 0.5 cross reconstruction. A term that the network was built
// without is left out.
func DeSamba(outputs map[string]*graph.Value, head string, target *graph.Value, o ClassOptions) *graph.Value {
	return AddReconstruction(ClassCrossEntropy(outputs[head], target, o), outputs)
}

// AddReconstruction adds to a classification loss half of each reconstruction loss
// that the network has.
func AddReconstruction(total *graph.Value, outputs map[string]*graph.Value) *graph.Value {
	for _, name := range []string{SelfReconstruction, CrossReconstruction} {
		if term := outputs[name]; term != nil {
			total = graph.Add(total, graph.MulScalar(term, reconstructionWeight))
		}
	}
	return total
}

// TwoHeads is the cross entropy of a network whose heads answer different questions,
// of which a sample teaches one: its row of the other target is zeros. Every sample
// counts alike, whichever head it teaches; a batch of one question leaves the other
// head alone.
func TwoHeads(logits, target [2]*graph.Value, o ClassOptions) *graph.Value {
	var part [2]*graph.Value
	for n := range part {
		share := graph.ReduceMean(graph.ReduceSum(target[n], false, 1), false, 0)
		part[n] = graph.Mul(share, ClassCrossEntropy(logits[n], target[n], o))
	}
	return graph.Add(part[0], part[1])
}
