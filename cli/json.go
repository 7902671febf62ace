package cli

import (
	"encoding/json"
	"maps"
	"math"

	"columna/dicom"
	"columna/inference"
	"columna/models"
	"columna/review"
	"columna/spine"
	"columna/volume"
)

// number is a float that is null in JSON where it is undefined.
type number float64

// MarshalJSON writes NaN and infinities as null.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

type seriesJSON struct {
	UID         string         `json:"uid"`
	Block       int            `json:"block"`
	Description string         `json:"description"`
	Sequence    spine.Sequence `json:"sequence"`
	Plane       spine.Plane    `json:"plane"`
	Size        [3]int         `json:"size"`
	SpacingMM   volume.Vec3    `json:"spacing_mm"`
	Confidence  float64        `json:"confidence"`
	CorrectedBy string         `json:"corrected_by,omitempty"`
	Warnings    []string       `json:"warnings,omitempty"`
}

type caseJSON struct {
	ID        int64        `json:"id"`
	PatientID string       `json:"patient_id"`
	Series    []seriesJSON `json:"series"`
}

type importJSON struct {
	Cases         []caseJSON         `json:"cases"`
	Segmentations []segmentationJSON `json:"segmentations,omitempty"`
	Refused       []dicom.Refusal    `json:"refused"`
}

// segmentationJSON is a DICOM segmentation that became a version of a case's mask.
type segmentationJSON struct {
	Case        int64    `json:"case"`
	Version     int      `json:"version"`
	Known       bool     `json:"known"` // imported before
	Description string   `json:"description"`
	Warnings    []string `json:"warnings,omitempty"`
}

type probabilitiesJSON struct {
	NormalMild float64 `json:"normal_mild"`
	Moderate   float64 `json:"moderate"`
	Severe     float64 `json:"severe"`
}

type gradeJSON struct {
	Condition     string             `json:"condition"`
	Level         string             `json:"level"`
	Grade         string             `json:"grade"`
	Probabilities *probabilitiesJSON `json:"probabilities"`
	Point         *spine.Point       `json:"point"`
	Reason        string             `json:"reason,omitempty"`
}

func gradesJSON(in []spine.GradeFinding) []gradeJSON {
	out := []gradeJSON{}
	for _, g := range in {
		j := gradeJSON{Condition: g.Condition.String(), Level: g.Level.String(), Grade: g.Grade.String(), Point: g.Point, Reason: g.Reason}
		if g.Grade >= spine.NormalMild {
			p := g.Probabilities
			j.Probabilities = &probabilitiesJSON{p[0], p[1], p[2]}
		}
		out = append(out, j)
	}
	return out
}

type structureJSON struct {
	Label       uint8       `json:"label"`
	Name        string      `json:"name"`
	VolumeMM3   float64     `json:"volume_mm3"`
	CentroidLPS volume.Vec3 `json:"centroid_lps_mm"`
	Confidence  number      `json:"confidence"` // the network's mean probability inside it
}

func structuresJSON(a *spine.Analysis) []structureJSON {
	out := []structureJSON{}
	if a.Mask == nil {
		return out
	}
	for _, x := range a.Mask.Measures() {
		if s := spine.Structure(x.Label); s != spine.Background {
			sure, ok := a.Confidence[s]
			if !ok {
				sure = math.NaN()
			}
			out = append(out, structureJSON{x.Label, s.String(), x.VolumeMM3, x.Centroid, number(sure)})
		}
	}
	return out
}

type lesionJSON struct {
	Box           spine.Box          `json:"box"`
	Level         string             `json:"level"`
	Probabilities map[string]float64 `json:"probabilities"`       // of the primary sites, if it is a metastasis
	Infection     map[string]float64 `json:"infection,omitempty"` // of the kinds, if it is an infection and the network tells
}

func lesionsJSON(in []spine.LesionFinding) []lesionJSON {
	out := []lesionJSON{}
	for _, l := range in {
		p := map[string]float64{}
		for c, x := range l.Probabilities {
			p[spine.LesionClass(c).String()] = x
		}
		j := lesionJSON{Box: l.Box, Level: l.Level.String(), Probabilities: p}
		if l.SaysInfection() {
			j.Infection = map[string]float64{}
			for i, x := range l.Infection {
				j.Infection[spine.Infection(i).String()] = x
			}
		}
		out = append(out, j)
	}
	return out
}

