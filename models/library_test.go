package models

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tuned is a model fine-tuned from another one.
func tuned(parent, weights string) *Model {
	return &Model{Spec: Spec{Name: "stenosisnet", Parent: parent, Learned: &Learned{Corrections: 3, Patients: 2}}, ONNX: []byte(weights), CAM: []byte("cam of " + weights)}
}

func inUse(t *testing.T, l Library) *Model {
	t.Helper()
	m, err := l.Load("stenosisnet")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func install(t *testing.T, l Library, m *Model) {
	t.Helper()
	if err := l.Install(m); err != nil {
		t.Fatal(err)
	}
}

func TestLibrary_ShippedModelServesUntilAnotherIsInstalled(t *testing.T) {
	l := Library{t.TempDir()}
	shipped := inUse(t, l)
	install(t, l, tuned(shipped.SHA256, "new"))
	if m := inUse(t, l); string(m.ONNX) != "new" || string(m.CAM) != "cam of new" || m.Learned.Patients != 2 {
		t.Errorf("in use: %+v", m.Spec)
	}
	if m := inUse(t, Library{}); m.SHA256 != shipped.SHA256 {
		t.Error("another folder's model is in use")
	}
}

func TestLibrary_RollbackRestoresTheFormerBytes(t *testing.T) {
	l := Library{t.TempDir()}
	shipped := inUse(t, l)
	install(t, l, tuned(shipped.SHA256, "first"))
	first := inUse(t, l)
	install(t, l, tuned(first.SHA256, "second"))
	for _, want := range []*Model{first, shipped} {
		back, err := l.Rollback("stenosisnet")
		if err != nil {
			t.Fatal(err)
		}
		now := inUse(t, l)
		if now.SHA256 != want.SHA256 || back.SHA256 != want.SHA256 || string(now.ONNX) != string(want.ONNX) || string(now.CAM) != string(want.CAM) {
			t.Errorf("%s is in use, want %s", now.SHA256, want.SHA256)
		}
	}
	if _, err := l.Rollback("stenosisnet"); !errors.Is(err, ErrNothingBefore) {
		t.Errorf("went back beyond the shipped model: %v", err)
	}
}

func TestLibrary_RefusesAModelTunedFromAnotherOne(t *testing.T) {
	l := Library{t.TempDir()}
	shipped := inUse(t, l)
	if err := l.Install(tuned(strings.Repeat("0", 64), "new")); err == nil {
		t.Error("a model of another parent was installed")
	}
	if m := inUse(t, l); m.SHA256 != shipped.SHA256 {
		t.Error("a refused model is in use")
	}
}

func TestLibrary_SurvivesADamagedModel(t *testing.T) {
	l := Library{t.TempDir()}
	shipped := inUse(t, l)
	install(t, l, tuned(shipped.SHA256, "new"))
	path := filepath.Join(l.folder("stenosisnet", Hash([]byte("new"))), "stenosisnet.onnx")
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Load("stenosisnet"); err == nil || !strings.Contains(err.Error(), "--rollback stenosisnet") {
		t.Errorf("no remedy: %v", err)
	}
	if _, err := l.Rollback("stenosisnet"); err != nil {
		t.Fatal(err)
	}
	if m := inUse(t, l); m.SHA256 != shipped.SHA256 {
		t.Error("the shipped model is not back")
	}
}

func TestLibrary_RefusesAPointerThatNamesNoModel(t *testing.T) {
	l := Library{t.TempDir()}
	for _, text := range []string{"", "../../etc", strings.Repeat("z", 64)} {
		if err := os.MkdirAll(filepath.Join(l.Dir, "stenosisnet"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.pointer("stenosisnet"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Load("stenosisnet"); err == nil {
			t.Errorf("%q was followed", text)
		}
	}
}
