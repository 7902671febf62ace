package finetune

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"columna/export/dataset"
)

func names(first, count int) (out []string) {
	for n := range count {
		out = append(out, fmt.Sprintf("patient %d", first+n))
	}
	return out
}

func frozen(t *testing.T, patients []string) *Holdout {
	t.Helper()
	h, err := FreezeHoldout(patients, "salt")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func heldOf(h *Holdout, patients []string) (n int) {
	for _, p := range patients {
		if h.Held(p) {
			n++
		}
	}
	return n
}

func TestHoldout_HoldsOutEnoughOfAnyNumberOfPatients(t *testing.T) {
	for count := MinHeldOut + MinLearned; count < 60; count++ {
		for salt := range 20 {
			h, err := FreezeHoldout(names(0, count), fmt.Sprint(salt))
			if err != nil {
				t.Fatal(err)
			}
			held := heldOf(h, names(0, count))
			if held < MinHeldOut || count-held < MinLearned && count > 2*MinHeldOut || held != h.HeldOut && held < h.HeldOut {
				t.Fatalf("%d of %d patients are held out", held, count)
			}
		}
	}
}

func TestHoldout_SaysHowManyPatientsAreNeeded(t *testing.T) {
	_, err := FreezeHoldout([]string{"a", "b", "b", "c", "a"}, "salt")
	if err == nil || !strings.Contains(err.Error(), "at least 8 patients") || !strings.Contains(err.Error(), "there are 3") {
		t.Errorf("%v", err)
	}
}

// MONAI Label splits by the position in the list of labels, so that cases move between
// training and validation as others arrive.
func TestHoldout_NewPatientsMoveNobody(t *testing.T) {
	old := names(0, 16)
	h := frozen(t, old)
	before := map[string]bool{}
	for _, p := range old {
		before[p] = h.Held(p)
	}
	again, err := ParseHoldout(h.Document())
	if err != nil {
		t.Fatal(err)
	}
	later := names(16, 1000)
	share := heldOf(again, later)
	for _, p := range old {
		if again.Held(p) != before[p] {
			t.Errorf("%s moved", p)
		}
	}
	if share < 100 || share > 500 {
		t.Errorf("%d of 1000 new patients are held out", share)
	}
}

func TestHoldout_AllCasesOfAPatientAreOnOneSide(t *testing.T) {
	var cases []dataset.Entry
	for n := range 48 {
		cases = append(cases, dataset.Entry{Set: dataset.CorrectionSet, ID: fmt.Sprint(n), Patient: fmt.Sprintf("patient %d", n%16)})
	}
	learn, held, err := Split(cases, frozen(t, names(0, 16)))
	if err != nil {
		t.Fatal(err)
	}
	side := map[string]bool{}
	for _, c := range held {
		side[c.Patient] = true
	}
	for _, c := range learn {
		if side[c.Patient] {
			t.Errorf("%s is learned from and held out", c.Patient)
		}
	}
	if len(learn)+len(held) != len(cases) {
		t.Error("cases are lost")
	}
}

func TestSplit_RefusesTooFewOnEitherSide(t *testing.T) {
	h := frozen(t, names(0, 16))
	var one []dataset.Entry
	for _, p := range names(0, 16) {
		if !h.Held(p) {
			one = append(one, dataset.Entry{ID: p, Patient: p})
		}
	}
	if _, _, err := Split(one, h); err == nil || !strings.Contains(err.Error(), "and 0 held-out ones are there, 4 and 4 are needed") {
		t.Errorf("%v", err)
	}
}

func TestParseHoldout_RefusesAnEditedOne(t *testing.T) {
	h := frozen(t, names(0, 16))
	good := h.Document()
	for what, bad := range map[string][]byte{
		"another bound": bytes.Replace(good, []byte(h.Below), []byte("1"+h.Below), 1),
		"another salt":  bytes.Replace(good, []byte(`"salt"`), []byte(`"salz"`), 1),
		"another count": bytes.Replace(good, []byte(`"patients_when_frozen": 16`), []byte(`"patients_when_frozen": 17`), 1),
		"half of it":    good[:len(good)/2],
		"nothing":       nil,
		"far too much":  bytes.Repeat([]byte(" "), maxHoldoutBytes+1),
	} {
		if _, err := ParseHoldout(bad); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if strings.Contains(string(good), "patient 1") {
		t.Error("the file names patients")
	}
}
