package phantom

import (
	"math"

	"columna/spine"
)

// vertebra is one vertebra or sacral segment. Lengths in mm; halfW, front and back
// are the outline of the body at its endplates from the line of the curve.
type vertebra struct {
	label              spine.Structure
	height             float64
	top, bottom        float64 // s of the endplates' rims
	halfW, front, back float64
	waist              float64 // how much slimmer at mid-height, a share
	pedX, pedW, pedH   float64 // pedicle: distance from the midline, half width, half height
	basi               float64 // size of the basivertebral vein
	fracture           fracture
	spots              []spot
	laminectomy, lysis bool // no lamina, or its pars interrupted
}

// disc is the disc below vertebra number index. Heights in mm at the rim; the
// endplates' concavity comes on top. Narrowings are what pathology.go draws.
type disc struct {
	label            spine.Structure
	index            int
	mid, half        float64
	concUp, concDown float64 // depth of the endplate above and below
	degeneration     float64 // 0 healthy .. 1 dark and collapsed
	bulge            float64 // all around, mm
	osteophyte       float64 // at the neighbouring rims, mm
	modic            int     // 0 to 3
	modicDepth       float64
	fissure          bool
	healthyHalf      float64 // half the height before it degenerated
	hernia           hernia
	nodes            []schmorl
	cyst             cyst
	gas              bool
	narrow           narrowing
	canal            canalShape
}

// patient is the whole anatomy, in spine coordinates and in world coordinates.
type patient struct {
	vertebrae [vertebraSum]vertebra
	discs     [vertebraSum - 1]disc
	curve     *curve
	scoliosis scoliosis
	variety   float64
	frame     *frame
	stances   []stance // as the slices
	slices    []slice  // per quarter millimetre of s
	bones     []bone
	ribs      []rib
	ribsEnd   float64 // s below which none is met
	roots     []root
	lumbar    int // how many lumbar vertebrae
	transition
	pelvis      pelvis
	metal       []screw
	noise       *noiseField
	lesions     []lesionShape
	infection   *infection
	trunk       trunk
	size        float64 // of the skeleton, 1 = average
	female      bool
	age         int
	conus       float64 // s of the tip of the spinal cord
	canalWide   float64
	rootSeed    float64 // shifts the pattern of the cauda equina
	endplate    float64 // thickness, mm
	fixed       int     // the upper of two vertebrae joined by screws, 0 = none
	voidMM      float64
	lipomatosis float64 // share by which epidural fat narrows the low sac
	patchy      float64 // how unevenly fat is spread in the marrow
}

// newPatient draws an anatomy, without pathology.
func newPatient(seed uint64, o Options) *patient {
	d := newDice(seed, streamAnatomy)
	p := &patient{variety: o.Variety, female: d.chance(0.5), noise: newNoiseField(newDice(seed, streamTexture))}
	p.size = d.about(1.02, 0.045)
	if p.female {
		p.size -= 0.06
	}
	p.age = int(min(max(d.about(38+35*math.Sqrt(o.Pathology), 13), 18), 90))
	p.drawBuild(seed, o.Lumbar)
	p.endplate = d.between(0.45, 0.85)
	p.canalWide = d.about(1, 0.06)
	p.rootSeed = d.between(0, 40)
	for n := range p.vertebrae {
		p.vertebrae[n] = p.drawVertebra(d, n)
	}
	for n := range p.discs {
		p.discs[n] = p.drawDisc(d, n)
	}
	p.drawTransition(seed)
	return p
}

func (p *patient) drawVertebra(d dice, n int) vertebra {
	k := p.size
	v := vertebra{label: structureOf(n), height: bodyHeights[n] * k * d.about(1, 0.025),
		halfW: halfWidths[n] * k * d.about(1, 0.02), front: depths[n] * k * d.about(1, 0.025), back: depths[n] * k,
		waist: d.between(0.07, 0.17), pedX: pedicleX[n] * k, pedW: pedicleW[n] * k * d.about(1, 0.08),
		pedH: 7.2 * k * d.about(1, 0.06), basi: d.between(0, 1.4)}
	if n >= firstSacral {
		v.waist, v.basi = 0.03, 0
	}
	return v
}

