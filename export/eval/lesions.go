package eval

import (
	"columna/export/metrics"
	"columna/spine"
)

// answersOf is the answers to one question about the lesions of some studies.
type answersOf func(records []*Record) (probability [][]float64, truth []int)

// lesionsOf is where the metastases come from.
func lesionsOf(records []*Record) (probability [][]float64, truth []int) {
	for _, r := range records {
		for n := range r.Lesions {
			probability, truth = append(probability, r.Lesions[n].Probability[:]), append(truth, r.Lesions[n].Truth)
		}
	}
	return probability, truth
}

// infectionsOf is of which kind the infections are.
func infectionsOf(records []*Record) (probability [][]float64, truth []int) {
	for _, r := range records {
		for n := range r.Infections {
			probability, truth = append(probability, r.Infections[n].Probability[:]), append(truth, r.Infections[n].Truth)
		}
	}
	return probability, truth
}

// likeliest is the largest class of each answer.
func likeliest(probability [][]float64) []int {
	said := make([]int, len(probability))
	for n := range probability {
		said[n] = metrics.Largest(probability[n])
	}
	return said
}

// overPatients takes a figure of answers with its interval over the patients who have any.
func (b *bootstrap) overPatients(answers answersOf, of func(p [][]float64, truth []int) float64) Figure {
	has := func(r *Record) bool { _, truth := answers([]*Record{r}); return len(truth) > 0 }
	return b.of(has, func(records []*Record) float64 { return of(answers(records)) })
}

func (s *Summary) lesionFigures(b *bootstrap, add adder) {
	figure := func(of func(p [][]float64, truth []int) float64) Figure { return b.overPatients(lesionsOf, of) }
	const classes = spine.LesionClassCount
	add("lesion_top1", "share", "lesions whose class is the likeliest", figure(func(p [][]float64, t []int) float64 { return metrics.TopK(p, t, 1) }))
	add("lesion_top3", "share", "lesions whose class is among the three likeliest", figure(func(p [][]float64, t []int) float64 { return metrics.TopK(p, t, 3) }))
	add("lesion_f1", "", "lesion classes, macro F1", figure(func(p [][]float64, t []int) float64 {
		c := metrics.Count(classes, t, likeliest(p))
		return c.Macro(c.F1)
	}))
	add("lesion_auc", "", "lesion classes, mean AUC of one against the rest", figure(func(p [][]float64, t []int) float64 { return metrics.OneVsRest(p, t, classes) }))
	add("lesion_ece", "", "calibration error of lesion classes", figure(func(p [][]float64, t []int) float64 { return metrics.ECE(p, t, 10) }))
}

// infectionFigures are of the second head: pyogenic or tuberculous.
func (s *Summary) infectionFigures(b *bootstrap, add adder) {
	figure := func(of func(p [][]float64, truth []int) float64) Figure { return b.overPatients(infectionsOf, of) }
	add("infection_accuracy", "share", "infections of the right kind, pyogenic or tuberculous", figure(func(p [][]float64, t []int) float64 { return metrics.TopK(p, t, 1) }))
	add("infection_auc", "", "tuberculous against pyogenic infections, AUC", figure(func(p [][]float64, t []int) float64 {
		return metrics.AUC(metrics.ClassScores(p, t, int(spine.Tuberculous)))
	}))
	add("infection_ece", "", "calibration error of the kinds of infection", figure(func(p [][]float64, t []int) float64 { return metrics.ECE(p, t, 10) }))
}
