package loss

import (
	"math"
	"testing"

	"columna/export/graph"
)

// classLoss runs a loss on fixed logits (2,3) and targets.
func classLoss(target []float32, o ClassOptions) float64 {
	g := graph.New("loss")
	logits := graph.Const(g, []int{2, 3}, []float32{1, 2, 3, 0.5, -1, 0})
	l := ClassCrossEntropy(logits, graph.Const(g, []int{2, 3}, target), o)
	return float64(graph.Eval([]*graph.Value{l}, nil, nil)[0][0])
}

// surprise is -log softmax(row)[class], by its definition.
func surprise(row []float64, class int) float64 {
	sum := 0.0
	for _, x := range row {
		sum += math.Exp(x)
	}
	return math.Log(sum) - row[class]
}

var logitRows = [][]float64{{1, 2, 3}, {0.5, -1, 0}}

func within(t *testing.T, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-5 {
		t.Errorf("got %.7f, want %.7f", got, want)
	}
}

func TestClassCrossEntropy_IsTheMeanSurprise(t *testing.T) {
	got := classLoss([]float32{0, 0, 1, 0, 1, 0}, ClassOptions{})
	within(t, got, (surprise(logitRows[0], 2)+surprise(logitRows[1], 1))/2)
}

func TestClassCrossEntropy_WeighsBySeverity(t *testing.T) {
	got := classLoss([]float32{0, 0, 1, 0, 1, 0}, ClassOptions{ClassWeights: RSNASeverityWeights()})
	within(t, got, (4*surprise(logitRows[0], 2)+2*surprise(logitRows[1], 1))/6)
}

func TestClassCrossEntropy_SmoothsTheTarget(t *testing.T) {
	got := classLoss([]float32{0, 0, 1, 0, 1, 0}, ClassOptions{Smoothing: 0.3})
	want := 0.0
	for r, class := range []int{2, 1} {
		for c := range 3 {
			share := 0.1
			if c == class {
				share += 0.7
			}
			want += share * surprise(logitRows[r], c) / 2
		}
	}
	within(t, got, want)
}

func TestClassCrossEntropy_SkipsSamplesWithoutLabel(t *testing.T) {
	within(t, classLoss([]float32{0, 0, 0, 0, 1, 0}, ClassOptions{Smoothing: 0}), surprise(logitRows[1], 1))
	within(t, classLoss(make([]float32, 6), ClassOptions{Smoothing: 0.1}), 0)
}

func TestDeSamba_AddsHalfOfEachReconstructionLoss(t *testing.T) {
	g := graph.New("total")
	out := map[string]*graph.Value{
		"metastasis":        graph.Const(g, []int{2, 3}, []float32{1, 2, 3, 0.5, -1, 0}),
		SelfReconstruction:  graph.Scalar(g, 0.6),
		CrossReconstruction: graph.Scalar(g, 0.2),
	}
	target := graph.Const(g, []int{2, 3}, []float32{0, 0, 1, 0, 1, 0})
	full := DeSamba(out, "metastasis", target, ClassOptions{})
	delete(out, CrossReconstruction)
	part := DeSamba(out, "metastasis", target, ClassOptions{})
	got := graph.Eval([]*graph.Value{full, part}, nil, nil)
	ce := (surprise(logitRows[0], 2) + surprise(logitRows[1], 1)) / 2
	within(t, float64(got[0][0]), ce+0.4)
	within(t, float64(got[1][0]), ce+0.3)
}

func TestTwoHeads_CountsEverySampleAlikeAtItsOwnHead(t *testing.T) {
	g := graph.New("two")
	first := graph.Const(g, []int{2, 3}, []float32{1, 2, 3, 0.5, -1, 0})
	second := graph.Const(g, []int{2, 2}, []float32{9, -9, 0.5, 1.5})
	sites := graph.Const(g, []int{2, 3}, []float32{0, 0, 1, 0, 0, 0})
	kinds := graph.Const(g, []int{2, 2}, []float32{0, 0, 0, 1})
	none := graph.Const(g, []int{2, 2}, make([]float32, 4))
	both := TwoHeads([2]*graph.Value{first, second}, [2]*graph.Value{sites, kinds}, ClassOptions{})
	alone := TwoHeads([2]*graph.Value{first, second}, [2]*graph.Value{sites, none}, ClassOptions{Smoothing: 0.1})
	half := ClassCrossEntropy(first, sites, ClassOptions{Smoothing: 0.1})
	got := graph.Eval([]*graph.Value{both, alone, half}, nil, nil)
	within(t, float64(got[0][0]), (surprise(logitRows[0], 2)+surprise([]float64{0.5, 1.5}, 1))/2)
	within(t, float64(got[1][0]), float64(got[2][0])/2)
}
