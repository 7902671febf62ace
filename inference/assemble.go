package inference

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"columna/spine"
	"columna/volume"
)

// When another counting of the vertebrae is too likely to be passed over in silence.
const (
	uncertainMargin = 4   // it costs less than so many nats more, by the look alone
	uncertainBelief = 0.2 // it is likelier than that, by look, spacing and sacrum
)

// Assemble turns the logits of GF-SSNet into a mask on the native grid. The
// semantic logits ((6, D, H, W) on netGrid) are interpolated before the classes
// are chosen, so that borders are smooth; bodies and discs are named by the chain
// model from the level logits ((15, D, H/2, W/2), halves rounded up); pieces that fit nowhere and small
// islands are removed and holes filled. The flags say what a reader should check. When ctx
// ends it stops early, and what it returns is worth nothing.
func Assemble(ctx context.Context, semantic, level []float32, netGrid, native volume.Grid) (*volume.LabelMap, []spine.Flag) {
	return assemble(ctx, &netAnswer{grid: netGrid, growth: 1, semantic: semantic, level: level}, native)
}

// assemble is Assemble for a patient of any size.
func assemble(ctx context.Context, a *netAnswer, native volume.Grid) (*volume.LabelMap, []spine.Flag) {
	m := newNetMap(a.grid, a.growth, a.semantic, a.level)
	pieces := m.pieces()
	solved := solveChain(pieces, len(m.sacrum) > 0)
	names := volume.NewLabelMap(a.grid)
	for n, p := range pieces {
		if solved.place[n] == none {
			continue
		}
		for _, v := range p.voxels {
			names.Data[v] = uint8(placeStructure(solved.place[n]))
		}
	}
	mask := upsample(ctx, a.semantic, m.class, names, native)
	spread(ctx, mask)
	removed := tidy(ctx, mask)
	return mask, append(m.flags(pieces, solved), islandFlags(removed)...)
}

// Marks in a mask under construction: a voxel of a body or disc whose name is
// not known yet.
const (
	unnamedBody uint8 = 254
	unnamedDisc uint8 = 255
)

// upsample chooses the class of every native voxel from interpolated logits and
// takes its name from the named network voxels around it.
func upsample(ctx context.Context, semantic []float32, class, names *volume.LabelMap, native volume.Grid) *volume.LabelMap {
	out := volume.NewLabelMap(native)
	inv, err := names.Affine.Inverse()
	if err != nil {
		return out
	}
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), native.Size[2])
	for w := range workers {
		wg.Go(func() {
			u := upsampler{semantic: semantic, class: class, names: names, inv: inv}
			for k := w; k < native.Size[2] && ctx.Err() == nil; k += workers {
				u.slice(out, k)
			}
		})
	}
	wg.Wait()
	return out
}

type upsampler struct {
	semantic     []float32
	class, names *volume.LabelMap
	inv          volume.Affine // mm to network voxels
}

func (u *upsampler) slice(out *volume.LabelMap, k int) {
	step := u.inv.Apply(out.Affine.Column(0)).Sub(u.inv.Column(3))
	for j := range out.Size[1] {
		vox := u.inv.Apply(out.ToWorld(volume.Vec3{0, float64(j), float64(k)}))
		row := out.Data[out.Index(0, j, k):][:out.Size[0]]
		for i := range row {
			row[i] = u.voxel(vox.Add(step.Scale(float64(i))))
		}
	}
}

// voxel is the label at a continuous network index.
func (u *upsampler) voxel(vox volume.Vec3) uint8 {
	if !inside(u.names.Grid, vox) {
		return 0
	}
	at, weight := corners(u.names.Grid, vox)
	background := true
	for _, n := range at {
		background = background && u.class.Data[n] == classBackground
	}
	if background {
		return 0 // all corners agree, so does every mixture of them
	}
	best, top := 0, float32(0)
	for c := range classCount {
		logits := u.semantic[c*u.names.Len():]
		sum := float32(0)
		for n, w := range weight {
			sum += w * logits[at[n]]
		}
		if c == 0 || sum > top {
			best, top = c, sum
		}
	}
	return u.name(best, at, weight)
}

// name turns a class into a structure.
func (u *upsampler) name(class int, at [8]int, weight [8]float32) uint8 {
	switch class {
	case classCanal:
		return uint8(spine.Canal)
	case classSacrum:
		return uint8(spine.S1)
	case classPosterior:
		return uint8(spine.Posterior)
	case classVertebra, classDisc:
		var votes [spine.MaxStructure + 1]float32
		best := spine.Background
		for n, w := range weight {
			s := spine.Structure(u.names.Data[at[n]])
			if ofKind(s, class) {
				if votes[s] += w; votes[s] > votes[best] {
					best = s
				}
			}
		}
		switch {
		case best != spine.Background:
			return uint8(best)
		case class == classVertebra:
			return unnamedBody
		}
		return unnamedDisc
	}
	return 0
}

