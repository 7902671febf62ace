package inference

import (
	"context"

	"columna/spine"
	"columna/volume"
)

// Logits are what the segmentation network says of a study, before it is chosen from:
// one volume for each class of its semantic output (see SemanticClass), on the grid on
// which the study is read.
type Logits []*volume.Volume

// Logits runs the segmentation network alone.
func (p *Pipeline) Logits(ctx context.Context, study *spine.Study) (Logits, error) {
	m, err := p.segment.load()
	if err != nil {
		return nil, err
	}
	r, err := newReading(ctx, study, m.Spec)
	if err != nil {
		return nil, err
	}
	a, _, err := r.read(ctx, p.segment, func(float64) {})
	if err != nil {
		return nil, err
	}
	out := make(Logits, classCount)
	for c := range out {
		out[c] = &volume.Volume{Grid: a.grid, Data: a.semantic[c*a.grid.Len():][:a.grid.Len()]}
	}
	return out, nil
}

// At interpolates the logits at a place in the patient; not ok outside the grid.
func (l Logits) At(mm volume.Vec3) (logits []float64, ok bool) {
	vox := l[0].ToVoxel(mm)
	logits = make([]float64, len(l))
	for c := range l {
		v, inside := l[c].Sample(vox)
		if !inside {
			return nil, false
		}
		logits[c] = float64(v)
	}
	return logits, true
}
