package render

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"columna/assets"
	"columna/spine"
	"columna/volume"
)

// hilly fills a grid with values from about -0.2 to 1.2 that vary along all axes.
func hilly(g volume.Grid) *volume.Volume {
	v := volume.New(g)
	for n := range v.Data {
		i, j, k := g.Coords(n)
		v.Data[n] = float32(0.5 + 0.7*math.Sin(float64(i)/5)*math.Cos(float64(j)/7+float64(k)))
	}
	return v
}

// tilted is a grid around the middle of the sagittal series, turned in plane and
// out of it.
func tilted(size [3]int, degrees float64) volume.Grid {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	i, j := volume.Vec3{sin, cos, 0}, volume.Vec3{0, sin, -cos}
	g := volume.Grid{Size: size, Affine: volume.NewAffine(i, j, i.Cross(j).Unit().Scale(3), volume.Vec3{})}
	d := sagittal(false, false).Volume.CenterMM().Sub(g.CenterMM())
	for r := range 3 {
		g.Affine[r][3] = d[r]
	}
	return g
}

// grids are what lies over a pane: its own series, a crop of one slice that covers
// a corner of it, tilted maps, and one without volume.
func grids() map[string]volume.Grid {
	own := sagittal(false, false).Volume.Grid
	crop := own
	crop.Size = [3]int{9, 11, 1}
	flat := own
	flat.Affine[0], flat.Affine[1] = [4]float64{}, [4]float64{}
	return map[string]volume.Grid{"own": own, "mirrored": sagittal(true, true).Volume.Grid, "crop": crop,
		"tilted": tilted([3]int{30, 30, 9}, 17), "upright": tilted([3]int{20, 45, 4}, 90), "singular": flat}
}

// lenses look at the sagittal series whole and magnified, in panes whose sides
// are no multiples of a cell.
func lenses() (out []Lens) {
	f := NewFrame(sagittal(false, false).Volume.Grid)
	for k := range 5 {
		out = append(out, NewLens(f, k, Fit(), 203, 305), NewLens(f, k, View{Zoom: 3.7, U: 9, V: -11}, 203, 305))
	}
	return out
}

// plainHeat is the heat map as its rule says: the nodes, and between them the
// bilinear mean, pixel by pixel.
func plainHeat(v *volume.Volume, l Lens, w, h int) []uint8 {
	out := make([]uint8, w*h)
	inv, err := v.Affine.Inverse()
	if err != nil {
		return out
	}
	origin := inv.Apply(l.Patient(0, 0))
	dx, dy := inv.Apply(l.Patient(heatStep, 0)).Sub(origin), inv.Apply(l.Patient(0, heatStep)).Sub(origin)
	node := func(x, y int) float32 {
		s, _ := v.Sample(origin.Add(dx.Scale(float64(x))).Add(dy.Scale(float64(y))))
		return min(max(s, 0), 1) * 255
	}
	for n := range out {
		c, r := n%w/heatStep, n/w/heatStep
		tx, ty := (float32(n%w%heatStep)+0.5)/heatStep, (float32(n/w%heatStep)+0.5)/heatStep
		a := node(c, r) + (node(c+1, r)-node(c, r))*tx
		b := node(c, r+1) + (node(c+1, r+1)-node(c, r+1))*tx
		out[n] = uint8(a + (b-a)*ty)
	}
	return out
}

func TestHeatAt_EqualsThePlainRule(t *testing.T) {
	g, got := heatGrid{}, make([]uint8, 203*305)
	for name, grid := range grids() {
		v, seen := hilly(grid), 0
		for n, l := range lenses() {
			g.heatAt(got, v, l, 203, 305)
			want := plainHeat(v, l, 203, 305)
			if !bytes.Equal(got, want) {
				t.Errorf("%s, lens %d: the bytes differ", name, n)
			}
			seen += len(want) - bytes.Count(want, []byte{0})
		}
		if seen == 0 && name != "singular" {
			t.Errorf("%s: no heat in any pane", name)
		}
	}
}

// plainLabels reads the nearest voxel pixel by pixel, in the same fixed point.
func plainLabels(m *volume.LabelMap, l Lens, w, h int) []uint8 {
	out := make([]uint8, w*h)
	inv, err := m.Affine.Inverse()
	if err != nil {
		return out
	}
	origin := inv.Apply(l.Patient(0.5, 0.5))
	dx, dy := inv.Apply(l.Patient(1.5, 0.5)).Sub(origin), inv.Apply(l.Patient(0.5, 1.5)).Sub(origin)
	for n := range out {
		p := origin.Add(dy.Scale(float64(n / w)))
		var at [3]int
		for a := range 3 {
			at[a] = int((toFixed(p[a]+0.5) + int64(n%w)*toFixed(dx[a])) >> 32)
		}
		if m.Contains(at[0], at[1], at[2]) {
			out[n] = m.Data[m.Index(at[0], at[1], at[2])]
		}
	}
	return out
}

