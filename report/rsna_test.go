package report

import (
	"bytes"
	"strings"
	"testing"

	"columna/spine"
)

// rsnaCase has one reader's grade with a point, one that cannot be graded and 23
// cells of the network alone.
func rsnaCase() RSNACase {
	st := study()
	st.Series = []spine.Series{
		{UID: "1.9", Number: 2, Sequence: spine.T2, Plane: spine.Axial, SOPUIDs: []string{"a", "b"}},
		{UID: "1.9", Block: 1, Number: 2, Sequence: spine.T2, Plane: spine.Axial, SOPUIDs: []string{"b", "c"}},
		{UID: "@s", Number: 1, Sequence: spine.T2, Plane: spine.Sagittal, SOPUIDs: []string{"n", "o"}},
		{UID: "1.7", Sequence: spine.STIR, Plane: spine.Sagittal}, {UID: "1.6", Sequence: spine.T1, Plane: spine.Sagittal},
		{UID: "1.5", Sequence: spine.PD, Plane: spine.Coronal},
	}
	return RSNACase{ID: "107", Study: st, Analysis: analysis(), Reader: reader()}
}

func TestWriteRSNATrain_HasTheChallengesColumnsAndLeavesEmptyWhatNoReaderGraded(t *testing.T) {
	rows := table(t, func(b *bytes.Buffer) error {
		return WriteRSNATrain(b, []RSNACase{rsnaCase(), {ID: "108", Study: study()}})
	})
	if len(rows) != 3 || len(rows[0]) != 26 {
		t.Fatalf("%d lines of %d columns", len(rows), len(rows[0]))
	}
	if got := strings.Join(rows[0][:7], ","); got != "study_id,spinal_canal_stenosis_l1_l2,spinal_canal_stenosis_l2_l3,spinal_canal_stenosis_l3_l4,spinal_canal_stenosis_l4_l5,spinal_canal_stenosis_l5_s1,left_neural_foraminal_narrowing_l1_l2" {
		t.Error(got)
	}
	if rows[0][25] != "right_subarticular_stenosis_l5_s1" {
		t.Error(rows[0][25])
	}
	if got := strings.Join(rows[1], ","); got != "107,,,,Moderate"+strings.Repeat(",", 21) {
		t.Errorf("an AI's grade or a grade that is none stands as a label: %s", got)
	}
	if got := strings.Join(rows[2], ","); got != "108"+strings.Repeat(",", 25) {
		t.Errorf("a study that nobody read: %s", got)
	}
}

func TestWriteRSNACoordinates_SpellsAsTheChallengeAndCountsImages(t *testing.T) {
	rows := table(t, func(b *bytes.Buffer) error { return WriteRSNACoordinates(b, []RSNACase{rsnaCase()}) })
	if got := strings.Join(rows[0], ","); got != "study_id,series_id,instance_number,condition,level,x,y" {
		t.Error(got)
	}
	if len(rows) != 2 || strings.Join(rows[1], ",") != "107,'@s,2,Spinal Canal Stenosis,L4/L5,1.0000,2.0000" {
		t.Errorf("%v", rows[1:])
	}
	if n := instanceNumbers(rsnaCase().Study); n[instance{"1.9", "b"}] != 2 || n[instance{"1.9", "c"}] != 3 {
		t.Errorf("blocks of a series: %v", n)
	}
}

func TestWriteRSNASeries_NamesSeriesAsTheChallenge(t *testing.T) {
	rows := table(t, func(b *bytes.Buffer) error { return WriteRSNASeries(b, []RSNACase{rsnaCase()}) })
	var got []string
	for _, r := range rows {
		got = append(got, strings.Join(r, ","))
	}
	want := "study_id,series_id,series_description|107,1.7,Sagittal T2/STIR|107,1.6,Sagittal T1|107,'@s,Sagittal T2/STIR|107,1.9,Axial T2"
	if strings.Join(got, "|") != want {
		t.Error(strings.Join(got, "|"))
	}
}

func TestWriteRSNASubmission_LeavesOutWhatNobodyCouldGrade(t *testing.T) {
	ai := table(t, func(b *bytes.Buffer) error { return WriteRSNASubmission(b, []RSNACase{rsnaCase()}, false) })
	both := table(t, func(b *bytes.Buffer) error { return WriteRSNASubmission(b, []RSNACase{rsnaCase()}, true) })
	if len(ai) != 1+24 || len(both) != 1+23 {
		t.Errorf("%d lines of the network, %d with readers", len(ai), len(both))
	}
	if strings.Join(ai[0], ",") != "row_id,normal_mild,moderate,severe" {
		t.Error(ai[0])
	}
	if got := strings.Join(ai[4], ","); got != "107_spinal_canal_stenosis_l4_l5,0.2000,0.3000,0.5000" {
		t.Errorf("the network's probabilities: %s", got)
	}
	if got := strings.Join(both[4], ","); got != "107_spinal_canal_stenosis_l4_l5,0.0000,1.0000,0.0000" {
		t.Errorf("the reader's grade: %s", got)
	}
}
