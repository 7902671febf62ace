package eval

import (
	"columna/export/metrics"
	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// measureDiscs holds what is known of discs against what the mask shows of them, as
// the app measures it, and the images: a disc that has lost its water is as dark as
// the canal's fluid is bright (C. W. Pfirrmann et al., Spine 26, 1873 (2001)).
func measureDiscs(c *Case, mask *volume.LabelMap) []DiscAnswer {
	if len(c.Truth.Discs) == 0 || mask == nil {
		return nil
	}
	measured := map[spine.Level]spine.Measure{}
	for _, m := range inference.MeasureLevels(mask) {
		measured[m.Level] = m
	}
	signal := discSignals(inference.MaskSeries(&c.Study), mask)
	var out []DiscAnswer
	for _, d := range c.Truth.Discs {
		m := measured[d.Level]
		out = append(out, DiscAnswer{Level: d.Level.String(), Pfirrmann: d.Pfirrmann, Narrowed: d.Narrowed,
			TrueHeightMM: known(d.HeightMM), HeightMM: known(m.DiscHeightMM),
			TrueCanalMM2: known(d.CanalMM2), CanalMM2: known(m.CanalAreaMM2), Signal: known(signal[d.Level])})
	}
	return out
}

// discSignals is the median grey value inside each disc over that inside the canal; 0
// where the mask, which lies on the series' grid, lacks one of them.
func discSignals(s *spine.Series, mask *volume.LabelMap) (out [spine.LevelCount]float64) {
	if s == nil || !volume.SameGrid(s.Volume.Grid, mask.Grid) {
		return out
	}
	var inner, whole [spine.MaxStructure + 1][]float64
	for n, l := range mask.Data {
		if l == 0 || l > uint8(spine.MaxStructure) {
			continue
		}
		v := float64(s.Volume.Data[n])
		whole[l] = append(whole[l], v)
		if isInner(mask, n) {
			inner[l] = append(inner[l], v)
		}
	}
	signal := func(s spine.Structure) float64 {
		if len(inner[s]) >= leastInner {
			return metrics.Quantile(inner[s], 0.5)
		}
		return metrics.Quantile(whole[s], 0.5)
	}
	fluid := signal(spine.Canal)
	for l := range spine.Level(spine.LevelCount) {
		if v := signal(l.Disc()); fluid > 0 && v == v {
			out[l] = v / fluid
		}
	}
	return out
}

// leastInner is from how many voxels on the inside of a structure speaks for it.
const leastInner = 20

// isInner reports a voxel all of whose neighbours in the plane of the first two axes
// have its label: a border that is a little off takes in marrow or fat.
func isInner(m *volume.LabelMap, n int) bool {
	i, j, k := m.Coords(n)
	for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
		if x, y := i+d[0], j+d[1]; !m.Contains(x, y, k) || m.At(x, y, k) != m.Data[n] {
			return false
		}
	}
	return true
}
