package eval

import (
	"math"

	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// voxelBinCount is how many bars a reliability diagram has.
const voxelBinCount = 10

// voxelBins sorts the voxels of the network's grid by how sure it was of their class.
// Only those in the box around the true structures count: beyond it nearly all is
// background, of which any network is sure, and calibration would look better than it is.
func voxelBins(t *Truth, p *inference.Probabilities) []VoxelBin {
	inverse, err := t.Mask.Affine.Inverse()
	if err != nil {
		return nil
	}
	box := boxOf(t.Mask)
	out := make([]VoxelBin, voxelBinCount)
	for n := range p.Grid.Len() {
		i, j, k := p.Grid.Coords(n)
		at := inverse.Apply(p.Grid.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)}))
		x, y, z := int(math.Round(at[0])), int(math.Round(at[1])), int(math.Round(at[2]))
		if !within(box, x, y, z) {
			continue
		}
		said, sure := p.Likeliest(n)
		truth := inference.SemanticClass(spine.Structure(t.Mask.At(x, y, z)))
		if t.NoSacrum && truth == 0 && said == inference.SemanticClass(spine.S1) {
			continue // nobody said that it is not the sacrum
		}
		bin := min(max(int(math.Ceil(sure*voxelBinCount))-1, 0), voxelBinCount-1)
		out[bin].Count++
		out[bin].Confidence += sure
		if said == truth {
			out[bin].Accuracy++
		}
	}
	for n := range out {
		if c := float64(out[n].Count); c > 0 {
			out[n].Confidence, out[n].Accuracy = out[n].Confidence/c, out[n].Accuracy/c
		}
	}
	return out
}

// boxOf is the box around all labels, empty without any.
func boxOf(m *volume.LabelMap) (out volume.Box) {
	for n, l := range m.Data {
		if l != 0 {
			i, j, k := m.Coords(n)
			out = out.Add(i, j, k)
		}
	}
	return out
}

func within(b volume.Box, i, j, k int) bool {
	for a, x := range [3]int{i, j, k} {
		if x < b.Min[a] || x >= b.Max[a] {
			return false
		}
	}
	return true
}
