package phantom

import (
	"math"

	"columna/spine"
)

// DiscFinding is what is true of one graded disc beside the 25 grades.
type DiscFinding struct {
	Pfirrmann  int     `json:"pfirrmann"` // 1 to 5
	Herniation string  `json:"herniation,omitempty"`
	HerniaX    float64 `json:"hernia_x_mm,omitempty"` // to the left of the midline
	BulgeMM    float64 `json:"bulge_mm"`
	SlipMM     float64 `json:"slip_mm"` // of the vertebra above, forward
	Modic      int     `json:"modic"`   // 0 to 3
	Schmorl    int     `json:"schmorl_nodes"`
	Cyst       bool    `json:"synovial_cyst"`
	Gas        bool    `json:"gas"`
}

// FractureFinding is one broken body.
type FractureFinding struct {
	Level spine.Structure
	Kind  string
	Loss  float64 // share of the height
	Fresh bool    // with oedema
}

// Pfirrmann's grades follow the water left in the nucleus (here the share of its
// T2 that is gone) and, for the last, the height that is left.
const (
	PfirrmannTwoFrom   = 0.12
	PfirrmannThreeFrom = 0.35
	PfirrmannFourFrom  = 0.62
	PfirrmannFiveBelow = 0.55 // share of the healthy height
)

func (x *disc) pfirrmann() int {
	g := x.degeneration
	switch {
	case x.half < PfirrmannFiveBelow*x.healthyHalf:
		return 5
	case g >= PfirrmannFourFrom:
		return 4
	case g >= PfirrmannThreeFrom:
		return 3
	case g >= PfirrmannTwoFrom:
		return 2
	}
	return 1
}

// finding reads what was drawn of a disc.
func (x *disc) finding() DiscFinding {
	f := DiscFinding{Pfirrmann: x.pfirrmann(), Herniation: x.hernia.kind.String(), BulgeMM: x.bulge, SlipMM: x.narrow.slip,
		Modic: x.modic, Schmorl: len(x.nodes), Cyst: x.cyst.r > 0, Gas: x.gas}
	if x.hernia.kind != noHernia {
		f.HerniaX = x.hernia.x
	}
	return f
}

// tellFindings fills in what is true beside grades and lesions.
func (p *patient) tellFindings(c *Case) {
	c.LumbarCount, c.Transitional = p.lumbar, p.transition.String()
	for l := range c.Discs {
		c.Discs[l] = p.discs[firstLumbar+l].finding()
	}
	for n := range p.vertebrae {
		v := &p.vertebrae[n]
		c.Surgery = c.Surgery || v.laminectomy
		if f := v.fracture; f.kind != noFracture {
			c.Fractures = append(c.Fractures, FractureFinding{structureOf(n), f.kind.String(), f.loss, f.fresh})
		}
	}
}

// sacDepth is the depth of the sac at a disc, mm: the greatest within 5 mm of the
// midline, where a hernia may cut it in two.
func (p *patient) sacDepth(x *disc, sl *slice) float64 {
	const step = 0.1
	most := 0
	for px := -5.0; px <= 5; px++ {
		n := 0
		for u := float64(sl.sacC - sl.sacA); u <= float64(sl.sacC+sl.sacA); u += step {
			if p.inSac(x, sl, px, u) {
				n++
			}
		}
		most = max(most, n)
	}
	return math.Round(float64(most)) * step
}
