package ablate

import (
	"os"
	"path/filepath"
	"time"

	"columna/export/metrics"
)

// pace measures the steps of one call of a training.
type pace struct {
	last    time.Time
	step    int
	seconds []float64
}

// hear takes note of a step that was made at a time. A validation, after which the
// step is still the same, is not counted.
func (p *pace) hear(step int, at time.Time) {
	if !p.last.IsZero() && step == p.step+1 {
		p.seconds = append(p.seconds, at.Sub(p.last).Seconds())
	}
	p.step, p.last = step, at
}

// call is the pace of one call of a training.
type call struct {
	Steps  int     `json:"steps"`
	Median float64 `json:"median_seconds"`
}

func pacePath(dir string) string { return filepath.Join(dir, "pace.json") }

// keep adds the call to the run's folder.
func (p *pace) keep(dir string) error {
	if len(p.seconds) == 0 {
		return nil
	}
	var calls []call
	if err := readJSON(pacePath(dir), &calls); err != nil && !os.IsNotExist(err) {
		return err
	}
	return writeJSON(pacePath(dir), append(calls, call{len(p.seconds), metrics.Quantile(p.seconds, 0.5)}))
}

// paceOf is the mean of the calls' medians, each counted by its steps; 0 where no two
// steps were made in a row.
func paceOf(dir string) (float64, error) {
	var calls []call
	if err := readJSON(pacePath(dir), &calls); err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	sum, steps := 0.0, 0
	for _, c := range calls {
		sum, steps = sum+float64(c.Steps)*c.Median, steps+c.Steps
	}
	return sum / max(float64(steps), 1), nil
}
