package cli

import (
	"fmt"
	"image"
	"path/filepath"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
)

// show draws the reading screen of a case.
func show(e *env, args []string) error {
	out := e.flags.String("out", "", "PNG file, case-N.png if not given")
	level := e.flags.String("level", "", "level to show, such as L4/L5; the worst if not given")
	attention := e.flags.Bool("attention", false, "show where the network's attention lay, not the Grad-CAM")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	at := spine.Level(-1)
	if *level != "" {
		if at, err = parseLevel(*level); err != nil {
			return badUsage("%v", err)
		}
	}
	return e.withCase(words[0], func(d *review.Desk, s *review.Session) error {
		if at < 0 {
			at = worstLevel(s)
		}
		name := *out
		if name == "" {
			name = fmt.Sprintf("case-%d.png", s.CaseID())
		}
		kind := review.HeatStenosis
		if *attention {
			kind = review.HeatAttention
		}
		if err := writePNG(name, sheet(s, at, e.heat(d, s, at, kind))); err != nil {
			return err
		}
		if e.json {
			return e.print(map[string]any{"case": s.CaseID(), "file": name, "level": at.String()})
		}
		_, err := fmt.Fprintln(e.out, name)
		return err
	})
}

// parseLevel reads L4/L5 as well as l4_l5.
func parseLevel(s string) (spine.Level, error) {
	for l := spine.L1L2; l <= spine.L5S1; l++ {
		if s == l.Title() {
			return l, nil
		}
	}
	return spine.ParseLevel(s)
}

// worstLevel is the level with the gravest grade that counts, the lowest of
// equals; L4/L5 where nothing is graded.
func worstLevel(s *review.Session) spine.Level {
	worst, at := spine.NormalMild, spine.L4L5
	for _, row := range s.Grades() {
		for l, cell := range row {
			if g := shown(cell).Grade(); g > worst || g == worst && g > spine.NormalMild && spine.Level(l) > at {
				worst, at = g, spine.Level(l)
			}
		}
	}
	return at
}

// shown is a cell of the session as the worksheet draws it.
func shown(c review.Cell) render.Cell {
	out := render.Cell{AI: c.AI.Grade, Reader: c.Reader, Reason: c.Reason}
	if c.AI.Grade >= spine.NormalMild {
		out.Probability = c.AI.Probabilities[c.AI.Grade]
	}
	return out
}

// heating is a heat map with the series that it explains.
type heating struct {
	heat *render.Heat
	uid  string
}

// heat computes the Grad-CAM of the canal grade at a level or the attention that
// gave it, nil where there is no grade to explain. A picture without it is still
// the reading screen.
func (e *env) heat(d *review.Desk, s *review.Session, l spine.Level, kind review.HeatKind) *heating {
	if s.Mask() == nil || s.Analysis() == nil {
		return nil
	}
	cell := s.Grades()[spine.SpinalCanalStenosis][l]
	if cell.AI.Grade < spine.NormalMild {
		return nil
	}
	h, err := d.Heatmap(e.ctx, review.HeatmapRequest{Study: s.Study(), Mask: s.Mask(), Kind: kind,
		Cond: spine.SpinalCanalStenosis, Level: l})
	if err != nil {
		fmt.Fprintln(e.err, "columna: no heat map:", err)
		return nil
	}
	what := "Grad-CAM"
	if kind == review.HeatAttention {
		what = "Attention"
	}
	title := fmt.Sprintf("%s %s %s · %s", what, spine.SpinalCanalStenosis.Title(), l.Title(), cell.AI.Grade.Words())
	return &heating{uid: h.SeriesUID, heat: &render.Heat{Volume: h.Volume, RawMax: h.RawMax, Title: title,
		Model: h.Model, Opacity: 0.5, Legend: true}}
}

// sheet draws the reading sheet of a session at a level.
func sheet(s *review.Session, l spine.Level, h *heating) image.Image {
	return sheetOf(s.Leave(nil), l, h)
}

// sheetOf draws it as it may leave.
func sheetOf(s *review.Leaving, l spine.Level, h *heating) image.Image {
	sh := render.Sheet{Study: s.Told, Mask: s.Mask(), Level: l, Accepted: s.State() == spine.Accepted, Points: evidence(s.Session, l)}
	for c, row := range s.Grades() {
		for k, cell := range row {
			sh.Cells[c][k] = shown(cell)
		}
	}
	if h != nil {
		sh.Heat, sh.HeatSeriesUID = h.heat, h.uid
	}
	if s.Said != nil {
		for _, f := range s.Said.Flags {
			sh.Notes = append(sh.Notes, f.Text)
		}
	}
	return render.ReadingSheet(sh)
}

// screens draws a case into dir: the sheet of its worst level and, where this
// build has the toolkit, the screens of the app. The app opens the case itself.
func (e *env) screens(d *review.Desk, s *review.Leaving, dir string) ([]string, error) {
	l := worstLevel(s.Session)
	name := filepath.Join(dir, fmt.Sprintf("case-%d-reading.png", s.CaseID()))
	if err := writePNG(name, sheetOf(s, l, e.heat(d, s.Session, l, review.HeatStenosis))); err != nil {
		return nil, err
	}
	return []string{name}, nil
}
