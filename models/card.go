package models

import (
	"fmt"
	"slices"
	"strings"
)

// A card is written three times: as JSON beside a shipped model, as metadata
// inside every ONNX file, and as lines for a reader.

// Kinds of ONNX files of one network.
const (
	Inference = "inference"
	GradCAM   = "gradcam"
	Training  = "training"
)

// Kinds lists them.
func Kinds() []string { return []string{Inference, GradCAM, Training} }

// String is the port's name, sizes and meaning: "t1 (batch, 1, 16, 192, 128): ..".
func (p Port) String() string {
	sizes := make([]string, len(p.Shape))
	for i, n := range p.Shape {
		sizes[i] = fmt.Sprint(n)
		if n < 0 && i < len(p.Free) {
			sizes[i] = p.Free[i]
		}
	}
	s := fmt.Sprintf("%s (%s)", p.Name, strings.Join(sizes, ", "))
	if p.Meaning != "" {
		s += ": " + p.Meaning
	}
	return s
}

// Lines is the card for a reader, a name and a text each.
func (s *Spec) Lines() [][2]string {
	list := [][2]string{
		{"net", s.Name}, {"preset", s.Preset}, {"without", strings.Join(s.Without, ", ")}, {"kind", s.Kind},
		{"inputs", joined(s.Inputs)}, {"outputs", joined(s.Outputs)}, {"sizes", s.Sizes},
		{"labels", strings.Join(s.Labels, ", ")}, {"heads", s.heads()},
		{"parameters", fmt.Sprint(s.Parameters)}, {"gflops", fmt.Sprintf("%.4g, of the network for one sample", s.GFLOPs)},
		{"trained_on", s.TrainedOn}, {"limits", s.Limits},
		{"licence", s.Licence}, {"attribution", s.Attribution}, {"parent", s.Parent}, {"learned", s.Learned.String()},
	}
	if s.SpacingMM != [3]float64{} {
		grid := fmt.Sprintf("%v voxels of %.4g mm along i, j, k (columns, rows, slices)", s.SizeVox, s.SpacingMM)
		list = slices.Insert(list, 7, [2]string{"grid", grid})
	}
	return slices.DeleteFunc(list, func(l [2]string) bool { return l[1] == "" })
}

// heads are those beside the main one, a name and what it tells apart each.
func (s *Spec) heads() string {
	var out []string
	for _, h := range s.Heads {
		out = append(out, h.Name+": "+strings.Join(h.Labels, ", "))
	}
	return strings.Join(out, "; ")
}

// String is what was learned, in a sentence; "" of nothing.
func (l *Learned) String() string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%d corrections of %d patients, %d steps, let in on %d held-out patients, %s", l.Corrections, l.Patients, l.Steps, l.HeldOut, l.Date)
}

func joined(ports []Port) string {
	lines := make([]string, len(ports))
	for i, p := range ports {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Metadata is the card as it goes into the ONNX file.
func (s *Spec) Metadata() map[string]string {
	m := map[string]string{}
	for _, l := range s.Lines() {
		m[l[0]] = l[1]
	}
	return m
}

// Text is the card in one piece.
func (s *Spec) Text() string {
	var b strings.Builder
	for _, l := range s.Lines() {
		fmt.Fprintf(&b, "%s: %s\n", l[0], strings.ReplaceAll(l[1], "\n", "\n  "))
	}
	return b.String()
}
