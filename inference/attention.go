package inference

import (
	"context"
	"fmt"

	"columna/internal/ort"
	"columna/spine"
	"columna/volume"
)

// attentionMaps are StenosisNet's outputs beside the logits, in words.
var attentionMaps = []struct{ output, words string }{
	{"cbam_map", "spatial attention"},
	{"self_attention", "self-attention"},
	{"slot_attention", "slot attention"},
}

// HeatmapAttention shows where StenosisNet's attention lay when it graded one cell
// of the worksheet: one part for each map, a slot being a map of its own, and their
// mean as the whole. What the network was built without has no part.
func (p *Pipeline) HeatmapAttention(ctx context.Context, study *spine.Study, mask *volume.LabelMap, c spine.Condition, l spine.Level) (*Heatmap, error) {
	crop, err := p.stenosisCrop(study, mask, c, l)
	if err != nil {
		return nil, err
	}
	out, m, err := p.stenosis.infer(ctx, stenosisTensors(crop, c))
	if err != nil {
		return nil, err
	}
	whole := &Heatmap{Volume: volume.New(crop.Grid), Model: shortHash(m), Class: "attention", Level: l.Title(), SeriesUID: crop.Series.UID}
	for _, kind := range attentionMaps {
		for n, raw := range mapsOf(out[kind.output], crop.Grid.Len()) {
			part := newHeatmap(crop.Grid, raw, m)
			part.Class, part.Level, part.SeriesUID = kind.words, whole.Level, whole.SeriesUID
			if kind.output == "slot_attention" {
				part.Class = fmt.Sprintf("%s %d", kind.words, n+1)
			}
			whole.Parts = append(whole.Parts, part)
		}
	}
	if len(whole.Parts) == 0 {
		return nil, fmt.Errorf("model %s has no attention to show: it was built without", m.Name)
	}
	return whole, whole.join()
}

// mapsOf cuts a tensor (1,maps,...) into maps of a size.
func mapsOf(t ort.Tensor, size int) [][]float32 {
	var maps [][]float32
	for at := 0; at+size <= len(t.Data); at += size {
		maps = append(maps, t.Data[at:at+size])
	}
	return maps
}
