package inference

import (
	"context"
	"errors"
	"fmt"
	"time"

	"columna/internal/ort"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// Heatmap is a Grad-CAM in the patient, where the images spoke for a class, or
// where a network's attention lay.
type Heatmap struct {
	Volume    *volume.Volume // 0..1 on a grid of its own
	RawMax    float64        // what 1 stands for, before scaling
	Model     string         // first digits of the hash of the model's weights
	Class     string         // what is explained, in words
	Level     string         // such as "L4/L5", "" where it has none
	SeriesUID string         // the images it belongs on
	Parts     []*Heatmap     // of a lesion one map for each sequence in view, of attention one for each module
}

// HeatmapStenosis explains one cell of the worksheet: why its middle crop speaks for
// the grade that the cell was given. The map lies in the plane of the slice that was read.
func (p *Pipeline) HeatmapStenosis(ctx context.Context, study *spine.Study, mask *volume.LabelMap, c spine.Condition, l spine.Level) (*Heatmap, error) {
	crop, err := p.stenosisCrop(study, mask, c, l)
	if err != nil {
		return nil, err
	}
	f, err := p.gradeCell(ctx, study, NewAnatomy(mask), c, l, crop.SizePx)
	if err != nil {
		return nil, err
	}
	in := stenosisTensors(crop, c)
	in["cam_target"] = oneHot(gradeCount, int(f.Grade))
	out, m, err := p.stenosis.explain(ctx, in)
	if err != nil {
		return nil, err
	}
	cam, err := output(out, m.Name, "cam", crop.Grid.Len())
	if err != nil {
		return nil, err
	}
	h := newHeatmap(crop.Grid, cam, m)
	h.Class, h.Level, h.SeriesUID = f.Grade.String(), l.Title(), crop.Series.UID
	return h, nil
}

// stenosisCrop is the crop that one cell of the worksheet is read on.
func (p *Pipeline) stenosisCrop(study *spine.Study, mask *volume.LabelMap, c spine.Condition, l spine.Level) (*Crop, error) {
	m, err := p.stenosis.load()
	if err != nil {
		return nil, err
	}
	crop, reason := CropFor(study, mask, c, l, m.SizeVox[0])
	if crop == nil {
		return nil, fmt.Errorf("no heat map of %s at %s: %s", c.Title(), l.Title(), reason)
	}
	return crop, nil
}

// explainGravest computes the heat map of the gravest grade of an analysis and
// notes the seconds that took, 0 where no cell could be read. Grades stand
// without it: a heat map that cannot be made is a flag, not the end.
func (p *Pipeline) explainGravest(ctx context.Context, study *spine.Study, a *spine.Analysis) error {
	a.Seconds["gradcam"] = 0
	g, ok := gravest(a.Grades)
	if !ok {
		return ctx.Err()
	}
	began := time.Now()
	_, err := p.HeatmapStenosis(ctx, study, a.Mask, g.Condition, g.Level)
	a.Seconds["gradcam"] = time.Since(began).Seconds()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.Flags = append(a.Flags, spine.Flag{Kind: "gradcam", Text: fmt.Sprintf("Grades cannot be explained by heat maps: %v.", err)})
	}
	return nil
}

// gravest is the graded cell with the highest expected grade, each grade weighed
// by its probability; the first of equals, none where no cell could be read.
func gravest(grades []spine.GradeFinding) (worst spine.GradeFinding, ok bool) {
	top := -1.0
	for _, g := range grades {
		expected := g.Probabilities[spine.Moderate] + 2*g.Probabilities[spine.Severe]
		if g.Grade >= spine.NormalMild && expected > top {
			top, worst, ok = expected, g, true
		}
	}
	return worst, ok
}

