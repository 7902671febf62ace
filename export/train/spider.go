package train

import (
	"columna/export/dataset"
	"columna/inference"
	"columna/volume"
)

// spiderSegment brings one SPIDER study to the network grid. The sacrum of
// SPIDER is not labelled, so the network may call it background.
func spiderSegment(c dataset.SPIDERCase, size [3]int, spacing [3]float64) Segment {
	grid := inference.CanonicalGrid(c.Image.Grid, size, spacing)
	v := c.Image.Resample(grid)
	inference.Normalise(v)
	return Segment{T2: quantise(v.Data), Labels: majority(c.Labels, grid).Data, NoSacrum: true, Patient: c.ID}
}

// spiderStudy is one SPIDER study as it was acquired, to be viewed by the trainer.
func spiderStudy(c dataset.SPIDERCase) Segment {
	grid := inference.CanonicalGrid(c.Image.Grid, c.Image.Size, c.Image.SpacingMM())
	v := c.Image.Resample(grid)
	inference.Normalise(v)
	return Segment{T2: quantise(v.Data), Labels: c.Labels.Resample(grid).Data, Size: grid.Size, SpacingMM: grid.SpacingMM(),
		NoSacrum: true, Patient: c.ID}
}

// majority brings a label map to a coarser grid: each voxel takes the most
// frequent label of five samples along the slice direction, of those that lie within
// the map, as its grey value is the mean of the samples within the image.
func majority(m *volume.LabelMap, grid volume.Grid) *volume.LabelMap {
	const n = 5
	covered := volume.NewLabelMap(m.Grid)
	for i := range covered.Data {
		covered.Data[i] = 1
	}
	var parts, within [n]*volume.LabelMap
	for s := range n {
		shifted := grid
		step := grid.Affine.Column(2).Scale((float64(s)+0.5)/n - 0.5)
		for row := range 3 {
			shifted.Affine[row][3] += step[row]
		}
		parts[s], within[s] = m.Resample(shifted), covered.Resample(shifted)
	}
	out := volume.NewLabelMap(grid)
	for i := range out.Data {
		var votes [256]uint8
		var best uint8
		for s := range n {
			l := parts[s].Data[i]
			if within[s].Data[i] == 0 {
				continue
			}
			if votes[l]++; votes[l] > votes[best] {
				best = l
			}
		}
		out.Data[i] = best
	}
	return out
}
