package eval

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"columna/export/metrics"
	"columna/internal/files"
	"columna/spine"
)

//go:embed page.html
var page string

// Report is what a page is drawn of.
type Report struct {
	Dir        string // of the run, where the pictures lie
	Sets       []*Summary
	Comparison map[string]*Comparison // by set, may be nil
}

// WriteReport draws one page that needs nothing beside it: tables, drawings, pictures.
func WriteReport(path string, r Report) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	view := pageView{Overview: r.overview(), Noise: r.noise()}
	for _, s := range r.Sets {
		if len(view.Models) == 0 && len(s.records) > 0 {
			view.Models = s.records[0].Models
		}
		view.Sets = append(view.Sets, r.set(s))
	}
	return files.Write(path, func(w io.Writer) error { return t.Execute(w, view) })
}

type pageView struct {
	Models   []spine.ModelRef
	Overview []template.HTML
	Noise    []drawing
	Sets     []setView
}

type drawing struct {
	SVG     template.HTML
	Caption string
}

type setView struct {
	Set, About                string
	Studies, Patients, Failed int
	Change                    *changeView
	Violins                   template.HTML
	Structures                []structureView
	Maps                      []picture
	Conditions                []string // titles of the columns of Grades
	Grades                    []gradeView
	ROC                       template.HTML
	Confusions                []template.HTML
	Lesions, Infections       template.HTML
	Reliability               []template.HTML
	Others                    []otherView
}

type structureView struct {
	Name                  string
	Dice, IoU, HD95, ASSD template.HTML
	Missing, Extra        int
}

// gradeView is one figure of all conditions.
type gradeView struct {
	Name  string
	Cells []template.HTML
}

type otherView struct {
	Words string
	Value template.HTML
	N     int
}

type picture struct {
	Data    template.URL
	Caption string
}

// words is a figure with its interval in one line.
func words(f Figure, digits int) string {
	if math.IsNaN(float64(f.Value)) {
		return "–"
	}
	s := number(f.Value, digits)
	if !math.IsNaN(float64(f.Low)) {
		s += " (" + number(f.Low, digits) + " to " + number(f.High, digits) + ")"
	}
	return s
}

