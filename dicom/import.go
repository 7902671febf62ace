package dicom

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

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
	// Segmentations are files that hold no images but label maps of such.
	Segmentations []FileRef
}

// Import reads the headers of all DICOM files in the paths (folders, files, zip
// files, a DICOMDIR for the files it lists), groups them into studies and stacks and names their sequence and
// plane. It fails only when ctx ends or when there are too many files; what
// cannot be read is listed in Refused. progress may be nil.
func Import(ctx context.Context, paths []string, progress func(done, total int, what string)) (*Result, error) {
	if progress == nil {
		progress = func(int, int, string) {}
	}
	f := newFinder()
	defer f.zips.close()
	for _, p := range paths {
		if err := f.add(ctx, p); err != nil {
			return nil, err
		}
	}
	all, err := f.scan(ctx, progress)
	if err != nil {
		return nil, err
	}
	r := assemble(all)
	r.Refused, r.Segmentations = append(f.refused, r.Refused...), f.segmentations
	return r, nil
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
	stacks := separate(group)
	if scout(stacks) {
		r.Refused = append(r.Refused, Refusal{group[0].ref.String(),
			fmt.Sprintf("series %q: a localizer, a few slices each in several planes", group[0].description)})
		return nil
	}
	axis := mainAxis(stacks)
	for _, st := range stacks {
		l, err := st.layout()
		if err != nil {
			r.Refused = append(r.Refused, Refusal{st.slices[0].ref.String(),
				fmt.Sprintf("series %q: %s", st.slices[0].description, sentence(err))})
			continue
		}
		s := describe(st, l, axis)
		s.Block = len(out)
		out = append(out, s)
		r.Files[Key(&s)] = st.files()
		r.Grids[Key(&s)] = l.grid
	}
	return out
}

// scout reports a localizer by its geometry: stacks of a few slices that stand
// steeply on one another. Angled axial blocks stay within 60 degrees.
func scout(stacks []*stack) bool {
	steep := false
	for _, st := range stacks {
		if len(st.slices) >= scoutSlices {
			return false
		}
		steep = steep || math.Abs(st.slices[0].normal().Dot(stacks[0].slices[0].normal())) < 0.5
	}
	return steep
}

// mainAxis is the direction that the normals of a series' slices share.
func mainAxis(stacks []*stack) volume.Vec3 {
	var sum volume.Vec3
	for _, st := range stacks {
		n := st.slices[0].normal()
		if n.Dot(sum) < 0 {
			n = n.Scale(-1)
		}
		sum = sum.Add(n.Scale(float64(len(st.slices))))
	}
	return sum
}

// describe names a stack's sequence and plane. axis is what the normals of its
// whole series have in common.
func describe(st *stack, l *layout, axis volume.Vec3) spine.Series {
	first := st.slices[0]
	g := first.physics.recognise()
	plane, sure := planeIn(first.normal(), axis)
	s := spine.Series{
		UID: first.seriesUID, Number: first.seriesNumber, Description: first.description,
		Sequence: g.sequence, Plane: plane, Confidence: math.Round(100*g.confidence*sure) / 100,
		FrameOfReferenceUID: first.frameUID, SOPClassUID: first.sopClass,
		Warnings: slices.Concat(st.warnings, l.warnings, st.doubts()),
	}
	if g.doubt != "" {
		s.Warnings = append(s.Warnings, "sequence doubtful: "+g.doubt)
	}
	if sure < 0.7 {
		s.Warnings = append(s.Warnings, "plane doubtful: the slices stand at more than 45 degrees to it")
	}
	s.SOPUIDs, s.Frames, s.Gaps = l.sources(st.files(), first.sopClass)
	return s
}

// files are the places of a stack's slices, in its order.
func (s *stack) files() []FileRef {
	out := make([]FileRef, len(s.slices))
	for i, sl := range s.slices {
		out[i] = sl.ref
	}
	return out
}

// doubts are the faults of the stack's files that may matter, each with the
// number of images.
func (s *stack) doubts() (out []string) {
	files := map[string]int{}
	for _, sl := range s.slices {
		for _, what := range sl.doubts {
			files[what]++
		}
	}
	for _, what := range sortedKeys(files) {
		out = append(out, fmt.Sprintf("%d of %d images: %s", files[what], len(s.slices), what))
	}
	return out
}
