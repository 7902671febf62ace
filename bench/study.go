package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"columna/dicom"
	"columna/phantom"
	"columna/review"
	"columna/spine"
)

// study is a synthetic study on disk and in a worklist, as a reader would have it.
type study struct {
	dir    string
	desk   *review.Desk
	caseID int64
	truth  *phantom.Case
}

// clinical is a study as a scanner would give it, with something to find.
func clinical() phantom.Options {
	return phantom.Options{WithAxial: true, WithSTIR: true, Pathology: 0.5, FieldT: 1.5, AlwaysLesion: true}
}

// newStudy makes a study, writes it as DICOM and imports it.
func newStudy(ctx context.Context, l *lab, o phantom.Options) (*study, error) {
	dir, err := os.MkdirTemp("", "columna-bench-")
	if err != nil {
		return nil, err
	}
	s := &study{dir: dir}
	s.truth = phantom.Generate(2026, o)
	if err := s.fill(ctx, l); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *study) fill(ctx context.Context, l *lab) (err error) {
	images := filepath.Join(s.dir, "dicom")
	for n := range s.truth.Study.Series {
		series := &s.truth.Study.Series[n]
		folder := filepath.Join(images, fmt.Sprintf("%02d-%s-%s", series.Number, series.Plane, series.Sequence))
		if err := dicom.WriteSeries(folder, &s.truth.Study, series); err != nil {
			return err
		}
	}
	s.desk, err = review.Open(ctx, review.Config{DBPath: filepath.Join(s.dir, "bench.db"), Threads: l.options.Threads, Provider: l.options.Provider})
	if err != nil {
		return err
	}
	r, err := s.desk.Import(ctx, []string{images}, nil)
	if err != nil {
		return err
	}
	if len(r.Cases) != 1 {
		return fmt.Errorf("the study came back as %d cases", len(r.Cases))
	}
	s.caseID = r.Cases[0].ID
	return nil
}

// close also removes the study from the disk.
func (s *study) close() {
	if s.desk != nil {
		s.desk.Close()
	}
	os.RemoveAll(s.dir)
}

// open opens the case with the phantom's truth as the networks' mask.
func (s *study) open(ctx context.Context) (*review.Session, error) {
	session, err := s.desk.OpenCase(ctx, s.caseID, nil)
	if err != nil {
		return nil, err
	}
	if session.Analysis() == nil {
		uid := session.Study().Find(spine.T2, spine.Sagittal).UID
		err = session.SetAnalysis(ctx, &spine.Analysis{Mask: s.truth.Truth, MaskUID: uid})
	}
	return session, err
}
