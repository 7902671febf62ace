package inference

import (
	"context"
	"slices"
	"time"

	"columna/internal/ort"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// Config says which models a Pipeline runs.
type Config struct {
	// Models replaces shipped models by name, such as one that was fine-tuned.
	Models  map[string]*models.Model
	Threads int // for ONNX Runtime; 0 leaves the choice to it
}

// Pipeline runs the three networks on studies. Models are opened when they are
// first needed; all methods may be called from several goroutines.
type Pipeline struct {
	segment, stenosis, lesion *network
}

// Progress is told what is being done and how far the whole has come, 0 to 1.
type Progress func(stage string, fraction float64)

// New prepares a pipeline; Close frees its sessions.
func New(c Config) (*Pipeline, error) {
	if err := ort.Init(); err != nil {
		return nil, err
	}
	open := func(name string) *network {
		return &network{name: name, threads: c.Threads, model: c.Models[name]}
	}
	return &Pipeline{open(SegmentationNet), open(StenosisNet), open(LesionNet)}, nil
}

// Close frees the sessions; no call may be in progress.
func (p *Pipeline) Close() {
	for _, n := range []*network{p.segment, p.stenosis, p.lesion} {
		n.close()
	}
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

// Analyse segments and grades a study whose volumes are loaded. Cancelling ctx
// ends it within the second.
func (p *Pipeline) Analyse(ctx context.Context, study *spine.Study, progress Progress) (*spine.Analysis, error) {
	if progress == nil {
		progress = func(string, float64) {}
	}
	began := time.Now()
	a := &spine.Analysis{Seconds: map[string]float64{}}
	progress("segmenting", 0.02)
	s, err := p.Segment(ctx, study)
	if err != nil {
		return nil, err
	}
	a.Mask, a.MaskUID, a.Flags = s.Mask, s.SeriesUID, append(InputFlags(study), s.Flags...)
	a.Seconds["segment"] = time.Since(began).Seconds()
	graded := time.Now()
	grades, m, err := p.grade(ctx, study, a.Mask, func(fraction float64) { progress("grading", 0.55+0.43*fraction) })
	if err != nil {
		return nil, err
	}
	a.Grades, a.Seconds["grade"] = grades, time.Since(graded).Seconds()
	a.Models = []spine.ModelRef{s.Model, ref(m)}
	a.Flags = append(a.Flags, coverageFlags(a.Mask)...)
	a.Flags = append(a.Flags, p.modelFlags()...)
	a.Seconds["total"] = time.Since(began).Seconds()
	progress("done", 1)
	return a, ctx.Err()
}

// Segmentation is a mask with what should be known of it.
type Segmentation struct {
	Mask      *volume.LabelMap // on the grid of SeriesUID
	SeriesUID string           // sagittal T2, else STIR, else T1
	Flags     []spine.Flag
	Model     spine.ModelRef
}

// Segment labels vertebrae, discs, canal, sacrum and posterior elements on the
// native grid of the study's mask series (see MaskSeries).
func (p *Pipeline) Segment(ctx context.Context, study *spine.Study) (*Segmentation, error) {
	m, err := p.segment.load()
	if err != nil {
		return nil, err
	}
	in, grid, err := segmentationTensors(study, m.Spec)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, m, err := p.segment.infer(ctx, in)
	if err != nil {
		return nil, err
	}
	semantic, err := output(out, m.Name, "semantic", classCount*grid.Len())
	if err != nil {
		return nil, err
	}
	level, err := output(out, m.Name, "level", nodeCount*grid.Len())
	if err != nil {
		return nil, err
	}
	base := MaskSeries(study)
	mask, flags := Assemble(semantic, level, grid, base.Volume.Grid)
	return &Segmentation{mask, base.UID, flags, ref(m)}, ctx.Err()
}

// segmentationTensors is the input of GF-SSNet.
func segmentationTensors(study *spine.Study, spec models.Spec) (map[string]ort.Tensor, volume.Grid, error) {
	t1, t2, present, grid, err := SegmentationInput(study, spec)
	if err != nil {
		return nil, grid, err
	}
	shape := []int{1, 1, grid.Size[2], grid.Size[1], grid.Size[0]}
	return map[string]ort.Tensor{
		"t1":      {Shape: shape, Data: t1.Data},
		"t2":      {Shape: shape, Data: t2.Data},
		"present": {Shape: []int{1, 2}, Data: slices.Clone(present[:])},
	}, grid, nil
}
