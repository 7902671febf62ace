package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cohort is n patients with two studies each, a file a study.
func cohort(t *testing.T, dir string, n int) (out []Entry) {
	t.Helper()
	for p := range n {
		for v := range 2 {
			path := filepath.Join(dir, fmt.Sprintf("%d-%d", p, v))
			write(t, path, fmt.Sprint(p*10+v))
			out = append(out, Entry{Set: "nifti", ID: fmt.Sprintf("%d-%d", p, v), Patient: fmt.Sprint(p), Files: []string{path}})
		}
	}
	return out
}

func TestFreeze_KeepsThePartsWhenPatientsAreAdded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "split.json")
	small, err := Freeze(path, cohort(t, dir, 20))
	if err != nil {
		t.Fatal(err)
	}
	all := cohort(t, dir, 60)
	large, err := Freeze(path, all[40:]) // the first are gone: they keep their places
	if err != nil || len(large.Patients) != 60 || large.SHA256 == small.SHA256 {
		t.Fatalf("%d patients, %v", len(large.Patients), err)
	}
	for _, e := range all[:40] {
		if small.Part(e) == "" || small.Part(e) != large.Part(e) {
			t.Errorf("patient %s went from %q to %q", e.Patient, small.Part(e), large.Part(e))
		}
	}
	again, err := Freeze(path, all)
	if err != nil || again.SHA256 != large.SHA256 {
		t.Errorf("the same patients made another split: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the split can be read by others: %v", info.Mode())
	}
}

func TestPartOf_HasAnEighthEachToValidateAndToTest(t *testing.T) {
	for _, set := range []string{"spider", "rsna", CorrectionSet} {
		count := map[string]int{}
		for n := range 4000 {
			count[PartOf(set, fmt.Sprint(n*7919))]++
		}
		for part, share := range map[string]float64{PartTrain: 0.75, PartValidation: 0.125, PartTest: 0.125} {
			if got := float64(count[part]) / 4000; got < share-0.03 || got > share+0.03 {
				t.Errorf("%s: %.3f of the patients are in %s, want %.3f", set, got, part, share)
			}
		}
	}
}

// heldPatients are SPIDER's that were held out from the first training on, v to
// validate and t to test.
const heldPatients = `
	3:t 7:t 12:v 16:v 23:t 27:t 30:t 34:t 38:t 41:t 45:t 49:t 52:v 56:v 63:v 67:v 70:v 74:v 78:v 81:v
	85:v 89:v 92:t 96:t 102:v 106:v 111:v 115:v 119:v 120:t 124:t 128:t 133:t 137:t 142:t 146:t 151:t 155:t 159:t 160:v
	164:v 168:v 173:t 177:t 182:t 186:t 191:v 195:v 199:v 201:t 205:t 209:t 212:v 216:v 223:v 227:v 230:v 234:v 238:v 241:t
	245:t 249:t 252:t 256:t`

// The shipped models were trained on the other patients of SPIDER: a patient who came
// over from here would be learned and then measured.
func TestHeldOut_IsWhatItAlwaysWas(t *testing.T) {
	parts := map[string]string{}
	for id := range strings.FieldsSeq(heldPatients) {
		id, part, _ := strings.Cut(id, ":")
		parts[id] = part
	}
	for n := 1; n <= 257; n++ { // the published patients
		id := fmt.Sprint(n)
		want := map[string]string{"v": PartValidation, "t": PartTest, "": PartTrain}[parts[id]]
		if got := PartOf("spider", id); got != want || HeldOut(id) != (want != PartTrain) {
			t.Errorf("patient %s is in %s, was in %s", id, got, want)
		}
	}
}

func TestReadSplit_RefusesAChangedFile(t *testing.T) {
	dir := t.TempDir()
	s := NewSplit(cohort(t, dir, 30))
	path := filepath.Join(dir, "split.json")
	for want, change := range map[string]func(s *Split){
		"hash":         func(s *Split) { s.Patients = s.Patients[1:] },
		"was moved":    func(s *Split) { move(s); s.SHA256 = hashOf(s.Patients) },
		"twice":        func(s *Split) { s.Patients = append(s.Patients, s.Patients[0]); s.SHA256 = hashOf(s.Patients) },
		"unknown here": func(s *Split) { s.Rule = "as I like it" },
	} {
		other := NewSplit(cohort(t, dir, 30))
		change(other)
		if err := other.write(path); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSplit(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := Freeze(path, nil); err == nil {
			t.Errorf("%s: a changed split was extended", want)
		}
	}
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSplit(path); err != nil || got.SHA256 != s.SHA256 {
		t.Fatalf("got %v, %v", got, err)
	}
	write(t, path, "{")
	if _, err := ReadSplit(path); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

// move brings the first held-out patient among those who are learned from.
func move(s *Split) {
	for n := range s.Patients {
		if s.Patients[n].Part != PartTrain {
			s.Patients[n].Part = PartTrain
			return
		}
	}
}

func TestContent_TellsWhatChanged(t *testing.T) {
	dir := t.TempDir()
	entries := cohort(t, dir, 4)
	before := contentOf(t, entries)
	if err := before.Changed(contentOf(t, entries)); err != nil {
		t.Error(err)
	}
	if err := before.Changed(contentOf(t, entries[:7])); err == nil || !strings.Contains(err.Error(), "3-1 is gone") {
		t.Errorf("got %v", err)
	}
	if err := contentOf(t, entries[:7]).Changed(before); err == nil || !strings.Contains(err.Error(), "new case, 3-1") {
		t.Errorf("got %v", err)
	}
	write(t, entries[3].Files[0], "something else")
	after := contentOf(t, entries)
	if err := before.Changed(after); err == nil || !strings.Contains(err.Error(), "case 1-1 holds other data") || after.SHA256 == before.SHA256 {
		t.Errorf("got %v", err)
	}
}

func contentOf(t *testing.T, entries []Entry) Content {
	t.Helper()
	c, err := ContentOf(context.Background(), entries)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// accepted is a database with corrections.
type accepted []Correction

func (a accepted) Accepted(context.Context) ([]Correction, error) { return a, nil }
func (a accepted) Load(_ context.Context, id string) (*Case, error) {
	c := &Case{}
	c.Study.UID = id
	return c, nil
}

func TestOpenCorrections_ListsAcceptedCasesWithTheirHashes(t *testing.T) {
	ctx := context.Background()
	entries, err := OpenCorrections(ctx, accepted{{"7", "p", "aa"}, {"9", "p", "bb"}})
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %v, %v", entries, err)
	}
	c, err := entries[1].Load(ctx)
	if sum, _ := entries[1].SHA256(); err != nil || c.Study.UID != "9" || sum != "bb" || entries[1].Patient != "p" {
		t.Errorf("got %v, %s, %v", c, sum, err)
	}
	for _, bad := range []accepted{{{"7", "", "aa"}}, {{"7", "p", ""}}, {{"7", "p", "a"}, {"7", "q", "b"}}} {
		if _, err := OpenCorrections(ctx, bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
