package app

import (
	"strings"
	"testing"

	"columna/spine"
)

func TestSeries_CorrectionHangsTheStudyAnewAndIsTakenBack(t *testing.T) {
	r := sit(t)
	room := r.app.room
	stir := room.session.Study().Find(spine.STIR, spine.Sagittal)
	t1 := room.panes[paneT1].Scene.Stack
	at := room.cross
	var names []string
	for _, m := range room.seriesItems(stir) {
		names = append(names, m.Label)
		if m.Label == "OTHER" {
			m.Action()
		}
	}
	if got := strings.Join(names, " "); got != "T1 T2 STIR T2FS PD OTHER  sagittal axial coronal" {
		t.Errorf("the menu offers %q", got)
	}
	if room.panes[paneSTIR].Scene.Stack != nil || room.panes[paneT1].Scene.Stack == nil || room.panes[paneT1].Scene.Stack.Blocks[0] != t1.Blocks[0] {
		t.Error("the panes do not show the series as corrected")
	}
	if room.cross != at || stir.CorrectedBy != "tester" || !strings.Contains(r.app.jobs.words.Text, "Analyse again") {
		t.Errorf("at %v, by %q, the bar says %q", room.cross, stir.CorrectedBy, r.app.jobs.words.Text)
	}
	items := room.seriesItems(stir)
	items[len(items)-1].Action()
	if room.panes[paneSTIR].Scene.Stack == nil || stir.CorrectedBy != "" || stir.Sequence != spine.STIR {
		t.Error("the correction was not taken back")
	}
}

func TestSeries_BlocksOfOneSeriesAreCorrectedTogether(t *testing.T) {
	r := sit(t)
	room := r.app.room
	blocks := room.session.Study().FindAll(spine.T2, spine.Axial)
	if len(blocks) < 2 {
		t.Fatalf("%d axial blocks", len(blocks))
	}
	room.setSeries(blocks[0], spine.PD, spine.Axial)
	for _, b := range blocks {
		if b.Sequence != spine.PD {
			t.Errorf("block %d is still %s", b.Block, b.Sequence)
		}
	}
}

func TestSeries_DoubtIsSaidWhenTheCaseIsOpened(t *testing.T) {
	r := sit(t)
	room := r.app.room
	if room.doubtful() != "" {
		t.Fatalf("a phantom is doubtful: %q", room.doubtful())
	}
	room.session.Study().Find(spine.T1, spine.Sagittal).Confidence = 0.4
	room.greet()
	if said := r.app.jobs.words.Text; !strings.Contains(said, "T1 sagittal") || !strings.Contains(said, "Study tab") {
		t.Errorf("the bar says %q", said)
	}
}
