package phantom

import (
	"math"

	"columna/volume"
)

// ghosts are copies of what moves, displaced along phase: breathing and pulsation.
type ghosts struct {
	share  float32 // of the signal in each copy
	apart  int     // pixels between copies
	copies int
	front  float64 // only what lies before this y moves; large = everything
	bright float32 // only what is brighter than this share of the brightest
	wrap   int     // pixels that fold over from either end
}

// drawGhosts is mostly none.
func drawGhosts(d dice, variety float64) ghosts {
	g := ghosts{}
	if d.chance(0.3 * variety) {
		g.share, g.apart, g.copies = float32(math.Exp(d.about(-3.2, 0.6))), 8+d.IntN(50), 1+d.IntN(4)
		g.front = 500
		if d.chance(0.5) {
			g.front, g.share = d.between(-60, -20), 2*g.share
		}
		g.bright = float32(d.between(0, 0.3))
	}
	if d.chance(0.12 * variety) {
		g.wrap = 6 + d.IntN(30)
	}
	return g
}

// add lays the copies over the image, along i or along j.
func (g ghosts) add(v *volume.Volume, alongI bool) {
	if g.copies > 0 {
		moving := g.moving(v)
		for n := 1; n <= g.copies; n++ {
			share := g.share / float32(n)
			shiftAdd(v, moving, n*g.apart, share, alongI)
			shiftAdd(v, moving, -n*g.apart, share, alongI)
		}
	}
	if g.wrap > 0 {
		g.fold(v, alongI)
	}
}

// moving is the part of the image that casts ghosts.
func (g ghosts) moving(v *volume.Volume) []float32 {
	top := float32(0)
	for _, s := range v.Data {
		top = max(top, s)
	}
	out := make([]float32, len(v.Data))
	for k := range v.Size[2] {
		for j := range v.Size[1] {
			y0 := v.ToWorld(volume.Vec3{0, float64(j), float64(k)})[1]
			dy := v.Affine.Column(0)[1]
			row := v.Index(0, j, k)
			for i := range v.Size[0] {
				if s := v.Data[row+i]; y0+dy*float64(i) < g.front && s > g.bright*top {
					out[row+i] = s
				}
			}
		}
	}
	return out
}

// shiftAdd adds share times src, displaced by some pixels around the ends.
func shiftAdd(v *volume.Volume, src []float32, by int, share float32, alongI bool) {
	w, h := v.Size[0], v.Size[1]
	for k := range v.Size[2] {
		for j := range h {
			from := j
			if !alongI {
				from = ((j-by)%h + h) % h
			}
			to, row := v.Index(0, j, k), v.Index(0, from, k)
			for i := range w {
				c := i
				if alongI {
					c = ((i-by)%w + w) % w
				}
				v.Data[to+i] += share * src[row+c]
			}
		}
	}
}

// fold lays a faint mirror of each end over the other, as tissue beyond the field
// of view does; what lies beyond is taken to look like what lies at the end.
func (g ghosts) fold(v *volume.Volume, alongI bool) {
	w, h := v.Size[0], v.Size[1]
	if alongI || g.wrap*2 >= h {
		return
	}
	for k := range v.Size[2] {
		for n := range g.wrap {
			share := 0.6 * float32(g.wrap-n) / float32(g.wrap)
			top, bottom := v.Index(0, n, k), v.Index(0, h-1-n, k)
			above, below := v.Index(0, g.wrap-n, k), v.Index(0, h-1-g.wrap+n, k)
			for i := range w {
				a, b := v.Data[above+i], v.Data[below+i]
				v.Data[top+i] += share * b
				v.Data[bottom+i] += share * a
			}
		}
	}
}