// ofKind reports whether a piece of a class may have a name; a body may be S1.
func ofKind(s spine.Structure, class int) bool {
	if class == classDisc {
		return s.IsDisc()
	}
	return s.IsVertebra()
}

// corners are the eight voxels around a continuous index and their trilinear
// weights; beyond the outer voxel centres the edge is repeated.
func corners(g volume.Grid, vox volume.Vec3) (at [8]int, weight [8]float32) {
	var lo [3]int
	var f [3]float32
	for a := range 3 {
		x := min(max(vox[a], 0), float64(g.Size[a]-1))
		lo[a] = min(int(x), max(g.Size[a]-2, 0))
		f[a] = float32(x - float64(lo[a]))
	}
	for c := range 8 {
		w := float32(1)
		var p [3]int
		for a := range 3 {
			if c>>a&1 == 1 {
				p[a], w = min(lo[a]+1, g.Size[a]-1), w*f[a]
			} else {
				p[a], w = lo[a], w*(1-f[a])
			}
		}
		at[c], weight[c] = g.Index(p[0], p[1], p[2]), w
	}
	return at, weight
}

// flags says where the naming should be checked.
func (m *netMap) flags(pieces []piece, c chain) []spine.Flag {
	var out []spine.Flag
	add := func(text string, at *volume.Vec3) { out = append(out, spine.Flag{Kind: "levels", Text: text, LPS: at}) }
	at := map[int]*volume.Vec3{}
	lowest, highest := places, -1
	for n, q := range c.place {
		if q != none {
			at[q] = m.inPatient(pieces[n])
			lowest, highest = min(lowest, q), max(highest, q)
		}
	}
	if highest < 0 {
		add("No vertebra was found in the images: check that this is a lumbar spine.", nil)
		return out
	}
	if text := countingFlag(c, lowest, len(m.sacrum) > 0); text != "" {
		add(text, at[lowest])
	} else if p := passedOver(pieces, c); p != nil {
		add("A disc at the sacrum was left out: levels may be off by one. Check the numbering.", m.inPatient(*p))
	} else if p := remnant(pieces, c); p != nil {
		add("The disc called L5/S1 is small: if it lies within the sacrum, between S1 and S2, all levels are named one too high. Check the numbering.", m.inPatient(*p))
	}
	var missing []string
	for q := lowest + 1; q < highest; q++ {
		if at[q] == nil {
			missing = append(missing, placeStructure(q).String())
		}
	}
	if len(missing) > 0 {
		add("Between its neighbours nothing was found of "+strings.Join(missing, ", ")+".", at[lowest])
	}
	return out
}

// passedOver is a disc that lies against the sacrum and was given no name: that of L5/S1,
// where what lies above it was taken for a part of the sacrum, or the remnant of S1/S2.
func passedOver(pieces []piece, c chain) *piece {
	for n := range pieces {
		p := &pieces[n]
		if p.disc && c.place[n] == none && p.sacrumMM < sacrumToDiscMM+2 && p.size > partialSize/2 {
			return p
		}
	}
	return nil
}

// remnantSize is the largest that a disc within the sacrum is likely to be, beside the
// middle one of the spine.
const remnantSize = 0.45

// remnant is the disc at the sacrum, where it is small enough to be that of S1/S2 in a
// sacrum whose first piece was taken for L5.
func remnant(pieces []piece, c chain) *piece {
	for n := range pieces {
		if p := &pieces[n]; c.place[n] == placeL5S1 && p.sacrumMM < sacrumToDiscMM+2 && p.size < remnantSize {
			return p
		}
	}
	return nil
}

// countingFlag says how the levels may have been counted wrongly, "" where nothing
// speaks for it. Without a sacrum nothing speaks against it either.
func countingFlag(c chain, lowest int, anchored bool) string {
	switch {
	case !anchored:
		return "The sacrum was not found: levels are counted by their look alone and may be off by one or more. Check the numbering."
	case c.belief.offByOne() >= uncertainBelief:
		way := "higher"
		if c.belief.lower > c.belief.higher {
			way = "lower"
		}
		return fmt.Sprintf("Levels may be off by one: counted one level %s is %.0f %% likely (transitional or extra vertebra?). Check the numbering.",
			way, 100*c.belief.offByOne())
	case c.margin < uncertainMargin:
		return "Levels may be off by one: counted one level higher or lower they look almost as likely (transitional or extra vertebra?). Check the numbering."
	case lowest > placeL5S1+1:
		return fmt.Sprintf("Nothing was found between the sacrum and %s: levels may be off by one. Check the numbering.", placeStructure(lowest))
	}
	return ""
}
