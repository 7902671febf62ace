package inference

import (
	"context"
	"errors"

	"columna/spine"
	"columna/volume"
)

// errNoSagittal is the one reason for which nothing can be segmented.
var errNoSagittal = errors.New("the study has no sagittal T1, T2 or STIR series: nothing can be segmented")

// MaskSeries is the series on whose grid the study's mask lies: the first loaded
// of sagittal T2, STIR and T1; nil if there is none.
func MaskSeries(study *spine.Study) *spine.Series {
	return firstLoaded(study, spine.Sagittal, spine.T2, spine.STIR, spine.T2FS, spine.T1)
}

// fluidSeries is the sagittal series that fills the networks' T2 input: T2, or
// STIR standing in for it.
func fluidSeries(study *spine.Study) *spine.Series {
	return firstLoaded(study, spine.Sagittal, spine.T2, spine.STIR, spine.T2FS)
}

// NetworkSeries are the series that fill the segmentation network's T1 and T2 input;
// nil where the study has none.
func NetworkSeries(study *spine.Study) (t1, t2 *spine.Series) {
	return firstLoaded(study, spine.Sagittal, spine.T1), fluidSeries(study)
}

// firstLoaded is the series of the first of the sequences that has a loaded one
// in a plane; of several, the one with most voxels, as a scout is no diagnosis.
func firstLoaded(study *spine.Study, plane spine.Plane, seqs ...spine.Sequence) *spine.Series {
	for _, seq := range seqs {
		var best *spine.Series
		for _, s := range study.FindAll(seq, plane) {
			if s.Volume != nil && (best == nil || s.Volume.Len() > best.Volume.Len()) {
				best = s
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// onGrid resamples a series and normalises what the grid shows of it; a missing
// series gives zeros and 0. A series whose shading was evened out is noted, for the reader
// to be told. It stops early when ctx ends.
func (r *reading) onGrid(ctx context.Context, s *spine.Series) (*volume.Volume, float32) {
	if s == nil {
		return volume.New(r.grid), 0
	}
	v := s.Volume.ResampleContext(ctx, r.grid)
	if ctx.Err() == nil && Normalise(v) {
		r.evened = append(r.evened, s)
	}
	return v, 1
}
