package sr

import (
	"testing"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
)

func selected(t *testing.T, author string) *dataset.File {
	t.Helper()
	k := &KeyObjects{Source: sample(t, sagittal()).Source, Words: "1: T2 sagittal", Author: author, At: time.Date(2024, 3, 12, 14, 2, 0, 0, time.UTC),
		Selected: []Reference{
			{"1.2.3.9", dicom.ImageRef{SOPClassUID: "1.2.840.10008.5.1.4.1.1.7", SOPUID: "1.2.3.9.1"}},
			{"1.2.3.5", dicom.ImageRef{SOPClassUID: "1.2.840.10008.5.1.4.1.1.4.1", SOPUID: "1.2.3.5.1", Frame: 4}},
			{"1.2.3.5", dicom.ImageRef{SOPClassUID: "1.2.840.10008.5.1.4.1.1.4.1", SOPUID: "1.2.3.5.1", Frame: 7}},
		}}
	b, err := EncodeKeyObjects(k)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dataset.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEncodeKeyObjects_NamesEachImageInTheTreeAndInTheEvidence(t *testing.T) {
	f := selected(t, "Reader^One")
	var seen []dicom.ImageRef
	for _, c := range f.Items(tagContent) {
		if c.Text(tagValueType) == "IMAGE" {
			seen = append(seen, refOf(c.Item(tagReferencedSOP)))
		}
	}
	if len(seen) != 3 || seen[0].SOPUID != "1.2.3.9.1" || seen[1].Frame != 4 || seen[2].Frame != 7 {
		t.Errorf("selected %v", seen)
	}
	listed := map[string]int{}
	for _, s := range f.Item(tagEvidence).Items(tagRefSeries) {
		for _, i := range s.Items(tagReferencedSOP) {
			listed[s.Text(tagSeriesUID)+" "+i.Text(tagRefInstance)]++
		}
	}
	if len(listed) != 2 || listed["1.2.3.9 1.2.3.9.1"] != 1 || listed["1.2.3.5 1.2.3.5.1"] != 1 {
		t.Errorf("evidence %v", listed)
	}
	if f.Item(tagEvidence).Text(tagStudyUID) != "1.2.3.4" || f.Text(tagModality) != "KO" || f.Item(tagTemplates).Text(tagTemplate) != "2010" {
		t.Error("it is no selection of the study")
	}
}

func TestEncodeKeyObjects_TellsWhoSelectedOnlyWhereThatIsGiven(t *testing.T) {
	name := table().personName
	if got := first(selected(t, "Reader^One").Dataset, name, "PNAME").Text(tagPersonName); got != "Reader^One" {
		t.Errorf("selected by %q", got)
	}
	if first(selected(t, "").Dataset, name, "PNAME").Find(tagPersonName) != nil {
		t.Error("a selection of nobody names somebody")
	}
}

func TestEncodeKeyObjects_RefusesToSelectNothing(t *testing.T) {
	if _, err := EncodeKeyObjects(&KeyObjects{Source: sample(t, sagittal()).Source}); err == nil {
		t.Error("an empty selection was written")
	}
}
