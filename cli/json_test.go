package cli

import (
	"testing"

	"columna/spine"
)

func TestLesionsJSON_LeavesOutWhatNoNetworkSaid(t *testing.T) {
	said := spine.LesionFinding{Infection: [spine.InfectionCount]float64{0.7, 0.3}}
	got := lesionsJSON([]spine.LesionFinding{{}, said})
	if got[0].Infection != nil || got[1].Infection["pyogenic"] != 0.7 || got[1].Infection["tuberculous"] != 0.3 || len(got[1].Probabilities) != spine.LesionClassCount {
		t.Errorf("got %+v", got)
	}
}
