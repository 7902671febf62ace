package nets

import (
	"testing"

	"columna/export/graph"
)

func TestMeaning_IsThereForEveryPortOfEveryNetwork(t *testing.T) {
	for _, name := range Names() {
		for _, preset := range Presets(name) {
			n, err := New(name, preset)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range n.Inputs() {
				if Meaning(n, p.Name) == "" {
					t.Errorf("%s %s: nobody knows what the input %s holds", name, preset, p.Name)
				}
			}
			for _, out := range n.Outputs() {
				if Meaning(n, out) == "" && preset == "compact" {
					t.Errorf("%s %s: nobody knows what the output %s holds", name, preset, out)
				}
			}
		}
	}
}

func TestLabels_AreAsManyAsTheChannels(t *testing.T) {
	for name, n := range tinyNets(t) {
		g := graph.New(name)
		out := n.Forward(g, Feed(g, n, 1))
		for _, o := range n.Outputs() {
			labels := Labels(n, o)
			if labels == nil {
				continue
			}
			if got := out[o].Dim(1); got != len(labels) {
				t.Errorf("%s: %d labels for the %d channels of %s", name, len(labels), got, o)
			}
		}
	}
}
