package dicom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// Refusal is a file or series that was not taken, and why in one sentence.
type Refusal struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// SeriesKey names one stack: a SeriesInstanceUID and its block.
type SeriesKey struct {
	UID   string
	Block int
}

// Key is the name of a series' stack in Result's maps.
func Key(s *spine.Series) SeriesKey { return SeriesKey{s.UID, s.Block} }

// Result is what an import found. The series' volumes are nil until LoadSeries
// reads them; Grids tells their size and place already.
type Result struct {
	Studies []spine.Study
	Refused []Refusal
	Files   map[SeriesKey][]FileRef // sorted along the normal
	Grids   map[SeriesKey]volume.Grid
}

// Import reads the headers of all DICOM files in the paths (folders, files, zip
// files), groups them into studies and stacks and names their sequence and
// plane. It fails only when ctx ends or when there are too many files; what
// cannot be read is listed in Refused. progress may be nil.
func Import(ctx context.Context, paths []string, progress func(done, total int, what string)) (*Result, error) {
	if progress == nil {
		progress = func(int, int, string) {}
	}
	f := &finder{zips: newZips()}
	defer f.zips.close()
	for _, p := range paths {
		if err := f.add(ctx, p); err != nil {
			return nil, err
		}
	}
	var all []*slice
	for i, ref := range f.found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		progress(i, len(f.found), filepath.Base(ref.String()))
		s, err := readHeader(f.zips, ref)
		switch {
		case errors.Is(err, errDirectory):
		case err != nil:
			f.refuse(dataset.Printable(ref.String()), err)
		default:
			all = append(all, s)
		}
	}
	progress(len(f.found), len(f.found), "")
	r := assemble(all)
	r.Refused = append(f.refused, r.Refused...)
	return r, nil
}

// errDirectory marks a DICOMDIR, which only lists files that import finds
// anyway.
var errDirectory = errors.New("a DICOMDIR")

// readHeader reads one source into a slice. A panic in a decoder is a fault of
// ours, but one file must not take down an import.
func readHeader(z *zips, ref FileRef) (s *slice, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("the file is damaged in a way that the reader does not know (%v)", r)
		}
	}()
	b, err := z.read(ref)
	if err != nil {
		return nil, err
	}
	f, err := parse(b)
	if err != nil {
		return nil, err
	}
	if f.Text(tagSOPClass) == sopDirectory || f.Find(0x00041220) != nil {
		return nil, errDirectory
	}
	if s, err = readSlice(f); err != nil {
		return nil, err
	}
	s.ref.Path, s.ref.ZipEntry = ref.Path, ref.ZipEntry
	return s, nil
}

// assemble groups slices into studies and stacks.
func assemble(all []*slice) *Result {
	r := &Result{Files: map[SeriesKey][]FileRef{}, Grids: map[SeriesKey]volume.Grid{}}
	byStudy := map[string]map[string][]*slice{}
	for _, s := range all {
		if byStudy[s.study.uid] == nil {
			byStudy[s.study.uid] = map[string][]*slice{}
		}
		byStudy[s.study.uid][s.seriesUID] = append(byStudy[s.study.uid][s.seriesUID], s)
	}
	for _, uid := range sortedKeys(byStudy) {
		if study := r.study(byStudy[uid]); len(study.Series) > 0 {
			r.Studies = append(r.Studies, study)
		}
	}
	slices.SortStableFunc(r.Studies, func(a, b spine.Study) int {
		return cmp.Or(cmp.Compare(a.PatientID, b.PatientID), cmp.Compare(a.Date, b.Date), cmp.Compare(a.UID, b.UID))
	})
	return r
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// study makes the study of some series; its words are those of the first slice
// of the first series.
func (r *Result) study(bySeries map[string][]*slice) spine.Study {
	var out spine.Study
	for _, uid := range sortedKeys(bySeries) {
		group := bySeries[uid]
		w := group[0].study
		if out.UID == "" {
			out = spine.Study{UID: w.uid, PatientID: w.patientID, PatientName: w.patientName, Sex: w.sex,
				Age: w.age, Date: w.date, Description: w.description, FieldT: w.fieldT}
		} else if w.patientID != out.PatientID {
			r.Refused = append(r.Refused, Refusal{group[0].ref.String(),
				"the series names another patient than the rest of its study"})
			continue
		}
		out.Series = append(out.Series, r.series(group)...)
	}
	best := map[string]float64{}
	for _, s := range out.Series {
		best[s.UID] = math.Max(best[s.UID], s.Confidence)
	}
	slices.SortStableFunc(out.Series, func(a, b spine.Series) int { // the surest first, blocks together
		return cmp.Or(cmp.Compare(math.Round(10*best[b.UID]), math.Round(10*best[a.UID])),
			cmp.Compare(a.Number, b.Number), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Block, b.Block))
	})
	return out
}

