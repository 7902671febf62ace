package train

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func small(step int) checkpoint {
	return checkpoint{Net: "square", Preset: "tiny", Accumulate: 2, Progress: progress{Step: step, Best: 0.5, Loss: 0.25},
		vectors: map[string][]float32{"theta": {1, 2, 3}, "state": make([]float32, 5000)}}
}

func TestCheckpoint_RoundTripsAndKeepsTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "checkpoint")
	for step := 1; step <= 3; step++ {
		if err := writeCheckpoint(path, small(step)); err != nil {
			t.Fatal(err)
		}
	}
	for name, step := range map[string]int{path: 3, previousOf(path): 2} {
		c, err := readCheckpoint(name)
		if err != nil {
			t.Fatal(err)
		}
		if want := small(step); c.Progress != want.Progress || !reflect.DeepEqual(c.vectors, want.vectors) || c.Net != want.Net || c.Accumulate != 2 {
			t.Errorf("%s holds %+v", filepath.Base(name), c)
		}
	}
	if err := os.Remove(path); err != nil { // a crash between the two renames
		t.Fatal(err)
	}
	if c, err := readCheckpoint(path); err != nil || c.Progress.Step != 2 {
		t.Errorf("without the newest: step %d, %v", c.Progress.Step, err)
	}
}

// TestCheckpoint_DamageIsSaidInOneSentence cuts the file short and turns each of
// some bits round.
func TestCheckpoint_DamageIsSaidInOneSentence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	if err := writeCheckpoint(path, small(1)); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := [][]byte{nil, []byte("not a checkpoint"), good[:len(good)-1], append(bytes.Clone(good), 0)}
	for at := 0; at < len(good); at += 97 {
		bad := bytes.Clone(good)
		bad[at] ^= 4
		damaged = append(damaged, bad)
	}
	for n, bad := range damaged {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readCheckpoint(path)
		if err == nil || !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "\n") {
			t.Errorf("damage %d: got %v", n, err)
		}
	}
}

func FuzzParseCheckpoint_RefusesForeignBytes(f *testing.F) {
	var b bytes.Buffer
	if err := small(1).write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(checkpointMagic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseCheckpoint(bytes.NewReader(data), int64(len(data))); err == nil && len(c.vectors) != len(c.Lengths) {
			t.Errorf("%d vectors where the header names %d", len(c.vectors), len(c.Lengths))
		}
	})
}
