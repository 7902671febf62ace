package inference

import (
	"fmt"
	"math"
	"slices"

	"columna/spine"
	"columna/volume"
)

// Typical sizes in millimetres, used where a mask does not show the structure.
const (
	typicalCanalHalfWidthMM = 11
	typicalCanalDepthMM     = 8  // from the disc's posterior edge to the canal's middle
	foramenLateralMM        = 8  // beyond the canal's lateral edge
	foramenBehindMM         = 4  // behind the posterior edge of the disc
	foramenAboveMM          = 5  // above the middle of the disc
	recessInsideMM          = 2  // medial of the canal's lateral edge
	recessBehindMM          = 2  // behind the posterior edge of the disc
	canalSlabMM             = 6  // half height of the canal piece looked at
	minCanalHalfWidthMM     = 7  // limits of a believable canal
	maxCanalHalfWidthMM     = 15 //
)

// Anatomy is what a mask says about where things are: the landmarks of every
// graded level. The mask may be the truth, a prediction or a reader's work.
type Anatomy struct {
	left   volume.Vec3 // unit vector to the patient's left along the mask's axes
	levels [spine.LevelCount]landmarks
}

// landmarks of one disc level, in LPS+ millimetres.
type landmarks struct {
	found     bool
	disc      volume.Vec3 // middle of the disc
	up, back  volume.Vec3 // unit: normal to the disc towards the head; in its plane towards posterior
	edge      float64     // posterior edge of the disc, mm along back from disc
	canal     volume.Vec3 // middle of the canal at the disc
	halfWidth float64     // of the canal, mm
}

// NewAnatomy measures a mask.
func NewAnatomy(mask *volume.LabelMap) *Anatomy {
	_, _, left := frameOf(mask.Grid).directions(mask.Grid)
	a := &Anatomy{left: left}
	points := pointsByLabel(mask)
	for l := range spine.Level(spine.LevelCount) {
		a.levels[l] = measure(points, l, left)
	}
	return a
}

// pointsByLabel collects the voxel centres of every structure, at most about
// 20,000 each.
func pointsByLabel(mask *volume.LabelMap) [spine.MaxStructure + 1][]volume.Vec3 {
	var count [256]int
	for _, l := range mask.Data {
		count[l]++
	}
	var seen [256]int
	var out [spine.MaxStructure + 1][]volume.Vec3
	for n, l := range mask.Data {
		if l == 0 || l > uint8(spine.MaxStructure) {
			continue
		}
		if seen[l]++; seen[l]%(1+count[l]/20000) != 0 {
			continue
		}
		i, j, k := n%mask.Size[0], n/mask.Size[0]%mask.Size[1], n/(mask.Size[0]*mask.Size[1])
		out[l] = append(out[l], mask.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)}))
	}
	return out
}

// measure finds the landmarks of a level; a collapsed or unlabelled disc is
// taken to lie between its two vertebrae.
func measure(points [spine.MaxStructure + 1][]volume.Vec3, l spine.Level, left volume.Vec3) landmarks {
	disc, upper, lower := points[l.Disc()], points[l.Upper()], points[l.Lower()]
	m := landmarks{up: toInferior.Scale(-1)}
	switch {
	case len(upper) > 0 && len(lower) > 0:
		m.up = mean(upper).Sub(mean(lower))
	case len(disc) > 0 && len(upper) > 0:
		m.up = mean(upper).Sub(mean(disc))
	case len(disc) > 0 && len(lower) > 0:
		m.up = mean(disc).Sub(mean(lower))
	}
	if len(disc) == 0 && (len(upper) == 0 || len(lower) == 0) {
		return m
	}
	m.found = true
	m.up = m.up.Sub(left.Scale(m.up.Dot(left))).Unit()
	if len(disc) > 0 {
		m.disc = mean(disc)
		m.tilt(disc, left)
	} else {
		m.disc = mean(upper).Add(mean(lower)).Scale(0.5)
	}
	m.back = left.Cross(m.up).Scale(-1).Unit()
	if m.back.Dot(toPosterior) < 0 {
		m.back = m.back.Scale(-1)
	}
	m.edge = posteriorEdge(disc, m, left)
	m.findCanal(points[spine.Canal], left)
	return m
}

