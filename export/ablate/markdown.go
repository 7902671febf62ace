package ablate

import (
	"fmt"
	"strings"
)

// Markdown is the report as tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Ablation of %s %s\n\n", r.Net, r.Preset)
	kind := ""
	if r.Plain {
		kind = " without variety"
	}
	fmt.Fprintf(&b, "After %s. %d of %d runs are finished, each of %d steps on the same %d phantoms%s, seeds 1 to %d. The last weights of each are measured.\n\n",
		r.Source, r.Runs, r.Wanted, r.Steps, r.Samples, kind, r.Seeds)
	r.variants(&b)
	if r.Runs > 0 {
		fmt.Fprint(&b, "Intervals are over the held-out patients alone: how much other seeds would change a difference is not in them.\n\n")
	}
	for n := range r.Sets {
		r.set(&b, &r.Sets[n])
	}
	if len(r.Sets) == 0 {
		fmt.Fprintln(&b, "No run is finished yet.")
	}
	return b.String()
}

// variants is what the variants are and what they cost.
func (r *Report) variants(b *strings.Builder) {
	fmt.Fprintf(b, "| variant | built | runs | parameters | s a step | paper: %s, %% |\n|---|---|---:|---:|---:|---:|\n", r.Paper)
	for _, v := range r.Rows {
		parameters, pace := "–", "–"
		if v.Parameters > 0 {
			parameters = fmt.Sprint(v.Parameters)
		}
		if v.SecondsPerStep > 0 {
			pace = fmt.Sprintf("%.3f", v.SecondsPerStep)
		}
		paper := "–"
		if v.Paper > 0 {
			paper = fmt.Sprintf("%.2f", v.Paper)
		}
		fmt.Fprintf(b, "| %s | %s | %d | %s | %s | %s |\n", v.Name, v.built(), v.Runs, parameters, pace, paper)
	}
	fmt.Fprintln(b)
}

// built says how a variant was made.
func (v Row) built() string {
	switch {
	case len(v.Without) > 0:
		return "without " + strings.Join(v.Without, ", ")
	case v.Spectral > 0:
		return fmt.Sprintf("with the spectral term, weight %g", v.Spectral)
	case v.Name == "spatial":
		return "without the spectral term"
	}
	return "whole"
}

// set is the figures of a set with what they say of the paper's order.
func (r *Report) set(b *strings.Builder, s *Set) {
	fmt.Fprintf(b, "## %s, %d patients\n\nMean ± standard deviation over seeds; below, the difference to the first row with its 95 %% interval over patients.\n\n",
		strings.ReplaceAll(s.Name, "_", " "), s.Patients)
	fmt.Fprintf(b, "| variant | %s |\n|---|%s\n", strings.ReplaceAll(strings.Join(s.Figures, " | "), "_", " "), strings.Repeat("---|", len(s.Figures)))
	for n, v := range r.Rows {
		fmt.Fprintf(b, "| %s |", v.Name)
		for _, figure := range s.Figures {
			fmt.Fprintf(b, " %s |", s.Cells[n][figure])
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "\n%s\n\n", s.Order.words(strings.ReplaceAll(s.Figures[0], "_", " ")))
}

// String is the cell of a table.
func (c Cell) String() string {
	if c.Mean == nil {
		return "–"
	}
	text := fmt.Sprintf("%.4f", *c.Mean)
	if c.SD != nil {
		text += fmt.Sprintf(" ± %.4f", *c.SD)
	}
	if c.Difference != nil {
		text += "<br>" + c.Difference.String()
	}
	return text
}

// String is a signed number with its interval.
func (d Difference) String() string {
	if d.Low == nil || d.High == nil {
		return fmt.Sprintf("%+.4f", d.Value)
	}
	return fmt.Sprintf("%+.4f (%+.4f to %+.4f)", d.Value, *d.Low, *d.High)
}

// words say whether the paper's order holds by a figure.
func (o Order) words(figure string) string {
	if o.Pairs == 0 {
		return "No two variants can be compared yet."
	}
	verdict := "does not hold"
	switch {
	case o.Holds():
		verdict = "holds"
	case !o.Complete && o.Agree == o.Pairs:
		verdict = "holds as far as it is known"
	}
	return fmt.Sprintf("The paper's order %s by %s: %d of %d pairs of variants agree, %d of them with an interval clear of zero; %d go the other way with one. "+
		"The full network is ahead of %d of %d variants, of %d with an interval clear of zero.",
		verdict, figure, o.Agree, o.Pairs, o.Sure, o.Against, o.FullWins, o.Full, o.FullSure)
}
