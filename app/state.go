package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"fyne.io/fyne/v2"

	"columna/spine"
)

// stateVar names a file that the window keeps describing itself in while it
// runs. scripts/ux-test.sh drives the real window with mouse and keys and reads
// there what came of it; pixels of a screen would be a weaker witness.
const stateVar = "COLUMNA_STATE_FILE"

// paneState is a pane as the state file tells it.
type paneState struct {
	Box    [4]int     `json:"box"` // x, y, width, height in window units
	Slice  int        `json:"slice"`
	Slices int        `json:"slices"`
	Window [2]float64 `json:"window"`
	Zoom   float64    `json:"zoom"`
	Pan    [2]float64 `json:"pan"`
	Frames int        `json:"frames"`
}

// state is what the file holds.
type state struct {
	Screen   string         `json:"screen"` // worklist or room
	Cases    int            `json:"cases"`
	Case     int64          `json:"case"`
	Busy     bool           `json:"busy"`
	Message  string         `json:"message"`
	Mode     string         `json:"mode"`
	Active   int            `json:"active"`
	Label    string         `json:"label"`
	BrushMM  float64        `json:"brush_mm"`
	Position [3]float64     `json:"position_mm"`
	Panes    []paneState    `json:"panes"`
	Voxels   map[string]int `json:"voxels"`
	Dirty    bool           `json:"dirty"`
	Grades   []string       `json:"grades"` // the reader's, by condition then level
	Reader   string         `json:"reader_state"`
	Heat     bool           `json:"heat"`
}

// describe collects the state. It belongs to the window's goroutine.
func (a *App) describe() state {
	s := state{Screen: "worklist", Busy: a.jobs.busy(), Message: a.jobs.words.Text, Cases: a.worklist.total}
	r := a.room
	if r == nil {
		return s
	}
	s.Screen, s.Case, s.Active, s.Label, s.BrushMM = "room", r.session.CaseID(), r.active, r.label.String(), r.radius
	s.Mode, s.Position = [...]string{"reading", "editing", "grading"}[r.mode], r.cross
	s.Dirty, s.Reader, s.Heat = r.session.Dirty(), string(r.session.State()), r.heat.map_ != nil
	for _, p := range r.panes {
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(p)
		ps := paneState{Box: [4]int{int(at.X), int(at.Y), int(p.Size().Width), int(p.Size().Height)}, Slice: p.Scene.Slice,
			Window: [2]float64{p.Scene.Window.Lo, p.Scene.Window.Hi}, Zoom: p.Scene.View.Zoom, Pan: [2]float64{p.Scene.View.U, p.Scene.View.V}, Frames: p.Frames()}
		if p.Scene.Stack != nil {
			ps.Slices = p.Scene.Stack.Len()
		}
		s.Panes = append(s.Panes, ps)
	}
	for _, line := range r.session.Grades() {
		for _, c := range line {
			s.Grades = append(s.Grades, c.Reader.String())
		}
	}
	s.Voxels = r.voxels()
	return s
}

// voxels counts the mask by structure.
func (r *room) voxels() map[string]int {
	out := map[string]int{}
	m := r.session.Mask()
	if m == nil {
		return out
	}
	var n [256]int
	for _, l := range m.Data {
		n[l]++
	}
	for _, info := range spine.Structures() {
		if c := n[info.Structure]; c > 0 {
			out[info.Name] = c
		}
	}
	return out
}

// keepState writes the state file ten times a second until ctx ends.
func (a *App) keepState(ctx context.Context, path string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.do(func() { writeState(path, a.describe()) })
		}
	}
}

// writeState replaces the file in one step, so that readers never see half.
func writeState(path string, s state) {
	b, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(path+".part", b, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		slog.Warn("the state file cannot be written", "error", err)
	}
}
