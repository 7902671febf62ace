package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"columna/export/graph"
	"columna/internal/ort"
)

// interruptible is a task that does something when a batch is asked for.
type interruptible struct {
	Task
	asked func(n int)
}

func (s interruptible) Batch(n int) map[string]ort.Tensor {
	s.asked(n)
	return s.Task.Batch(n)
}

func (s interruptible) Sizes() int { return sizesOf(s.Task) }
func (s interruptible) LossOf(g *graph.Graph, size int) *graph.Value {
	return graphLoss(s.Task, g, size)
}
func (s interruptible) SizeOf(n int) int { return sizeOf(s.Task, n) }

// everything is a short run with all that a run can keep.
func everything(dir string, out *bytes.Buffer) Config {
	return Config{Dir: dir, Steps: 7, EpochLen: 3, Accumulate: 2, LR: 0.01, Warmup: 2, ClipNorm: 1, EMA: 0.9,
		Patience: 50, Seed: 3, Session: ort.Options{Threads: 1, OptimizationOff: true}, Log: out}
}

func TestRun_ResumedEqualsUninterruptedBitForBit(t *testing.T) {
	needLibrary(t)
	for name, task := range tinyTasks(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			straight, broken := t.TempDir(), t.TempDir()
			var log, pieces bytes.Buffer
			if err := Run(t.Context(), task, everything(straight, &log)); err != nil {
				t.Fatal(err)
			}
			for _, stop := range []int{1, 6, 9, 12} { // the first and second batch of a step, after an epoch, near the end
				ctx, cancel := context.WithCancel(t.Context())
				stopping := interruptible{task, func(n int) {
					if n == stop {
						cancel()
					}
				}}
				if err := Run(ctx, stopping, everything(broken, &pieces)); !errors.Is(err, context.Canceled) {
					t.Fatalf("stop at batch %d: %v", stop, err)
				}
			}
			if err := Run(t.Context(), task, everything(broken, &pieces)); err != nil {
				t.Fatal(err)
			}
			sameRun(t, straight, broken)
			if a, b := timeless(t, log.Bytes()), timeless(t, pieces.Bytes()); a != b {
				t.Errorf("the caller's logs differ:\n%s\n%s", a, b)
			}
		})
	}
}

// sameRun compares all that two runs have left: vectors, progress, log and best
// model.
func sameRun(t *testing.T, a, b string) {
	t.Helper()
	read := func(dir, name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	best, err := filepath.Glob(filepath.Join(a, "best", "*.onnx"))
	if err != nil || len(best) == 0 {
		t.Fatalf("no best model: %v", err)
	}
	for _, name := range append(best, "checkpoint") {
		name = strings.TrimPrefix(name, a)
		if !bytes.Equal(read(a, name), read(b, name)) {
			t.Errorf("%s differs", name)
		}
	}
	if x, y := timeless(t, read(a, "log.jsonl")), timeless(t, read(b, "log.jsonl")); x != y || x == "" {
		t.Errorf("the logs differ:\n%s\n%s", x, y)
	}
}

// timeless is a log without the fields that tell time.
func timeless(t *testing.T, log []byte) string {
	t.Helper()
	var out strings.Builder
	for line := range bytes.Lines(log) {
		fields := map[string]any{}
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"seconds", "eta_seconds"} {
			if _, ok := fields[name]; !ok {
				t.Fatalf("%s is missing in %s", name, line)
			}
			delete(fields, name)
		}
		rest, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(rest, '\n'))
	}
	return out.String()
}

// killedVariable names the run folder of a process that is to be killed.
const killedVariable = "COLUMNA_TEST_KILLED_RUN"

// TestRun_KilledGoesOnFromItsLastCheckpoint kills a process in the midst of an
// epoch.
func TestRun_KilledGoesOnFromItsLastCheckpoint(t *testing.T) {
	needLibrary(t)
	if dir := os.Getenv(killedVariable); dir != "" {
		stuck := interruptible{tinyStenosis(t), func(n int) {
			if n >= 10 { // step 5, of the second epoch
				select {}
			}
		}}
		t.Fatal(Run(t.Context(), stuck, everything(dir, &bytes.Buffer{})))
	}
	straight, killed := t.TempDir(), t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^TestRun_KilledGoesOnFromItsLastCheckpoint$")
	child.Env = append(os.Environ(), killedVariable+"="+killed)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(killed, "checkpoint")); err == nil {
			break
		}
	}
	time.Sleep(100 * time.Millisecond) // into the second epoch
	child.Process.Kill()
	child.Wait()
	if c, err := readCheckpoint(filepath.Join(killed, "checkpoint")); err != nil || c.Progress.Step != 3 {
		t.Fatalf("the killed run left step %d, %v", c.Progress.Step, err)
	}
	for _, dir := range []string{straight, killed} {
		if err := Run(t.Context(), tinyStenosis(t), everything(dir, &bytes.Buffer{})); err != nil {
			t.Fatal(err)
		}
	}
	sameRun(t, straight, killed)
}
