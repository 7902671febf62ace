package seg

import (
	"fmt"
	"image/color"
	"math"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
)

// putSegments describes the segments (PS3.3 C.8.20.4).
func (o *Output) putSegments(d *dataset.Dataset, labels []uint8) error {
	var items []*dataset.Dataset
	for n, l := range labels {
		info, ok := spine.Structure(l).Info()
		if !ok {
			return fmt.Errorf("label %d has no name in Columna's table: a segment must say what it is", l)
		}
		items = append(items, o.segment(n+1, info))
	}
	d.SetSequence(tagSegments, items...)
	return nil
}

func (o *Output) segment(number int, info spine.StructureInfo) *dataset.Dataset {
	d := dataset.New()
	d.SetShorts(tagSegNumber, number)
	d.SetText(tagSegLabel, "LO", info.Name)
	d.SetSequence(tagCategory, dicom.Code("91723000", "SCT", "Anatomical Structure"))
	d.SetSequence(tagPropertyType, dicom.Code(info.SNOMED, "SCT", info.Meaning))
	d.SetShorts(tagColour, cieLab(info.Color)...)
	d.SetText(tagTrackingID, "UT", info.Name)
	d.SetText(tagTrackingUID, "UI", dicom.NewUID(o.Source.Header.Text(tagStudyUID)+"/structure/"+info.Name))
	origin, ok := o.Origins[info.Structure]
	if !ok {
		origin.Type = Manual
	}
	d.SetText(tagAlgorithmType, "CS", string(origin.Type))
	if origin.Type != Manual {
		putAlgorithm(d, origin)
	}
	return d
}

// putAlgorithm names the network behind a segment (PS3.3 table 10-19).
func putAlgorithm(d *dataset.Dataset, o Origin) {
	d.SetText(tagAlgorithmName, "LO", text(o.Name, 64))
	id := dataset.New()
	id.SetSequence(0x0066002F, dicom.Code("123110", "DCM", "Artificial Intelligence")) // AlgorithmFamilyCodeSequence
	id.SetText(tagAlgorithmTitle, "LO", text(o.Name, 64))
	id.SetText(tagAlgorithmVersion, "LO", text(o.Version, 64))
	d.SetSequence(tagAlgorithmID, id)
}

// cieLab is an sRGB colour as DICOM's encoding of CIELab under the D50 white of the
// ICC's connection space (PS3.3 C.10.7.1.1): L from 0 to 100, a and b from -128 to
// 127, each spread over 16 bits.
func cieLab(c color.RGBA) []int {
	linear := func(v uint8) float64 { // IEC 61966-2-1
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	r, g, b := linear(c.R), linear(c.G), linear(c.B)
	// sRGB's primaries under D50, as the ICC's profile of sRGB has them.
	x := (0.4360747*r + 0.3850649*g + 0.1430804*b) / 0.9642
	y := 0.2225045*r + 0.7168786*g + 0.0606169*b
	z := (0.0139322*r + 0.0971045*g + 0.7141733*b) / 0.8249
	f := func(t float64) float64 { // CIE 15
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	spread := func(v, low, span float64) int {
		return int(math.Round(math.Min(math.Max((v-low)/span, 0), 1) * 65535))
	}
	return []int{spread(116*f(y)-16, 0, 100), spread(500*(f(x)-f(y)), -128, 255), spread(200*(f(y)-f(z)), -128, 255)}
}
