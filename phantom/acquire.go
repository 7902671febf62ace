package phantom

import (
	"math"

	"columna/volume"
)

// picture is the image of one grid before noise, for all sequences, and the truth.
type picture struct {
	grid   volume.Grid
	values [seqCount][]float32
	labels []uint8
	lesion []uint8 // number of the lesion + 1
}

// sampling says where in a voxel the anatomy is read, in voxels; the last offset
// counts as the middle and decides ties between labels.
type sampling []volume.Vec3

var (
	thickSampling  = sampling{{0.2, -0.15, -0.32}, {-0.2, 0.2, 0.32}, {0, 0, 0}}
	coarseSampling = sampling{{-0.25, -0.25, -0.3}, {0.25, -0.2, 0.3}, {-0.2, 0.25, 0.25}, {0.25, 0.25, -0.25}, {0, 0, 0}}
)

// see classifies every voxel of a grid and adds up the signals of the samples in
// it, which is how partial volume arises.
func (p *patient) see(g volume.Grid, pal *palette, at sampling, want [seqCount]bool, labels bool) *picture {
	pic := &picture{grid: g}
	for q := range seqCount {
		if want[q] {
			pic.values[q] = make([]float32, g.Len())
		}
	}
	if labels {
		pic.labels, pic.lesion = make([]uint8, g.Len()), make([]uint8, g.Len())
	}
	step := g.Affine.Column(0)
	var votes vote
	for k := range g.Size[2] {
		for j := range g.Size[1] {
			row := g.Index(0, j, k)
			start := g.ToWorld(volume.Vec3{0, float64(j), float64(k)})
			for i := range g.Size[0] {
				center := start.Add(step.Scale(float64(i)))
				p.voxel(pic, row+i, center, &g.Affine, pal, at, &votes)
			}
		}
	}
	return pic
}

// vote collects the labels of one voxel's samples.
type vote struct {
	labels [8]uint8
	lesion uint8
}

// winner is the label that most samples have, the middle one's on a tie.
func (v *vote) winner(n int) uint8 {
	best, most := v.labels[n-1], 0
	for a := range n {
		count := 0
		for b := range n {
			if v.labels[b] == v.labels[a] {
				count++
			}
		}
		if count > most || count == most && v.labels[a] == v.labels[n-1] {
			best, most = v.labels[a], count
		}
	}
	return best
}

func (p *patient) voxel(pic *picture, n int, c volume.Vec3, a *volume.Affine, pal *palette, at sampling, votes *vote) {
	var sum [seqCount]float32
	votes.lesion = 0
	for m, o := range at {
		x := c[0] + a[0][0]*o[0] + a[0][1]*o[1] + a[0][2]*o[2]
		y := c[1] + a[1][0]*o[0] + a[1][1]*o[1] + a[1][2]*o[2]
		z := c[2] + a[2][0]*o[0] + a[2][1]*o[1] + a[2][2]*o[2]
		t, label := p.classify(x, y, z)
		votes.labels[m] = label
		if t == tAir {
			continue
		}
		if t >= tLesion {
			votes.lesion = uint8((t-tLesion)/3) + 1
		}
		k := pal.scale[t]
		gain := 1 + pal.texture[t]*float32(p.noise.at(x*k+31, y*k, z*k))
		for q := range seqCount {
			sum[q] += pal.value[t][q] * gain
		}
	}
	for q := range seqCount {
		if pic.values[q] != nil {
			pic.values[q][n] = sum[q] / float32(len(at))
		}
	}
	if pic.labels != nil {
		pic.labels[n] = votes.winner(len(at))
		pic.lesion[n] = votes.lesion
	}
}

// coil is the receive profile and the saturation band of one series: smooth gain
// along y and z in tables of millimetres.
type coil struct {
	y, z  [2 * trunkReach]float32
	slope float64 // the band leans: y - slope*z
}

// drawCoil places the receive coil behind the back; its gain falls off to the
// front and to the ends. Most sagittal series have a band that darkens the belly.
func drawCoil(d dice, p *patient, centre volume.Vec3, half float64, band bool) *coil {
	c := &coil{slope: d.between(-0.15, 0.2)}
	depth := d.between(70, 260)
	edge := half * d.between(0.85, 1.25)
	soft := d.between(10, 22)
	front, dark, blur := d.between(-58, -34), d.between(0.02, 0.35), d.between(3, 8)
	if !band {
		dark = 1
	}
	wave, phase := d.between(0, 0.12), d.between(0, 6)
	for i := range c.y {
		v := float64(i - trunkReach)
		c.y[i] = float32(math.Exp((v-10)/depth) * (dark + (1-dark)*logistic((v-front)/blur)))
		off := math.Abs(v - centre[2])
		c.z[i] = float32((1 + wave*math.Sin(v/45+phase)) * (0.12 + 0.88*logistic((edge-off)/soft)))
	}
	return c
}

func (c *coil) gain(w volume.Vec3) float32 {
	y := min(max(int(w[1]-c.slope*w[2]+trunkReach), 0), 2*trunkReach-1)
	z := min(max(int(w[2]+trunkReach), 0), 2*trunkReach-1)
	return c.y[y] * c.z[z]
}

// hash tables of normal numbers make the noise cheap.
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

// develop turns summed signals into a magnitude image: the point spread of the
// acquisition, the coil, Rician noise; values are whole grey levels, 0..4095.
func develop(g volume.Grid, signal []float32, c *coil, blur, noise, gain float32, rnd *normals) *volume.Volume {
	out := &volume.Volume{Grid: g, Data: signal}
	if blur > 0 {
		blurInPlane(out, blur)
	}
	step := g.Affine.Column(0)
	for k := range g.Size[2] {
		for j := range g.Size[1] {
			w := g.ToWorld(volume.Vec3{0, float64(j), float64(k)})
			row := out.Data[g.Index(0, j, k):][:g.Size[0]]
			for i, v := range row {
				a, b := rnd.pair()
				re, im := v*c.gain(w)+noise*a, noise*b
				grey := gain * float32(math.Sqrt(float64(re*re+im*im)))
				row[i] = float32(int32(min(grey, 4095) + 0.5))
				w = w.Add(step)
			}
		}
	}
	return out
}

// blurInPlane is a three-point kernel (b, 1-2b, b) along rows and columns.
func blurInPlane(v *volume.Volume, b float32) {
	w, h := v.Size[0], v.Size[1]
	line := make([]float32, max(w, h))
	pass := func(start, stride, n int) {
		for i := range n {
			line[i] = v.Data[start+i*stride]
		}
		for i := range n {
			l, r := line[max(i-1, 0)], line[min(i+1, n-1)]
			v.Data[start+i*stride] = (1-2*b)*line[i] + b*(l+r)
		}
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
