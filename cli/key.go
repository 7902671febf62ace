package cli

import (
	"fmt"
	"strconv"

	"columna/review"
	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
)

// keyImages lists the key images of a case, after those asked for were added, removed
// and brought back.
func keyImages(e *env, args []string) error {
	var added []spine.Series
	var removed, restored []int64
	e.flags.Func("add", "keep the slice through the level, as T2,sagittal or axial; may be given again", func(arg string) error {
		c, err := parseCorrection("x=" + arg)
		added = append(added, spine.Series{Sequence: c.sequence, Plane: c.plane})
		return err
	})
	e.flags.Func("remove", "number of a key image to remove; may be given again", numbers(&removed))
	e.flags.Func("restore", "number of a key image to bring back; may be given again", numbers(&restored))
	level := e.flags.String("level", "", "level to add, such as L4/L5; the worst if not given")
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
	return e.withCase(words[0], func(_ *review.Desk, s *review.Session) error {
		if at < 0 {
			at = worstLevel(s)
		}
		for _, a := range added {
			if err := e.keep(s, a.Sequence, a.Plane, at); err != nil {
				return err
			}
		}
		for _, id := range removed {
			if err := s.RemoveKeyImage(e.ctx, id); err != nil {
				return err
			}
		}
		for _, id := range restored {
			if err := s.RestoreKeyImage(e.ctx, id); err != nil {
				return err
			}
		}
		return e.printKeys(s)
	})
}

// numbers takes a flag that may be given again.
func numbers(into *[]int64) func(string) error {
	return func(arg string) error {
		n, err := strconv.ParseInt(arg, 10, 64)
		*into = append(*into, n)
		return err
	}
}

// keep keeps the slice of a series through a level as the reading sheet shows it.
func (e *env) keep(s *review.Session, q spine.Sequence, p spine.Plane, l spine.Level) error {
	if q == "" {
		q = spine.T2
	}
	if p == "" {
		p = spine.Sagittal
	}
	base := s.Study().Find(q, p)
	if base == nil {
		return fmt.Errorf("case %d has no %s %s series; columna series %d lists them", s.CaseID(), q, p, s.CaseID())
	}
	st := render.NewStack(s.Study().FindAll(base.Sequence, p)...)
	if st == nil {
		return fmt.Errorf("the %s %s series of case %d cannot be drawn", q, p, s.CaseID())
	}
	sc, at := keyScene(s, st, l)
	series, f, k := st.At(sc.Slice)
	_, _, err := s.KeepImage(e.ctx, review.KeyView{Picture: sc.Picture(render.NewType(), 1024, 1024), Title: sc.PictureTitle() + " · " + l.Title(),
		Series: series, Slice: k, Right: f.Right, Down: f.Down, Place: at})
	return err
}

// keyScene is the slice of a stack through a level with the mask, its names and where
// the level's grades were read.
func keyScene(s *review.Session, st *render.Stack, l spine.Level) (sc render.Scene, at volume.Vec3) {
	at, ok := s.LevelPoint(l)
	if !ok {
		at = st.Blocks[0].Volume.CenterMM()
	}
	sc = render.Scene{Stack: st, View: render.Fit(), Overlay: &render.Overlay{Mask: s.Mask(), Opacity: 0.3},
		Marks: render.Marks{Names: render.Landmarks(s.Mask()), Points: evidence(s, l)}}
	if s.Mask() != nil && s.State() != spine.Accepted {
		sc.Marks.Badge = "AI"
	}
	sc.Slice, _ = st.Nearest(at)
	series, _, _ := st.At(sc.Slice)
	sc.Window = render.Measure(series.Volume, s.Mask()).Window(render.Auto)
	return sc, at
}

// evidence marks where the grades of a level were read.
func evidence(s *review.Session, l spine.Level) (out []render.Mark) {
	for c, row := range s.Grades() {
		if p := row[l].AI.Point; p != nil {
			mark := render.Mark{MM: p.LPS, Text: spine.Condition(c).Title()}
			mark.Color.R, mark.Color.G, mark.Color.B, mark.Color.A = 0xFF, 0xD0, 0x40, 0xFF
			out = append(out, mark)
		}
	}
	return out
}

// keyJSON is a key image as it is printed.
type keyJSON struct {
	ID        int64       `json:"id"`
	Title     string      `json:"title"`
	SeriesUID string      `json:"series_uid"`
	SOPUID    string      `json:"sop_uid"`
	Frame     int         `json:"frame,omitempty"`
	PlaceLPS  volume.Vec3 `json:"lps_mm"`
	Author    string      `json:"author"`
}

func (e *env) printKeys(s *review.Session) error {
	all, err := s.KeyImages(e.ctx)
	if err != nil {
		return err
	}
	out, rows := []keyJSON{}, [][]string{{"NUMBER", "SHOWS", "KEPT BY", "AT"}}
	for _, k := range all {
		out = append(out, keyJSON{k.ID, k.Title, k.SeriesUID, k.SOPUID, k.Frame, k.PlaceLPS, k.Author})
		rows = append(rows, []string{fmt.Sprint(k.ID), k.Title, k.Author, k.At.Local().Format("2006-01-02 15:04")})
	}
	if e.json {
		return e.print(map[string]any{"case": s.CaseID(), "key_images": out})
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(e.out, "no key images yet; K in the reading room keeps one, and so does --add")
		return err
	}
	return e.table(rows)
}
