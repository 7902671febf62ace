package viewer

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// acts names the acts of gestures in order.
func acts(groups ...[]Gesture) (out []Act) {
	for _, g := range groups {
		for _, a := range g {
			out = append(out, a.Act)
		}
	}
	return out
}

func same(a, b []Act) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestGestures_WhatEachButtonDoes(t *testing.T) {
	for _, c := range []struct {
		name     string
		painting bool
		button   Button
		want     []Act
	}{
		{"left while reading is window and level", false, LeftButton, []Act{ActWindow, ActWindow}},
		{"left while editing is the tool", true, LeftButton, []Act{ActPaint, ActPaintTo, ActPaintTo, ActPaintEnd}},
		{"middle pans while reading", false, MiddleButton, []Act{ActPan, ActPan}},
		{"middle pans while editing", true, MiddleButton, []Act{ActPan, ActPan}},
		{"right zooms", false, RightButton, []Act{ActZoom, ActZoom}},
		{"right zooms while editing", true, RightButton, []Act{ActZoom, ActZoom}},
	} {
		g := Gestures{Painting: c.painting}
		got := acts(g.Down(c.button, Mods{}, 10, 10, noon), g.Move(Mods{}, 20, 10), g.Move(Mods{}, 30, 12), g.Up(c.button, noon))
		if !same(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestGestures_AClickMayTremble(t *testing.T) {
	g := Gestures{}
	g.Down(LeftButton, Mods{}, 100, 100, noon)
	g.Move(Mods{}, 101, 101)
	got := g.Up(LeftButton, noon)
	if !same(acts(got), []Act{ActPoint}) || got[0].X != 100 {
		t.Errorf("a trembling click gave %v", got)
	}
}

func TestGestures_ADragBeginsWhereTheButtonWentDown(t *testing.T) {
	g := Gestures{}
	g.Down(LeftButton, Mods{}, 100, 100, noon)
	g.Move(Mods{}, 102, 100)
	got := g.Move(Mods{}, 110, 100)
	if len(got) != 1 || got[0].DX != 10 {
		t.Errorf("first step of the drag is %v, want the whole 10 pixels", got)
	}
}

func TestGestures_DoubleClickMaximisesOnlyWhileReading(t *testing.T) {
	for _, painting := range []bool{false, true} {
		g := Gestures{Painting: painting}
		g.Down(LeftButton, Mods{}, 5, 5, noon)
		g.Up(LeftButton, noon)
		got := acts(g.Down(LeftButton, Mods{}, 6, 5, noon.Add(200*time.Millisecond)))
		if maximised := same(got, []Act{ActMaximise}); maximised == painting {
			t.Errorf("painting %v: the second press gave %v", painting, got)
		}
	}
	g := Gestures{}
	g.Down(LeftButton, Mods{}, 5, 5, noon)
	g.Up(LeftButton, noon)
	if got := g.Down(LeftButton, Mods{}, 5, 5, noon.Add(time.Second)); len(got) != 0 {
		t.Errorf("a slow second press gave %v", got)
	}
}

func TestGestures_CtrlInvertsTheWholeStroke(t *testing.T) {
	g := Gestures{Painting: true}
	down := g.Down(LeftButton, Mods{Ctrl: true}, 5, 5, noon)
	move := g.Move(Mods{}, 9, 9) // Ctrl let go in the middle
	if !down[0].Invert || !move[0].Invert {
		t.Error("the stroke did not stay inverted")
	}
}

func TestGestures_ASecondButtonDoesNotBreakAStroke(t *testing.T) {
	g := Gestures{Painting: true}
	g.Down(LeftButton, Mods{}, 5, 5, noon)
	if got := acts(g.Down(RightButton, Mods{}, 5, 5, noon), g.Up(RightButton, noon)); len(got) != 0 {
		t.Errorf("the right button gave %v", got)
	}
	if got := acts(g.Move(Mods{}, 9, 9)); !same(got, []Act{ActPaintTo}) {
		t.Errorf("then a move gave %v", got)
	}
}

func TestGestures_WheelIsSliceZoomOrBrush(t *testing.T) {
	for _, c := range []struct {
		mods  Mods
		dy    float64
		act   Act
		steps int
	}{
		{Mods{}, -25, ActSlice, 1}, {Mods{}, 25, ActSlice, -1}, {Mods{}, -75, ActSlice, 3},
		{Mods{Shift: true}, 25, ActBrush, 1}, {Mods{Ctrl: true}, 25, ActZoom, 0},
	} {
		g := Gestures{}
		got := g.Wheel(c.mods, c.dy, 1, 2)
		if len(got) != 1 || got[0].Act != c.act || got[0].Steps != c.steps {
			t.Errorf("%+v by %v gave %+v", c.mods, c.dy, got)
		}
	}
}

func TestGestures_TouchpadStepsAddUpAndTurnAtOnce(t *testing.T) {
	g, steps := Gestures{}, 0
	for range 10 {
		for _, s := range g.Wheel(Mods{}, -6, 0, 0) {
			steps += s.Steps
		}
	}
	if steps != 2 {
		t.Errorf("60 units of touchpad gave %d slices, want 2", steps)
	}
	g.Wheel(Mods{}, -20, 0, 0)
	if got := g.Wheel(Mods{}, 25, 0, 0); len(got) != 1 || got[0].Steps != -1 {
		t.Errorf("turning round gave %v", got)
	}
}

func TestGestures_ShiftTracksOnlyWithoutAButton(t *testing.T) {
	g := Gestures{}
	if got := acts(g.Move(Mods{Shift: true}, 4, 4)); !same(got, []Act{ActTrack}) {
		t.Errorf("shift and move gave %v", got)
	}
	g.Down(LeftButton, Mods{Shift: true}, 4, 4, noon)
	if got := acts(g.Move(Mods{Shift: true}, 40, 4)); !same(got, []Act{ActWindow}) {
		t.Errorf("shift and drag gave %v", got)
	}
}

func TestGestures_ALostReleaseEndsTheStroke(t *testing.T) {
	g := Gestures{Painting: true}
	g.Down(LeftButton, Mods{}, 4, 4, noon)
	if got := acts(g.Lost()); !same(got, []Act{ActPaintEnd}) || g.Busy() {
		t.Errorf("a lost release gave %v, busy %v", got, g.Busy())
	}
}
