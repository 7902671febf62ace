package render

import (
	"math"
	"slices"

	"columna/volume"
)

// Window is the grey values drawn black (Lo) and white (Hi).
type Window struct{ Lo, Hi float64 }

// Width and Level in the readers' words.
func (w Window) Width() float64 { return w.Hi - w.Lo }

// Level is the middle of the window.
func (w Window) Level() float64 { return (w.Hi + w.Lo) / 2 }

// Drag changes a window as readers expect: right is wider, up is brighter.
// dx and dy are parts of the pane, so that feel does not depend on size; full
// is the series' own range.
func (w Window) Drag(dx, dy float64, full Window) Window {
	r := math.Max(full.Width(), 1e-6)
	width := math.Max(w.Width()+dx*r, r/500)
	level := w.Level() + dy*r // dy grows downwards: up lowers the level, which brightens
	level = math.Min(math.Max(level, full.Lo-r), full.Hi+r)
	return Window{Lo: level - width/2, Hi: level + width/2}
}

// Preset is a named window.
type Preset int

// The presets in the order of the keys 0 and 1 to 4.
const (
	Auto Preset = iota
	BrightFluid
	Disc
	Bone
	FullRange
	PresetCount = 5
)

// String is the preset's name.
func (p Preset) String() string {
	return [...]string{"auto", "bright fluid", "disc", "bone", "full range"}[p]
}

// Levels are the percentiles of one series from which its windows are made.
// They are computed once, so that windows are stable while scrolling.
type Levels struct{ P [101]float64 }

// Measure takes the percentiles of the values above zero inside the spine: the
// box of the mask grown by 15 mm, or the middle half of the volume without one.
func Measure(v *volume.Volume, mask *volume.LabelMap) Levels {
	lo, hi := middleHalf(v.Grid)
	if mask != nil {
		if a, b, ok := boxOf(mask, v.Grid, 15); ok {
			lo, hi = a, b
		}
	}
	var values []float64
	n := max(1, (hi[0]-lo[0])*(hi[1]-lo[1])*(hi[2]-lo[2]))
	step := max(1, int(math.Sqrt(float64(n)/40000)))
	for k := lo[2]; k < hi[2]; k++ {
		for j := lo[1]; j < hi[1]; j += step {
			for i := lo[0]; i < hi[0]; i += step {
				if x := v.At(i, j, k); x > 0 {
					values = append(values, float64(x))
				}
			}
		}
	}
	return percentiles(values)
}

func percentiles(values []float64) Levels {
	var l Levels
	if len(values) == 0 {
		l.P[100] = 1
		return l
	}
	slices.Sort(values)
	for p := range l.P {
		l.P[p] = values[p*(len(values)-1)/100]
	}
	return l
}

func middleHalf(g volume.Grid) (lo, hi [3]int) {
	for a, n := range g.Size {
		lo[a], hi[a] = n/4, max(n-n/4, n/4+1)
	}
	lo[2], hi[2] = 0, g.Size[2]
	return lo, hi
}

// boxOf is the voxel box on grid g that holds the mask, grown by margin.
func boxOf(mask *volume.LabelMap, g volume.Grid, marginMM float64) (lo, hi [3]int, ok bool) {
	first := [3]int{1 << 30, 1 << 30, 1 << 30}
	last := [3]int{-1, -1, -1}
	for k := range mask.Size[2] {
		for j := range mask.Size[1] {
			row := mask.Data[mask.Index(0, j, k):][:mask.Size[0]]
			for i, l := range row {
				if l != 0 {
					first = [3]int{min(first[0], i), min(first[1], j), min(first[2], k)}
					last = [3]int{max(last[0], i), max(last[1], j), max(last[2], k)}
				}
			}
		}
	}
	if last[0] < 0 {
		return lo, hi, false
	}
	lo, hi = g.Size, [3]int{}
	for corner := range 8 {
		var p volume.Vec3
		for a := range 3 {
			p[a] = float64([2]int{first[a], last[a]}[corner>>a&1])
		}
		vox := g.ToVoxel(mask.ToWorld(p))
		sp := g.SpacingMM()
		for a := range 3 {
			m := marginMM / sp[a]
			lo[a] = min(lo[a], max(0, int(vox[a]-m)))
			hi[a] = max(hi[a], min(g.Size[a], int(vox[a]+m)+1))
		}
	}
	return lo, hi, lo[0] < hi[0] && lo[1] < hi[1] && lo[2] < hi[2]
}

// Window is a preset for the series.
func (l Levels) Window(p Preset) Window {
	top := l.P[99]
	w := map[Preset]Window{
		Auto:        {0.5 * l.P[2], top},
		BrightFluid: {0.6 * l.P[50], 1.15 * l.P[100]},
		Disc:        {0.5 * l.P[2], 0.5*l.P[75] + 0.5*l.P[95]},
		Bone:        {l.P[5], 0.6*l.P[75] + 0.4*l.P[99]},
		FullRange:   {0, l.P[100]},
	}[p]
	if !(w.Hi > w.Lo) {
		w.Hi = w.Lo + 1
	}
	return w
}
