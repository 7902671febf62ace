package phantom

import "math"

// herniaKind follows Fardon 2014.
type herniaKind int

const (
	noHernia herniaKind = iota
	protrusion
	extrusion
	sequestration
)

func (k herniaKind) String() string {
	return [...]string{"", "protrusion", "extrusion", "sequestration"}[k]
}

// hernia is disc material in the canal: a bulb whose middle lies migrated mm below
// the disc at x, standing deep mm out behind the wall.
type hernia struct {
	kind             herniaKind
	x, migrated      float64
	deep, tall, wide float64
}

// drawHernia herniates a disc where it narrows the canal or a recess.
func (x *disc) drawHernia(d dice, variety float64) {
	n := x.narrow
	need := math.Max(1-n.canal, 0.6*math.Max(1-n.recess[0]/6, 1-n.recess[1]/6))
	if !d.chance(0.75 * need * variety) {
		return
	}
	h := hernia{kind: herniaKind(1 + d.IntN(3)), deep: d.between(2, 4) + 4*need*d.Float64(), wide: d.between(5, 9), tall: d.between(4, 6)}
	h.x = d.about(0, 4)
	if n.recess[0] < n.recess[1] {
		h.x = math.Abs(h.x)
	} else if n.recess[1] < n.recess[0] {
		h.x = -math.Abs(h.x)
	}
	switch h.kind {
	case extrusion:
		h.migrated, h.tall, h.deep = d.sign()*d.between(2, 7), d.between(6, 10), h.deep+1
	case sequestration:
		h.migrated, h.tall = d.sign()*d.between(9, 12), d.between(3.5, 5)
	}
	x.hernia = h
}

// reach is how far the hernia stands out behind the wall at a place, mm.
func (h *hernia) reach(off, px float64) float64 {
	if h.kind == noHernia {
		return 0
	}
	a, b := (off-h.migrated)/h.tall, (px-h.x)/h.wide
	if e := a*a + b*b; e < 1 {
		return h.deep * math.Sqrt(1-e)
	}
	return 0
}

// cyst of a facet joint, in the rear corner of the canal.
type cyst struct{ r, off, u, x float64 }

// drawCyst puts a cyst beside a worn facet.
func (x *disc) drawCyst(d dice, variety float64) {
	if d.chance(0.06 * variety * x.degeneration) {
		x.cyst = cyst{r: d.between(2.5, 5.5), off: d.about(0, 2), x: d.sign() * d.between(5, 9)}
	}
}

// at is the square of the distance from the cyst's middle in its radii; v is u
// before the roof of the canal.
func (c *cyst) at(off, v, px float64) float64 {
	if c.r == 0 {
		return 9
	}
	a, b, e := off-c.off, v+1, px-c.x
	return (a*a + b*b + e*e) / (c.r * c.r)
}

// schmorl is a node: the disc's bulge into an endplate.
type schmorl struct {
	up            bool // into the vertebra above
	u, x, deep, r float64
}

// drawNodes breaks endplates.
func (x *disc) drawNodes(d dice, front, wide, variety float64) {
	for range 3 {
		if d.chance(0.1 * variety * (0.4 + x.degeneration)) {
			x.nodes = append(x.nodes, schmorl{up: d.chance(0.5), u: front * d.between(-0.6, 0.5), x: wide * d.between(-0.4, 0.4),
				deep: d.between(2, 7), r: d.between(2.5, 6)})
		}
	}
}

// dent is how much further the disc reaches at a point because of its nodes.
func (x *disc) dent(up bool, u, px float64) float64 {
	sum := 0.0
	for n := range x.nodes {
		if c := &x.nodes[n]; c.up == up {
			a, b := (u-c.u)/c.r, (px-c.x)/c.r
			if e := a*a + b*b; e < 4 {
				sum += c.deep * math.Exp(-e*e)
			}
		}
	}
	return sum
}
