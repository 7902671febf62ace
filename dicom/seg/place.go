package seg

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"columna/dicom/dataset"
	"columna/volume"
)

// Tolerances of frames in the patient.
const (
	samePositionMM = 0.01
	sameDirection  = 1 - 1e-8 // cosine; 0.05 mm at the edge of a slice
	maxShearPx     = 0.5
	unevenStep     = 0.1 // of a step
	maxParts       = 64
)

// groups are the data sets in which a functional group may stand, the nearest first:
// the frame's own, the shared one, the file itself.
type groups []*dataset.Dataset

// find is the item of a functional group, else the last data set.
func (g groups) find(t dataset.Tag) *dataset.Dataset {
	for _, d := range g {
		if len(d.Items(t)) > 0 {
			return d.Item(t)
		}
	}
	return g[len(g)-1]
}

// plane is where a frame lies.
type plane struct {
	frame, segment int
	origin, u, v   volume.Vec3 // of pixel (0,0), along a row, along a column
	spacing        [2]float64  // mm along u and v
	between        float64     // mm to the next plane by the header, 0 unknown
}

func planeOf(g groups) (p plane, err error) {
	measures := g.find(tagPixelMeasures)
	pos := g.find(tagPlanePosition).Numbers(tagPosition)
	ori := g.find(tagPlaneOrientation).Numbers(tagOrientation)
	gap := measures.Numbers(tagPixelSpacing)
	if len(pos) != 3 || len(ori) != 6 || len(gap) != 2 {
		return p, errors.New("position, orientation or pixel spacing is missing: it cannot be placed in the patient")
	}
	p.origin = volume.Vec3{pos[0], pos[1], pos[2]}
	u, v := volume.Vec3{ori[0], ori[1], ori[2]}, volume.Vec3{ori[3], ori[4], ori[5]}
	switch {
	case p.origin.Norm() > 1e5:
		return p, errors.New("the position in the patient is out of range")
	case gap[0] < 0.01 || gap[1] < 0.01 || gap[0] > 100 || gap[1] > 100:
		return p, errors.New("the pixel spacing is out of range")
	case math.Abs(u.Norm()-1) > 1e-2 || math.Abs(v.Norm()-1) > 1e-2 || math.Abs(u.Dot(v)) > 1e-2:
		return p, errors.New("the orientation's directions are not of length one and at right angles")
	}
	p.u = u.Unit()
	p.v = v.Sub(p.u.Scale(v.Dot(p.u))).Unit()
	p.spacing = [2]float64{gap[1], gap[0]}
	p.between = measures.Float(tagSliceSpacing)
	if !(p.between > 0.01 && p.between < 100) {
		p.between = measures.Float(tagSliceThickness)
	}
	if !(p.between > 0.01 && p.between < 100) {
		p.between = 0
	}
	return p, nil
}

func (p *plane) normal() volume.Vec3 { return p.u.Cross(p.v) }

// along is the position along the normal.
func (p *plane) along() float64 { return p.origin.Dot(p.normal()) }

// parallel reports whether two planes can lie in one volume.
func (p *plane) parallel(q *plane) bool {
	return p.u.Dot(q.u) > sameDirection && p.v.Dot(q.v) > sameDirection &&
		math.Abs(p.spacing[0]-q.spacing[0]) < 1e-4 && math.Abs(p.spacing[1]-q.spacing[1]) < 1e-4
}

// readParts fills the frames into label maps, one for each direction.
func (r *reader) readParts() error {
	var parts [][]plane
	for _, p := range r.planes {
		at := slices.IndexFunc(parts, func(g []plane) bool { return g[0].parallel(&p) })
		if at < 0 {
			if at = len(parts); at == maxParts {
				return fmt.Errorf("its frames lie in more than %d directions", maxParts)
			}
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], p)
	}
	left, covered := maxVoxels, 0
	for _, planes := range parts {
		l, err := r.lattice(planes)
		if err != nil {
			return err
		}
		if left -= l.grid.Len(); left < 0 {
			return fmt.Errorf("its frames span more than %d million voxels", maxVoxels/1_000_000)
		}
		n, err := r.fill(l, planes)
		if err != nil {
			return err
		}
		covered += n
	}
	if covered > 0 {
		r.warn("%d voxels belong to several segments: the later one was taken", covered)
	}
	return nil
}

