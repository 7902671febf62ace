package inference

import (
	"context"
	"slices"
	"time"

	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// Config says which models a Pipeline runs.
type Config struct {
	// Models replaces shipped models by name, such as one that was fine-tuned.
	Models map[string]*models.Model
	// Library is the user's model folder, whose models go before shipped ones.
	Library models.Library
	Threads int // for ONNX Runtime; 0 leaves the choice to it
	// Provider is where the networks run, one of Providers; "" is the CPU. Notice, if
	// not nil, hears in one sentence why they run on the CPU instead.
	Provider string
	Notice   func(sentence string)
}

// Providers names the execution providers of ONNX Runtime that Config takes.
func Providers() []string { return ort.Providers() }

// Pipeline runs the three networks on studies. Models are opened when they are
// first needed; all methods may be called from several goroutines.
type Pipeline struct {
	segment, stenosis, lesion *network
}

// New prepares a pipeline; Close frees its sessions.
func New(c Config) (*Pipeline, error) {
	if err := ort.Init(); err != nil {
		return nil, err
	}
	open := func(name string) *network {
		o := ort.Options{Threads: c.Threads, Provider: c.Provider, Notice: c.Notice}
		return &network{name: name, options: o, library: c.Library, model: c.Models[name]}
	}
	return &Pipeline{open(SegmentationNet), open(StenosisNet), open(LesionNet)}, nil
}

// Close frees the sessions; no call may be in progress.
func (p *Pipeline) Close() {
	for _, n := range []*network{p.segment, p.stenosis, p.lesion} {
		n.close()
	}
}

// Runtime is the library that runs the networks and where it runs them.
type Runtime struct {
	Version  string `json:"onnxruntime"`
	Provider string `json:"provider"`
}

// Runtime opens the stenosis network, the smallest, to see where it runs.
func (p *Pipeline) Runtime() (Runtime, error) {
	s, _, err := p.stenosis.session(false)
	if err != nil {
		return Runtime{}, err
	}
	return Runtime{ort.Version(), s.Provider()}, nil
}

// Models names the models that the pipeline runs, with their cards; those that
// are not installed are left out.
func (p *Pipeline) Models() []models.Spec {
	var out []models.Spec
	for _, n := range []*network{p.segment, p.stenosis, p.lesion} {
		if m, err := n.load(); err == nil {
			out = append(out, m.Spec)
		}
	}
	return out
}

// Analyse segments and grades a study whose volumes are loaded, and explains its
// gravest grade, so that the first heat map that a reader asks for finds its
// network open. Seconds holds segment, grade, gradcam and total. Progress, if not
// nil, is told what is being done and how far the whole has come, 0 to 1.
// Cancelling ctx ends it within the second.
func (p *Pipeline) Analyse(ctx context.Context, study *spine.Study, progress func(stage string, fraction float64)) (*spine.Analysis, error) {
	if progress == nil {
		progress = func(string, float64) {}
	}
	began := time.Now()
	a, err := p.Segment(ctx, study, func(stage string, f float64) { progress(stage, 0.5*f) })
	if err != nil {
		return nil, err
	}
	graded := time.Now()
	grades, m, err := p.grade(ctx, study, a.Mask, func(f float64) { progress("grading", 0.5+0.45*f) })
	if err != nil {
		return nil, err
	}
	a.Grades, a.Seconds["grade"] = grades, time.Since(graded).Seconds()
	a.Models = append(a.Models, ref(m))
	a.Flags = append(a.Flags, p.modelFlags(p.segment, p.stenosis)...)
	progress("explaining", 0.95)
	if err := p.explainGravest(ctx, study, a); err != nil {
		return nil, err
	}
	a.Seconds["total"] = time.Since(began).Seconds()
	progress("done", 1)
	return a, ctx.Err()
}

// Segment labels vertebrae, discs, canal, sacrum and posterior elements on the
// native grid of the study's mask series (see MaskSeries). The analysis that it
// returns holds no grades.
func (p *Pipeline) Segment(ctx context.Context, study *spine.Study, progress func(stage string, fraction float64)) (*spine.Analysis, error) {
	if progress == nil {
		progress = func(string, float64) {}
	}
	a, _, err := p.segmented(ctx, study, progress)
	return a, err
}

// segmented is Segment with what the network said.
func (p *Pipeline) segmented(ctx context.Context, study *spine.Study, progress func(stage string, fraction float64)) (*spine.Analysis, *netAnswer, error) {
	began := time.Now()
	progress("preparing", 0.02)
	m, err := p.segment.load()
	if err != nil {
		return nil, nil, err
	}
	r, err := newReading(ctx, study, m.Spec)
	if err != nil {
		return nil, nil, err
	}
	answer, m, err := r.read(ctx, p.segment, func(f float64) { progress("segmenting", 0.1+0.7*f) })
	if err != nil {
		return nil, nil, err
	}
	progress("naming levels", 0.8)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	base := MaskSeries(study)
	mask, flags := assemble(ctx, answer, base.Volume.Grid)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	a := &spine.Analysis{Models: []spine.ModelRef{ref(m)}, Mask: mask, MaskUID: base.UID, Confidence: confidences(mask, answer)}
	a.Flags = slices.Concat(InputFlags(study), r.shadingFlags(), flags, coverageFlags(mask))
	a.Seconds = map[string]float64{"segment": time.Since(began).Seconds()}
	a.Seconds["total"] = a.Seconds["segment"]
	return a, answer, ctx.Err()
}
