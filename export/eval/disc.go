package eval

import (
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

// discSignals is the mean grey value of each disc over that of the canal; 0 where the
// mask, which lies on the series' grid, lacks one of them.
func discSignals(s *spine.Series, mask *volume.LabelMap) (out [spine.LevelCount]float64) {
	if s == nil || !volume.SameGrid(s.Volume.Grid, mask.Grid) {
		return out
	}
	var sum, count [spine.MaxStructure + 1]float64
	for n, l := range mask.Data {
		if l <= uint8(spine.MaxStructure) {
			sum[l] += float64(s.Volume.Data[n])
			count[l]++
		}
	}
	if sum[spine.Canal] <= 0 {
		return out
	}
	fluid := sum[spine.Canal] / count[spine.Canal]
	for l := range spine.Level(spine.LevelCount) {
		if n := count[l.Disc()]; n > 0 {
			out[l] = sum[l.Disc()] / n / fluid
		}
	}
	return out
}