func TestLabelsAt_EqualsThePlainRule(t *testing.T) {
	got := make([]uint8, 203*305)
	for name, grid := range grids() {
		m := volume.NewLabelMap(grid)
		for n := range m.Data {
			m.Data[n] = uint8(1 + n%11)
		}
		for n, l := range lenses() {
			labelsAt(got, m, l, 203, 305)
			if !bytes.Equal(got, plainLabels(m, l, 203, 305)) {
				t.Errorf("%s, lens %d: the labels differ", name, n)
			}
		}
	}
}

func TestOver_EqualsTheDivision(t *testing.T) {
	for _, opacity := range []float64{0, 0.3, 0.55, 1} {
		hot := newHeatTable(opacity)
		for v, c := range assets.Heat() {
			a := uint32(min(max((float64(v)/255-0.08)/0.25, 0), 1)*opacity*255 + 0.5)
			mix := func(below uint32, above uint8) uint8 { return uint8((below*(255-a) + uint32(above)*a) / 255) }
			for p := range uint32(256) {
				q, r := p^0x5a, 255-p
				want := pack(mix(p, c.R), mix(q, c.G), mix(r, c.B))
				if got := hot.over(pack(uint8(p), uint8(q), uint8(r)), uint8(v)); got != want {
					t.Fatalf("opacity %g, heat %d over %d: %08x, want %08x", opacity, v, p, got, want)
				}
			}
		}
	}
}

// TestPainter_BlendsHeatOverEveryPixel holds the rows that are composed without
// heat, as they have none, to the same rule as the others.
func TestPainter_BlendsHeatOverEveryPixel(t *testing.T) {
	s := sagittal(false, false)
	m := volume.NewLabelMap(s.Volume.Grid)
	for n := range s.Volume.Data {
		s.Volume.Data[n], m.Data[n] = float32(n%101), uint8(n/50%12)
	}
	for name, grid := range grids() {
		heat, sc := hilly(grid), bare(s)
		sc.Slice = 2
		for _, sc.Overlay = range []*Overlay{nil, {Mask: m, Opacity: 0.4}} {
			sc.Heat = nil
			want := bytes.Clone(NewPainter(NewType()).Draw(sc, 240, 300).Pix)
			sc.Heat = &Heat{Volume: heat, Opacity: 0.55}
			hot, p := newHeatTable(0.55), NewPainter(NewType())
			got := p.Draw(sc, 240, 300).Pix
			inside := p.grey.x0 < p.grey.x1
			for n, v := range plainHeat(heat, p.lens, 240, 300) {
				if x, y := n%240, n/240; inside && x >= p.grey.x0 && x < p.grey.x1 && y >= p.grey.y0 && y < p.grey.y1 {
					binary.LittleEndian.PutUint32(want[4*n:], hot.over(binary.LittleEndian.Uint32(want[4*n:]), v))
				}
			}
			if !inside || !bytes.Equal(got, want) {
				t.Errorf("%s, masks %v: the pixels differ", name, sc.Overlay != nil)
			}
		}
	}
}

func TestPainter_ShowsTheSameHoweverTheAxesAreStored(t *testing.T) {
	a := sagittal(false, false)
	g := a.Volume.Grid
	g.Size[0], g.Size[1] = g.Size[1], g.Size[0]
	g.Affine = volume.NewAffine(g.Affine.Column(1), g.Affine.Column(0), g.Affine.Column(2), g.Affine.Column(3))
	b := &spine.Series{UID: "t", Sequence: spine.T2, Plane: spine.Sagittal, Volume: volume.New(g)}
	for n := range a.Volume.Data {
		i, j, k := a.Volume.Coords(n)
		a.Volume.Data[n] = float32(n * 7 % 97)
		b.Volume.Data[g.Index(j, i, k)] = a.Volume.Data[n]
	}
	one, other := NewPainter(NewType()).Draw(bare(a), 333, 500), NewPainter(NewType()).Draw(bare(b), 333, 500)
	if !bytes.Equal(one.Pix, other.Pix) {
		t.Error("a series stored with rows and columns exchanged is drawn differently")
	}
}

func TestLandmarks_AreTheMeansOfTheirVoxels(t *testing.T) {
	m := volume.NewLabelMap(volume.Grid{Size: [3]int{37, 23, 5}, Affine: tilted([3]int{1, 1, 1}, 17).Affine})
	for n := range m.Data { // runs of 1 to 9 voxels, over the ends of rows too
		if n/3%7 > 2 || n/111%3 == 0 {
			m.Data[n] = uint8(n / 9 % 18)
		}
	}
	seen := map[spine.Structure]bool{}
	for _, got := range Landmarks(m) {
		sum, count := volume.Vec3{}, 0.0
		for n, l := range m.Data {
			if spine.Structure(l) == got.Structure {
				i, j, k := m.Coords(n)
				sum, count = sum.Add(volume.Vec3{float64(i), float64(j), float64(k)}), count+1
			}
		}
		if want := m.ToWorld(sum.Scale(1 / count)); got.MM != want {
			t.Errorf("%s is at %v, want %v", got.Name, got.MM, want)
		}
		seen[got.Structure] = true
	}
	for _, s := range []spine.Structure{spine.L1, spine.L5, spine.DiscL4L5} {
		if !seen[s] {
			t.Errorf("%v has no landmark", s)
		}
	}
}
