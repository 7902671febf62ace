package train

import (
	"context"
	"maps"
	"math"
	"slices"

	"columna/export/graph"
	"columna/export/nets"
	"columna/inference"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// Validate grades the held-out crops. Score is the mean recall of the grades, over
// the phantoms and each set of cases.
func (t *StenosisTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	sets := map[string][]StenosisSample{"phantom": t.held}
	if t.late != nil {
		late, err := t.late.wait(ctx)
		if err != nil {
			return Validation{}, err
		}
		maps.Copy(sets, late)
	}
	v, n, found := Validation{Figures: map[string]float64{}}, 0.0, ward{}
	for _, name := range slices.Sorted(maps.Keys(sets)) { // so that sums are the same every time
		set := sets[name]
		if len(set) == 0 {
			continue
		}
		score, err := t.measure(ctx, s, set, name, v.Figures, found)
		if err != nil {
			return v, err
		}
		v.Score += score
		n++
	}
	v.Score /= max(n, 1)
	v.Patients = found.patients()
	return v, nil
}

// measure adds the figures of a set and returns the mean recall of its grades.
func (t *StenosisTask) measure(ctx context.Context, s *ort.Session, set []StenosisSample, name string, figures map[string]float64, found ward) (float64, error) {
	var seen [3][3]float64 // truth, prediction
	perCondition := map[spine.Condition][2]float64{}
	for _, c := range set {
		p, err := t.predict(ctx, s, c)
		if err != nil {
			return 0, err
		}
		seen[c.Grade][p]++
		hit := perCondition[c.Condition]
		hit[1]++
		if p == int(c.Grade) {
			hit[0]++
		}
		perCondition[c.Condition] = hit
		right := float64(one(p == int(c.Grade)))
		found.add(name, c.Patient, "accuracy", right)
		found.add(name, c.Patient, "recall_"+c.Grade.String(), right)
	}
	return summarise(name, seen, perCondition, figures), nil
}

func summarise(name string, seen [3][3]float64, perCondition map[spine.Condition][2]float64, figures map[string]float64) (score float64) {
	right, all := 0.0, 0.0
	for g := range 3 {
		n := seen[g][0] + seen[g][1] + seen[g][2]
		recall := seen[g][g] / math.Max(n, 1)
		figures[name+"_recall_"+spine.Grade(g).String()] = recall
		score += recall / 3
		right, all = right+seen[g][g], all+n
	}
	figures[name+"_accuracy"] = right / math.Max(all, 1)
	for c, hit := range perCondition {
		figures[name+"_accuracy_"+c.String()] = hit[0] / hit[1]
	}
	return score
}

// predict gives the most probable grade of one crop, not augmented.
func (t *StenosisTask) predict(ctx context.Context, s *ort.Session, c StenosisSample) (int, error) {
	px := dequantise(c.Pixels, 1, t.size, t.size).Data
	for i := range px {
		px[i] *= cropUnit
	}
	cond := make([]float32, spine.ConditionCount)
	cond[c.Condition] = 1
	out, err := s.Run(ctx, map[string]ort.Tensor{
		"image":     {Shape: []int{1, 1, t.size, t.size}, Data: px},
		"condition": {Shape: []int{1, spine.ConditionCount}, Data: cond},
	})
	if err != nil {
		return 0, err
	}
	return int(argmax(out["logits"].Data, 3)[0]), nil
}

// session opens the inference graph of a network with weights.
func session(n nets.Net, w graph.Weights, o ort.Options) (*ort.Session, error) {
	onnx, err := nets.Inference(n, w, nil)
	if err != nil {
		return nil, err
	}
	return ort.NewSession(onnx, o)
}

// Card says what StenosisNet knows.
func (t *StenosisTask) Card(spec *models.Spec) {
	spec.SizeVox = [3]int{t.size, t.size, 1}
	mm := inference.CropFOVMM / float64(t.size)
	spec.SpacingMM = [3]float64{mm, mm, 0}
	spec.TrainedOn = t.about
	spec.Limits = t.limits
	spec.Licence = "Apache-2.0"
	spec.Attribution = attribution(t.sets)
}
