package inference

import (
	"context"
	"math"
	"slices"

	"columna/internal/ort"
	"columna/spine"
	"columna/volume"
)

// ClassifyLesion says how likely each primary site is for a marked lesion, should it be
// a metastasis, and each kind of infection, should it be one and the network was taught
// to tell. The mask, where there is one, tells the vertebra it lies in; count is the
// number of lesions of the study, 0 if unknown.
func (p *Pipeline) ClassifyLesion(ctx context.Context, study *spine.Study, mask *volume.LabelMap, box spine.Box, count int) (spine.LesionFinding, error) {
	f := spine.LesionFinding{Box: box, Level: vertebraAt(mask, box)}
	roi, err := LesionROI(study, box, f.Level, count)
	if err != nil {
		return f, err
	}
	out, m, err := p.lesion.infer(ctx, lesionTensors(roi))
	if err != nil {
		return f, err
	}
	logits, err := output(out, m.Name, "metastasis", spine.LesionClassCount)
	if err != nil {
		return f, err
	}
	copy(f.Probabilities[:], softmax(logits, m.Temperature))
	head := m.Head(infectionHead)
	if head == nil {
		return f, nil
	}
	if logits, err = output(out, m.Name, infectionHead, spine.InfectionCount); err != nil {
		return f, err
	}
	copy(f.Infection[:], softmax(logits, head.Temperature))
	return f, nil
}

// infectionHead is the output of DeSamba that tells the kinds of spondylitis apart.
const infectionHead = "spondylitis"

// lesionTensors is the input of DeSamba for one region. Small arrays are copied, as
// memory handed to C may not lie beside Go pointers.
func lesionTensors(roi ROI) map[string]ort.Tensor {
	shape := []int{1, 1, roiD, roiHW, roiHW}
	return map[string]ort.Tensor{
		"t1":      {Shape: shape, Data: roi.Images[0]},
		"t2":      {Shape: shape, Data: roi.Images[1]},
		"t2fs":    {Shape: shape, Data: roi.Images[2]},
		"present": {Shape: []int{1, 3}, Data: slices.Clone(roi.Present[:])},
		"tabular": {Shape: []int{1, 8}, Data: slices.Clone(roi.Tabular[:])},
	}
}

// vertebraAt is the vertebra with most voxels in a box, Background if none.
func vertebraAt(mask *volume.LabelMap, box spine.Box) spine.Structure {
	if mask == nil {
		return spine.Background
	}
	var votes [spine.MaxStructure + 1]int
	best := spine.Background
	lo, hi := voxelRange(mask.Grid, box)
	for k := lo[2]; k <= hi[2]; k++ {
		for j := lo[1]; j <= hi[1]; j++ {
			for i := lo[0]; i <= hi[0]; i++ {
				s := spine.Structure(mask.At(i, j, k))
				if !s.IsVertebra() {
					continue
				}
				if votes[s]++; votes[s] > votes[best] {
					best = s
				}
			}
		}
	}
	return best
}

// voxelRange is the range of voxels around a box in the patient, clipped to the
// grid; it is empty (hi < lo) where they do not meet.
func voxelRange(g volume.Grid, box spine.Box) (lo, hi [3]int) {
	inf := math.Inf(1)
	from, to := volume.Vec3{inf, inf, inf}, volume.Vec3{-inf, -inf, -inf}
	for corner := range 8 {
		p := box.Min
		for a := range 3 {
			if corner>>a&1 == 1 {
				p[a] = box.Max[a]
			}
		}
		vox := g.ToVoxel(p)
		for a := range 3 {
			from[a], to[a] = math.Min(from[a], vox[a]), math.Max(to[a], vox[a])
		}
	}
	for a := range 3 {
		last := float64(g.Size[a] - 1)
		lo[a] = int(math.Ceil(math.Min(math.Max(from[a], 0), last+1)))
		hi[a] = int(math.Floor(math.Max(math.Min(to[a], last), -1)))
	}
	return lo, hi
}
