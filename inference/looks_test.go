package inference

import (
	"math"
	"testing"

	"columna/spine"
	"columna/volume"
)

func TestLooks_BeginWithTheCropShownAndSumToOne(t *testing.T) {
	for name, c := range layouts() {
		study := c.q.study(c.perm, c.sign)
		a := NewAnatomy(c.q.mask(study.Series[1].Volume.Grid))
		for condition := range spine.Condition(spine.ConditionCount) {
			crop, reason := a.Crop(study, condition, spine.L3L4, 32)
			looks, why := a.looks(study, condition, spine.L3L4, 32)
			if crop == nil || len(looks) < 5 {
				t.Fatalf("%s, %s: %q, %d looks, %q", name, condition, reason, len(looks), why)
			}
			if d := looks[0].Point.LPS.Sub(crop.Point.LPS).Norm(); looks[0].Slice != crop.Slice || d > 1e-9 {
				t.Errorf("%s, %s: the first look is %g mm from the crop that is shown", name, condition, d)
			}
			sum := 0.0
			for _, l := range looks {
				sum += l.weight
				if d := l.Point.LPS.Sub(crop.Point.LPS); l.Slice == crop.Slice && d.Norm() > lookShiftMM+1e-9 {
					t.Errorf("%s, %s: a look lies %g mm away", name, condition, d.Norm())
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("%s, %s: weights sum to %g", name, condition, sum)
			}
		}
	}
}

// A mask that moves across a slice border changes what is read by steps as small as
// its own: no slice gains or loses its say at once.
func TestLooks_FollowTheMaskWithoutJumps(t *testing.T) {
	study := upright.study(standard, forward)
	still := upright.mask(study.Series[1].Volume.Grid)
	const stepMM = 0.1
	spacing := study.Series[1].Volume.SpacingMM()[2]
	var before map[int]float64
	seen := map[int]bool{}
	for n := range int(2 * spacing / stepMM) {
		m, a := *still, still.Affine
		m.Grid.Affine = volume.NewAffine(a.Column(0), a.Column(1), a.Column(2), a.Column(3).Add(toLeft.Scale(stepMM*float64(n))))
		looks, reason := NewAnatomy(&m).looks(study, spine.SpinalCanalStenosis, spine.L3L4, 32)
		if reason != "" {
			t.Fatal(reason)
		}
		now := map[int]float64{}
		for _, l := range looks {
			now[l.Slice] += l.weight
			seen[l.Slice] = true
		}
		for slice, w := range now {
			if before != nil && math.Abs(w-before[slice]) > 1.01*stepMM/spacing {
				t.Fatalf("moved by %.1f mm, slice %d counts %.3f, after %.3f", stepMM, slice, w, before[slice])
			}
		}
		before = now
	}
	if len(seen) < 3 {
		t.Errorf("moved by two slices, only %d were read", len(seen))
	}
}

func TestGrade_IsTheMeanOfItsLooks(t *testing.T) {
	p := freshPipeline(t, StenosisNet)
	study := upright.study(standard, forward)
	mask := upright.mask(study.Series[1].Volume.Grid)
	grades, err := p.Grade(t.Context(), study, mask)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.stenosis.load()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range grades {
		looks, _ := NewAnatomy(mask).looks(study, g.Condition, g.Level, m.SizeVox[0])
		var mean [gradeCount]float64
		for _, l := range looks {
			one, err := p.gradeCrop(t.Context(), l.Crop, g.Condition)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range one {
				mean[k] += l.weight * float64(v) / m.Temperature
			}
		}
		total := math.Exp(mean[0]) + math.Exp(mean[1]) + math.Exp(mean[2])
		for k, v := range mean {
			if want := math.Exp(v) / total; math.Abs(g.Probabilities[k]-want) > 1e-5 {
				t.Errorf("%s %s: grade %d has %g, the mean of its looks %g", g.Condition, g.Level, k, g.Probabilities[k], want)
			}
		}
	}
}
