package train

import (
	"testing"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/twin"
)

// The compact network on a crop, with the loss that trains it.
func TestTwin_GFSSNetTrainingLoss(t *testing.T) {
	cfg, err := nets.GFSSNetPreset("compact")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Whole, cfg.Size = cfg.Size, [3]int{4, 32, 32}
	net, err := nets.NewGFSSNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gfssnet_training", "gfssnet_training_no_sacrum"} {
		c, err := twin.Read("testdata/twins/" + name + ".json.gz")
		if err != nil {
			t.Fatal(err)
		}
		task := &SegmentationTask{batch: 1, crops: []crop{{net, cfg.Size[0], cfg.Size[1], cfg.Size[2]}}}
		g := graph.New(name)
		g.Training = true
		total := task.Loss(g)
		twin.Check(t, c, g, map[string]*graph.Value{"loss": total}, twin.Whole())
	}
}
