package sr

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// Bounds of what is read.
const (
	maxFileBytes = 64 << 20
	maxGroups    = 4096
)

// Document is a report of Columna's as it was read back.
type Document struct {
	StudyUID, PatientID, SOPUID string
	Complete, Verified          bool
	Verifier                    string
	Findings                    []Finding
	Measures                    []spine.Measure
	Lesions                     []Lesion
	Evidence                    []Reference
}

// Finding is a cell with the place it was read at.
type Finding struct {
	Cell
	TrackingUID string
	Severity    spine.Grade     // the grade that counts
	Image       *dicom.ImageRef // nil where the finding points to no image
}

// Lesion is a marked lesion.
type Lesion struct {
	Level         spine.Structure
	CenterLPS     volume.Vec3
	Probabilities [spine.LesionClassCount]float64
	Infection     [spine.InfectionCount]float64 // zeros where no network said
}

// ErrOther is the answer to a DICOM file that is no report of this kind.
var ErrOther = errors.New("not a measurement report of Columna's")

// Read reads a report.
func Read(path string) (*Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	d, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", path, err)
	}
	return d, nil
}

// Parse reads a report from its bytes.
func Parse(b []byte) (*Document, error) {
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("it is larger than %d MB, which no report is", maxFileBytes>>20)
	}
	f, err := dataset.Parse(b)
	if err != nil {
		return nil, err
	}
	r := &reader{codes: table(), out: &Document{StudyUID: f.Text(tagStudyUID), PatientID: f.Text(tagPatientID),
		SOPUID: f.Text(tagSOPInstance), Complete: f.Text(tagCompletion) == "COMPLETE",
		Verified: f.Text(tagVerification) == "VERIFIED", Verifier: f.Item(tagVerifiers).Text(tagVerifierName)}}
	if f.Text(tagSOPClass) != SOPClass || !r.report.is(f.Item(tagConceptName)) {
		return nil, ErrOther
	}
	r.readEvidence(f.Dataset)
	if err := r.readGroups(f.Dataset); err != nil {
		return nil, err
	}
	return r.out, nil
}

// reader is a report on its way from a file.
type reader struct {
	codes
	out *Document
}

// each visits the items under d that have a name.
func each(d *dataset.Dataset, name code, visit func(*dataset.Dataset)) {
	for _, c := range d.Items(tagContent) {
		if name.is(c.Item(tagConceptName)) {
			visit(c)
		}
	}
}

// first is the first item of a name and value type, an empty one where there is none.
func first(d *dataset.Dataset, name code, kind string) *dataset.Dataset {
	for _, c := range d.Items(tagContent) {
		if name.is(c.Item(tagConceptName)) && c.Text(tagValueType) == kind {
			return c
		}
	}
	return dataset.New()
}

func (r *reader) readEvidence(d *dataset.Dataset) {
	for _, s := range d.Item(tagEvidence).Items(tagRefSeries) {
		for _, i := range s.Items(tagReferencedSOP) {
			r.out.Evidence = append(r.out.Evidence, Reference{s.Text(tagSeriesUID), refOf(i)})
		}
	}
}

func refOf(d *dataset.Dataset) dicom.ImageRef {
	frame, _ := d.Integer(tagRefFrame)
	return dicom.ImageRef{SOPClassUID: d.Text(tagRefClass), SOPUID: d.Text(tagRefInstance), Frame: max(frame, 0)}
}

