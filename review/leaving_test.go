package review

import (
	"testing"

	"columna/spine"
)

func TestNameless_KeepsNothingThatTellsWho(t *testing.T) {
	p, err := newDesk(t).Identity()
	if err != nil {
		t.Fatal(err)
	}
	st := &spine.Study{UID: "1.2.3", PatientID: "PID-4711", PatientName: "Quendelbach^Ottilie", Date: "20190423", Age: "066Y", Sex: "F",
		Description: "spine", FieldT: 1.5, Series: []spine.Series{{UID: "1.2.3.4", Description: "for Ottilie"}}}
	got := nameless(p, st)
	if got.Date+got.Age+got.Sex+got.Description+got.Series[0].Description != "" || got.UID == st.UID || got.PatientID == st.PatientID || got.PatientName != got.PatientID {
		t.Errorf("%+v", got)
	}
	if st.Series[0].Description == "" {
		t.Error("the case itself has changed")
	}
	grades := []spine.GradeFinding{{Reason: "Ottilie moved", Point: &spine.Point{SeriesUID: "1.2.3.4", SOPUID: "1.2.3.4.5"}}}
	out := unsigned(p, grades, false)
	if out[0].Reason != "" || out[0].Point.SOPUID == "1.2.3.4.5" || grades[0].Point.SOPUID != "1.2.3.4.5" {
		t.Errorf("%+v %+v", out[0], grades[0])
	}
}
