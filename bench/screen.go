package bench

import (
	"context"
	"math"
	"slices"
	"time"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
)

// paneSize is a pane of a full-HD window, in pixels along each side.
const paneSize = 512

// screen is the three linked sagittal panes.
type screen struct {
	session  *review.Session
	overlay  *render.Overlay
	scenes   []*render.Scene
	painters []*render.Painter
	focus    volume.Vec3 // what edits go around
}

// newScreen hangs the sagittal series with the mask over them and draws them once.
func newScreen(session *review.Session) *screen {
	s := &screen{session: session, overlay: &render.Overlay{Mask: session.Mask(), Opacity: 0.4}}
	typ := render.NewType()
	names := render.Landmarks(session.Mask())
	stacks := render.Hanging(session.Study())
	for _, stack := range stacks[:3] {
		images := stack.Blocks[0].Volume
		s.scenes = append(s.scenes, &render.Scene{
			Stack: stack, Slice: stack.Len() / 2, View: render.Fit(), Overlay: s.overlay,
			Window: render.Measure(images, session.Mask()).Window(render.Auto),
			Marks:  render.Marks{Names: names, Crosshair: new(images.CenterMM())},
		})
		s.painters = append(s.painters, render.NewPainter(typ))
	}
	s.draw()
	return s
}

// heat adds the second overlay.
func (s *screen) heat() {
	for _, sc := range s.scenes {
		sc.Heat = &render.Heat{Volume: hill(sc.Stack.Blocks[0].Volume.Grid), RawMax: 1, Opacity: 0.5}
	}
	s.draw()
}

// hill is a heat map that falls off from the middle of a grid.
func hill(g volume.Grid) *volume.Volume {
	v, mid := volume.New(g), g.CenterMM()
	for n := range v.Data {
		i, j, k := g.Coords(n)
		d := g.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)}).Sub(mid).Norm()
		v.Data[n] = float32(math.Exp(-d / 40))
	}
	return v
}

func (s *screen) draw() {
	for n, p := range s.painters {
		p.Draw(s.scenes[n], paneSize, paneSize)
	}
}

// maskChanged shows the mask as an edit left it.
func (s *screen) maskChanged() {
	s.overlay.Mask = s.session.Mask()
	s.overlay.Revision++
}

// rename finds the structures' names again, as the end of an edit does.
func (s *screen) rename() {
	s.maskChanged()
	names := render.Landmarks(s.overlay.Mask)
	for _, sc := range s.scenes {
		sc.Marks.Names = names
	}
}

// editAround makes the middle of a level's disc the place of the edits.
func (s *screen) editAround(l spine.Level) {
	s.focus, _ = render.LevelPoint(s.session.AIMask(), l)
}

// firstImage draws one pane of a study that has just been opened.
func firstImage(session *review.Session) {
	stack := render.Hanging(session.Study())[1]
	window := render.Measure(stack.Blocks[0].Volume, session.Mask()).Window(render.Auto)
	sc := &render.Scene{Stack: stack, Slice: stack.Len() / 2, View: render.Fit(), Window: window}
	render.NewPainter(render.NewType()).Draw(sc, paneSize, paneSize)
}

// events times every one of n calls, in ms, sorted.
func events(ctx context.Context, n int, call func(n int) error) ([]float64, error) {
	var out []float64
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := call(i); err != nil {
			return nil, err
		}
		out = append(out, 1e3*time.Since(began).Seconds())
	}
	slices.Sort(out)
	return out, nil
}

// quantile is the value that a share of sorted values does not exceed.
func quantile(sorted []float64, share float64) float64 {
	n := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(n, 0), len(sorted)-1)]
}

func median(values []float64) float64 { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// copyPixels copies as many pixels as all panes have.
func (s *screen) copyPixels() func(int) error {
	from := make([]uint8, len(s.painters)*4*paneSize*paneSize)
	to := make([]uint8, len(from))
	return func(int) error {
		copy(to, from)
		return nil
	}
}
