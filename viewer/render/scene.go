package render

import (
	"encoding/binary"
	"image/color"

	"columna/spine"
	"columna/volume"
)

// Scene is everything one pane shows. It is a plain value: callers change it
// and draw again; the Painter finds out what has to be recomputed.
type Scene struct {
	Stack   *Stack
	Slice   int
	View    View
	Window  Window
	Overlay *Overlay // shared by the panes; nil: none
	Compare *volume.LabelMap
	Heat    *Heat
	Marks   Marks
	Density float64 // device pixels per unit of text and line sizes, 1 if zero
}

// Overlay is the mask as all panes see it. Revision must grow with every change
// of the mask's data.
type Overlay struct {
	Mask     *volume.LabelMap
	Revision int
	Hide     uint64  // bit n hides label n
	Opacity  float64 // 0..1 of the fill
	Contour  bool    // outlines only
	Off      bool    // nothing of it is drawn
}

// Visible reports whether a structure is drawn.
func (o *Overlay) Visible(s spine.Structure) bool { return o.Hide>>s&1 == 0 }

// SetVisible shows or hides a structure.
func (o *Overlay) SetVisible(s spine.Structure, on bool) {
	if on {
		o.Hide &^= 1 << s
	} else {
		o.Hide |= 1 << s
	}
}

// Heat is a heat map with an absolute scale: 0 to 1 of the raw maximum.
type Heat struct {
	Volume  *volume.Volume
	RawMax  float64
	Title   string // "Grad-CAM canal L4/L5 severe"
	Model   string // short hash
	Opacity float64
	// Legend draws the scale and its words into the pane.
	Legend bool
}

// Marks are the thin things drawn over the images.
type Marks struct {
	Crosshair  *volume.Vec3
	References []Reference
	Names      []Landmark
	Points     []Mark
	Brush      *Brush
	Boxes      []spine.Box // marked lesions
	Caption    string      // replaces the stack's title
	Note       string      // a second line under the caption
	Badge      string      // "AI" until accepted
	Empty      string      // said in the middle when there is no stack
	Active     bool        // the pane that keys go to
	Bare       bool        // images only: no words at all
}

// Reference is the rectangle of another pane's slice.
type Reference struct {
	Corners [4]volume.Vec3
	Strong  bool // the active pane's slice
}

// Landmark is the name of a structure at its middle.
type Landmark struct {
	Structure spine.Structure
	Name      string
	MM        volume.Vec3
	Color     color.RGBA
}

// Mark is a place worth seeing: where a grade was read.
type Mark struct {
	MM    volume.Vec3
	Text  string
	Color color.RGBA
}

// Brush is the tool's footprint.
type Brush struct {
	MM       volume.Vec3
	RadiusMM float64
	Erase    bool
}

// Landmarks finds the middle of every vertebra and disc in a mask.
func Landmarks(m *volume.LabelMap) []Landmark {
	if m == nil {
		return nil
	}
	var all [256]tally
	for k := range m.Size[2] {
		for j := range m.Size[1] {
			countRow(&all, m.Data[m.Index(0, j, k):][:m.Size[0]], j, k)
		}
	}
	var out []Landmark
	for _, info := range spine.Structures() {
		s, t := info.Structure, &all[info.Structure]
		if t.n > 0 && (s.IsVertebra() || s.IsDisc()) {
			sum := volume.Vec3{float64(t.i), float64(t.j), float64(t.k)}
			out = append(out, Landmark{s, info.Name, m.ToWorld(sum.Scale(1 / float64(t.n))), info.Color})
		}
	}
	return out
}

// tally counts the voxels of a label and sums their indices.
type tally struct{ n, i, j, k int }

// countRow adds one row of voxels, run by run: most of a mask is background, which
// it passes eight voxels at a time.
func countRow(all *[256]tally, row []uint8, j, k int) {
	for from := 0; from < len(row); {
		if len(row)-from >= 8 && binary.LittleEndian.Uint64(row[from:]) == 0 {
			from += 8
			continue
		}
		to, l := from+1, row[from]
		for to < len(row) && row[to] == l {
			to++
		}
		if n := to - from; l != 0 {
			t := &all[l]
			t.n, t.i, t.j, t.k = t.n+n, t.i+n*(from+to-1)/2, t.j+n*j, t.k+n*k
		}
		from = to
	}
}
