package train

import (
	"fmt"

	"columna/inference"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// phantomSegments makes one sagittal study on the network grid; everything about
// patient and scanner varies, and a third have random contrast, so that shape is
// learned and not a scanner.
func phantomSegments(seed uint64, size [3]int, spacingMM [3]float64) []Segment {
	slab := phantom.GenerateSagittal(seed, phantom.TrainingOptions(), size, spacingMM)
	return []Segment{{T1: normalised(slab.T1), T2: normalised(slab.T2), Labels: slab.Truth.Data, Patient: fmt.Sprint(seed)}}
}

func normalised(v *volume.Volume) []uint8 {
	inference.Normalise(v)
	return quantise(v.Data)
}

// stenosisSamples reads the 25 crops of one phantom, found through its mask by
// the same code that serves readers.
func stenosisSamples(seed uint64, size int) ([]StenosisSample, error) {
	o := phantom.DefaultOptions()
	o.NoLesions = true
	c := phantom.Generate(seed, o)
	anatomy := inference.NewAnatomy(c.Truth)
	var out []StenosisSample
	for _, g := range c.Grades {
		crop, reason := anatomy.Crop(&c.Study, g.Condition, g.Level, size)
		if reason != "" || g.Grade < spine.NormalMild {
			continue
		}
		for i := range crop.Pixels {
			crop.Pixels[i] /= cropUnit
		}
		out = append(out, StenosisSample{Pixels: quantise(crop.Pixels), Condition: g.Condition, Grade: g.Grade, Patient: fmt.Sprint(seed)})
	}
	return out, nil
}

// lesionSamples reads every metastasis of one phantom in a region of a size in
// columns, rows and slices.
func lesionSamples(seed uint64, size [3]int) ([]LesionSample, error) {
	c := phantom.Generate(seed, phantom.Options{WithSTIR: true, Pathology: 0.3, AlwaysLesion: true})
	var out []LesionSample
	for _, l := range c.Lesions {
		if l.Spondylitis {
			continue
		}
		roi, err := inference.LesionROISized(&c.Study, l.Box, l.Level, len(c.Lesions), size)
		if err != nil {
			continue // the box of a lesion at the edge of the images
		}
		out = append(out, LesionSample{Seq: roi.Images, Present: roi.Present, Tabular: roi.Tabular, Class: l.Class, Patient: fmt.Sprint(seed)})
	}
	return out, nil
}
