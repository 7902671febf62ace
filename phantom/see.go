package phantom

import (
	"runtime"
	"sync"

	"columna/volume"
)

// picture is the signal on one grid before the receiver, water and fat apart, and
// the truth.
type picture struct {
	grid       volume.Grid
	water, fat [][]float32 // per channel
	labels     []uint8
	lesion     []uint8 // number of the lesion + 1
}

// sampling says where in a voxel the anatomy is read, in voxels; the last offset
// counts as the middle and decides ties between labels.
type sampling []volume.Vec3

// thick reads three places of a slice that fills a share of the slice distance.
func thick(share float64) sampling {
	return sampling{{0.2, -0.15, -0.36 * share}, {-0.2, 0.2, 0.36 * share}, {0, 0, 0}}
}

// coarse reads five places of a voxel that is large in every direction.
func coarse(share float64) sampling {
	return sampling{{-0.25, -0.25, -0.36 * share}, {0.25, -0.2, 0.36 * share}, {-0.2, 0.25, 0.2 * share},
		{0.25, 0.25, -0.2 * share}, {0, 0, 0}}
}

// fine reads two places of a small voxel.
func fine() sampling { return sampling{{0.22, -0.22, -0.25}, {-0.1, 0.1, 0.1}} }

// see classifies every voxel of a grid and adds up the signals of the samples in
// it, which is how partial volume arises. Without a palette it tells labels only.
func (p *patient) see(g volume.Grid, pal *palette, at sampling, labels bool) *picture {
	pic := &picture{grid: g}
	if pal != nil {
		for range pal.pulses {
			pic.water = append(pic.water, make([]float32, g.Len()))
			pic.fat = append(pic.fat, make([]float32, g.Len()))
		}
	}
	if labels {
		pic.labels, pic.lesion = make([]uint8, g.Len()), make([]uint8, g.Len())
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), g.Size[2]) { // slices do not know of each other
		wg.Go(func() {
			for k := range next {
				p.seeSlice(pic, k, pal, at)
			}
		})
	}
	for k := range g.Size[2] {
		next <- k
	}
	close(next)
	wg.Wait()
	return pic
}

// seeSlice is see for slice k.
func (p *patient) seeSlice(pic *picture, k int, pal *palette, at sampling) {
	g := pic.grid
	step := g.Affine.Column(0)
	var votes vote
	for j := range g.Size[1] {
		row := g.Index(0, j, k)
		start := g.ToWorld(volume.Vec3{0, float64(j), float64(k)})
		for i := range g.Size[0] {
			center := start.Add(step.Scale(float64(i)))
			p.voxel(pic, row+i, center, &g.Affine, pal, at, &votes)
		}
	}
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
	var water, fat [maxChannels]float32
	votes.lesion = 0
	n0 := len(at) - 1
	for m := n0; m >= 0; m-- { // the middle first: where it is calm, it is enough
		o := at[m]
		x := c[0] + a[0][0]*o[0] + a[0][1]*o[1] + a[0][2]*o[2]
		y := c[1] + a[1][0]*o[0] + a[1][1]*o[1] + a[1][2]*o[2]
		z := c[2] + a[2][0]*o[0] + a[2][1]*o[1] + a[2][2]*o[2]
		t, label := p.classify(x, y, z)
		votes.labels[m] = label
		if t >= tLesion {
			votes.lesion = uint8((t-tLesion)/3) + 1
		}
		if t != tAir && pal != nil {
			gain := pal.gain(p.noise, t, x, y, z)
			for q := range pal.pulses {
				water[q] += pal.water[t][q] * gain
				fat[q] += pal.fat[t][q] * gain
			}
		}
		if m == n0 && calm(t) {
			at = at[n0:]
			votes.labels[0] = label
			break
		}
	}
	if pal != nil {
		share := 1 / float32(len(at))
		for q := range pal.pulses {
			pic.water[q][n], pic.fat[q][n] = water[q]*share, fat[q]*share
		}
	}
	if pic.labels != nil {
		pic.labels[n] = votes.winner(len(at))
		pic.lesion[n] = votes.lesion
	}
}

// gain is the texture of a tissue at a point.
func (pal *palette) gain(f *noiseField, t tissue, x, y, z float64) float32 {
	k := pal.scale[t]
	g := 1 + pal.texture[t]*float32(f.at(x*k+31, y*k, z*k))
	if c := pal.cloud[t]; c > 0 {
		g += c * float32(f.smooth(x*0.13, y*0.13+7, z*0.13))
	}
	return max(g, 0)
}

// calm tissues are large and far from what is labelled: one sample stands for the
// voxel.
func calm(t tissue) bool {
	return t == tAir || t >= tBowelWall && t <= tLiver || t >= tBladder && t <= tMesentery
}
