package inference

import (
	"math"
	"slices"

	"columna/spine"
	"columna/volume"
)

// Sizes at which pieces are joined, cut or dropped, in millimetres along the
// spine or as a share of the middle piece of the kind. They are an adult's.
const (
	sameBodyMM = 11   // fragments of one body lie at one height
	sameDiscMM = 7    //
	fragmentMM = 32   // and not farther apart than a body is wide
	tallBodyMM = 50   // taller than any body, however tilted: two or more
	tallDiscMM = 46   //
	bodyStepMM = 35   // from body to body
	crumbShare = 0.06 // pieces smaller than that are noise
	maxLean    = 0.75 // radians by which the disc above a steep sacrum leans
)

// netMap is the network's answer on its own grid, drawn as large as if the patient
// were an adult.
type netMap struct {
	grid   volume.Grid
	growth float64          // by which the grid was enlarged
	class  *volume.LabelMap // semantic argmax
	level  []float32        // node logits, channel after channel
	up     volume.Vec3      // unit vector towards the head
	sacrum []volume.Vec3    // surface points of the sacrum, enlarged LPS+ mm
}

func newNetMap(grid volume.Grid, growth float64, semantic, level []float32) *netMap {
	m := &netMap{grid: enlarged(grid, 1/growth), growth: growth, class: argmaxMap(grid, semantic, classCount), level: level}
	m.up = m.grid.Affine.Column(1).Scale(-1).Unit()
	for _, c := range volume.Components(m.class, classSacrum) {
		if float64(c.Voxels)*voxelMM3(m.grid) < 2000 {
			break // components come largest first
		}
		for _, n := range c.Indices {
			m.sacrum = append(m.sacrum, m.at(n))
		}
		break
	}
	return m
}

// enlarged stretches a grid about the origin of the patient's coordinates.
func enlarged(g volume.Grid, by float64) volume.Grid {
	a := g.Affine
	g.Affine = volume.NewAffine(a.Column(0).Scale(by), a.Column(1).Scale(by), a.Column(2).Scale(by), a.Column(3).Scale(by))
	return g
}

func argmaxMap(grid volume.Grid, logits []float32, channels int) *volume.LabelMap {
	out := volume.NewLabelMap(grid)
	n := grid.Len()
	best := slices.Clone(logits[:n])
	for c := 1; c < channels; c++ {
		for i, v := range logits[c*n:][:n] {
			if v > best[i] {
				best[i], out.Data[i] = v, uint8(c)
			}
		}
	}
	return out
}

func voxelMM3(g volume.Grid) float64 { return math.Abs(g.Affine.Determinant()) }

// at is the centre of voxel n in enlarged LPS+ mm.
func (m *netMap) at(n int32) volume.Vec3 {
	i, j, k := m.grid.Coords(int(n))
	return m.grid.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
}

// inPatient is the middle of a piece in LPS+ mm.
func (m *netMap) inPatient(p piece) *volume.Vec3 {
	at := volume.Vec3(p.at).Scale(m.growth)
	return &at
}

// levelAt is the logit of a node at voxel n.
func (m *netMap) levelAt(node int, n int32) float64 {
	i, j, k := m.grid.Coords(int(n))
	wide, high := (m.grid.Size[0]+1)/2, (m.grid.Size[1]+1)/2
	return float64(m.level[((node*m.grid.Size[2]+k)*high+j/2)*wide+i/2])
}

// pieces finds the bodies and discs, cut and joined into whole ones, sorted from
// foot to head.
func (m *netMap) pieces() []piece {
	discs := m.sized(m.join(m.found(true, nil)))
	out := append(m.sized(m.join(m.found(false, discs))), discs...)
	slices.SortFunc(out, func(a, b piece) int {
		if a.up < b.up {
			return -1
		}
		return 1
	})
	for n := range out {
		out[n].node = m.nodes(out[n])
		out[n].sacrumMM = m.toSacrum(out[n])
	}
	return out
}

