package inference

import (
	"math"

	"columna/spine"
	"columna/volume"
)

// confidences is how sure the segmentation network was of each structure of a mask:
// the mean, over the voxels of its dense grid that the mask calls so, of the calibrated
// probability of the structure's class. A hole that was filled or a rim that was drawn
// against the network's word counts with the little that it gave them. The name of a
// level is judged apart, by the chain model's belief.
func confidences(mask *volume.LabelMap, a *netAnswer) map[spine.Structure]float64 {
	var sum, count [spine.MaxStructure + 1]float64
	for n, l := range mask.Resample(a.grid).Data {
		if l != 0 && l <= uint8(spine.MaxStructure) {
			sum[l] += a.probability(SemanticClass(spine.Structure(l)), n)
			count[l]++
		}
	}
	out := map[spine.Structure]float64{}
	for s := range sum {
		if count[s] > 0 {
			out[spine.Structure(s)] = sum[s] / count[s]
		}
	}
	return out
}

// probability is how likely a class is at a voxel.
func (a *netAnswer) probability(class, voxel int) float64 {
	dense, sum := a.grid.Len(), 0.0
	own := a.semantic[class*dense+voxel]
	for c := range classCount {
		sum += math.Exp(float64(a.semantic[c*dense+voxel] - own))
	}
	return 1 / sum
}
