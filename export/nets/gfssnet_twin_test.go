package nets

import (
	"testing"

	"columna/export/graph"
	"columna/internal/twin"
)

// twinCase reads a case that scripts/twins wrote.
func twinCase(t *testing.T, name string) *twin.Case {
	t.Helper()
	c, err := twin.Read("testdata/twins/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTwin_DAPU(t *testing.T) {
	for name, light := range map[string]bool{"gfssnet_dapu": false, "gfssnet_dapu_light": true} {
		g := graph.New(name)
		b := &gfssnet{g: g}
		x, skip := g.Input("x", 1, 5, 4, 4, 3), g.Input("skip", 1, 3, 4, 8, 6)
		y := b.dapu(x, skip, 6, [3]int{1, 2, 2}, light)
		twin.Check(t, twinCase(t, name), g, map[string]*graph.Value{"y": y}, twin.Strict())
	}
}