// found are the connected pieces of a kind, those that hold more than one body or disc cut.
func (m *netMap) found(disc bool, discs []piece) (out []piece) {
	for _, c := range volume.Components(m.class, kindClass(disc)) {
		if float64(c.Voxels)*voxelMM3(m.grid) >= 100 {
			out = append(out, m.cut(m.newPiece(disc, c.Indices), discs)...)
		}
	}
	return out
}

func kindClass(disc bool) uint8 {
	if disc {
		return classDisc
	}
	return classVertebra
}

func (m *netMap) newPiece(disc bool, voxels []int32) piece {
	var sum volume.Vec3
	for _, n := range voxels {
		sum = sum.Add(m.at(n))
	}
	at := sum.Scale(1 / float64(len(voxels)))
	return piece{disc: disc, voxels: voxels, at: at, up: at.Dot(m.up)}
}

// join puts fragments of one body or disc together: the larger takes the smaller
// that lies at its height and beside it.
func (m *netMap) join(kind []piece) []piece {
	slices.SortStableFunc(kind, func(a, b piece) int { return len(b.voxels) - len(a.voxels) })
	var out []piece
	for _, p := range kind {
		reach := float64(sameBodyMM)
		if p.disc {
			reach = sameDiscMM
		}
		host := slices.IndexFunc(out, func(o piece) bool {
			return math.Abs(o.up-p.up) < reach && distance(o.at, p.at) < fragmentMM
		})
		if host < 0 {
			out = append(out, p)
		} else {
			out[host] = m.newPiece(p.disc, append(slices.Clone(out[host].voxels), p.voxels...))
		}
	}
	return out
}

// sized measures pieces against the middle one and drops crumbs.
func (m *netMap) sized(kind []piece) []piece {
	if len(kind) == 0 {
		return nil
	}
	sizes := make([]int, len(kind))
	for n, p := range kind {
		sizes[n] = len(p.voxels)
	}
	slices.Sort(sizes)
	middle := float64(sizes[len(sizes)/2])
	var out []piece
	for _, p := range kind {
		if p.size = float64(len(p.voxels)) / middle; p.size >= crumbShare {
			out = append(out, p)
		}
	}
	return out
}

// cut divides bodies at the discs that were found between them, and what is still too tall
// to be one body or disc by the network's levels if they differ within it, else into
// equal heights. Two bodies need not be tall where one is crushed.
func (m *netMap) cut(p piece, discs []piece) []piece {
	lo, hi := m.heights(p)
	if parts := m.byDiscs(p, discs, lo, hi); len(parts) > 1 {
		var out []piece
		for _, part := range parts { // a disc may have been missed
			out = append(out, m.cut(part, nil)...)
		}
		return out
	}
	limit := float64(tallBodyMM)
	if p.disc {
		limit = tallDiscMM
	}
	if hi-lo < limit {
		return []piece{p}
	}
	parts := m.byNode(p)
	if len(parts) < 2 {
		parts = m.byHeight(p, lo, hi)
	}
	return parts
}

// heights are the lowest and the highest voxel of a piece.
func (m *netMap) heights(p piece) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, n := range p.voxels {
		u := m.at(n).Dot(m.up)
		lo, hi = math.Min(lo, u), math.Max(hi, u)
	}
	return lo, hi
}

// byDiscs cuts bodies that grew together in the planes of the discs between them.
func (m *netMap) byDiscs(p piece, discs []piece, lo, hi float64) []piece {
	var planes []plane
	for _, d := range discs {
		if d.up > lo+sameBodyMM && d.up < hi-sameBodyMM && d.size > partialSize/2 {
			planes = append(planes, m.planeOf(d))
		}
	}
	groups := make([][]int32, len(planes)+1)
	for _, n := range p.voxels {
		above := 0
		for _, d := range planes {
			if m.at(n).Sub(d.at).Dot(d.normal) > 0 {
				above++
			}
		}
		groups[above] = append(groups[above], n)
	}
	return m.parts(p, groups)
}

// plane is the middle of a disc and its normal towards the head.
type plane struct{ at, normal volume.Vec3 }

