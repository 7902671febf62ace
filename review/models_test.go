package review

import (
	"context"
	"strings"
	"testing"

	"columna/inference"
	"columna/models"
)

// installed puts a changed copy of the network in use into a desk's library.
func installed(t *testing.T, d *Desk, net string) (before, after *models.Model) {
	t.Helper()
	before, err := d.library.Load(net)
	if err != nil {
		t.Fatal(err)
	}
	m := *before
	m.Parent, m.TrainedOn = before.SHA256, "a test"
	m.ONNX = append(append([]byte{}, m.ONNX...), 0xa2, 0x06, 0) // an unknown field of no length: the same network, another hash
	if err := d.library.Install(&m); err != nil {
		t.Fatal(err)
	}
	return before, &m
}

func TestRollback_RestoresTheFormerHashAndSaysSoInTheHistory(t *testing.T) {
	d, ctx := newDesk(t), context.Background()
	before, after := installed(t, d, inference.StenosisNet)
	back, err := d.Rollback(ctx, inference.StenosisNet)
	if err != nil || back.SHA256 != before.SHA256 {
		t.Fatalf("%v %v", back, err)
	}
	if now, err := d.library.Load(inference.StenosisNet); err != nil || now.SHA256 != before.SHA256 {
		t.Errorf("in use: %v %v", now, err)
	}
	list, err := d.ModelHistory(ctx)
	if err != nil || len(list) != 1 || list[0].Action != ModelRolledBack || list[0].SHA256 != before.SHA256 || list[0].Parent != after.SHA256 {
		t.Errorf("history: %+v %v", list, err)
	}
	mustBeSound(t, d)
}

func TestRollback_RefusesWhatWasNeverFineTuned(t *testing.T) {
	d := newDesk(t)
	for _, net := range []string{inference.LesionNet, "vnet", "../x"} {
		if _, err := d.Rollback(context.Background(), net); err == nil {
			t.Errorf("%s was rolled back", net)
		}
	}
	if _, err := d.Rollback(context.Background(), inference.LesionNet); !strings.Contains(err.Error(), "shipped") {
		t.Errorf("the refusal does not say that the shipped model is in use: %v", err)
	}
}