// series makes the stacks of one SeriesInstanceUID.
func (r *Result) series(group []*slice) []spine.Series {
	var out []spine.Series
	for _, st := range separate(group) {
		l, err := st.layout()
		if err != nil {
			r.Refused = append(r.Refused, Refusal{st.slices[0].ref.String(),
				fmt.Sprintf("series %q: %s", st.slices[0].description, sentence(err))})
			continue
		}
		s := describe(st, l)
		s.Block = len(out)
		out = append(out, s)
		files := make([]FileRef, len(st.slices))
		for i, sl := range st.slices {
			files[i] = sl.ref
		}
		r.Files[Key(&s)] = files
		r.Grids[Key(&s)] = l.grid
	}
	return out
}

// describe names a stack's sequence and plane.
func describe(st *stack, l *layout) spine.Series {
	first := st.slices[0]
	g := first.physics.recognise()
	plane, sure := planeOf(first.normal())
	s := spine.Series{
		UID: first.seriesUID, Number: first.seriesNumber, Description: first.description,
		Sequence: g.sequence, Plane: plane, Confidence: math.Round(100*g.confidence*sure) / 100,
		FrameOfReferenceUID: first.frameUID, SOPClassUID: first.sopClass,
		Warnings: append(slices.Clone(st.warnings), l.warnings...),
	}
	for _, p := range l.planes {
		i := p.a
		if p.f > 0.5 {
			i = p.b
		}
		s.SOPUIDs = append(s.SOPUIDs, st.slices[i].ref.SOPUID)
	}
	return s
}

// LoadSeries reads the pixels of a stack found by Import. files may stand in any
// order. It fails if a file is gone, has changed or cannot be decoded.
func LoadSeries(ctx context.Context, files []FileRef) (*volume.Volume, error) {
	if len(files) == 0 {
		return nil, errors.New("the series has no files")
	}
	z := newZips()
	defer z.close()
	st := &stack{}
	images := map[*slice][]float32{}
	for _, ref := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, data, err := loadSlice(z, ref)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", ref, sentence(err))
		}
		if len(st.slices) > 0 && (s.rows != st.slices[0].rows || s.cols != st.slices[0].cols) {
			return nil, fmt.Errorf("%s: its size differs from the rest of the series: import the folder again", ref)
		}
		if err := refuseSize(s, len(files)); err != nil {
			return nil, err
		}
		st.slices = append(st.slices, s)
		images[s] = data
	}
	n := st.slices[0].normal()
	for _, s := range st.slices {
		s.ref.PositionMM = s.origin.Dot(n)
	}
	slices.SortStableFunc(st.slices, func(a, b *slice) int { return cmp.Compare(a.ref.PositionMM, b.ref.PositionMM) })
	return st.fill(images)
}

// fill lays the images out on the stack's grid.
func (s *stack) fill(images map[*slice][]float32) (*volume.Volume, error) {
	l, err := s.layout()
	if err != nil {
		return nil, err
	}
	v := volume.New(l.grid)
	size := v.Size[0] * v.Size[1]
	for k, p := range l.planes {
		out := v.Data[k*size : (k+1)*size]
		a, b := images[s.slices[p.a]], images[s.slices[p.b]]
		if p.a == p.b {
			copy(out, a)
			continue
		}
		f := float32(p.f)
		for i := range out {
			out[i] = a[i]*(1-f) + b[i]*f
		}
	}
	return v, nil
}

// loadSlice reads one source with its pixels.
func loadSlice(z *zips, ref FileRef) (s *slice, data []float32, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is damaged in a way that the reader does not know (%v)", r)
		}
	}()
	b, err := z.read(ref)
	if err != nil {
		return nil, nil, err
	}
	f, err := parse(b)
	if err != nil {
		return nil, nil, err
	}
	if s, err = readSlice(f); err != nil {
		return nil, nil, err
	}
	if ref.SOPUID != "" && s.ref.SOPUID != ref.SOPUID {
		return nil, nil, errors.New("the file is no longer the image that was imported: import the folder again")
	}
	px, err := f.pixels()
	if err != nil {
		return nil, nil, err
	}
	samples, err := px.frame(0)
	if err != nil {
		return nil, nil, err
	}
	data = make([]float32, px.rows*px.cols)
	px.values(samples, data)
	return s, data, nil
}
