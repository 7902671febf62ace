package eval

import (
	"math"

	"columna/export/metrics"
)

// figures works out what is one number for a set.
func (s *Summary) figures(b *bootstrap) {
	add := func(name, unit, words string, f Figure) {
		if !math.IsNaN(float64(f.Value)) {
			s.Figures = append(s.Figures, Named{Name: name, Figure: f, Unit: unit, Words: words})
		}
	}
	s.spineFigures(b, add)
	s.gradeFigures(b, add)
	s.lesionFigures(b, add)
	s.infectionFigures(b, add)
	s.discFigures(b, add)
	for _, stage := range []string{"segment", "grade", "lesions", "total"} {
		add("seconds_"+stage, "s", "time of a study, "+stage, b.mean(func(r *Record) float64 {
			if v, ok := r.Seconds[stage]; ok {
				return v
			}
			return math.NaN()
		}))
	}
}

type adder func(name, unit, words string, f Figure)

func (s *Summary) spineFigures(b *bootstrap, add adder) {
	masked := func(r *Record) bool { return r.Spine != nil }
	share := func(part, all func(*Spine) int) Figure {
		return b.of(masked, func(records []*Record) float64 {
			p, n := 0, 0
			for _, r := range records {
				p, n = p+part(r.Spine), n+all(r.Spine)
			}
			return float64(p) / float64(n)
		})
	}
	mean := func(of func(*Spine) float64) Figure {
		return b.mean(func(r *Record) float64 {
			if r.Spine == nil {
				return math.NaN()
			}
			return of(r.Spine)
		})
	}
	structures := func(s *Spine) int { return s.True }
	one := func(*Spine) int { return 1 }
	add("found", "share", "vertebrae and discs that were found", share(func(s *Spine) int { return s.Found }, structures))
	add("names_right", "share", "vertebrae and discs with the right name", share(func(s *Spine) int { return s.RightName }, structures))
	add("levels_in_order", "share", "studies whose levels run in order without a gap", share(func(s *Spine) int { return toInt(s.InOrder) }, one))
	add("islands", "", "islands outside the spine, per study", mean(func(s *Spine) float64 { return float64(s.Islands) }))
	add("islands_mm3", "mm³", "volume of islands outside the spine, per study", mean(func(s *Spine) float64 { return s.IslandsMM3 }))
	add("confidence_dice", "", "rank correlation of a structure's confidence with its Dice", b.of(masked, confidenceDice))
	add("voxel_ece", "", "calibration error of voxels in the box around the spine", b.of(
		func(r *Record) bool { return len(r.Voxels) > 0 }, func(records []*Record) float64 { return binECE(voxelReliability(records)) }))
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// voxelReliability adds up the bars of studies.
func voxelReliability(records []*Record) []metrics.Bin {
	out := make([]metrics.Bin, voxelBinCount)
	for _, r := range records {
		for n, v := range r.Voxels {
			if n < len(out) && v.Count > 0 {
				out[n].Count += v.Count
				out[n].Confidence += float64(v.Count) * v.Confidence
				out[n].Accuracy += float64(v.Count) * v.Accuracy
			}
		}
	}
	for n := range out {
		if c := float64(out[n].Count); c > 0 {
			out[n].Confidence, out[n].Accuracy = out[n].Confidence/c, out[n].Accuracy/c
		}
	}
	return out
}

// binECE is metrics.ECE of bars.
func binECE(bins []metrics.Bin) float64 {
	sum, n := 0.0, 0.0
	for _, b := range bins {
		sum += float64(b.Count) * math.Abs(b.Confidence-b.Accuracy)
		n += float64(b.Count)
	}
	return sum / n
}

// pairOf is two numbers of a disc.
type pairOf func(DiscAnswer) (x, y float64)

func (s *Summary) discFigures(b *bootstrap, add adder) {
	columns := func(records []*Record, of pairOf) (x, y []float64) {
		for _, r := range records {
			for _, d := range r.Discs {
				if a, b := of(d); a == a && b == b {
					x, y = append(x, a), append(y, b)
				}
			}
		}
		return x, y
	}
	figure := func(of pairOf, statistic func(x, y []float64) float64) Figure {
		has := func(r *Record) bool { x, _ := columns([]*Record{r}, of); return len(x) > 0 }
		return b.of(has, func(records []*Record) float64 { return statistic(columns(records, of)) })
	}
	bias := func(x, y []float64) float64 { return metrics.BlandAltman(x, y).Bias }
	spread := func(x, y []float64) float64 { a := metrics.BlandAltman(x, y); return (a.High - a.Low) / 2 }
	height := func(d DiscAnswer) (x, y float64) { return float64(d.TrueHeightMM), float64(d.HeightMM) }
	canal := func(d DiscAnswer) (x, y float64) { return float64(d.TrueCanalMM2), float64(d.CanalMM2) }
	add("disc_height_bias_mm", "mm", "measured disc height minus the true one", figure(height, bias))
	add("disc_height_limits_mm", "mm", "95 % of these differences lie within ± this of their mean", figure(height, spread))
	add("canal_area_bias_mm2", "mm²", "measured canal area at the disc minus the true one", figure(canal, bias))
	add("canal_area_limits_mm2", "mm²", "95 % of these differences lie within ± this of their mean", figure(canal, spread))
	add("spearman_height_pfirrmann", "", "rank correlation of measured disc height and Pfirrmann grade", figure(func(d DiscAnswer) (x, y float64) {
		return float64(d.HeightMM), graded(d)
	}, metrics.Spearman))
	add("spearman_signal_pfirrmann", "", "rank correlation of signal inside the disc (over the canal's) and Pfirrmann grade", figure(func(d DiscAnswer) (x, y float64) {
		return float64(d.Signal), graded(d)
	}, metrics.Spearman))
	add("spearman_height_narrowing", "", "rank correlation of measured disc height and a reader's “narrowed”", figure(func(d DiscAnswer) (x, y float64) {
		if graded(d) != graded(d) || float64(d.TrueHeightMM) == float64(d.TrueHeightMM) {
			return math.NaN(), math.NaN() // where the true height is known nobody judged it by eye
		}
		return float64(d.HeightMM), float64(toInt(d.Narrowed))
	}, metrics.Spearman))
}

// graded is the Pfirrmann grade, NaN where it is not known.
func graded(d DiscAnswer) float64 {
	if d.Pfirrmann == 0 {
		return math.NaN()
	}
	return float64(d.Pfirrmann)
}
