package nets

import (
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/twin"
)

// checkSegmenterTwin compares a whole tiny network with its twin.
func checkSegmenterTwin(t *testing.T, name string, n *Segmenter, training bool) {
	t.Helper()
	c := twinCase(t, "segmenter_"+name)
	g := graph.New(name)
	g.Training = training
	in := values{}
	for _, p := range n.Inputs() {
		in[p.Name] = g.Input(p.Name, c.Inputs[p.Name].Shape...)
	}
	out := n.Forward(g, in)
	delete(out, "_cam")
	twin.Check(t, c, g, withStates(g, out), twin.Whole())
}

func TestTwin_Segmenters(t *testing.T) {
	for name, n := range tinySegmenters(unchanged) {
		t.Run(name, func(t *testing.T) { checkSegmenterTwin(t, strings.Replace(name, "/", "_", 1), n, false) })
	}
	for file, name := range map[string]string{
		"paper_unet3d": "3D U-Net", "paper_unet": "U-Net", "paper_unet3plus": "UNet3+", "paper_transunet": "TransUNet",
	} {
		t.Run(name, func(t *testing.T) {
			checkSegmenterTwin(t, file, tinyPapers(0)[name], true)
		})
	}
}
