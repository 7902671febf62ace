package cli

import (
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"time"

	"columna/dicom"
	"columna/phantom"
	"columna/report"
	"columna/review"
	"columna/spine"
)

// demo takes a synthetic study through the whole road.
func demo(e *env, args []string) error {
	out := e.flags.String("out", "", "write screens, report and summary here instead of opening the window")
	seed := e.flags.Uint64("seed", 2026, "which synthetic patient")
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	if *out == "" && (e.window.Run == nil || !hasDisplay()) {
		*out = "demo-out"
	}
	if *out == "" {
		return e.demoWindow(*seed)
	}
	return e.demoFiles(*out, *seed)
}

func hasDisplay() bool { return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" }

// demoWindow keeps the demo apart from the user's own worklist.
func (e *env) demoWindow(seed uint64) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("no folder for the demo: %w", err)
	}
	dir := filepath.Join(cache, "columna", "demo")
	if e.db == "" {
		e.db = filepath.Join(dir, "demo.db")
	}
	return e.withDesk(func(d *review.Desk) error {
		s, err := e.demoCase(d, filepath.Join(dir, "dicom"), seed)
		if err != nil {
			return err
		}
		s.Close(e.ctx)
		return e.window.Run(e.ctx, d)
	})
}

// demoFiles writes everything into dir.
func (e *env) demoFiles(dir string, seed uint64) error {
	if err := makeFolder(dir); err != nil {
		return err
	}
	if e.db == "" {
		e.db = filepath.Join(dir, "demo.db")
		for _, end := range []string{"", "-wal", "-shm"} { // a demo begins anew
			if err := os.Remove(e.db + end); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("the last demo cannot be replaced: %w", err)
			}
		}
	}
	started := time.Now()
	return e.withDesk(func(d *review.Desk) error {
		s, err := e.demoCase(d, filepath.Join(dir, "dicom"), seed)
		if err != nil {
			return err
		}
		defer s.Close(e.ctx)
		return e.demoResults(d, s, dir, started)
	})
}

// demoCase writes the phantom as DICOM, imports it like any study and analyses
// it. The session it returns is open.
func (e *env) demoCase(d *review.Desk, dir string, seed uint64) (*review.Session, error) {
	p := e.progress()
	p("making a synthetic study", 0)
	c := phantom.Generate(seed, demoOptions())
	folder := filepath.Join(dir, fmt.Sprintf("phantom-%d", seed))
	if err := writePhantom(folder, c); err != nil {
		return nil, err
	}
	r, err := d.Import(e.ctx, []string{filepath.Join(folder, "dicom")}, p)
	if err != nil {
		return nil, err
	}
	if len(r.Cases) != 1 {
		return nil, fmt.Errorf("the demo study came back as %d cases: %w", len(r.Cases), noSeries(folder, r.Refused))
	}
	began := time.Now()
	s, err := d.OpenCase(e.ctx, r.Cases[0].ID, p)
	if err != nil {
		return nil, err
	}
	load := time.Since(began).Seconds()
	a, err := d.Analyse(e.ctx, s.Study(), p)
	if err == nil {
		addLoad(a, load)
		err = s.SetAnalysis(e.ctx, a)
	}
	if err != nil {
		s.Close(e.ctx)
		return nil, err
	}
	return s, nil
}

// demoOptions are a study as a scanner would give it, with something to find.
func demoOptions() phantom.Options {
	return phantom.Options{WithAxial: true, WithSTIR: true, Pathology: 0.5, FieldT: 1.5, AlwaysLesion: true}
}

// demoResults writes screens, report, mask, table and summary.
func (e *env) demoResults(d *review.Desk, s *review.Session, dir string, started time.Time) error {
	files, err := e.screens(d, s.Leave(nil), dir)
	if err != nil {
		return err
	}
	if e.window.Screens != nil {
		more, err := e.window.Screens(e.ctx, d, s.CaseID(), dir)
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	pdf, mask := filepath.Join(dir, "report.pdf"), filepath.Join(dir, "mask.nii.gz")
	whole := s.Leave(nil)
	if err := report.WritePDF(pdf, whole.Told, whole.Said, whole.Graded, []image.Image{sheetOf(whole, worstLevel(s), nil)}); err != nil {
		return err
	}
	if err := report.WriteMask(mask, s.Mask()); err != nil {
		return err
	}
	summary := newAnalysisJSON(s.CaseID(), s.Analysis())
	b, err := json.MarshalIndent(summary, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "summary.json")
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("the summary cannot be written: %w", err)
	}
	files = append(files, pdf, mask, name)
	if e.json {
		return e.print(map[string]any{"case": s.CaseID(), "files": files, "seconds": time.Since(started).Seconds()})
	}
	if err := e.printAnalysis(s.Analysis()); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\nA synthetic study, made, imported and analysed in %.1f s. Look at:\n  %s\n",
		time.Since(started).Seconds(), strings.Join(files, "\n  "))
	return nil
}

// writePhantom writes dicom/SERIES/*.dcm, truth.nii.gz and truth.json into dir.
func writePhantom(dir string, c *phantom.Case) error {
	for i := range c.Study.Series {
		s := &c.Study.Series[i]
		folder := strings.ToLower(fmt.Sprintf("%02d-%s-%s", s.Number, s.Plane, s.Sequence))
		if err := dicom.WriteSeriesAs(filepath.Join(dir, "dicom", folder), &c.Study, s, acquisition(c, s.Sequence)); err != nil {
			return err
		}
	}
	if c.LesionMask != nil {
		if err := report.WriteMask(filepath.Join(dir, "lesions.nii.gz"), c.LesionMask); err != nil {
			return err
		}
	}
	if err := report.WriteMask(filepath.Join(dir, "truth.nii.gz"), c.Truth); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "truth.json"))
	if err != nil {
		return fmt.Errorf("the truth cannot be written: %w", err)
	}
	defer f.Close()
	if err := phantom.WriteTruth(f, c); err != nil {
		return err
	}
	return f.Close()
}

// acquisition is the physics that the phantom's series was made with.
func acquisition(c *phantom.Case, s spine.Sequence) dicom.Acquisition {
	a := dicom.TypicalAcquisition(s)
	if t, ok := c.Scanner.Timing[s]; ok {
		a.TR, a.TE, a.TI = t.TRMS, t.TEMS, t.TIMS
	}
	return a
}

// sequenceFlags are --t1, --t2 and --stir.
func (e *env) sequenceFlags() func(words []string) []source {
	t1 := e.flags.String("t1", "", "the T1 volume")
	t2 := e.flags.String("t2", "", "the T2 volume")
	stir := e.flags.String("stir", "", "the STIR volume")
	return func(words []string) (out []source) {
		for _, w := range words {
			out = append(out, source{path: w})
		}
		for _, s := range []source{{*t1, spine.T1}, {*t2, spine.T2}, {*stir, spine.STIR}} {
			if s.path != "" {
				out = append(out, s)
			}
		}
		return out
	}
}
