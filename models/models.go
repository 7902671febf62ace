// Package models holds the networks that ship with Columna: each an ONNX graph,
// a second ONNX graph with its exact Grad-CAM, and a card that says what the
// network takes and gives, what it was trained on and what is known of it.
package models

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sort"
	"strings"
)

//go:embed onnx
var shipped embed.FS

// Port is a named tensor of a network; -1 is a size that the caller chooses.
type Port struct {
	Name    string   `json:"name"`
	Shape   []int    `json:"shape"`
	Free    []string `json:"free,omitempty"`    // names of the sizes that are -1
	Meaning string   `json:"meaning,omitempty"` // units, normalisation, order of the numbers
}

// Spec is a model's card.
type Spec struct {
	Name       string             `json:"net"`
	Preset     string             `json:"preset"`
	Without    []string           `json:"without,omitempty"` // modules of the network that were left out
	Kind       string             `json:"kind,omitempty"`    // one of Kinds
	Inputs     []Port             `json:"inputs"`
	Outputs    []Port             `json:"outputs"`
	Sizes      string             `json:"sizes,omitempty"` // which sizes may change, and how
	Opset      int                `json:"opset"`
	Parameters int                `json:"parameters"`
	GFLOPs     float64            `json:"gflops"`
	SizeVox    [3]int             `json:"size_vox"`   // network grid along i, j, k
	SpacingMM  [3]float64         `json:"spacing_mm"` // of the network grid
	Labels     []string           `json:"labels"`     // classes of the main output
	TrainedOn  string             `json:"trained_on"`
	Limits     string             `json:"limits"`
	Figures    map[string]float64 `json:"figures"` // measured on held-out data
	// Validated is false while the weights have seen synthetic data only, or
	// have not been measured on real studies; the app says so on screen.
	Validated   bool    `json:"validated"`
	Temperature float64 `json:"temperature"` // logits are divided by it; 0, of old cards, is 1
	// Offsets are added to the logits of the classes (Labels) first: they undo what
	// the loss prefers, a missed voxel over an invented one or the other way round.
	Offsets     []float64 `json:"offsets,omitempty"`
	Heads       []Head    `json:"heads,omitempty"` // that were taught beside the main output
	SHA256      string    `json:"sha256"`          // of the ONNX file
	CAMSHA256   string    `json:"cam_sha256"`
	Licence     string    `json:"licence"`
	Attribution string    `json:"attribution"`

	Parent  string   `json:"parent,omitempty"`  // SHA-256 of the model that this one was fine-tuned from
	Learned *Learned `json:"learned,omitempty"` // what a fine-tuned model learned from
}

// Head is an output beside the main one. A card that does not name an output's head
// says that it was not taught: what it gives means nothing.
type Head struct {
	Name        string   `json:"name"`
	Labels      []string `json:"labels"`
	Temperature float64  `json:"temperature"` // logits are divided by it
}

// Head is the head of a name, nil where it was not taught.
func (s *Spec) Head(name string) *Head {
	for n := range s.Heads {
		if s.Heads[n].Name == name {
			return &s.Heads[n]
		}
	}
	return nil
}

// Learned says what a model was fine-tuned on and why it was let into use.
type Learned struct {
	Corrections int                `json:"corrections"`
	Patients    int                `json:"patients"`
	HeldOut     int                `json:"held_out_patients"`
	Steps       int                `json:"steps"`
	Date        string             `json:"date"` // RFC 3339
	Gate        map[string]float64 `json:"gate"` // figures of the comparison with the parent
}

// Model is a network ready to run.
type Model struct {
	Spec
	ONNX []byte
	CAM  []byte // the same network with its Grad-CAM; nil where none was built
}

// Names lists the shipped models in alphabetical order.
func Names() []string {
	entries, _ := fs.ReadDir(shipped, "onnx")
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Load reads a shipped model and verifies its hash.
func Load(name string) (*Model, error) {
	sub, err := fs.Sub(shipped, "onnx")
	if err != nil {
		return nil, err
	}
	return load(sub, name)
}

// LoadDir reads a model that training wrote to a folder.
func LoadDir(dir, name string) (*Model, error) { return load(os.DirFS(dir), name) }

func load(dir fs.FS, name string) (*Model, error) {
	if !fs.ValidPath(name) || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q is not a model name", name)
	}
	m := &Model{}
	if err := readCard(dir, name+".json", &m.Spec); err != nil {
		return nil, err
	}
	var err error
	if m.ONNX, err = readHashed(dir, name+".onnx", m.SHA256); err != nil {
		return nil, err
	}
	if m.CAMSHA256 != "" {
		m.CAM, err = readHashed(dir, name+".cam.onnx", m.CAMSHA256)
	}
	return m, err
}

func readCard(dir fs.FS, file string, into *Spec) error {
	name := strings.TrimSuffix(file, ".json")
	card, err := fs.ReadFile(dir, file)
	if err != nil {
		return fmt.Errorf("model %s is not there: train it with `columna train %s`", name, name)
	}
	if err = json.Unmarshal(card, into); err == nil {
		err = into.checkCalibration()
	}
	if err != nil {
		return fmt.Errorf("model %s: its card is damaged: %w", name, err)
	}
	return nil
}

// checkCalibration refuses numbers that logits cannot be brought to scale with.
func (s *Spec) checkCalibration() error {
	temperatures := []float64{s.Temperature}
	for _, h := range s.Heads {
		temperatures = append(temperatures, h.Temperature)
	}
	for _, t := range temperatures {
		if !(t >= 0) || math.IsInf(t, 0) {
			return fmt.Errorf("temperature %g", t)
		}
	}
	if len(s.Offsets) != 0 && len(s.Offsets) != len(s.Labels) {
		return fmt.Errorf("%d offsets for %d classes", len(s.Offsets), len(s.Labels))
	}
	return nil
}

// SaveCard writes the card of a model that lies in a folder anew.
func SaveCard(dir string, s *Spec) error {
	card, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(dir+"/"+s.Name+".json", append(card, '\n'))
}

func readHashed(dir fs.FS, file, want string) ([]byte, error) {
	data, err := fs.ReadFile(dir, file)
	if err != nil {
		return nil, fmt.Errorf("model file %s is missing beside its card", file)
	}
	if Hash(data) != want {
		return nil, fmt.Errorf("model file %s does not match the hash in its card: install it again", file)
	}
	return data, nil
}

// Hash is the hexadecimal SHA-256 that names weights everywhere in Columna.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Save writes a model with its card to a folder; the hashes are filled in. Each
// file appears whole or not at all, the card last.
func Save(dir string, m *Model) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m.SHA256, m.CAMSHA256 = Hash(m.ONNX), ""
	if m.CAM != nil {
		m.CAMSHA256 = Hash(m.CAM)
		if err := writeWhole(dir+"/"+m.Name+".cam.onnx", m.CAM); err != nil {
			return err
		}
	}
	if err := writeWhole(dir+"/"+m.Name+".onnx", m.ONNX); err != nil {
		return err
	}
	return SaveCard(dir, &m.Spec)
}

// writeWhole replaces a file in one step, once the new one is on disk. It is the
// owner's alone: weights may remember what they were taught with.
func writeWhole(path string, data []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