// planeOf takes the short axis of a disc's sagittal outline for its normal, and the
// height where the outline is no disc's or leans too far.
func (m *netMap) planeOf(d piece) plane {
	back := m.grid.Affine.Column(0).Unit()
	var uu, uv, vv float64
	for _, n := range d.voxels {
		from := m.at(n).Sub(d.at)
		u, v := from.Dot(back), from.Dot(m.up)
		uu, uv, vv = uu+u*u, uv+u*v, vv+v*v
	}
	angle := 0.5 * math.Atan2(2*uv, uu-vv)
	if math.Abs(angle) > maxLean || uu < 2*vv {
		return plane{d.at, m.up}
	}
	return plane{d.at, m.up.Scale(math.Cos(angle)).Sub(back.Scale(math.Sin(angle))).Unit()}
}

// byNode groups the voxels of a piece by their likeliest node.
func (m *netMap) byNode(p piece) []piece {
	groups := make([][]int32, nodeCount)
	for _, n := range p.voxels {
		best, at := math.Inf(-1), 0
		for _, node := range kindNodes(p.disc) {
			if v := float64(m.levelAt(node, n)); v > best {
				best, at = v, node
			}
		}
		groups[at] = append(groups[at], n)
	}
	return m.parts(p, groups)
}

// parts makes pieces of groups of a piece's voxels; groups under a tenth join the
// nearest in height.
func (m *netMap) parts(p piece, groups [][]int32) []piece {
	var large, small []piece
	for _, g := range groups {
		if len(g)*10 >= len(p.voxels) {
			large = append(large, m.newPiece(p.disc, g))
		} else if len(g) > 0 {
			small = append(small, m.newPiece(p.disc, g))
		}
	}
	return m.absorb(large, small)
}

// absorb gives each small group to the large one nearest in height.
func (m *netMap) absorb(large, small []piece) []piece {
	if len(large) == 0 {
		return nil
	}
	for _, s := range small {
		best := 0
		for n := range large {
			if math.Abs(large[n].up-s.up) < math.Abs(large[best].up-s.up) {
				best = n
			}
		}
		large[best].voxels = append(large[best].voxels, s.voxels...)
	}
	for n := range large {
		large[n] = m.newPiece(large[n].disc, large[n].voxels)
	}
	return large
}

func (m *netMap) byHeight(p piece, lo, hi float64) []piece {
	count := max(2, int(math.Round((hi-lo)/bodyStepMM)))
	groups := make([][]int32, count)
	for _, n := range p.voxels {
		g := int((m.at(n).Dot(m.up) - lo) / (hi - lo) * float64(count))
		g = min(g, count-1)
		groups[g] = append(groups[g], n)
	}
	var out []piece
	for _, g := range groups {
		if len(g) > 0 {
			out = append(out, m.newPiece(p.disc, g))
		}
	}
	return out
}

// kindNodes are the nodes that a body (S1 may be taken for one) or a disc can
// have.
func kindNodes(disc bool) []int {
	if disc {
		return []int{6, 7, 8, 9, 10, nodeDiscT12, nodeAbove}
	}
	return []int{1, 2, 3, 4, 5, int(spine.S1), nodeT12, nodeAbove}
}

// nodes is the logarithm of each node's mean probability over a piece, among the
// nodes of its kind.
func (m *netMap) nodes(p piece) (out [nodeCount]float64) {
	kind := kindNodes(p.disc)
	for _, n := range p.voxels {
		var e [nodeCount]float64
		top, sum := math.Inf(-1), 0.0
		for _, c := range kind {
			top = math.Max(top, float64(m.levelAt(c, n)))
		}
		for _, c := range kind {
			e[c] = math.Exp(float64(m.levelAt(c, n)) - top)
			sum += e[c]
		}
		for _, c := range kind {
			out[c] += e[c] / sum / float64(len(p.voxels))
		}
	}
	for c := range out {
		out[c] = math.Log(math.Max(out[c], 1e-9))
	}
	return out
}

// toSacrum is the distance from the middle of a piece to the sacrum.
func (m *netMap) toSacrum(p piece) float64 {
	best := math.Inf(1)
	for _, s := range m.sacrum {
		best = math.Min(best, distance(s, p.at))
	}
	return best
}
