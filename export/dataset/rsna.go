package dataset

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"columna/dicom"
	"columna/spine"
	"columna/volume"
)

// openRSNA lists the studies of train.csv. Each is a patient of its own.
func openRSNA(dir string) ([]Entry, error) {
	s, err := readRSNA(dir)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, id := range s.ids {
		files, err := filepath.Glob(filepath.Join(dir, rsnaImages, id, "*", "*.dcm"))
		if err != nil {
			return nil, err
		}
		out = append(out, Entry{Set: "rsna", ID: id, Patient: id, Files: files, rows: s.studies[id].String(),
			load: func(ctx context.Context) (*Case, error) { return s.load(ctx, id) }})
	}
	return out, nil
}

// CheckRSNA holds every place of the tables against the images' geometry and lists
// what contradicts it, for a reader to look at. No pixel is read.
func CheckRSNA(ctx context.Context, dir string, progress func(done, total int)) ([]Violation, error) {
	s, err := readRSNA(dir)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(s.strays)
	for n, id := range s.ids {
		if progress != nil {
			progress(n, len(s.ids))
		}
		im, err := s.images(ctx, id)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			out = append(out, Violation{Study: id, Rule: RuleImages, Detail: err.Error()})
			continue
		}
		_, wrong := s.placed(id, im)
		out = append(out, wrong...)
	}
	return out, nil
}

// load reads a study's series. A grade keeps its place only where no rule speaks
// against it.
func (s *rsnaSet) load(ctx context.Context, id string) (*Case, error) {
	im, err := s.images(ctx, id)
	if err != nil {
		return nil, err
	}
	c := &Case{Study: im.study}
	for n := range c.Study.Series {
		series := &c.Study.Series[n]
		files := im.found.Files[dicom.Key(series)]
		if series.Volume, err = dicom.LoadSeries(ctx, files); err != nil {
			return nil, fmt.Errorf("series %s: %w", series.Description, err)
		}
		series.SOPUIDs, series.Frames, series.Gaps = dicom.Slices(files, series.SOPClassUID, series.Volume.Size[2])
	}
	places, wrong := s.placed(id, im)
	for cell, grade := range s.studies[id].grades {
		g := spine.GradeFinding{Condition: cell.condition, Level: cell.level, Grade: grade}
		if p, ok := places[cell]; ok && !spoken(wrong, cell) {
			g.Point = &p
		}
		c.Grades = append(c.Grades, g)
	}
	slices.SortFunc(c.Grades, func(a, b spine.GradeFinding) int {
		return (int(a.Condition)-int(b.Condition))*spine.LevelCount + int(a.Level) - int(b.Level)
	})
	return c, nil
}

// rsnaImage is the stack and file of an instance.
type rsnaImage struct {
	series *spine.Series
	grid   volume.Grid
	first  float64 // place of the first slice along the normal, mm
	file   dicom.FileRef
}

// rsnaHeaders are a study's series and where every instance is.
type rsnaHeaders struct {
	study     spine.Study
	found     *dicom.Result
	instances map[string]rsnaImage // by "series_id/instance_number"
	wrong     []Violation
}

// images reads the headers of a study. The table says what a series is; where it
// leaves T2 or STIR open, the headers do.
func (s *rsnaSet) images(ctx context.Context, id string) (*rsnaHeaders, error) {
	found, err := dicom.Import(ctx, []string{filepath.Join(s.dir, rsnaImages, id)}, nil)
	if err != nil {
		return nil, err
	}
	h := &rsnaHeaders{found: found, instances: map[string]rsnaImage{}, study: spine.Study{UID: dicom.NewUID("rsna/" + id), PatientID: id}}
	for _, st := range found.Studies { // one, unless the headers disagree
		h.study.Series = append(h.study.Series, st.Series...)
	}
	for _, f := range found.Refused {
		h.say(id, RuleImages, "%s: %s", filepath.Base(f.Path), f.Reason)
	}
	if len(h.study.Series) == 0 {
		return nil, errors.New("its folder of images holds no series that can be read")
	}
	for n := range h.study.Series {
		series := &h.study.Series[n]
		files := found.Files[dicom.Key(series)]
		folder := filepath.Base(filepath.Dir(files[0].Path))
		plane := series.Plane
		if describe(series, s.studies[id].series[folder]); series.Plane != plane {
			h.say(id, RulePlane, "series %s is called %s, its slices are %s", folder, series.Plane, plane)
		}
		for _, f := range files {
			number := strings.TrimSuffix(filepath.Base(f.Path), filepath.Ext(f.Path))
			h.instances[folder+"/"+number] = rsnaImage{series, found.Grids[dicom.Key(series)], files[0].PositionMM, f}
		}
	}
	return h, nil
}

func (h *rsnaHeaders) say(id, rule, format string, args ...any) {
	h.wrong = append(h.wrong, Violation{Study: id, Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

// describe takes over what the table calls a series.
func describe(s *spine.Series, words string) {
	switch words {
	case "Sagittal T1":
		s.Sequence, s.Plane = spine.T1, spine.Sagittal
	case "Sagittal T2/STIR":
		s.Plane = spine.Sagittal
		if s.Sequence != spine.STIR && s.Sequence != spine.T2FS {
			s.Sequence = spine.T2
		}
	case "Axial T2":
		s.Sequence, s.Plane = spine.T2, spine.Axial
	default:
		return
	}
	s.Description, s.Confidence = words, 1
}

// point is a place of the tables in the patient; not ok where the instance is not
// there or does not reach so far.
func (h *rsnaHeaders) point(p rsnaPlace) (spine.Point, bool) {
	im, ok := h.instances[p.image()]
	if !ok || !(p.x >= -0.5 && p.y >= -0.5 && p.x <= float64(im.grid.Size[0])-0.5 && p.y <= float64(im.grid.Size[1])-0.5) {
		return spine.Point{}, false
	}
	k := 0.0
	if step := im.grid.SpacingMM()[2]; step > 0 {
		k = (im.file.PositionMM - im.first) / step
	}
	return spine.Point{SeriesUID: im.series.UID, SOPUID: im.file.SOPUID, XPx: p.x, YPx: p.y,
		LPS: im.grid.ToWorld(volume.Vec3{p.x, p.y, k})}, true
}