// even is a uniform grid and where planes lie on it.
type even struct {
	grid  volume.Grid
	first float64 // position of slice 0 along the normal
	step  float64
}

// slice is the slice of a plane.
func (l *even) slice(p *plane) int { return int(math.Round((p.along() - l.first) / l.step)) }

// lattice is the grid that some parallel planes span. The step comes from their
// positions; the header's spacing only says how many slices may lie, empty, between.
func (r *reader) lattice(planes []plane) (*even, error) {
	planes = slices.Clone(planes)
	slices.SortStableFunc(planes, func(a, b plane) int { return cmp.Compare(a.along(), b.along()) })
	a, z := planes[0], planes[len(planes)-1]
	span := z.along() - a.along()
	l := &even{first: a.along(), step: stepOf(planes)}
	count := 1
	direction := a.normal().Scale(l.step)
	if span > samePositionMM {
		n := math.Round(span / l.step)
		if n > math.MaxUint16 {
			return nil, errors.New("its frames lie too far apart for their spacing")
		}
		count, l.step = int(n)+1, span/n
		direction = z.origin.Sub(a.origin).Scale(1 / n)
	}
	l.grid = volume.Grid{Size: [3]int{r.px.cols, r.px.rows, count},
		Affine: volume.NewAffine(a.u.Scale(a.spacing[0]), a.v.Scale(a.spacing[1]), direction, a.origin)}
	if err := l.grid.Validate(); err != nil {
		return nil, fmt.Errorf("its frames make no volume: %w", err)
	}
	return l, r.checkLattice(l, planes)
}

// stepOf is the distance of slices: the smallest between two planes, or the part of it
// that the header says.
func stepOf(sorted []plane) float64 {
	smallest := math.Inf(1)
	for i := 1; i < len(sorted); i++ {
		if d := sorted[i].along() - sorted[i-1].along(); d > samePositionMM {
			smallest = math.Min(smallest, d)
		}
	}
	between := sorted[0].between
	switch {
	case math.IsInf(smallest, 1) && between > 0:
		return between
	case math.IsInf(smallest, 1):
		return 1
	case between == 0:
		return smallest
	case smallest < 1.5*between && smallest > 0.7*between || smallest < 0.25*between:
		return between
	}
	return smallest / math.Max(math.Round(smallest/between), 1)
}

// checkLattice refuses planes that are shifted against each other and says where they
// are uneven.
func (r *reader) checkLattice(l *even, planes []plane) error {
	uneven := 0.0
	for i := range planes {
		p := &planes[i]
		k := l.slice(p)
		off := p.origin.Sub(l.grid.ToWorld(volume.Vec3{0, 0, float64(k)}))
		along := off.Dot(p.normal())
		uneven = math.Max(uneven, math.Abs(along))
		if off.Sub(p.normal().Scale(along)).Norm() > maxShearPx*math.Min(p.spacing[0], p.spacing[1]) {
			return errors.New("its frames are shifted against each other")
		}
	}
	if uneven > math.Max(unevenStep*l.step, samePositionMM) {
		r.warn("the frames are unevenly spaced by up to %.1f mm and were put on even slices", uneven)
	}
	return nil
}

// fill makes the label map of some planes and counts the voxels that several segments
// claim.
func (r *reader) fill(l *even, planes []plane) (covered int, err error) {
	m := volume.NewLabelMap(l.grid)
	size := r.px.size()
	for i := range planes {
		p := &planes[i]
		k := l.slice(p)
		slice := m.Data[k*size : (k+1)*size]
		err := r.px.visit(p.frame, func(at, value int) {
			label := r.labelOf[p.segment]
			if r.labels {
				label = r.labelOf[value]
			} else if value < r.least {
				label = 0
			}
			if label == 0 {
				return
			}
			if slice[at] != 0 && slice[at] != label {
				covered++
			}
			slice[at] = label
		})
		if err != nil {
			return 0, err
		}
	}
	r.out.Parts = append(r.out.Parts, m)
	return covered, nil
}