func (p *patient) drawDisc(d dice, n int) disc {
	old := math.Max(float64(p.age-20)/60, -0.2)
	x := disc{label: discOf(n), index: n, half: discHeights[n] / 2 * p.size * d.about(1, 0.08),
		concUp: d.between(0.8, 2.3), concDown: d.between(0.5, 1.7)}
	if n >= firstSacral {
		x.half *= d.between(0.4, 1.5)
		x.concUp, x.concDown, x.degeneration = 0.1, 0.1, 0.8
		return x
	}
	low := float64(max(n-firstLumbar, 0)) / 5
	x.degeneration = min(max(d.about(old*0.75+0.15*low, 0.2), 0), 1)
	x.bulge = d.between(0, 1) * (0.3 + x.degeneration)
	x.fissure = d.chance(0.2)
	x.healthyHalf = x.half
	return x
}

// finish lays the drawn parts along the curve, once pathology has changed them.
func (p *patient) finish(seed uint64) {
	d := newDice(seed, streamAnatomy+100)
	p.stack()
	p.bend(d)
	p.scoliosis = p.drawScoliosis(d)
	p.tabulate()
	p.addBones()
	p.addMetal()
	p.addRibs()
	p.pelvis = p.drawPelvis(d)
	p.frame = newFrame(p.curve)
	p.trunk = p.drawTrunk(d)
	p.roots = p.drawRoots(d)
	p.fillCanals()
}

// stack sets the places of the endplates along s, zero in the middle of L5/S1.
func (p *patient) stack() {
	s := 0.0
	for n := range p.vertebrae {
		v := &p.vertebrae[n]
		v.top, v.bottom = s, s+v.height
		s = v.bottom
		if n < len(p.discs) {
			p.discs[n].mid = s + p.discs[n].half
			s += 2 * p.discs[n].half
		}
	}
	zero := p.discs[firstSacral-1].mid
	for n := range p.vertebrae {
		p.vertebrae[n].top -= zero
		p.vertebrae[n].bottom -= zero
		if n < len(p.discs) {
			p.discs[n].mid -= zero
		}
	}
	p.conus = p.vertebrae[firstSacral-p.lumbar].top + d01(p.rootSeed)*30 - 8
}

// d01 turns any number into one in 0..1.
func d01(x float64) float64 { return x*7.31 - math.Floor(x*7.31) }

// bend chooses the lordosis: the slope of the sacrum, and how the angles are
// shared by the levels (most of it below L4).
func (p *patient) bend(d dice) {
	slope := d.about(37, 6+3*p.variety)
	lordosis := min(max(d.about(slope+7, 6+4*p.variety), 5), 72)
	share := [6]float64{0.36, 0.24, 0.17, 0.12, 0.08, 0.03}
	var knots []knot
	angle := slope
	at := []knot{{p.discs[firstSacral-1].mid + 6, slope}}
	for n := range share {
		angle -= share[n] * lordosis
		v := p.vertebrae[firstSacral-1-n]
		at = append(at, knot{(v.top + v.bottom) / 2, angle})
	}
	at = append(at, knot{p.vertebrae[1].top, angle + d.between(4, 18)})
	for n := len(at) - 1; n >= 0; n-- {
		knots = append(knots, at[n])
	}
	sacral := slope + d.between(6, 16)
	for n, turn := range []float64{0, 4, -14, -40, -62, -85, -100} {
		v := p.vertebrae[firstSacral+n]
		knots = append(knots, knot{(v.top+v.bottom)/2 + 4, sacral + turn})
	}
	p.curve = newCurve(knots, p.kyphosis, p.vertebrae[0].top-60, p.vertebrae[vertebraSum-1].bottom+40, p.vertebrae[firstLumbar+2].top+14)
}
