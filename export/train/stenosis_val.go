package train

import (
	"context"
	"math"

	"columna/export/graph"
	"columna/export/nets"
	"columna/inference"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// Validate grades the held-out crops. Score is the mean recall of the grades.
func (t *StenosisTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	var seen [3][3]float64 // truth, prediction
	perCondition := map[spine.Condition][2]float64{}
	for _, c := range t.held {
		p, err := t.predict(ctx, s, c)
		if err != nil {
			return Validation{}, err
		}
		seen[c.Grade][p]++
		hit := perCondition[c.Condition]
		hit[1]++
		if p == int(c.Grade) {
			hit[0]++
		}
		perCondition[c.Condition] = hit
	}
	return summarise(seen, perCondition), nil
}

func summarise(seen [3][3]float64, perCondition map[spine.Condition][2]float64) Validation {
	v := Validation{Figures: map[string]float64{}}
	right, all := 0.0, 0.0
	for g := range 3 {
		n := seen[g][0] + seen[g][1] + seen[g][2]
		recall := seen[g][g] / math.Max(n, 1)
		v.Figures["phantom_recall_"+spine.Grade(g).String()] = recall
		v.Score += recall / 3
		right, all = right+seen[g][g], all+n
	}
	v.Figures["phantom_accuracy"] = right / math.Max(all, 1)
	for c, hit := range perCondition {
		v.Figures["phantom_accuracy_"+c.String()] = hit[0] / hit[1]
	}
	return v
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
	spec.Limits = "Synthetic phantoms only: unvalidated on patients. Not a medical device."
	spec.Licence = "Apache-2.0"
}