// measureJSON is what the mask shows at a level; null where it was not measured.
type measureJSON struct {
	Level        string `json:"level"`
	CanalAreaMM2 number `json:"canal_area_mm2"`
	CanalAPMM    number `json:"canal_ap_mm"`
	DiscHeightMM number `json:"disc_height_mm"`
}

func measuresJSON(m *volume.LabelMap) []measureJSON {
	out := []measureJSON{}
	if m == nil {
		return out
	}
	known := func(x float64) number {
		if x <= 0 {
			return number(math.NaN())
		}
		return number(x)
	}
	for _, x := range inference.MeasureLevels(m) {
		out = append(out, measureJSON{x.Level.String(), known(x.CanalAreaMM2), known(x.CanalAPMM), known(x.DiscHeightMM)})
	}
	return out
}

type analysisJSON struct {
	Case       int64              `json:"case,omitempty"`
	Models     []spine.ModelRef   `json:"models"`
	Structures []structureJSON    `json:"structures"`
	Grades     []gradeJSON        `json:"grades"`
	Lesions    []lesionJSON       `json:"lesions"`
	Measures   []measureJSON      `json:"measures"`
	Flags      []spine.Flag       `json:"flags"`
	Warnings   []string           `json:"warnings,omitempty"` // what could not be opened
	Seconds    map[string]float64 `json:"seconds"`
}

func newAnalysisJSON(caseID int64, a *spine.Analysis) analysisJSON {
	j := analysisJSON{
		Case: caseID, Models: a.Models, Structures: structuresJSON(a), Grades: gradesJSON(a.Grades),
		Lesions: lesionsJSON(a.Lesions), Measures: measuresJSON(a.Mask), Flags: a.Flags,
	}
	j.Seconds = map[string]float64{"load": 0, "segment": 0, "grade": 0, "gradcam": 0, "total": 0}
	maps.Copy(j.Seconds, a.Seconds)
	if j.Flags == nil {
		j.Flags = []spine.Flag{}
	}
	if j.Models == nil {
		j.Models = []spine.ModelRef{}
	}
	return j
}

type scoreJSON struct {
	Label  uint8  `json:"label"`
	Name   string `json:"name"`
	Dice   number `json:"dice"`
	IoU    number `json:"iou"`
	HD95MM number `json:"hd95_mm"`
	ASSDMM number `json:"assd_mm"`
	Ref    int    `json:"reference_voxels"`
	Pred   int    `json:"predicted_voxels"`
}

func newScoreJSON(name string, s volume.LabelScore) scoreJSON {
	return scoreJSON{s.Label, name, number(s.Dice), number(s.IoU), number(s.HD95MM), number(s.ASSDMM), s.RefVoxels, s.PredVoxels}
}

type meanJSON struct {
	Dice   number `json:"dice"`
	IoU    number `json:"iou"`
	HD95MM number `json:"hd95_mm"`
	ASSDMM number `json:"assd_mm"`
	// Missing counts the labels that one side lacks; they are in no mean.
	Missing int `json:"missing"`
}

// modelJSON is a card with the name of its file, or, of a model just built, its text.
type modelJSON struct {
	models.Spec
	Card string `json:"card"`
}

// listedJSON is one line of the worklist.
type listedJSON struct {
	ID          int64             `json:"id"`
	PatientID   string            `json:"patient_id"`
	PatientName string            `json:"patient_name"`
	Age         string            `json:"age"`
	Sex         string            `json:"sex"`
	Date        string            `json:"date"`
	Sequences   []string          `json:"sequences"`
	AIState     string            `json:"ai_state"`
	WorstGrade  string            `json:"worst_grade"`
	Flags       int               `json:"flags"`
	State       spine.ReaderState `json:"state"`
}

type listJSON struct {
	Cases []listedJSON `json:"cases"`
	Total int          `json:"total"`
}

func newListJSON(rows []review.CaseRow, total int) listJSON {
	out := listJSON{Cases: []listedJSON{}, Total: total}
	for _, r := range rows {
		out.Cases = append(out.Cases, listedJSON{r.ID, r.PatientID, r.PatientName, r.Age, r.Sex, r.Date, r.Sequences,
			r.AIState, r.WorstGrade.String(), r.Flags, r.State})
	}
	return out
}
