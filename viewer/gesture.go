package viewer

import (
	"math"
	"time"
)

// Button is a mouse button.
type Button int

// The buttons.
const (
	NoButton Button = iota
	LeftButton
	MiddleButton
	RightButton
)

// Mods are the modifier keys that change what the mouse does.
type Mods struct{ Shift, Ctrl bool }

// Act is what a movement of the mouse means.
type Act int

// The acts. Positions are pixels of the pane.
const (
	ActSlice    Act = iota // Steps slices on
	ActWindow              // DX, DY pixels of window/level drag
	ActZoom                // Factor about X, Y
	ActPan                 // DX, DY pixels
	ActBrush               // Steps of brush size
	ActTrack               // the crosshair follows to X, Y
	ActPoint               // a click at X, Y that was no drag
	ActHover               // the pointer is at X, Y
	ActLeave               // the pointer has left
	ActMaximise            // a double click
	ActPaint               // the tool goes down at X, Y
	ActPaintTo             // the tool moves to X, Y
	ActPaintEnd            // the tool lifts
)

// Gesture is one act with its figures.
type Gesture struct {
	Act    Act
	X, Y   float64
	DX, DY float64
	Steps  int
	Factor float64
	Invert bool // Ctrl was held when the tool went down: erase for paint and the reverse
}

const (
	clickSlop   = 3.0 // pixels a click may wander
	doubleClick = 400 * time.Millisecond
)

// Gestures turns raw mouse events of one pane into acts. It is plain state: no
// toolkit, no clock, so that the rules of the mouse can be tested as rules.
// Zero value: reading.
type Gestures struct {
	Painting bool // left drag is the tool

	button    Button
	x, y      float64
	x0, y0    float64
	moved     bool
	invert    bool
	wheel     float64
	lastClick time.Time
}

// Busy reports whether a button is held.
func (g *Gestures) Busy() bool { return g.button != NoButton }

// Down is a button going down. A second button while one is held is ignored,
// so that a stroke cannot be broken by accident.
func (g *Gestures) Down(b Button, m Mods, x, y float64, at time.Time) []Gesture {
	if g.button != NoButton {
		return nil
	}
	double := b == LeftButton && !g.Painting && at.Sub(g.lastClick) < doubleClick && math.Hypot(x-g.x0, y-g.y0) < 2*clickSlop
	g.button, g.x, g.y, g.x0, g.y0, g.moved = b, x, y, x, y, false
	if double {
		g.button, g.lastClick = NoButton, time.Time{}
		return []Gesture{{Act: ActMaximise, X: x, Y: y}}
	}
	if b == LeftButton && g.Painting {
		g.invert = m.Ctrl
		return []Gesture{{Act: ActPaint, X: x, Y: y, Invert: m.Ctrl}}
	}
	return nil
}

// Move is the pointer moving, with or without a button held.
func (g *Gestures) Move(m Mods, x, y float64) []Gesture {
	dx, dy := x-g.x, y-g.y
	if g.button != NoButton && !g.moved && !(g.Painting && g.button == LeftButton) {
		if math.Hypot(x-g.x0, y-g.y0) < clickSlop {
			return nil
		}
		g.moved = true
	}
	g.x, g.y = x, y
	switch g.button {
	case LeftButton:
		if g.Painting {
			return []Gesture{{Act: ActPaintTo, X: x, Y: y, Invert: g.invert}}
		}
		return []Gesture{{Act: ActWindow, X: x, Y: y, DX: dx, DY: dy}}
	case MiddleButton:
		return []Gesture{{Act: ActPan, X: x, Y: y, DX: dx, DY: dy}}
	case RightButton:
		return []Gesture{{Act: ActZoom, X: g.x0, Y: g.y0, Factor: math.Exp(-dy / 150)}}
	}
	if m.Shift {
		return []Gesture{{Act: ActTrack, X: x, Y: y}}
	}
	return []Gesture{{Act: ActHover, X: x, Y: y}}
}

// Up is a button going up. The up of a button that is not the held one is
// ignored.
func (g *Gestures) Up(b Button, at time.Time) []Gesture {
	if b != g.button || b == NoButton {
		return nil
	}
	g.button = NoButton
	if b != LeftButton {
		return nil
	}
	if g.Painting {
		return []Gesture{{Act: ActPaintEnd, X: g.x, Y: g.y}}
	}
	if !g.moved {
		g.lastClick = at
		return []Gesture{{Act: ActPoint, X: g.x0, Y: g.y0}}
	}
	return nil
}

// Lost ends whatever was held, as when the release went to another window.
func (g *Gestures) Lost() []Gesture { return g.Up(g.button, time.Time{}) }

// Leave is the pointer leaving the pane.
func (g *Gestures) Leave() []Gesture {
	if g.Busy() {
		return nil
	}
	return []Gesture{{Act: ActLeave}}
}

// Wheel is a turn of the wheel: dy is positive away from the reader. One notch
// is one slice; a touchpad's small steps add up to one. Turning away goes to
// earlier slices, as pages do.
func (g *Gestures) Wheel(m Mods, dy, x, y float64) []Gesture {
	const notch = 25 // Fyne's figure for one notch
	if g.wheel*dy < 0 {
		g.wheel = 0
	}
	g.wheel += math.Max(-4*notch, math.Min(4*notch, dy))
	steps := int(g.wheel / notch)
	if steps == 0 {
		return nil
	}
	g.wheel -= float64(steps) * notch
	switch {
	case m.Ctrl:
		return []Gesture{{Act: ActZoom, X: x, Y: y, Factor: math.Pow(1.15, float64(steps))}}
	case m.Shift:
		return []Gesture{{Act: ActBrush, X: x, Y: y, Steps: steps}}
	}
	return []Gesture{{Act: ActSlice, X: x, Y: y, Steps: -steps}}
}