// number has a true minus, and none before a zero.
func number(n Number, digits int) string {
	s := fmt.Sprintf("%.*f", digits, float64(n))
	if digits > 0 && strings.Trim(s, "-0.") == "" || s == "-0" {
		return strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

// cell is words with a quieter interval.
func cell(f Figure, digits int) template.HTML {
	value, interval, found := strings.Cut(words(f, digits), " (")
	if found {
		value += " <small>(" + interval + "</small>"
	}
	return template.HTML(value)
}

// set is one section.
func (r Report) set(s *Summary) setView {
	v := setView{Set: s.Set, About: upperFirst(s.About), Studies: s.Studies, Patients: s.Patients, Failed: s.Failed}
	v.Change = changes(r.Comparison[s.Set])
	v.Violins = s.violins()
	for _, row := range append(slices.Clone(s.Classes), s.Levels...) {
		v.Structures = append(v.Structures, structureView{row.Name, cell(row.Dice, 3), cell(row.IoU, 3), cell(row.HD95MM, 1), cell(row.ASSDMM, 2), row.Missing, row.Extra})
	}
	v.Maps = r.pictures(s)
	for _, c := range s.Conditions {
		v.Conditions = append(v.Conditions, title(c.Name))
		v.Confusions = append(v.Confusions, confusionTable(title(c.Name), c.Confusion, []string{"N", "M", "S"}))
	}
	v.Grades = s.gradeTable()
	v.ROC = s.roc()
	if s.Lesions != nil {
		v.Lesions = confusionTable("lesions", s.Lesions, lesionNames())
	}
	if s.Infections != nil {
		v.Infections = confusionTable("infections", s.Infections, []string{spine.Pyogenic.String(), spine.Tuberculous.String()})
	}
	v.Reliability = s.reliability()
	for _, f := range s.Figures {
		unit := ""
		if f.Unit != "" && f.Unit != "share" {
			unit = " " + f.Unit
		}
		v.Others = append(v.Others, otherView{f.Words, cell(f.Figure, digitsOf(f)) + template.HTML(unit), f.N})
	}
	return v
}

// title is a condition as it heads a column.
func title(condition string) string {
	c, err := spine.ParseCondition(condition)
	if err != nil {
		return "All"
	}
	return c.Title()
}

// gradeTable has a row a figure and a column a condition.
func (s *Summary) gradeTable() []gradeView {
	rows := []struct {
		name string
		of   func(Condition) Figure
	}{
		{"could be graded", func(c Condition) Figure { return c.Graded }},
		{"accuracy", func(c Condition) Figure { return c.Accuracy }},
		{"normal / mild: called so", func(c Condition) Figure { return c.Recall[spine.NormalMild] }},
		{"moderate: called so", func(c Condition) Figure { return c.Recall[spine.Moderate] }},
		{"severe: called so", func(c Condition) Figure { return c.Recall[spine.Severe] }},
		{"not severe: not called severe", func(c Condition) Figure { return c.Specificity }},
		{"kappa, quadratic", func(c Condition) Figure { return c.Kappa }},
		{"AUC, one against the rest", func(c Condition) Figure { return c.AUC }},
		{"AUC, severe", func(c Condition) Figure { return c.AUCSevere }},
	}
	places := gradeView{Name: "places"}
	for _, c := range s.Conditions {
		places.Cells = append(places.Cells, template.HTML(fmt.Sprint(c.Places)))
	}
	out := []gradeView{places}
	for _, r := range rows {
		v := gradeView{Name: r.name}
		for _, c := range s.Conditions {
			v.Cells = append(v.Cells, cell(r.of(c), 2))
		}
		out = append(out, v)
	}
	return out
}

// digitsOf is how many decimals say something.
func digitsOf(f Named) int {
	switch f.Unit {
	case "mm³", "mm²":
		return 0
	case "s":
		return 1
	}
	return 3
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// plain is a word of RSNA's as a reader writes it.
func plain(name string) string { return strings.ReplaceAll(name, "_", " ") }

func lesionNames() (out []string) {
	for c := range spine.LesionClass(spine.LesionClassCount) {
		out = append(out, plain(c.String()))
	}
	return out
}

// confusionTable shades cells by their share of the row.
func confusionTable(caption string, c metrics.Confusion, names []string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<figure><table class="confusion"><caption>%s</caption><tr><th>truth \ said</th>`, template.HTMLEscapeString(caption))
	for _, n := range names {
		fmt.Fprintf(&b, "<th>%s</th>", n)
	}
	b.WriteString("</tr>")
	for t, row := range c {
		total := 0
		for _, x := range row {
			total += x
		}
		fmt.Fprintf(&b, "<tr><th>%s</th>", names[t])
		for _, x := range row {
			fmt.Fprintf(&b, `<td style="background:rgba(var(--heat),%.2f)">%d</td>`, 0.55*float64(x)/float64(max(total, 1)), x)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table></figure>")
	return template.HTML(b.String())
}

// pictures are the errors of the worst study and of the middle one.
func (r Report) pictures(s *Summary) (out []picture) {
	var order []*Record
	for _, x := range s.records {
		if x.Spine != nil {
			order = append(order, x)
		}
	}
	if len(order) == 0 || r.Dir == "" {
		return nil
	}
	slices.SortStableFunc(order, func(a, b *Record) int {
		switch {
		case a.Score < b.Score:
			return -1
		case a.Score > b.Score:
			return 1
		}
		return 0
	})
	add := func(word string, x *Record) {
		data, err := os.ReadFile(mapPath(r.Dir, x.Set, x.ID))
		if err != nil {
			return // the study was read where no pictures were kept
		}
		out = append(out, picture{template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(data)),
			fmt.Sprintf("%s, study %s: mean Dice of the classes %.3f", word, x.ID, float64(x.Score))})
	}
	add("Worst", order[0])
	if len(order) > 1 {
		add("Median", order[len(order)/2])
	}
	return out
}
