// Package eval measures the reading road on held-out studies. A Case is a study with
// its truth, a Reader reads it, and a Record keeps what came of it: every figure is a
// figure over records, with an interval over patients, and two ways of reading are
// compared patient by patient (Compare). Report draws what was found as one page.
//
// What is missing is missing: a structure that the truth has and the mask lacks has no
// Dice and no distance. It is counted (Structure.Missing), and counts as Dice 0 only
// where that is said: in Compare, where leaving it out would reward losing it.
package eval

import (
	"context"
	"time"

	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// Reader is what is measured; inference.Pipeline is one.
type Reader interface {
	Segment(ctx context.Context, study *spine.Study, progress func(stage string, fraction float64)) (*spine.Analysis, error)
	Grade(ctx context.Context, study *spine.Study, mask *volume.LabelMap) ([]spine.GradeFinding, error)
	ClassifyLesion(ctx context.Context, study *spine.Study, mask *volume.LabelMap, box spine.Box, count int) (spine.LesionFinding, error)
}

// Case is a study with its truth. Patients are what intervals are over: all studies
// of one patient share Patient.
type Case struct {
	Set, ID, Patient string
	Study            spine.Study
	Truth            Truth
	Given            *volume.LabelMap // a mask to read with in place of one that is drawn; nothing is segmented then
}

// Truth is what is known of a study; what is not known is nil and not measured.
type Truth struct {
	Mask     *volume.LabelMap
	NoSacrum bool // the sacrum was not labelled: it may be called background
	Grades   []spine.GradeFinding
	Lesions  []Lesion
	Discs    []Disc
}

// Lesion is a marked lesion whose primary site or kind of infection is known.
type Lesion struct {
	Class     spine.LesionClass // of a metastasis
	Box       spine.Box
	Infected  bool // a spondylitis instead
	Infection spine.Infection
}

// Disc is what is known of one graded disc; zero values of Pfirrmann and HeightMM
// are not known.
type Disc struct {
	Level     spine.Level
	Pfirrmann int     // 1 to 5
	Narrowed  bool    // by a reader's eye; known where Pfirrmann is
	HeightMM  float64 // in its middle
	CanalMM2  float64 // cross-section of the canal behind it
}

// sureReader is a Reader that also says how sure it was of every voxel.
type sureReader interface {
	SegmentSurely(ctx context.Context, study *spine.Study) (*spine.Analysis, *inference.Probabilities, error)
}

// Read lets r read a study and measures what it says.
func Read(ctx context.Context, r Reader, c *Case) (Record, error) {
	_, record, err := read(ctx, r, c)
	return record, err
}

// read is Read that keeps what was said.
func read(ctx context.Context, r Reader, c *Case) (*spine.Analysis, Record, error) {
	began := time.Now()
	a, sure, err := segmented(ctx, r, c)
	if err != nil {
		return nil, Record{}, err
	}
	seconds := map[string]float64{"segment": time.Since(began).Seconds()}
	if c.Truth.Grades != nil {
		start := time.Now()
		if a.Grades, err = r.Grade(ctx, &c.Study, a.Mask); err != nil {
			return nil, Record{}, err
		}
		seconds["grade"] = time.Since(start).Seconds()
	}
	if len(c.Truth.Lesions) > 0 {
		start := time.Now()
		if a.Lesions, err = classify(ctx, r, c, a.Mask); err != nil {
			return nil, Record{}, err
		}
		seconds["lesions"] = time.Since(start).Seconds()
	}
	seconds["total"] = time.Since(began).Seconds()
	a.Seconds = seconds
	record := Measure(c, a)
	if sure != nil && c.Truth.Mask != nil {
		record.Voxels = voxelBins(&c.Truth, sure)
	}
	return a, record, ctx.Err()
}

func segmented(ctx context.Context, r Reader, c *Case) (*spine.Analysis, *inference.Probabilities, error) {
	if c.Given != nil {
		return &spine.Analysis{Mask: c.Given}, nil, ctx.Err()
	}
	if s, ok := r.(sureReader); ok {
		return s.SegmentSurely(ctx, &c.Study)
	}
	a, err := r.Segment(ctx, &c.Study, nil)
	return a, nil, err
}

// classify asks about every lesion, as a reader does who has marked them all.
func classify(ctx context.Context, r Reader, c *Case, mask *volume.LabelMap) ([]spine.LesionFinding, error) {
	var out []spine.LesionFinding
	for _, l := range c.Truth.Lesions {
		f, err := r.ClassifyLesion(ctx, &c.Study, mask, l.Box, len(c.Truth.Lesions))
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// Measure holds an analysis against the truth. Lesions of the analysis stand in the
// order of the truth's.
func Measure(c *Case, a *spine.Analysis) Record {
	r := Record{Set: c.Set, ID: c.ID, Patient: c.Patient, Models: a.Models, Seconds: a.Seconds}
	if c.Truth.Mask != nil {
		r.measureMask(&c.Truth, a.Mask)
		r.noteConfidence(a.Confidence)
	}
	r.Discs = measureDiscs(c, a.Mask)
	r.Cells = cells(c.Truth.Grades, a.Grades)
	for n, l := range c.Truth.Lesions {
		if n < len(a.Lesions) {
			r.noteLesion(l, a.Lesions[n])
		}
	}
	return r
}

// noteLesion keeps the answer to the question that the lesion puts: where it comes
// from, or of which kind it is. A network that does not know infections is not asked.
func (r *Record) noteLesion(truth Lesion, said spine.LesionFinding) {
	switch {
	case !truth.Infected:
		r.Lesions = append(r.Lesions, LesionAnswer{int(truth.Class), said.Probabilities})
	case said.SaysInfection():
		r.Infections = append(r.Infections, InfectionAnswer{int(truth.Infection), said.Infection})
	}
}
