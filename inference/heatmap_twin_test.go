package inference

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/internal/twin"
	"columna/models"
	"columna/volume"
)

// The whole map of a lesion, from the maps that the exported file gives of T1 and
// fat-suppressed T2, is what autograd and the mean of scaled maps give.
func TestTwin_HeatmapLesionJoinsItsParts(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	c, err := twin.Read("../export/nets/testdata/twins/desamba_compact_cam.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	maps := lesionMaps(t, c)
	grid := volume.Grid{Size: [3]int{32, 32, 16}}
	whole := &Heatmap{Volume: volume.New(grid)}
	for _, n := range []int{0, 2} { // the second sequence is missing
		whole.Parts = append(whole.Parts, newHeatmap(grid, maps[fmt.Sprintf("cam_%d", n)].Data, &models.Model{}))
	}
	if err := whole.join(); err != nil {
		t.Fatal(err)
	}
	twin.CheckFile(t, c, "aggregate", whole.Volume.Data, 1e-4)
}

// lesionMaps runs the Grad-CAM file of the compact DeSamba with a case's weights
// on its inputs.
func lesionMaps(t *testing.T, c *twin.Case) map[string]ort.Tensor {
	t.Helper()
	n, err := nets.New("desamba", "compact")
	if err != nil {
		t.Fatal(err)
	}
	g, w, in := graph.New("names"), graph.Weights{}, map[string]ort.Tensor{}
	ports := map[string]*graph.Value{}
	for _, p := range n.Inputs() {
		ports[p.Name] = g.Input(p.Name, p.Shape...)
	}
	n.Forward(g, ports)
	for _, p := range g.Params() {
		if w[p.Name], err = c.Param(p.Name); err != nil {
			t.Fatal(err)
		}
	}
	for name, tensor := range c.Inputs {
		data, err := c.Input(name)
		if err != nil {
			t.Fatal(err)
		}
		in[name] = ort.Tensor{Shape: tensor.Shape, Data: data}
	}
	model, err := nets.GradCAM(n, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
