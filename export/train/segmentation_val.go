package train

import (
	"context"
	"maps"
	"math"
	"slices"

	"columna/export/graph"
	"columna/internal/ort"
	"columna/spine"
)

// Validate measures Dice per class on the network grid, on held-out phantoms and
// held-out real studies. Score is the mean over body, disc and canal of both.
func (t *SegmentationTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	v, found := Validation{Figures: map[string]float64{}}, ward{}
	sets, n := map[string][]Segment{"phantom": t.held, "spider": t.realHeld}, 0.0
	if t.late != nil {
		late, err := t.late.wait(ctx)
		if err != nil {
			return v, err
		}
		maps.Copy(sets, late)
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) { // so that sums are the same every time
		set := sets[name]
		if len(set) == 0 {
			continue
		}
		mean, err := t.measure(ctx, s, set, name, 0, v.Figures, found)
		if err != nil {
			return v, err
		}
		v.Score += mean
		n++
		for _, noise := range t.noise {
			if _, err := t.measure(ctx, s, set, noiseName(name, noise), noise, v.Figures, found); err != nil {
				return v, err
			}
		}
	}
	v.Score /= n
	v.Patients = found.patients()
	return v, nil
}

// measure adds the mean Dice of each class over a set, under noise if asked, to figures.
func (t *SegmentationTask) measure(ctx context.Context, s *ort.Session, set []Segment, name string, noise float64, figures map[string]float64, found ward) (float64, error) {
	sum, count := [semCount]float64{}, [semCount]float64{}
	right, voxels := 0.0, 0.0
	whole := crop{t.net, t.d, t.h, t.w}
	classes, nodes := whole.classes(), whole.nodes()
	for _, c := range set {
		in := t.feed(c)
		if noise > 0 {
			addNoise(in, c.Patient, noise)
		}
		out, err := s.Run(ctx, in)
		if err != nil {
			return 0, err
		}
		sem, node := argmax(out["semantic"].Data, classes), argmax(out["level"].Data, nodes)
		for class := semBody; class < classes; class++ {
			if c.NoSacrum && class == semSacrum {
				continue // a vertebra that a count took for it
			}
			if d := diceOf(c.Labels, sem, class); !math.IsNaN(d) {
				sum[class] += d
				count[class]++
				found.dice(name, c.Patient, class, d)
			}
		}
		found.add(name, c.Patient, "ece", voxelECE(c, out["semantic"].Data, t.d, t.h, t.w))
		r, n := levelHits(c, sem, node, nodes)
		right, voxels = right+r, voxels+n
	}
	for class := semBody; class < classes; class++ {
		if count[class] > 0 {
			figures[name+"_dice_"+classNames()[class]] = sum[class] / count[class]
		}
	}
	if voxels > 0 {
		figures[name+"_level_accuracy"] = right / voxels
	}
	scored := min(classes-1, semCanal) // body and disc, and the canal where the network has it
	return (figures[name+"_dice_body"] + figures[name+"_dice_disc"] + figures[name+"_dice_canal"]) / float64(scored), nil
}

func classNames() [semCount]string {
	return [semCount]string{"", "body", "disc", "canal", "sacrum", "posterior"}
}

// dice adds the Dice of a class of a study; "dice" is over body and disc, as the
// papers have it.
func (w ward) dice(set, patient string, class int, dice float64) {
	w.add(set, patient, "dice_"+classNames()[class], dice)
	if class == semBody || class == semDisc {
		w.add(set, patient, "dice", dice)
	}
}

// feed is the network's input for a study as it is, without augmentation.
func (t *SegmentationTask) feed(c Segment) map[string]ort.Tensor {
	shape := []int{1, 1, t.d, t.h, t.w}
	in := map[string]ort.Tensor{}
	present := make([]float32, 2)
	for n, q := range [2][]uint8{c.T1, c.T2} {
		data := make([]float32, t.d*t.h*t.w)
		if q != nil {
			data, present[n] = dequantise(q, t.d, t.h, t.w).Data, 1
		}
		in[[2]string{"t1", "t2"}[n]] = ort.Tensor{Shape: shape, Data: data}
	}
	in["present"] = ort.Tensor{Shape: []int{1, 2}, Data: present}
	return in
}

// argmax picks the largest of the channels at each voxel.
func argmax(logits []float32, channels int) []uint8 {
	n := len(logits) / channels
	out := make([]uint8, n)
	best := append([]float32(nil), logits[:n]...)
	for c := 1; c < channels; c++ {
		for i, v := range logits[c*n:][:n] {
			if v > best[i] {
				best[i], out[i] = v, uint8(c)
			}
		}
	}
	return out
}

// diceOf compares one class; NaN where the truth has none of it.
func diceOf(labels, sem []uint8, class int) float64 {
	both, ref, pred := 0, 0, 0
	for i, l := range labels {
		a, b := semanticOf(spine.Structure(l)) == class, int(sem[i]) == class
		if a {
			ref++
		}
		if b {
			pred++
		}
		if a && b {
			both++
		}
	}
	if ref == 0 {
		return math.NaN()
	}
	return 2 * float64(both) / float64(ref+pred)
}

// levelHits counts, over the bodies and discs that were found, the voxels whose
// level is right.
func levelHits(c Segment, sem, node []uint8, nodes int) (right, voxels float64) {
	if c.NoLevels {
		return 0, 0
	}
	for i, l := range c.Labels {
		class := semanticOf(spine.Structure(l))
		if int(sem[i]) != class || class != semBody && class != semDisc {
			continue
		}
		voxels++
		if int(node[i]) == within(nodeOf(spine.Structure(l)), nodes) {
			right++
		}
	}
	return right, voxels
}
