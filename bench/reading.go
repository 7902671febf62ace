package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"time"

	"columna/annotate"
	"columna/review"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// promise is the reference of what the reading room promises its readers on two
// cores; the limits stand beside the measurements below.
const promise = "the promise"

// reading are the promises that can be measured without a window.
func reading() []benchmark {
	return []benchmark{
		{name: "reading/screen", alone: true, run: onStudy(readScreen)},
		{name: "reading/open", alone: true, run: onStudy(readOpen)},
		{name: "reading/analyse", alone: true, run: onStudy(readAnalyse)},
		{name: "reading/worklist", alone: true, run: readWorklist},
		{name: "reading/start", run: readStart},
	}
}

// onStudy gives a measurement a study of its own.
func onStudy(run func(context.Context, *lab, *study) ([]Result, error)) func(context.Context, *lab) ([]Result, error) {
	return func(ctx context.Context, l *lab) ([]Result, error) {
		s, err := newStudy(ctx, l, clinical())
		if err != nil {
			return nil, err
		}
		defer s.close()
		return run(ctx, l, s)
	}
}

// action is what a reader does on the screen and how soon it must show.
type action struct {
	name    string
	limitMS float64
	before  func() error
	event   func(n int) error
}

// readScreen measures from an event to the pixels of three panes with two
// overlays, mask and heat map: 16 ms for 95 of 100, an undo 30 ms.
func readScreen(ctx context.Context, l *lab, st *study) ([]Result, error) {
	session, err := st.open(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close(ctx)
	s, count := newScreen(session), 20*l.rounds
	s.heat()
	s.editAround(spine.L3L4)
	plain, err := events(ctx, count, s.copyPixels())
	if err != nil {
		return nil, err
	}
	var out []Result
	for _, a := range []action{
		{"slice", 16, nil, s.scroll},
		{"window", 16, nil, s.drag},
		{"dab", 16, func() error { return session.BeginStroke(s.brush(false)) }, s.dab},
		{"undo", 30, func() error { return s.strokes(ctx, count) }, s.undo(ctx)},
	} {
		times, err := a.measure(ctx, count)
		session.CancelStroke()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		name := "reading/screen/" + a.name
		out = append(out,
			against(name+"/p95", quantile(times, 0.95), "ms", promise, a.limitMS),
			against(name+"/median", quantile(times, 0.5), "ms", "a copy of the same pixels", quantile(plain, 0.5)))
	}
	return out, nil
}

func (a action) measure(ctx context.Context, count int) ([]float64, error) {
	if a.before != nil {
		if err := a.before(); err != nil {
			return nil, err
		}
	}
	return events(ctx, count, a.event)
}

func (s *screen) scroll(n int) error {
	for _, sc := range s.scenes {
		sc.Slice = n % sc.Stack.Len()
	}
	s.draw()
	return nil
}

func (s *screen) drag(n int) error {
	for _, sc := range s.scenes {
		sc.Window.Hi += float64(1 - 2*(n%2))
	}
	s.draw()
	return nil
}

// brush is a disc of 3 mm for a dab, a ball of 8 mm for a whole stroke.
func (s *screen) brush(ball bool) annotate.Stroke {
	b := annotate.Stroke{Label: spine.L3, RadiusMM: 3, Sphere: ball, SliceK: s.session.Mask().Size[2] / 2}
	if ball {
		b.RadiusMM = 8
	}
	return b
}

// at is a place on a circle of 20 mm around the focus.
func (s *screen) at(n int) volume.Vec3 {
	sin, cos := math.Sincos(float64(n) / 10)
	return s.focus.Add(volume.Vec3{0, 20 * sin, 20 * cos})
}

func (s *screen) dab(n int) error {
	s.session.StrokeTo(s.at(n))
	s.maskChanged()
	s.draw()
	return nil
}

// strokes draws as many strokes as are undone afterwards.
func (s *screen) strokes(ctx context.Context, count int) error {
	for n := range count {
		stroke := s.brush(true)
		stroke.Label = spine.L1 + spine.Structure(n%5)
		if err := s.session.BeginStroke(stroke); err != nil {
			return err
		}
		for k := range 5 {
			s.session.StrokeTo(s.at(n + k))
		}
		if err := s.session.EndStroke(ctx); err != nil {
			return err
		}
	}
	return nil
}

// undo takes a stroke back: the journal on disk, the names, the pixels.
func (s *screen) undo(ctx context.Context) func(int) error {
	return func(int) error {
		if ok, err := s.session.Undo(ctx); err != nil || !ok {
			return errors.Join(err, errors.New("there is nothing to undo"))
		}
		s.rename()
		s.draw()
		return nil
	}
}

// readOpen measures from a case of the worklist to its first image (300 ms) and to
// all three panes (1.5 s), and the memory that the open study takes (400 MB).
func readOpen(ctx context.Context, l *lab, st *study) ([]Result, error) {
	if s, err := st.open(ctx); err != nil { // stores the mask
		return nil, err
	} else if err := s.Close(ctx); err != nil {
		return nil, err
	}
	st.truth = nil // its memory is not the study's
	debug.FreeOSMemory()
	before, held := residentMB(), 0.0
	var first, all []float64
	for range l.rounds {
		one, three, err := openOnce(ctx, st, func() { held = max(held, residentMB()-before) })
		if err != nil {
			return nil, err
		}
		first, all = append(first, one), append(all, three)
		debug.FreeOSMemory()
	}
	out := []Result{
		against("reading/open/first-image", median(first), "ms", promise, 300),
		against("reading/open/study", median(all), "ms", promise, 1500),
	}
	if held > 0 {
		out = append(out, against("reading/open/memory", held, "MB", promise, 400))
	}
	return out, nil
}

// openOnce gives the ms to the first image and to all panes; shown is called while
// the study is open.
func openOnce(ctx context.Context, st *study, shown func()) (first, all float64, err error) {
	began := time.Now()
	session, err := st.desk.OpenCase(ctx, st.caseID, nil)
	if err != nil {
		return 0, 0, err
	}
	firstImage(session)
	first = 1e3 * time.Since(began).Seconds()
	newScreen(session)
	all = 1e3 * time.Since(began).Seconds()
	shown()
	return first, all, session.Close(ctx)
}

// readAnalyse measures the whole analysis, the networks not yet loaded (30 s), and
// how soon it ends when it is cancelled (1 s).
func readAnalyse(ctx context.Context, l *lab, st *study) ([]Result, error) {
	session, err := st.open(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close(ctx)
	before, began := residentMB(), time.Now()
	stages, err := analyse(ctx, st, session)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	out := []Result{against("reading/analyse/time", took.Seconds(), "s", promise, 30)}
	for _, stage := range []string{"segment", "grade", "gradcam"} {
		out = append(out, against("reading/analyse/"+stage, stages[stage], "s", "the whole analysis", took.Seconds()))
	}
	if peak := peakMB(); peak > 0 {
		out = append(out, against("reading/analyse/memory", peak, "MB", "the study open", before))
	}
	late, err := cancelled(ctx, st.desk, session.Study(), took)
	return append(out, against("reading/analyse/cancel", late.Seconds(), "s", promise, 1)), err
}

// analyse runs all three networks and explains the gravest grade and a lesion; stages
// are the seconds of each part.
func analyse(ctx context.Context, st *study, session *review.Session) (stages map[string]float64, err error) {
	a, err := st.desk.Analyse(ctx, session.Study(), nil)
	if err != nil {
		return nil, err
	}
	all := st.truth.Lesions
	_, err = st.desk.ClassifyLesion(ctx, review.HeatmapRequest{Study: session.Study(), Mask: a.Mask,
		Kind: review.HeatLesion, Box: all[0].Box, Lesions: len(all)}, nil)
	return a.Seconds, err
}

// cancelled is the longest that an analysis went on after it was cancelled, of six
// moments spread over its course.
func cancelled(ctx context.Context, d *review.Desk, study *spine.Study, whole time.Duration) (time.Duration, error) {
	worst := time.Duration(0)
	for _, share := range []float64{0.05, 0.2, 0.35, 0.5, 0.65, 0.8} {
		after := time.Duration(share * float64(whole))
		limited, stop := context.WithTimeout(ctx, after)
		began := time.Now()
		_, err := d.Analyse(limited, study, nil)
		stop()
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return 0, err
		}
		if err != nil {
			worst = max(worst, time.Since(began)-after)
		}
	}
	return worst, nil
}

// worklistCases is how many cases the worklist's promise is made for.
const worklistCases = 100_000

// readWorklist measures the first page of a long worklist (50 ms).
func readWorklist(ctx context.Context, l *lab) ([]Result, error) {
	dir, err := os.MkdirTemp("", "columna-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	db, err := store.Open(filepath.Join(dir, "bench.db"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for n := range worklistCases {
		if err := addCase(ctx, db, n); err != nil {
			return nil, err
		}
	}
	times, err := events(ctx, 20*l.rounds, func(int) error {
		rows, _, err := db.Worklist(ctx, store.Filter{})
		if err == nil && len(rows) == 0 {
			err = errors.New("the worklist is empty")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Result{against("reading/worklist/first-page", quantile(times, 0.95), "ms", promise, 50)}, nil
}

func addCase(ctx context.Context, db *store.DB, n int) error {
	uid := fmt.Sprintf("2.25.%d", n+1)
	_, err := db.AddCase(ctx, &spine.Study{
		UID: uid, PatientID: fmt.Sprintf("P%d", n*7919%worklistCases), PatientName: fmt.Sprintf("Name^%d", n*104729%worklistCases),
		Series: []spine.Series{{UID: uid + ".1", Sequence: spine.T2, Plane: spine.Sagittal}},
	}, [][]store.FileRef{{{Path: filepath.Join(db.Path(), uid)}}}, "bench")
	return err
}

// readStart measures from nothing to the printed worklist.
func readStart(ctx context.Context, l *lab) ([]Result, error) {
	program := l.options.Columna
	if program == "" {
		return nil, nil // this process is already running
	}
	dir, err := os.MkdirTemp("", "columna-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	list, help, err := paired(ctx, l.rounds, start(program, "list", "--db", filepath.Join(dir, "bench.db")), start(program, "help"))
	return []Result{against("reading/start/worklist", 1e3*list, "ms", "printing the help", 1e3*help)}, err
}

func start(program string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return exec.CommandContext(ctx, program, args...).Run() }
}
