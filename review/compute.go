package review

import (
	"context"
	"fmt"

	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// Analyse runs the networks on a study. It changes nothing and may run in the
// background; Session.SetAnalysis keeps the result.
func (d *Desk) Analyse(ctx context.Context, study *spine.Study, p Progress) (*spine.Analysis, error) {
	n, err := d.networks()
	if err != nil {
		return nil, err
	}
	return n.Analyse(ctx, study, p.orNone())
}

// ClassifyLesion says how likely each primary site is for a marked lesion. It
// changes nothing; Session.AddLesion keeps the finding.
func (d *Desk) ClassifyLesion(ctx context.Context, study *spine.Study, mask *volume.LabelMap, box spine.Box, count int) (spine.LesionFinding, error) {
	n, err := d.networks()
	if err != nil {
		return spine.LesionFinding{}, err
	}
	return n.ClassifyLesion(ctx, study, mask, box, count)
}

// HeatKind is what a heat map explains.
type HeatKind int

// The kinds of heat maps.
const (
	HeatStenosis  HeatKind = iota // one cell of the worksheet: Cond, Level
	HeatStructure                 // one structure of the mask: Structure
	HeatLesion                    // one marked lesion: Box
)

// HeatmapRequest asks for a heat map. Mask must not change while it is computed.
type HeatmapRequest struct {
	Study     *spine.Study
	Mask      *volume.LabelMap
	Kind      HeatKind
	Cond      spine.Condition
	Level     spine.Level
	Structure spine.Structure
	Box       spine.Box
}

// Heatmap is a Grad-CAM in the patient.
type Heatmap = inference.Heatmap

// Heatmap computes a Grad-CAM; it may run in the background.
func (d *Desk) Heatmap(ctx context.Context, r HeatmapRequest) (*Heatmap, error) {
	n, err := d.networks()
	if err != nil {
		return nil, err
	}
	if r.Mask == nil && r.Kind != HeatLesion {
		return nil, fmt.Errorf("no heat map: the study has no mask yet, analyse it first")
	}
	switch r.Kind {
	case HeatStenosis:
		return n.HeatmapStenosis(ctx, r.Study, r.Mask, r.Cond, r.Level)
	case HeatStructure:
		return n.HeatmapStructure(ctx, r.Study, r.Mask, r.Structure)
	}
	return n.HeatmapLesion(ctx, r.Study, r.Mask, r.Box, 0)
}