// HeatmapStructure explains why voxels were called a structure: the score is the
// sum of its class's logits over its voxels in the view that shows most of it.
func (p *Pipeline) HeatmapStructure(ctx context.Context, study *spine.Study, mask *volume.LabelMap, s spine.Structure) (*Heatmap, error) {
	m, err := p.segment.load()
	if err != nil {
		return nil, err
	}
	r, err := newReading(ctx, study, m.Spec)
	if err != nil {
		return nil, err
	}
	named := mask.Resample(r.grid).Data
	view, found := r.best(named, s)
	if found == 0 {
		return nil, fmt.Errorf("no heat map of %s: the mask has none of it", s)
	}
	grid, in := r.viewGrid(view), r.tensors(view)
	target := zeros([]int{1, classCount, grid.Size[2], grid.Size[1], grid.Size[0]})
	channel := target.Data[SemanticClass(s)*grid.Len():]
	for n, l := range cutOut(r, view, named) {
		if spine.Structure(l) == s {
			channel[n] = 1
		}
	}
	in["cam_target"] = target
	out, m, err := p.segment.explain(ctx, in)
	if err != nil {
		return nil, err
	}
	cam, err := output(out, m.Name, "cam", grid.Len())
	if err != nil {
		return nil, err
	}
	h := newHeatmap(grid, cam, m)
	h.Class, h.SeriesUID = s.String(), MaskSeries(study).UID
	return h, nil
}

// HeatmapLesion explains the class that the network finds most probable for a
// lesion: one map for each sequence in view, and their mean as the whole.
func (p *Pipeline) HeatmapLesion(ctx context.Context, study *spine.Study, mask *volume.LabelMap, box spine.Box, count int) (*Heatmap, error) {
	finding, err := p.ClassifyLesion(ctx, study, mask, box, count)
	if err != nil {
		return nil, err
	}
	roi, err := LesionROI(study, box, finding.Level, count)
	if err != nil {
		return nil, err
	}
	class := largest(finding.Probabilities[:])
	in := lesionTensors(roi)
	in["cam_target_metastasis"] = oneHot(spine.LesionClassCount, class)
	out, m, err := p.lesion.explain(ctx, in)
	if err != nil {
		return nil, err
	}
	whole := &Heatmap{Volume: volume.New(roi.Grid), Model: shortHash(m), Class: spine.LesionClass(class).String(),
		Level: finding.Level.String(), SeriesUID: MaskSeries(study).UID}
	for n, s := range lesionSeries(study) {
		if s == nil {
			continue
		}
		cam, err := output(out, m.Name, fmt.Sprintf("cam_%d", n), roi.Grid.Len())
		if err != nil {
			return nil, err
		}
		part := newHeatmap(roi.Grid, cam, m)
		part.Class, part.Level, part.SeriesUID = whole.Class, whole.Level, s.UID
		whole.Parts = append(whole.Parts, part)
	}
	return whole, whole.join()
}

// join makes the whole the mean of its parts, each on its own scale.
func (h *Heatmap) join() error {
	if len(h.Parts) == 0 {
		return errors.New("no heat map of the lesion: no sequence shows it")
	}
	for _, part := range h.Parts {
		h.RawMax = max(h.RawMax, part.RawMax)
		for n, v := range part.Volume.Data {
			h.Volume.Data[n] += v / float32(len(h.Parts))
		}
	}
	return nil
}

// newHeatmap scales a raw map to 0..1 by its maximum.
func newHeatmap(grid volume.Grid, raw []float32, m *models.Model) *Heatmap {
	top := float32(0)
	for _, v := range raw {
		top = max(top, v)
	}
	v := &volume.Volume{Grid: grid, Data: raw}
	if top > 0 {
		for n := range raw {
			raw[n] = max(raw[n], 0) / top
		}
	}
	return &Heatmap{Volume: v, RawMax: float64(top), Model: shortHash(m)}
}

// shortHash is enough of the weights' hash to tell models apart on screen.
func shortHash(m *models.Model) string { return m.SHA256[:min(8, len(m.SHA256))] }

func oneHot(n, at int) ort.Tensor {
	t := ort.Tensor{Shape: []int{1, n}, Data: make([]float32, n)}
	t.Data[at] = 1
	return t
}
