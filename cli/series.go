package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"columna/review"
	"columna/spine"
	"columna/volume"
)

// seriesCorrection is one --set: a series and what it is.
type seriesCorrection struct {
	id       review.SeriesID
	sequence spine.Sequence
	plane    spine.Plane
}

// parseCorrection reads UID[/BLOCK]=WORDS, where the words are a sequence, a plane,
// both with a comma between them, or auto.
func parseCorrection(arg string) (c seriesCorrection, err error) {
	name, words, ok := strings.Cut(arg, "=")
	uid, block, blocked := strings.Cut(name, "/")
	c.id = review.SeriesID{UID: uid, Block: review.AllBlocks}
	if blocked {
		if c.id.Block, err = strconv.Atoi(block); err != nil || c.id.Block < 0 {
			return c, badUsage("%q is no block; they are counted from 0", block)
		}
	}
	if !ok || uid == "" || words == "" {
		return c, badUsage("write UID=T2,sagittal, or UID/1=T2,sagittal for one block")
	}
	if words == "auto" {
		return c, nil
	}
	for word := range strings.SplitSeq(words, ",") {
		q, p := spine.Sequence(strings.ToUpper(word)), spine.Plane(strings.ToLower(word))
		switch {
		case slices.Contains(spine.Sequences(), q) && c.sequence == "":
			c.sequence = q
		case slices.Contains(spine.Planes(), p) && c.plane == "":
			c.plane = p
		default:
			return c, badUsage("%q is not one of %v and %v", word, spine.Sequences(), spine.Planes())
		}
	}
	return c, nil
}

// listSeries shows what the series of a case are, after the corrections asked for.
func listSeries(e *env, args []string) error {
	var asked []seriesCorrection
	e.flags.Func("set", "what a series is, as UID[/BLOCK]=T2,sagittal or =auto; may be given again", func(arg string) error {
		c, err := parseCorrection(arg)
		asked = append(asked, c)
		return err
	})
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return badUsage("%q is no case number; columna list shows them", words[0])
	}
	return e.withDesk(func(d *review.Desk) error {
		for _, c := range asked {
			if err := d.CorrectSeries(e.ctx, id, c.id, c.sequence, c.plane); err != nil {
				return err
			}
		}
		series, grids, err := d.CaseSeries(e.ctx, id)
		if err != nil {
			return err
		}
		return e.printSeries(id, series, grids)
	})
}

func (e *env) printSeries(id int64, series []spine.Series, grids []volume.Grid) error {
	out := []seriesJSON{}
	for n := range series {
		out = append(out, newSeriesJSON(&series[n], grids[n]))
	}
	if e.json {
		return e.print(map[string]any{"case": id, "series": out})
	}
	rows := [][]string{{"SERIES", "SEQUENCE", "PLANE", "SURE", "SIZE", "DESCRIPTION", ""}}
	for _, s := range out {
		rows = append(rows, []string{fmt.Sprintf("%s/%d", s.UID, s.Block), string(s.Sequence), string(s.Plane), s.sure(),
			fmt.Sprintf("%dx%dx%d", s.Size[0], s.Size[1], s.Size[2]), s.Description, strings.Join(s.Warnings, "; ")})
	}
	return e.table(rows)
}

func newSeriesJSON(s *spine.Series, g volume.Grid) seriesJSON {
	j := seriesJSON{UID: s.UID, Block: s.Block, Description: s.Description, Sequence: s.Sequence, Plane: s.Plane,
		Confidence: s.Confidence, CorrectedBy: s.CorrectedBy, Warnings: s.Warnings, Size: g.Size}
	if g.Size != [3]int{} {
		j.SpacingMM = g.SpacingMM()
	}
	return j
}

// sure is the confidence in words, with a mark where a person should look.
func (s *seriesJSON) sure() string {
	switch {
	case s.CorrectedBy != "":
		return "by " + s.CorrectedBy
	case (&spine.Series{Confidence: s.Confidence}).Doubtful():
		return fmt.Sprintf("%.0f %% sure: look", 100*s.Confidence)
	}
	return fmt.Sprintf("%.0f %% sure", 100*s.Confidence)
}