// readGroups reads the measurement groups.
func (r *reader) readGroups(d *dataset.Dataset) error {
	var groups []*dataset.Dataset
	each(d, r.measurements, func(all *dataset.Dataset) {
		each(all, r.group, func(g *dataset.Dataset) { groups = append(groups, g) })
	})
	if len(groups) > maxGroups {
		return fmt.Errorf("it has more than %d measurement groups", maxGroups)
	}
	for _, g := range groups {
		if err := r.readGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// readGroup reads a cell or a lesion; a group of something else is passed over.
func (r *reader) readGroup(g *dataset.Dataset) error {
	kind := first(g, r.finding, "CODE").Item(tagConceptCode)
	if r.codes.lesion.is(kind) {
		r.readLesion(g)
		return nil
	}
	where := first(g, r.site, "CODE")
	level, ok := levelOf(where.Item(tagConceptCode))
	if !ok {
		return nil
	}
	c, ok, err := r.conditionOf(kind, first(where, r.laterality, "CODE").Item(tagConceptCode))
	if err != nil || !ok {
		return err
	}
	f := Finding{TrackingUID: first(g, r.trackingUID, "UIDREF").Text(tagUID), Severity: spine.Ungraded}
	f.AI = spine.GradeFinding{Condition: c, Level: level, Grade: spine.Ungraded}
	f.Reader = spine.Ungraded
	r.readGrades(g, &f)
	r.readPoint(g, &f)
	r.out.Findings = append(r.out.Findings, f)
	if c == spine.SpinalCanalStenosis {
		r.readMeasures(g, level)
	}
	return nil
}

// levelOf finds the level of a disc's code.
func levelOf(d *dataset.Dataset) (spine.Level, bool) {
	for l := range spine.Level(spine.LevelCount) {
		if disc, _ := structure(l.Disc()); disc.is(d) {
			return l, true
		}
	}
	return 0, false
}

// conditionOf joins a finding and its side. A finding that needs a side and has none
// must not be guessed at.
func (r *reader) conditionOf(kind, side *dataset.Dataset) (spine.Condition, bool, error) {
	known := false
	for c := range spine.Condition(spine.ConditionCount) {
		if f := r.findingOf(c); !f.is(kind) {
			continue
		}
		known = true
		want, sided := r.sideOf(c)
		if !sided || want.is(side) {
			return c, true, nil
		}
	}
	if known {
		return 0, false, errors.New("a finding of one side does not say which")
	}
	return 0, false, nil
}

// readGrades reads who gave which grade.
func (r *reader) readGrades(g *dataset.Dataset, f *Finding) {
	s := first(g, r.severity, "CODE")
	f.Severity = r.gradeIn(s)
	if r.person.is(first(s, r.observerType, "CODE").Item(tagConceptCode)) {
		f.Reader, f.Reason = f.Severity, first(s, r.comment, "TEXT").Text(tagTextValue)
		f.Author = first(s, r.personName, "PNAME").Text(tagPersonName)
	}
	ai := first(g, r.aiSeverity, "CODE")
	if ai.Find(tagConceptCode) == nil {
		return
	}
	f.AI.Grade, f.AI.Reason = r.gradeIn(ai), first(ai, r.comment, "TEXT").Text(tagTextValue)
	for n := range f.AI.Probabilities {
		f.AI.Probabilities[n] = numberOf(first(g, probabilityOf(spine.Grade(n)), "NUM"))
	}
}

// gradeIn is the grade of a severity item; Ungraded where it has none that is known.
func (r *reader) gradeIn(d *dataset.Dataset) spine.Grade {
	for g := spine.NotGradable; g <= spine.Severe; g++ {
		if v := r.gradeOf(g); v.is(d.Item(tagConceptCode)) {
			return g
		}
	}
	return spine.Ungraded
}

// numberOf is the number of an item, 0 where it has none or what is said is no number.
func numberOf(d *dataset.Dataset) float64 {
	x := d.Item(tagMeasured).Float(tagNumber)
	if !finite(x) {
		return 0
	}
	return x
}

func finite(all ...float64) bool {
	return !slices.ContainsFunc(all, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// pointOf is the patient point of a group.
func (r *reader) pointOf(g *dataset.Dataset) (mm volume.Vec3, ok bool) {
	x := first(g, r.imageRegion, "SCOORD3D").Numbers(tagGraphicData)
	if len(x) != 3 || !finite(x...) {
		return mm, false
	}
	return volume.Vec3{x[0], x[1], x[2]}, true
}

// readPoint reads where a cell was read.
func (r *reader) readPoint(g *dataset.Dataset, f *Finding) {
	mm, ok := r.pointOf(g)
	if !ok {
		return
	}
	f.AI.Point = &spine.Point{LPS: mm}
	on := first(g, r.imageRegion, "SCOORD")
	x := on.Numbers(tagGraphicData)
	if len(x) != 2 || !finite(x...) {
		return
	}
	for _, c := range on.Items(tagContent) {
		if c.Text(tagRelationship) == selection && c.Text(tagValueType) == "IMAGE" {
			ref := refOf(c.Item(tagReferencedSOP))
			f.Image, f.AI.Point.SOPUID = &ref, ref.SOPUID
			f.AI.Point.XPx, f.AI.Point.YPx = x[0]-0.5, x[1]-0.5
			f.AI.Point.SeriesUID = r.seriesOf(ref.SOPUID)
			return
		}
	}
}

func (r *reader) seriesOf(sop string) string {
	n := slices.IndexFunc(r.out.Evidence, func(e Reference) bool { return e.Image.SOPUID == sop })
	if n < 0 {
		return ""
	}
	return r.out.Evidence[n].SeriesUID
}

func (r *reader) readMeasures(g *dataset.Dataset, l spine.Level) {
	m := spine.Measure{Level: l, CanalAreaMM2: numberOf(first(g, r.area, "NUM")), CanalAPMM: numberOf(first(g, r.canalAP, "NUM")),
		DiscHeightMM: numberOf(first(g, r.height, "NUM"))}
	if m.CanalAreaMM2 > 0 || m.CanalAPMM > 0 || m.DiscHeightMM > 0 {
		r.out.Measures = append(r.out.Measures, m)
	}
}

func (r *reader) readLesion(g *dataset.Dataset) {
	var l Lesion
	site := first(g, r.site, "CODE").Item(tagConceptCode)
	for _, info := range spine.Structures() {
		if s, _ := structure(info.Structure); s.is(site) {
			l.Level = info.Structure
		}
	}
	l.CenterLPS, _ = r.pointOf(g)
	for c := range l.Probabilities {
		l.Probabilities[c] = numberOf(first(g, probabilityOfPrimary(spine.LesionClass(c)), "NUM"))
	}
	for i := range l.Infection {
		l.Infection[i] = numberOf(first(g, probabilityOfInfection(spine.Infection(i)), "NUM"))
	}
	r.out.Lesions = append(r.out.Lesions, l)
}
