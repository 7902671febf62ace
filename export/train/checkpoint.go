package train

import (
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"

	"columna/internal/ort"
)

// checkpoint is everything a run needs to go on: weights, Adam's moments,
// normalisation statistics, the step and the best score so far.
type checkpoint struct {
	Step  int
	Best  float64
	State map[string][]float32
}

func (c checkpoint) tensors() map[string]ort.Tensor {
	out := map[string]ort.Tensor{}
	for name, data := range c.State {
		out[name] = ort.Tensor{Shape: []int{len(data)}, Data: data}
	}
	return out
}

func readCheckpoint(path string) (checkpoint, error) {
	var c checkpoint
	f, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	if err := gob.NewDecoder(f).Decode(&c); err != nil {
		return c, fmt.Errorf("checkpoint %s is damaged: remove it to start afresh: %w", path, err)
	}
	return c, nil
}

// writeCheckpoint replaces the file only once the new one is whole on disk.
func writeCheckpoint(path string, step int, best float64, state map[string]ort.Tensor) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	c := checkpoint{Step: step, Best: best, State: map[string][]float32{}}
	for name, t := range state {
		c.State[name] = t.Data
	}
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(f).Encode(c); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
