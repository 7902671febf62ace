package inference

import (
	"context"
	"math"

	"columna/spine"
	"columna/volume"
)

// Probabilities is how sure the segmentation network was of the class of every voxel
// of its own dense grid, before anything was named, tidied or brought to the images.
type Probabilities struct {
	Grid   volume.Grid
	Logits []float32 // class after class, see SemanticClass
}

// Likeliest is a voxel's likeliest class and its probability.
func (p *Probabilities) Likeliest(voxel int) (class int, probability float64) {
	n := p.Grid.Len()
	for c := 1; c < classCount; c++ {
		if p.Logits[c*n+voxel] > p.Logits[class*n+voxel] {
			class = c
		}
	}
	sum := 0.0
	for c := range classCount {
		sum += math.Exp(float64(p.Logits[c*n+voxel] - p.Logits[class*n+voxel]))
	}
	return class, 1 / sum
}

// SegmentSurely is Segment that also says how sure it was.
func (p *Pipeline) SegmentSurely(ctx context.Context, study *spine.Study) (*spine.Analysis, *Probabilities, error) {
	a, answer, err := p.segmented(ctx, study, func(string, float64) {})
	if err != nil {
		return nil, nil, err
	}
	return a, &Probabilities{answer.grid, answer.semantic}, nil
}
