package train

import (
	"testing"

	"columna/export/graph"
	"columna/export/nets"
)

// The networks that are shipped, with the batches that their recipes ask for: whether
// a step can be written depends on its size.
func TestRecipes_TrainingStepsOfTheShippedNetworksCanBeWritten(t *testing.T) {
	all := recipes()
	fresh := func(name string) nets.Net {
		net, err := newNet(Options{}, name)
		if err != nil {
			t.Fatal(err)
		}
		return net
	}
	stenosis, lesion := fresh("stenosisnet"), fresh("desamba")
	s := lesion.Inputs()[0].Shape
	for _, task := range []Task{
		&StenosisTask{net: stenosis, size: stenosis.Inputs()[0].Shape[2], batch: all["stenosisnet"].batch},
		&LesionTask{net: lesion, d: s[2], h: s[3], w: s[4], batch: all["desamba"].batch},
	} {
		g := graph.New(task.Net().Name())
		g.Training = true
		err := graph.Try(func() {
			if _, err := graph.GradientStep(g, task.Loss(g), nil); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}
