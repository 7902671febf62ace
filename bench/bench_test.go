package bench

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"columna/export/graph"
	"columna/internal/ort"
	"columna/phantom"
)

func needLibrary(t *testing.T) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// wellFormed holds results to what every reader of them relies on.
func wellFormed(t *testing.T, results []Result) {
	t.Helper()
	for _, r := range results {
		if r.Name == "" || r.Unit == "" || r.Reference == "" || !(r.Value > 0) || !(r.ReferenceValue > 0) {
			t.Errorf("incomplete: %+v", r)
		}
		if math.Abs(r.Ratio*r.ReferenceValue/r.Value-1) > 1e-9 {
			t.Errorf("%s: the ratio of %g to %g is not %g", r.Name, r.Value, r.ReferenceValue, r.Ratio)
		}
	}
}

func namesOf(results []Result) []string {
	var out []string
	for _, r := range results {
		out = append(out, r.Name)
	}
	return out
}

func TestRun_MeasuresAFamily(t *testing.T) {
	needLibrary(t)
	var heard []string
	got, err := Run(context.Background(), Options{Name: "matmul/batch", Rounds: 1, Threads: 1,
		Progress: func(stage string, _ float64) { heard = append(heard, stage) }})
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, got)
	const name = "matmul/batch-8x512x64x512"
	want := []string{name + "/forward", name + "/input-gradient", name + "/kernel-gradient"}
	if !slices.Equal(namesOf(got), want) || !slices.Equal(heard, []string{name, "done"}) {
		t.Errorf("got %v, heard %v", namesOf(got), heard)
	}
}

func TestRun_MeasuresANetwork(t *testing.T) {
	needLibrary(t)
	got, err := Run(context.Background(), Options{Name: "net/stenosisnet-compact/inference", Exact: true, Rounds: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, got)
	if len(got) < 3 {
		t.Fatalf("only %v", namesOf(got))
	}
	ms, rate := got[0], got[1]
	if math.Abs(ms.Value*rate.Value/(ms.ReferenceValue*rate.ReferenceValue)-1) > 1e-9 {
		t.Errorf("time and rate tell different stories: %+v, %+v", ms, rate)
	}
}

func TestRun_StopsAndRefuses(t *testing.T) {
	if _, err := Run(context.Background(), Options{Name: "nonsense"}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "conv, matmul") {
		t.Errorf("an unknown name must list the families, got %v", err)
	}
	needLibrary(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Options{Name: "peak/product-256"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestChoose_ByPartByWholeAndByResult(t *testing.T) {
	count := func(o Options) int { return len(choose(o)) }
	all := len(benchmarks()) - len(papers())
	if n := count(Options{}); n != all {
		t.Errorf("no name chose %d, want all %d but the papers' sizes", n, all)
	}
	if n := count(Options{Name: "paper"}); n != len(papers()) {
		t.Errorf("paper chose %d of %d", n, len(papers()))
	}
	if n := count(Options{Name: "conv/"}); n != len(convolutions()) {
		t.Errorf("conv/ chose %d", n)
	}
	if n := count(Options{Name: "norm/instance-16ch/forward"}); n != 1 {
		t.Errorf("a result's name chose %d", n)
	}
	if n := count(Options{Name: "norm/instance-16ch", Exact: true}); n != 1 {
		t.Errorf("a whole name chose %d", n)
	}
	if n := count(Options{Name: "norm", Exact: true}); n != 0 {
		t.Errorf("a part chose %d where the whole was asked for", n)
	}
}

func TestNames_AreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range benchmarks() {
		if seen[b.name] {
			t.Errorf("two benchmarks are called %s", b.name)
		}
		seen[b.name] = true
	}
}

func TestOperator_WorkIsWhatOnePassNeeds(t *testing.T) {
	g := graph.New("work")
	x, w := g.Input("x", 1, 2, 4, 4), g.Input("w", 3, 2, 3, 3)
	y := graph.Conv(x, w, nil, graph.ConvOpts{})
	wrt := []*graph.Value{x, w}
	if got := (operator{kind: products}).work(y, wrt, nil, true); got != 2*3*16*2*9 {
		t.Errorf("a gradient of the convolution counts %g operations", got)
	}
	in, out := 2*16+3*2*9, 3*16 // numbers
	for k, want := range map[kind]int{linear: in + out, passes: 2*in + out} {
		forward := (operator{kind: k}).work(y, wrt, nil, false)
		both := (operator{kind: k}).work(y, wrt, nil, true)
		if forward != float64(4*(in+out)) || both-forward != float64(4*want) {
			t.Errorf("kind %d: %g bytes forward, %g more backward", k, forward, both-forward)
		}
	}
}

func TestPaired_GivesTheBestWindowOfEach(t *testing.T) {
	calls := [2]int{}
	wait := func(n int, pause time.Duration) func(context.Context) error {
		return func(context.Context) error {
			calls[n]++
			if calls[n] < 3 {
				time.Sleep(pause) // a disturbance that passes
			}
			time.Sleep(pause)
			return nil
		}
	}
	a, b, err := paired(context.Background(), 2, wait(0, 60*time.Millisecond), wait(1, 5*time.Millisecond))
	if err != nil || a < 0.06 || a > 0.115 || b < 0.005 || b > a {
		t.Errorf("got %g and %g, %v", a, b, err)
	}
	if calls[1] <= calls[0] {
		t.Errorf("called %v times: the short call did not fill its windows", calls)
	}
	failure := errors.New("broken")
	if _, _, err := paired(context.Background(), 1, wait(0, 0), func(context.Context) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

func TestQuantile_IsTheValueThatTheShareDoesNotExceed(t *testing.T) {
	v := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
	for share, want := range map[float64]float64{0: 1, 0.5: 10, 0.95: 19, 1: 20} {
		if got := quantile(v, share); got != want {
			t.Errorf("%g of 20: %g", share, got)
		}
	}
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median %g", got)
	}
}

func TestElsewhere_ReadsWhatTheProcessPrints(t *testing.T) {
	program := filepath.Join(t.TempDir(), "columna")
	script := `#!/bin/sh
[ "$*" = "bench net/x --alone --json --threads 2 --rounds 3" ] || { echo "called with $*" >&2; exit 1; }
echo '{"bench":[{"name":"net/x/time","value":3,"unit":"ms","reference":"r","reference_value":2,"ratio":1.5}]}'
`
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	o := Options{Columna: program, Threads: 2, Rounds: 3}
	got, err := elsewhere(context.Background(), o, "net/x")
	if err != nil || len(got) != 1 || got[0] != against("net/x/time", 3, "ms", "r", 2) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := elsewhere(context.Background(), o, "net/y"); err == nil || !strings.Contains(err.Error(), "called with bench net/y") {
		t.Errorf("a failure must carry the process's words, got %v", err)
	}
}

func TestReading_ScreenAnswersEveryAction(t *testing.T) {
	ctx, l := context.Background(), newLab(Options{Rounds: 1})
	st, err := newStudy(ctx, l, phantom.Options{Small: true, WithSTIR: true, NoLesions: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	got, err := readScreen(ctx, l, st)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, got)
	var want []string
	for _, a := range []string{"slice", "window", "dab", "undo"} {
		want = append(want, "reading/screen/"+a+"/p95", "reading/screen/"+a+"/median")
	}
	if !slices.Equal(namesOf(got), want) {
		t.Errorf("got %v", namesOf(got))
	}
	session, err := st.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(ctx)
	for n, label := range st.truth.Truth.Data {
		if session.Mask().Data[n] != label {
			t.Fatal("the undone strokes left something in the mask")
		}
	}
}
