package phantom

import (
	"math"

	"columna/volume"
)

// receiver is how one series' signal becomes grey values.
type receiver struct {
	coil    *coil
	blur    float32 // three-point kernel in the plane
	keep    float64 // share of k-space that was measured, 1 = all; the rest is zero-filled
	shift   float64 // chemical shift of fat along read, pixels
	alongJ  bool    // read runs along rows' index j, phase along i
	ghosts  ghosts
	stripes float32 // how much darker every other slice is (cross-talk)
	patchy  float64 // how unevenly fat is suppressed
	noise   float32
	gain    float32
	gamma   float64 // the grey values' power, 1 = linear
	sharpen float32
}

// normals picks normal numbers from a table, which makes noise cheap.
type normals struct {
	table []float32
	state uint64
}

func newNormals(d dice) *normals {
	n := &normals{table: make([]float32, 1<<14), state: d.Uint64() | 1}
	for i := range n.table {
		n.table[i] = float32(d.NormFloat64())
	}
	return n
}

// pair gives two normal numbers (xorshift64 picks them from the table).
func (n *normals) pair() (float32, float32) {
	n.state ^= n.state << 13
	n.state ^= n.state >> 7
	n.state ^= n.state << 17
	return n.table[n.state>>20&(1<<14-1)], n.table[n.state>>40&(1<<14-1)]
}

// develop turns the signals of water and fat into a magnitude image: chemical
// shift, point spread, ghosts, coil, Rician noise; values are whole grey levels,
// 0..4095. It uses up water and fat.
func (r *receiver) develop(g volume.Grid, water, fat []float32, rnd *normals) *volume.Volume {
	r.join(g, water, fat)
	out := &volume.Volume{Grid: g, Data: water}
	if r.blur > 0 {
		blurInPlane(out, r.blur)
	}
	if r.keep < 1 {
		truncate(out, r.keep)
	}
	r.receive(out)
	r.ghosts.add(out, !r.alongJ)
	if r.sharpen > 0 {
		blurInPlane(out, -r.sharpen)
	}
	r.grey(out, rnd)
	return out
}

// receive weights the signal with the coil's sensitivity.
func (r *receiver) receive(v *volume.Volume) {
	c := r.coil
	step := v.Affine.Column(0)
	dy := float32(step[1] - c.slope*step[2])
	for k := range v.Size[2] {
		share := 1 - r.stripes*float32(k%2)
		for j := range v.Size[1] {
			w := v.ToWorld(volume.Vec3{0, float64(j), float64(k)})
			row := v.Data[v.Index(0, j, k):][:v.Size[0]]
			y, z := float32(w[1]-c.slope*w[2]+trunkReach), float32(w[2]+trunkReach)
			for i := range row {
				row[i] *= c.at(y, z) * share
				y += dy
				z += float32(step[2])
			}
		}
	}
}

// grey adds noise in both channels of the receiver and takes the magnitude.
func (r *receiver) grey(v *volume.Volume, rnd *normals) {
	for i, s := range v.Data {
		a, b := rnd.pair()
		re, im := s+r.noise*a, r.noise*b
		grey := r.gain * float32(math.Sqrt(float64(re*re+im*im)))
		if r.gamma != 1 && r.gamma != 0 {
			grey = 1000 * float32(math.Pow(float64(grey)/1000, r.gamma))
		}
		v.Data[i] = float32(int32(min(grey, 4095) + 0.5))
	}
}

// join adds fat to water, displaced along read (its frequency is 3.4 ppm lower)
// and, where it is suppressed, leaving patches of it. The sum goes into water.
func (r *receiver) join(g volume.Grid, water, fat []float32) {
	w, h := g.Size[0], g.Size[1]
	whole := int(math.Floor(r.shift))
	part := float32(r.shift - float64(whole))
	stride, n, lines, step := 1, w, h, w
	if r.alongJ {
		stride, n, lines, step = w, h, w, 1
	}
	for k := range g.Size[2] {
		for l := range lines {
			base := g.Index(0, 0, k) + l*step
			for i := range n {
				a, b := i-whole, i-whole-1
				f := float32(0)
				if a >= 0 && a < n {
					f += fat[base+a*stride] * (1 - part)
				}
				if part > 0 && b >= 0 && b < n {
					f += fat[base+b*stride] * part
				}
				if r.patchy > 0 {
					f *= r.leak(g, l, i)
				}
				s := water[base+i*stride] + f
				water[base+i*stride] = float32(math.Abs(float64(s)))
			}
		}
	}
}

// leak is how much more fat comes through towards the edges, where the field is uneven.
func (r *receiver) leak(g volume.Grid, line, i int) float32 {
	a, b := float64(line), float64(i)
	if !r.alongJ {
		a, b = b, a
	}
	x, y := a/float64(g.Size[0])-0.5, b/float64(g.Size[1])-0.5
	return float32(1 + r.patchy*(4*(x*x+y*y)*(x*x+y*y)*8))
}

// blurInPlane is a three-point kernel (b, 1-2b, b) along rows and columns; a
// negative b sharpens.
func blurInPlane(v *volume.Volume, b float32) {
	eachLine(v, func(line []float32, put func(i int, s float32)) {
		n := len(line)
		for i := range line {
			put(i, (1-2*b)*line[i]+b*(line[max(i-1, 0)]+line[min(i+1, n-1)]))
		}
	})
}

// eachLine visits copies of every row, then every column, of every slice.
func eachLine(v *volume.Volume, visit func(line []float32, put func(i int, s float32))) {
	w, h := v.Size[0], v.Size[1]
	buffer := make([]float32, max(w, h))
	pass := func(start, stride, n int) {
		line := buffer[:n]
		for i := range n {
			line[i] = v.Data[start+i*stride]
		}
		visit(line, func(i int, s float32) { v.Data[start+i*stride] = s })
	}
	for k := range v.Size[2] {
		base := v.Index(0, 0, k)
		for j := range h {
			pass(base+j*w, 1, w)
		}
		for i := range w {
			pass(base+i, w, h)
		}
	}
}

// truncate leaves out the outer part of k-space, as zero-filled matrices do: a
// sinc of that width, tapered after six of its lobes, which rings at edges.
func truncate(v *volume.Volume, keep float64) {
	half := int(6/keep + 0.5)
	kernel := make([]float32, half+1)
	sum := float32(0)
	for i := range kernel {
		x := float64(i) * keep
		s := 1.0
		if i > 0 {
			s = math.Sin(math.Pi*x) / (math.Pi * x) * (0.5 + 0.5*math.Cos(math.Pi*float64(i)/float64(half+1)))
		}
		kernel[i] = float32(s)
		sum += kernel[i] * float32(1+b2i(i > 0))
	}
	eachLine(v, func(line []float32, put func(i int, s float32)) {
		n := len(line)
		for i := range line {
			s := kernel[0] * line[i]
			for o := 1; o <= half; o++ {
				s += kernel[o] * (line[max(i-o, 0)] + line[min(i+o, n-1)])
			}
			put(i, s/sum)
		}
	})
}
