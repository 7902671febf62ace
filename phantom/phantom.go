// Package phantom makes synthetic lumbar MR studies whose whole truth is known:
// sagittal T1, T2 and STIR, axial T2 blocks, a label map, the 25 stenosis grades
// and the lesions.
//
// # How
//
// The anatomy is implicit: a function says what tissue lies at a point of the
// patient (classify.go). The spine is described in its own coordinates, s along
// the bodies, u to posterior, x to the left (curve.go), everything else in world
// coordinates. A series is seen by asking that function at a few places in every
// voxel (see.go), adding up the signals of water and fat (technique.go), then
// chemical shift, point spread, ghosts, coil and Rician noise (receiver.go). Same
// seed and options, same bytes, whatever the number of processors: every stream of
// random numbers has one consumer.
//
// # Truth
//
// Labels are spine.Structure. S1 covers the whole sacrum with its wings and the
// remnants of discs in it (S1, S2 and below), so that the sacrum anchors the
// count; the bone behind the sacral canal is posterior elements. Canal is the
// thecal sac. Posterior elements begin behind the posterior wall of the bodies,
// pedicles included. Levels are counted up from the sacrum (proportions.go), so
// that L1 to L5 and their discs are always there; Case.LumbarCount says how many
// lumbar vertebrae there really are. Grades are measured, see narrowing.go for
// the thresholds. Nothing here is a real patient.
package phantom

import (
	"columna/spine"
	"columna/volume"
)

// Lesion is one lesion of the truth.
type Lesion struct {
	Class       spine.LesionClass // of a metastasis
	Spondylitis bool              // an infection instead of a metastasis
	Tuberculous bool              // tuberculous, not pyogenic
	Box         spine.Box
	CentroidMM  volume.Vec3
	Level       spine.Structure // the vertebra, the upper one of an infected disc
	Label       uint8           // value in Case.LesionMask
}

// Infection is the kind of a spondylitis.
func (l Lesion) Infection() spine.Infection {
	if l.Tuberculous {
		return spine.Tuberculous
	}
	return spine.Pyogenic
}

// Timing is a sequence's TR, TE and TI in milliseconds; TI 0 without inversion.
type Timing struct {
	TRMS float64 `json:"tr_ms"`
	TEMS float64 `json:"te_ms"`
	TIMS float64 `json:"ti_ms,omitempty"`
}

// Scanner is how the study was acquired.
type Scanner struct {
	FieldT         float64                   `json:"field_t"`
	Timing         map[spine.Sequence]Timing `json:"timing"`
	RandomContrast bool                      `json:"random_contrast"`
	Techniques     []Technique               `json:"techniques"`  // of the sagittal series, in order
	NoiseSigma     float64                   `json:"noise_sigma"` // of the full signal of pure water
}

// newScanner notes what a study was made with; of two techniques of one weighting
// the first gives the timing.
func newScanner(field float64, random bool, noise float64, pulses []pulse) Scanner {
	s := Scanner{FieldT: field, RandomContrast: random, NoiseSigma: noise, Timing: map[spine.Sequence]Timing{}}
	for _, p := range pulses {
		s.Techniques = append(s.Techniques, p.Technique)
		if _, taken := s.Timing[p.Sequence()]; !taken {
			s.Timing[p.Sequence()] = Timing{p.TR, p.TE, p.TI}
		}
	}
	return s
}

// Measure is the geometry behind one level's grades.
type Measure struct {
	CanalAreaMM2    float64    `json:"canal_area_mm2"`
	CanalRatio      float64    `json:"canal_ratio"`
	ForamenFatRatio [2]float64 `json:"foramen_fat_ratio"` // left, right
	RecessMM        [2]float64 `json:"recess_mm"`         // left, right
	CanalAPMM       float64    `json:"canal_ap_mm"`       // of the sac near the midline
	ForamenFatMM2   [2]float64 `json:"foramen_fat_mm2"`   // left, right
	DiscHeightMM    float64    `json:"disc_height_mm"`    // in its middle
}

// Case is one phantom with its truth.
type Case struct {
	Seed         uint64
	Study        spine.Study
	Truth        *volume.LabelMap     // on the grid of the sagittal T2
	LesionMask   *volume.LabelMap     // same grid, Lesion.Label; nil without lesions
	Grades       []spine.GradeFinding // 25, by condition then level, with points
	Lesions      []Lesion
	Levels       []spine.Structure // vertebrae and discs in the truth, from the top
	Measures     [spine.LevelCount]Measure
	CanalAreaMM2 [spine.LevelCount]float64
	Discs        [spine.LevelCount]DiscFinding
	Fractures    []FractureFinding
	LumbarCount  int    // lumbar vertebrae of the patient: 4, 5 or 6
	Transitional string // sacralised_l5, lumbarised_s1 or nothing
	Surgery      bool   // a lamina was taken away, screws perhaps set
	Scanner      Scanner
}

// build draws an anatomy with its pathology.
func build(seed uint64, o Options) *patient {
	p := newPatient(seed, o)
	p.drawNarrowings(seed, o.Pathology, o.PathologyLevel)
	p.drawDisease(seed, o.Pathology)
	p.finish(seed)
	if !o.NoLesions {
		p.drawLesions(seed, o)
	}
	return p
}

// Generate makes the study of one seed.
func Generate(seed uint64, o Options) *Case {
	p := build(seed, o)
	a := newAcquisition(seed, o, p, o.techniques(newDice(seed, streamTiming)))
	c := &Case{Seed: seed, Scanner: a.scanner}
	c.Study = p.header(seed, a)
	truth := a.sagittal(c)
	if o.WithAxial {
		a.axial(c)
	}
	p.tell(c, truth)
	return c
}
