package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Epoch is one line of the training log.
type Epoch struct {
	Epoch      int                `json:"epoch"`
	Step       int                `json:"step"`
	Loss       float64            `json:"loss"` // mean over the batches
	Val        map[string]float64 `json:"val"`
	LR         float64            `json:"lr"`
	Seconds    float64            `json:"seconds"`
	GradNorm   float64            `json:"grad_norm"`         // mean over the steps, before clipping
	Skipped    int                `json:"skipped,omitempty"` // steps without a finite gradient: they changed nothing
	ETASeconds float64            `json:"eta_seconds"`       // to the last step, as fast as this call went so far
	EarlyStop  bool               `json:"early_stop,omitempty"`
}

// runLog writes the lines of a run to the caller and to log.jsonl in the run
// folder, which holds each line once, however often the run is resumed.
type runLog struct {
	out  io.Writer // may be nil
	path string
}

// openLog takes the lines out of the log file that a crash left behind its last
// checkpoint, which had seen a step: they will be written again.
func openLog(cfg Config, seen int) (*runLog, error) {
	l := &runLog{out: cfg.Log, path: filepath.Join(cfg.Dir, "log.jsonl")}
	old, err := os.ReadFile(l.path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var keep bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(old))
	for lines.Scan() {
		var e Epoch
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Step <= seen {
			fmt.Fprintln(&keep, lines.Text())
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	return l, os.WriteFile(l.path, keep.Bytes(), 0o644)
}

func (l *runLog) write(e Epoch) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if l.out != nil {
		if _, err := l.out.Write(line); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// clock measures a call of Run.
type clock struct {
	began, epoch, saved time.Time
	from                int // step at which the call began
}

func startClock(step int) clock {
	now := time.Now()
	return clock{began: now, epoch: now, saved: now, from: step}
}

// lap gives the seconds since the last lap and, at this call's pace, the seconds
// to the last step.
func (c *clock) lap(step, steps int) (seconds, left float64) {
	seconds = time.Since(c.epoch).Seconds()
	c.epoch = time.Now()
	return seconds, c.left(step, steps).Seconds()
}

// left is how long the other steps will take at this call's pace; 0 before the first.
func (c *clock) left(step, steps int) time.Duration {
	if step <= c.from {
		return 0
	}
	return time.Since(c.began) / time.Duration(step-c.from) * time.Duration(max(steps-step, 0))
}
