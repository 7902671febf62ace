package inference

import (
	"context"
	"math"

	"columna/internal/ort"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// gradeCount is how many grades StenosisNet tells apart.
const gradeCount = len(spine.GradeFinding{}.Probabilities)

// Grade reads the 25 cells of a study, in the order of condition then level. A
// cell that cannot be read is NotGradable with a reason.
func (p *Pipeline) Grade(ctx context.Context, study *spine.Study, mask *volume.LabelMap) ([]spine.GradeFinding, error) {
	grades, _, err := p.grade(ctx, study, mask, func(float64) {})
	return grades, err
}

func (p *Pipeline) grade(ctx context.Context, study *spine.Study, mask *volume.LabelMap, progress func(float64)) ([]spine.GradeFinding, *models.Model, error) {
	m, err := p.stenosis.load()
	if err != nil {
		return nil, nil, err
	}
	anatomy := NewAnatomy(mask)
	var out []spine.GradeFinding
	for c := range spine.Condition(spine.ConditionCount) {
		for l := range spine.Level(spine.LevelCount) {
			f, err := p.gradeCell(ctx, study, anatomy, c, l, m.SizeVox[0])
			if err != nil {
				return nil, nil, err
			}
			out = append(out, f)
			progress(float64(len(out)) / (spine.ConditionCount * spine.LevelCount))
		}
	}
	return out, m, nil
}

// gradeCell reads one condition at one level. Its point is that of the middle crop.
func (p *Pipeline) gradeCell(ctx context.Context, study *spine.Study, a *Anatomy, c spine.Condition, l spine.Level, sizePx int) (spine.GradeFinding, error) {
	f := spine.GradeFinding{Condition: c, Level: l, Grade: spine.NotGradable}
	looks, reason := a.looks(study, c, l, sizePx)
	if len(looks) == 0 {
		f.Reason = reason
		return f, nil
	}
	var sum [gradeCount]float32
	for _, look := range looks {
		logits, err := p.gradeCrop(ctx, look.Crop, c)
		if err != nil {
			return f, err
		}
		for n, v := range logits {
			sum[n] += v * float32(look.weight)
		}
	}
	m, err := p.stenosis.load()
	if err != nil {
		return f, err
	}
	copy(f.Probabilities[:], softmax(sum[:], m.Temperature))
	f.Grade = spine.Grade(largest(f.Probabilities[:]))
	f.Point = &looks[0].Point
	return f, nil
}

// gradeCrop is what the network says of one crop: the logits of the grades.
func (p *Pipeline) gradeCrop(ctx context.Context, crop *Crop, c spine.Condition) ([]float32, error) {
	out, m, err := p.stenosis.infer(ctx, stenosisTensors(crop, c))
	if err != nil {
		return nil, err
	}
	return output(out, m.Name, "logits", gradeCount)
}

// stenosisTensors is the input of StenosisNet for one crop.
func stenosisTensors(crop *Crop, c spine.Condition) map[string]ort.Tensor {
	condition := make([]float32, spine.ConditionCount)
	condition[c] = 1
	return map[string]ort.Tensor{
		"image":     {Shape: []int{1, 1, crop.SizePx, crop.SizePx}, Data: crop.Pixels},
		"condition": {Shape: []int{1, spine.ConditionCount}, Data: condition},
	}
}

// softmax gives probabilities from logits divided by the model's temperature.
func softmax(logits []float32, temperature float64) []float64 {
	if temperature <= 0 {
		temperature = 1
	}
	top := math.Inf(-1)
	for _, v := range logits {
		top = math.Max(top, float64(v))
	}
	out, sum := make([]float64, len(logits)), 0.0
	for n, v := range logits {
		out[n] = math.Exp((float64(v) - top) / temperature)
		sum += out[n]
	}
	for n := range out {
		out[n] /= sum
	}
	return out
}

// largest is the index of the largest value.
func largest(values []float64) int {
	best := 0
	for n, v := range values {
		if v > values[best] {
			best = n
		}
	}
	return best
}