// tilt turns up to the normal of the disc in the sagittal plane: the disc is
// long from front to back, so the short principal axis of its outline is the
// normal. It is kept only near the line through the vertebrae.
func (m *landmarks) tilt(disc []volume.Vec3, left volume.Vec3) {
	along := left.Cross(m.up).Unit()
	var uu, uv, vv float64
	for _, p := range disc {
		d := p.Sub(m.disc)
		u, v := d.Dot(along), d.Dot(m.up)
		uu, uv, vv = uu+u*u, uv+u*v, vv+v*v
	}
	angle := 0.5 * math.Atan2(2*uv, uu-vv)
	if math.Abs(angle) < 35*math.Pi/180 && uu > 2*vv {
		m.up = m.up.Scale(math.Cos(angle)).Sub(along.Scale(math.Sin(angle))).Unit()
	}
}

// posteriorEdge is the distance along back from the middle of the disc to its
// posterior edge near the midline (95th percentile); 17 mm without a disc.
func posteriorEdge(disc []volume.Vec3, m landmarks, left volume.Vec3) float64 {
	var reach []float64
	for _, p := range disc {
		d := p.Sub(m.disc)
		if math.Abs(d.Dot(left)) < 10 {
			reach = append(reach, d.Dot(m.back))
		}
	}
	if len(reach) < 10 {
		return 17
	}
	slices.Sort(reach)
	return min(max(reach[len(reach)*95/100], 8), 28)
}

// findCanal measures the piece of canal behind the disc, or assumes a typical
// one where the mask shows none.
func (m *landmarks) findCanal(canal []volume.Vec3, left volume.Vec3) {
	var sum volume.Vec3
	var n, x, xx float64
	for _, p := range canal {
		d := p.Sub(m.disc)
		if b := d.Dot(m.back); math.Abs(d.Dot(m.up)) > canalSlabMM || b < 0 || b > 60 {
			continue
		}
		s := d.Dot(left)
		sum, n, x, xx = sum.Add(p), n+1, x+s, xx+s*s
	}
	if n < 5 {
		m.canal = m.disc.Add(m.back.Scale(m.edge + typicalCanalDepthMM))
		m.halfWidth = typicalCanalHalfWidthMM
		return
	}
	m.canal = sum.Scale(1 / n)
	// A line of half width h has standard deviation h/sqrt(3).
	deviation := math.Sqrt(math.Max(xx/n-(x/n)*(x/n), 0))
	m.halfWidth = min(max(math.Sqrt(3)*deviation, minCanalHalfWidthMM), maxCanalHalfWidthMM)
}

// Target is the place at which a condition is read at a level, from the mask
// alone; not ok with a reason where the mask does not show the level.
func (a *Anatomy) Target(c spine.Condition, l spine.Level) (mm volume.Vec3, reason string) {
	m := a.levels[l]
	if !m.found {
		return mm, fmt.Sprintf("disc %s was not found in the images", l.Title())
	}
	side := float64(c.Side())
	mid := m.disc.Add(a.left.Scale(m.canal.Sub(m.disc).Dot(a.left)))
	switch c {
	case spine.SpinalCanalStenosis:
		return m.canal, ""
	case spine.LeftNeuralForaminalNarrowing, spine.RightNeuralForaminalNarrowing:
		return mid.Add(m.back.Scale(m.edge + foramenBehindMM)).Add(m.up.Scale(foramenAboveMM)).
			Add(a.left.Scale(side * (m.halfWidth + foramenLateralMM))), ""
	}
	return mid.Add(m.back.Scale(m.edge + recessBehindMM)).Add(a.left.Scale(side * (m.halfWidth - recessInsideMM))), ""
}

// LevelPoint is the middle of a level's disc.
func (a *Anatomy) LevelPoint(l spine.Level) (volume.Vec3, bool) {
	return a.levels[l].disc, a.levels[l].found
}

func mean(points []volume.Vec3) volume.Vec3 {
	var sum volume.Vec3
	for _, p := range points {
		sum = sum.Add(p)
	}
	return sum.Scale(1 / float64(len(points)))
}
