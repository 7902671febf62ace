package review

import (
	"context"
	"path/filepath"
	"testing"

	"columna/dicom/sr"
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

func TestWrite_AReportWithoutThePatientHasNoDate(t *testing.T) {
	d, s := analysed(t)
	p, err := d.Identity()
	if err != nil {
		t.Fatal(err)
	}
	names, err := s.Leave(p).Write(context.Background(), "sr", filepath.Join(t.TempDir(), "case"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := parsed(t, names)[sr.SOPClass][0]
	if f.Text(0x00080023) != "19000101" || f.Text(0x00280303) != "REMOVED" || f.Text(0x00080020) != "" {
		t.Errorf("made on %s, dates %q, study of %q", f.Text(0x00080023), f.Text(0x00280303), f.Text(0x00080020))
	}
}
