package train

import (
	"context"
	"math"

	"columna/export/graph"
	"columna/export/metrics"
	"columna/spine"
)

// lesionTally counts what the validation of DeSamba finds.
type lesionTally struct {
	hit, all  [lesionKinds]float64
	top3      float64   // of metastases
	score     []float64 // of infections: tuberculous logit over the pyogenic one
	positive  []bool    // tuberculous
	byPatient ward
}

// Validate classifies the held-out lesions. Score is the mean recall of the primary
// sites plus a tenth of top-3, and, where there are infections, their AUC with the
// weight of two sites.
func (t *LesionTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	held := t.held
	if t.late != nil {
		late, err := t.late.wait(ctx)
		if err != nil {
			return Validation{}, err
		}
		held = late["phantom"]
	}
	tally := lesionTally{byPatient: ward{}}
	for _, c := range held {
		in := t.tensors(c.Seq, append([]float32(nil), c.Present[:]...), append([]float32(nil), c.Tabular[:]...), 1)
		out, err := s.Run(ctx, in)
		if err != nil {
			return Validation{}, err
		}
		if c.Infected {
			tally.infection(c, out[headSpondylitis].Data)
		} else {
			tally.metastasis(c, out[headMetastasis].Data)
		}
	}
	return tally.validation(), nil
}

// count notes an answer about a sample's own class.
func (t *lesionTally) count(s LesionSample, right bool) {
	t.all[s.kind()]++
	t.hit[s.kind()] += float64(one(right))
}

func (t *lesionTally) metastasis(s LesionSample, logits []float32) {
	rank := rankOf(logits, int(s.Class))
	t.count(s, rank == 0)
	t.top3 += float64(one(rank < 3))
	t.byPatient.add("phantom", s.Patient, "top1", float64(one(rank == 0)))
	t.byPatient.add("phantom", s.Patient, "top3", float64(one(rank < 3)))
}

func (t *lesionTally) infection(s LesionSample, logits []float32) {
	right := rankOf(logits, int(s.Infection)) == 0
	t.count(s, right)
	t.score = append(t.score, float64(logits[spine.Tuberculous]-logits[spine.Pyogenic]))
	t.positive = append(t.positive, s.Infection == spine.Tuberculous)
	t.byPatient.add("phantom", s.Patient, "spondylitis_accuracy", float64(one(right)))
}

// rankOf counts the classes more probable than class.
func rankOf(logits []float32, class int) int {
	n := 0
	for i, v := range logits {
		if i != class && v >= logits[class] {
			n++
		}
	}
	return n
}

func (t *lesionTally) validation() Validation {
	v := Validation{Figures: map[string]float64{}, Patients: t.byPatient.patients()}
	const sites = spine.LesionClassCount
	right, n := 0.0, 0.0
	for c := range sites {
		recall := t.hit[c] / math.Max(t.all[c], 1)
		v.Figures["phantom_recall_"+spine.LesionClass(c).String()] = recall
		v.Score += recall / sites
		right, n = right+t.hit[c], n+t.all[c]
	}
	v.Figures["phantom_top1"] = right / math.Max(n, 1)
	v.Figures["phantom_top3"] = t.top3 / math.Max(n, 1)
	v.Score += 0.1 * v.Figures["phantom_top3"]
	if len(t.positive) == 0 {
		return v
	}
	right = t.hit[sites+spine.Pyogenic] + t.hit[sites+spine.Tuberculous]
	v.Figures["phantom_spondylitis_accuracy"] = right / float64(len(t.positive))
	if auc := metrics.AUC(t.score, t.positive); auc == auc { // both kinds occur
		v.Figures["phantom_spondylitis_auc"] = auc
		v.Score += auc * spine.InfectionCount / sites
	}
	return v
}
