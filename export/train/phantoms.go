package train

import (
	"fmt"
	"math/rand/v2"

	"columna/inference"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// phantomSegments makes one sagittal study on the network grid; everything about
// patient and scanner varies, and a third have random contrast, so that shape is
// learned and not a scanner.
func phantomSegments(seed uint64, o phantom.Options, size [3]int, spacingMM [3]float64) []Segment {
	o.Pathology = [3]float64{0.1, 0.25, 0.5}[seed%3] // as mixed as a hospital's patients
	slab := phantom.GenerateSagittal(seed, o, size, spacingMM)
	return []Segment{{T1: normalised(slab.T1), T2: normalised(slab.T2), Labels: slab.Truth.Data, Patient: fmt.Sprint(seed)}}
}

// phantomStudy makes one sagittal study that is somewhat larger than the network grid,
// to be viewed by the trainer: thick slices, at times thin ones, of the sequences
// that stand in for T1 and T2 in practice.
func phantomStudy(seed uint64, o phantom.Options, size [3]int, spacingMM [3]float64) []Segment {
	r := source(seed, 0, 1)
	depth := float64(size[2]) * spacingMM[2] * 1.2
	spacingMM[2] = between(r, 3.3, 5)
	if r.IntN(6) == 0 {
		spacingMM[2] = 2
	}
	if r.IntN(4) > 0 { // else the slices that were acquired are others than those of the grid
		o.ThicknessMM = spacingMM[2]
	}
	margin := 16
	if source(seed, 0, 2).IntN(3) == 0 { // wide fields of view, of which a view shows any part
		margin = 96
	}
	size = [3]int{size[0] + margin, size[1] + margin, int(depth / spacingMM[2])}
	p := phantom.MakeSample(seed, o, phantom.Want{SizeVox: size, SpacingMM: spacingMM, Techniques: []phantom.Technique{
		oneOf(r, phantom.T1, phantom.T1, phantom.T1, phantom.T1, phantom.T1Grad),
		oneOf(r, phantom.T2, phantom.T2, phantom.T2, phantom.T2, phantom.Space, phantom.STIR, phantom.STIR, phantom.T2FS,
			phantom.PD, phantom.T2Star, phantom.Balanced)}})
	return []Segment{{T1: normalised(p.Images[0]), T2: normalised(p.Images[1]), Labels: p.Truth.Data,
		Size: size, SpacingMM: p.Truth.SpacingMM(), Patient: fmt.Sprint(seed)}}
}

func oneOf[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func normalised(v *volume.Volume) []uint8 {
	inference.Normalise(v)
	return quantise(v.Data)
}

// stenosisSamples reads the 25 crops of one phantom, found through its mask by
// the same code that serves readers.
func stenosisSamples(seed uint64, o phantom.Options, size int) ([]StenosisSample, error) {
	o.NoLesions, o.RandomContrast = true, 0.2
	o.SlabMM = 70 // both rows of foramina
	c := phantom.Generate(seed, o)
	anatomy := inference.NewAnatomy(c.Truth)
	var out []StenosisSample
	for _, g := range c.Grades {
		crop, reason := anatomy.Crop(&c.Study, g.Condition, g.Level, size)
		if reason != "" || g.Grade < spine.NormalMild {
			continue
		}
		out = append(out, stenosisSample(crop, g, fmt.Sprint(seed)))
	}
	return out, nil
}

// lesionSamples reads every lesion of one phantom, metastases or an infection, in a
// region of a size in columns, rows and slices.
func lesionSamples(seed uint64, size [3]int) ([]LesionSample, error) {
	c := phantom.Generate(seed, phantom.Options{WithSTIR: true, Pathology: 0.3, Variety: 1, SlabMM: 60, AlwaysLesion: true, Spondylitis: infectedShare})
	var out []LesionSample
	for _, l := range c.Lesions {
		roi, err := inference.LesionROISized(&c.Study, l.Box, l.Level, len(c.Lesions), size)
		if err != nil {
			continue // the box of a lesion at the edge of the images
		}
		out = append(out, LesionSample{Seq: roi.Images, Present: roi.Present, Tabular: roi.Tabular,
			Class: l.Class, Infected: l.Spondylitis, Infection: l.Infection(), Patient: fmt.Sprint(seed)})
	}
	return out, nil
}
