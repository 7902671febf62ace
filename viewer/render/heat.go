package render

import (
	"columna/assets"
	"columna/volume"
)

// heatStep is how many device pixels lie between samples of a heat map. Its own
// voxels are several pixels wide, so bilinear filling between loses nothing.
const heatStep = 4

// heatAt reads a heat map over a pane as bytes, 255 for 1.
func heatAt(out []uint8, nodes *[]float32, v *volume.Volume, l Lens, w, h int) {
	nw, nh := (w+heatStep-1)/heatStep+1, (h+heatStep-1)/heatStep+1
	*nodes = resize(*nodes, nw*nh)
	inv, err := v.Affine.Inverse()
	if err != nil {
		clear(out)
		return
	}
	origin := inv.Apply(l.Patient(0, 0))
	dx := inv.Apply(l.Patient(heatStep, 0)).Sub(origin)
	dy := inv.Apply(l.Patient(0, heatStep)).Sub(origin)
	for y := range nh {
		for x := range nw {
			s, ok := v.Sample(origin.Add(dx.Scale(float64(x))).Add(dy.Scale(float64(y))))
			if !ok {
				s = 0
			}
			(*nodes)[y*nw+x] = min(max(s, 0), 1) * 255
		}
	}
	fillHeat(out, *nodes, nw, w, h)
}

func fillHeat(out []uint8, nodes []float32, nw, w, h int) {
	for y := range h {
		n0 := nodes[y/heatStep*nw:]
		n1 := nodes[(y/heatStep+1)*nw:]
		ty := (float32(y%heatStep) + 0.5) / heatStep
		for x := range w {
			c := x / heatStep
			tx := (float32(x%heatStep) + 0.5) / heatStep
			a := n0[c] + (n0[c+1]-n0[c])*tx
			b := n1[c] + (n1[c+1]-n1[c])*tx
			out[y*w+x] = uint8(a + (b-a)*ty)
		}
	}
}

// heatTable is the colour already times its opacity, and what is left of the
// pixel below, for each heat value. Values under a tenth are clear.
type heatTable struct {
	r, g, b, rest [256]uint32
}

func newHeatTable(opacity float64) *heatTable {
	t := &heatTable{}
	for i, c := range assets.Heat() {
		ramp := min(max((float64(i)/255-0.08)/0.25, 0), 1)
		a := uint32(ramp*opacity*255 + 0.5)
		t.r[i], t.g[i], t.b[i], t.rest[i] = uint32(c.R)*a, uint32(c.G)*a, uint32(c.B)*a, 255-a
	}
	return t
}

// over blends heat value v over an opaque little-endian RGBA pixel.
func (t *heatTable) over(p uint32, v uint8) uint32 {
	k := t.rest[v]
	r := ((p&0xff)*k + t.r[v]) / 255
	g := ((p>>8&0xff)*k + t.g[v]) / 255
	b := ((p>>16&0xff)*k + t.b[v]) / 255
	return r | g<<8 | b<<16 | 0xff<<24
}
