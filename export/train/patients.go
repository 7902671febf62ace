package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Share is a figure of one patient as a sum over how much was measured, so that the
// figure of many patients is the sum of the sums over that of the amounts.
type Share struct {
	Sum float64 `json:"sum"`
	Of  float64 `json:"of"`
}

// Patient is what a validation found for one patient of a set.
type Patient struct {
	Set     string           `json:"set"`
	ID      string           `json:"id"`
	Figures map[string]Share `json:"figures"`
}

// ward gathers figures by patient.
type ward map[[2]string]map[string]Share

// add counts value, of an amount of one, to a patient's figure.
func (w ward) add(set, id, figure string, value float64) {
	key := [2]string{set, id}
	if w[key] == nil {
		w[key] = map[string]Share{}
	}
	s := w[key][figure]
	w[key][figure] = Share{s.Sum + value, s.Of + 1}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// patients are in the order of their names.
func (w ward) patients() (out []Patient) {
	keys := slices.SortedFunc(maps.Keys(w), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys {
		out = append(out, Patient{key[0], key[1], w[key]})
	}
	return out
}

func patientsPath(dir string) string { return filepath.Join(dir, "patients.json") }

// writePatients keeps the figures of the model in best, patient by patient.
func writePatients(dir string, list []Patient) error {
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	path := patientsPath(dir)
	if err := os.WriteFile(path+".tmp", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// maxPatients bounds patients.json.
const maxPatients = 64 << 20

// ReadPatients gives what a run's kept model reached, patient by patient.
func ReadPatients(dir string) ([]Patient, error) {
	path := patientsPath(dir)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxPatients {
		return nil, fmt.Errorf("%s is too long to be figures of patients: move it away", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []Patient
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s is damaged: remove the run's folder to make it again", path)
	}
	return list, nil
}

// Reached is how many steps a run has made and, of these, validated; 0 of none.
func Reached(dir string) (steps, validated int, err error) {
	c, err := readCheckpoint(filepath.Join(dir, "checkpoint"))
	if os.IsNotExist(err) {
		return 0, 0, nil
	}
	return c.Progress.Step, c.Progress.Seen, err
}
