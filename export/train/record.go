package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"columna/export/dataset"
	"columna/export/nets"
)

// runRecord is config.json: what a run was made of. The data and the split are those
// it began with; a call is added each time the run is gone on with.
type runRecord struct {
	Net         string            `json:"net"`
	Preset      string            `json:"preset"`
	Without     []string          `json:"without,omitempty"` // modules that were left out
	TrainSeeds  uint64            `json:"train_seeds_from"`
	HeldSeeds   uint64            `json:"held_seeds_from"`
	Data        []dataset.Content `json:"data"`
	SplitSHA256 string            `json:"split_sha256,omitempty"`
	Calls       []runCall         `json:"calls"`
}

// runCall is one call of Start.
type runCall struct {
	Started string  `json:"started"`
	Code    code    `json:"code"`
	Options Options `json:"options"`
	Recipe  figures `json:"recipe"`
}

// figures are the recipe's numbers with what was asked for in their place.
type figures struct {
	Phantoms int     `json:"phantoms"`
	Held     int     `json:"held_phantoms"`
	Steps    int     `json:"steps"`
	EpochLen int     `json:"steps_of_an_epoch"`
	Batch    int     `json:"batch"`
	Uses     int     `json:"draws_of_a_phantom_in_a_round"`
	LR       float64 `json:"learning_rate"`
}

// code is the program that ran.
type code struct {
	Go       string `json:"go"`
	System   string `json:"system"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from files that were not committed
}

func thisCode() code {
	c := code{Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return c
	}
	c.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			c.Revision = s.Value
		case "vcs.time":
			c.Time = s.Value
		case "vcs.modified":
			c.Modified = s.Value == "true"
		}
	}
	return c
}

// maxRecord bounds config.json, which holds a hash for every case.
const maxRecord = 256 << 20

// record writes config.json, or adds a call to it. It refuses to go on with other
// data, or another split, than the run began with.
func record(o Options, r recipe, data *runData) error {
	net, err := newNet(o, o.Net)
	if err != nil {
		return err
	}
	without := nets.Without(net)
	now := runRecord{Net: o.Net, Preset: o.Preset, Without: without, TrainSeeds: trainSeeds, HeldSeeds: heldSeeds, Data: data.contents}
	if data.split != nil {
		now.SplitSHA256 = data.split.SHA256
	}
	path := filepath.Join(o.Dir, "config.json")
	before, err := readRecord(path)
	switch {
	case os.IsNotExist(err):
	case err != nil:
		return err
	default:
		if err := before.changed(now); err != nil {
			return fmt.Errorf("the run in %s cannot go on: %w; name another run folder", o.Dir, err)
		}
		now.Calls = before.Calls
	}
	now.Calls = append(now.Calls, runCall{Started: time.Now().UTC().Format(time.RFC3339), Code: thisCode(), Options: o,
		Recipe: figures{r.samples, r.held, r.steps, r.epoch, r.batch, r.uses, r.rate}})
	return now.write(path)
}

func (r runRecord) changed(now runRecord) error {
	if !slices.Equal(r.Without, now.Without) {
		return fmt.Errorf("it began %s, not %s", words(r.Without), words(now.Without))
	}
	if len(r.Data) != len(now.Data) {
		return fmt.Errorf("it began with %d data sets, not %d", len(r.Data), len(now.Data))
	}
	for n, c := range r.Data {
		if c.Set != now.Data[n].Set {
			return fmt.Errorf("it began with data of %s, not of %s", c.Set, now.Data[n].Set)
		}
		if err := c.Changed(now.Data[n]); err != nil {
			return err
		}
	}
	if r.SplitSHA256 != now.SplitSHA256 {
		return errors.New("the split is another than it began with")
	}
	return nil
}

// words say which modules a network lacks.
func words(without []string) string {
	if len(without) == 0 {
		return "with all modules"
	}
	return "without " + strings.Join(without, ", ")
}

func readRecord(path string) (r runRecord, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	if info.Size() > maxRecord {
		return r, fmt.Errorf("%s is too long to be the record of a run: move it away", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s, the record of the run, is damaged: move it away, or name another run folder", path)
	}
	return r, nil
}

func (r runRecord) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
