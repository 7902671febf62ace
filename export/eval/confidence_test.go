package eval

import (
	"testing"

	"columna/spine"
)

func TestConfidenceDice_RanksWhatTheNetworkSaidOfEachStructure(t *testing.T) {
	scores := func(sure ...float64) *Record {
		r := &Record{}
		for n, c := range sure {
			r.Levels = append(r.Levels, Score{Dice: Number(0.5 + float64(n)/10), Confidence: c})
		}
		return r
	}
	near(t, "in order", Number(confidenceDice([]*Record{scores(0.5, 0.6), scores(0.55, 0.9, 0.95)})), 0.94868329805)
	near(t, "the wrong way round", Number(confidenceDice([]*Record{scores(0.9, 0.8, 0.7)})), -1)
	near(t, "with one not said", Number(confidenceDice([]*Record{scores(0.9, 0, 0.95)})), 1)
}

func TestNoteConfidence_StandsBesideTheStructuresOwnScore(t *testing.T) {
	r := Record{Levels: []Score{{Name: "L3"}, {Name: "disc L4/L5"}}, Classes: []Score{{Name: "canal"}, {Name: "body"}}}
	r.noteConfidence(map[spine.Structure]float64{spine.L3: 0.9, spine.Canal: 0.8})
	if r.Levels[0].Confidence != 0.9 || r.Levels[1].Confidence != 0 || r.Classes[0].Confidence != 0.8 || r.Classes[1].Confidence != 0 {
		t.Errorf("got %+v %+v", r.Levels, r.Classes)
	}
}
