package review

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/dicom/sr"
	"columna/spine"
)

func writtenReport(t *testing.T, s *Session) *sr.Document {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.dcm")
	notes, err := s.WriteReport(context.Background(), path, func(*sr.Report) {})
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	d, err := sr.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWriteReport_SaysWhoGradedAndWhoAccepted(t *testing.T) {
	_, s := analysed(t)
	ctx := context.Background()
	if err := s.SetGrade(ctx, spine.LeftSubarticularStenosis, spine.L3L4, spine.Severe, "seen on axial"); err != nil {
		t.Fatal(err)
	}
	d := writtenReport(t, s)
	if len(d.Findings) != 25 || d.Verified || d.StudyUID != s.Study().UID || d.PatientID != s.Study().PatientID {
		t.Fatalf("%d findings, verified %v, study %s of %s", len(d.Findings), d.Verified, d.StudyUID, d.PatientID)
	}
	for _, f := range d.Findings {
		mine := f.AI.Condition == spine.LeftSubarticularStenosis && f.AI.Level == spine.L3L4
		if mine != (f.Author != "") || mine && (f.Severity != spine.Severe || f.Reason != "seen on axial") {
			t.Errorf("%v %v: %+v", f.AI.Condition, f.AI.Level, f)
		}
	}
	if len(d.Measures) == 0 || d.Measures[0].CanalAreaMM2 == 0 {
		t.Errorf("measures %v", d.Measures)
	}
	if err := s.SetState(ctx, spine.Accepted); err != nil {
		t.Fatal(err)
	}
	if d := writtenReport(t, s); !d.Verified || d.Verifier != s.desk.author {
		t.Errorf("verified %v by %q", d.Verified, d.Verifier)
	}
}

func TestWriteReport_OfAnUnreadCaseHas25CellsThatNobodyGraded(t *testing.T) {
	_, s := ready(t)
	for _, f := range writtenReport(t, s).Findings {
		if f.Severity != spine.Ungraded || f.AI.Grade != spine.Ungraded || f.Reader != spine.Ungraded {
			t.Errorf("%+v", f)
		}
	}
}

func TestWriteRSNA_TakesAllAcceptedCases(t *testing.T) {
	d, s := analysed(t)
	ctx, dir := context.Background(), t.TempDir()
	if _, err := d.WriteRSNA(ctx, nil, dir, nil); err == nil {
		t.Error("tables of no case were written")
	}
	if err := s.SetGrade(ctx, spine.SpinalCanalStenosis, spine.L4L5, spine.Moderate, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(ctx, spine.Accepted); err != nil {
		t.Fatal(err)
	}
	names, err := d.WriteRSNA(ctx, nil, dir, nil)
	if err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	f, err := os.Open(filepath.Join(dir, "train.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 2 || strings.Join(rows[1], ",") != s.Study().UID+",,,,Moderate"+strings.Repeat(",", 21) {
		t.Errorf("%v %v", rows, err)
	}
}
