package dicom

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"columna/spine"
	"columna/volume"
)

// physics is what tells the sequence of a series: times in ms.
type physics struct {
	tr, te, ti, flip      float64
	hasTR, hasTE, hasTI   bool
	echoTrain             float64
	scanning, variant     []string
	options, imageType    []string
	threeD, echoPlanar    bool
	fatSuppression        string
	words                 []string // of description, protocol and sequence name, lower case
	plus, contrastApplied bool     // "+c" and kin in the text; a contrast agent named
}

var wordPattern = regexp.MustCompile(`[a-z]+[0-9]*\*?|[0-9]+`)

// physics reads the acquisition of a file.
func (f *file) physics() physics {
	p := physics{
		flip: f.Float(tagFlipAngle), echoTrain: f.Float(tagEchoTrain),
		scanning: upper(f.Texts(tagScanningSeq)), variant: upper(f.Texts(tagSequenceVariant)),
		options: upper(f.Texts(tagScanOptions)), imageType: upper(f.Texts(tagImageType)),
		threeD: f.Text(tagAcquisitionType) == "3D", fatSuppression: f.Text(tagFatSuppression),
		echoPlanar:      f.Text(tagEchoPlanar) == "YES" || f.Find(tagBValue) != nil,
		contrastApplied: f.Text(tagContrastAgent) != "",
	}
	p.tr, p.hasTR = f.Number(tagTR)
	p.te, p.hasTE = f.Number(tagTE)
	p.ti, p.hasTI = f.Number(tagTI)
	text := strings.ToLower(f.Text(tagSeriesDesc) + " " + f.Text(tagProtocolName) + " " + f.Text(tagSequenceName))
	p.words = wordPattern.FindAllString(strings.ReplaceAll(text, "_", " "), -1)
	p.plus = strings.Contains(text, "+c") || strings.Contains(text, "+ c") || strings.Contains(text, "+gd")
	return p
}

func upper(in []string) []string {
	for i := range in {
		in[i] = strings.ToUpper(in[i])
	}
	return in
}

// says reports whether the text has one of the words.
func (p *physics) says(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(p.words, w) })
}

func (p *physics) scans(word string) bool { return slices.Contains(p.scanning, word) }

// guess is a sequence with how sure it is, 0..1.
type guess struct {
	sequence   spine.Sequence
	confidence float64
}

// recognise names the sequence. Physics beat the text for the weighting; the
// text adds fat suppression and contrast; where they disagree, or the times are
// missing, confidence is low and a person should look.
func (p *physics) recognise() guess {
	if p.echoPlanar || p.scans("EP") || p.says("dwi", "adc", "trace", "myelo", "scout", "localizer", "loc", "survey", "dixon") && !p.says("t1", "t2") {
		return guess{spine.OtherSequence, 0.9}
	}
	byTimes, text := p.byPhysics(), p.byText()
	switch {
	case byTimes.sequence == "" && text == "":
		return guess{spine.OtherSequence, 0.3}
	case byTimes.sequence == "":
		return guess{text, 0.5}
	case text == "" || text == byTimes.sequence:
		return byTimes
	case text == spine.STIR && byTimes.sequence == spine.T2FS, text == spine.T2 && byTimes.sequence == spine.T2FS:
		return byTimes
	case text == spine.T1 && byTimes.sequence == spine.OtherSequence && p.fatSuppressed():
		return byTimes // T1 with fat suppressed, which is no T1 to us
	}
	return guess{byTimes.sequence, math.Min(byTimes.confidence, 0.4)}
}

// byText is the sequence that the description names.
func (p *physics) byText() spine.Sequence {
	switch {
	case p.says("stir", "tirm", "turboinversion"):
		return spine.STIR
	case p.says("t2", "t2w") && p.fatSuppressed():
		return spine.T2FS
	case p.says("t2", "t2w"):
		return spine.T2
	case p.says("t1", "t1w"):
		return spine.T1
	case p.says("pd", "pdw"):
		return spine.PD
	}
	return ""
}

// fatSuppressed joins header and text. GE's SAT_GEMS means spatial bands.
func (p *physics) fatSuppressed() bool {
	return slices.Contains(p.options, "FS") || slices.Contains(p.options, "SFS") ||
		strings.HasPrefix(p.fatSuppression, "FAT") || p.water() ||
		p.says("fs", "fatsat", "fat", "spair", "spir", "chess", "proset", "water")
}

// water reports a Dixon water image.
func (p *physics) water() bool {
	return slices.Contains(p.imageType, "W") || slices.Contains(p.imageType, "WATER")
}

// byPhysics applies the rule table: TR, TE and TI in ms. The thresholds are
// textbook values and cover 0.3 T to 3 T.
func (p *physics) byPhysics() guess {
	switch {
	case !p.hasTE || !p.hasTR || p.te <= 0 || p.tr <= 0:
		return guess{}
	case p.scans("IR") && p.hasTI && p.ti > 0:
		return p.inversionRecovery()
	case p.scans("GR") && !p.scans("SE"):
		return guess{spine.OtherSequence, 0.8} // T2*, bSSFP, gradient-echo T1
	case slices.Contains(p.imageType, "FAT") || slices.Contains(p.imageType, "F"):
		return guess{spine.OtherSequence, 0.8} // Dixon fat image
	}
	return p.spinEcho()
}

func (p *physics) inversionRecovery() guess {
	switch {
	case p.ti >= 80 && p.ti <= 250 && p.te >= 20:
		return guess{spine.STIR, 0.95}
	case p.ti >= 500 && p.ti <= 1200 && p.te <= 30:
		return guess{spine.T1, 0.9}
	case p.ti > 1500:
		return guess{spine.OtherSequence, 0.9} // FLAIR
	}
	return guess{spine.OtherSequence, 0.4}
}

func (p *physics) spinEcho() guess {
	switch {
	case p.te <= 30 && (p.tr <= 1100 || p.tr <= 1500 && p.echoTrain <= 6):
		return p.t1()
	case p.te >= 70 && (p.tr >= 1800 || p.threeD && p.tr >= 1000):
		return p.fluidBright(0.95)
	case p.tr >= 1500 && p.te <= 50:
		return guess{spine.PD, 0.9}
	case p.tr >= 1500:
		return p.fluidBright(0.5) // intermediate weighting
	}
	return guess{spine.OtherSequence, 0.4}
}

// t1 is plain T1; with fat suppressed it is no longer the series that foramina
// are read on, and after contrast it is a doubtful one.
func (p *physics) t1() guess {
	switch {
	case p.fatSuppressed():
		return guess{spine.OtherSequence, 0.8}
	case p.contrastApplied || p.plus || p.says("gd", "post", "contrast", "km"):
		return guess{spine.T1, 0.6}
	}
	return guess{spine.T1, 0.95}
}

func (p *physics) fluidBright(confidence float64) guess {
	if p.fatSuppressed() {
		return guess{spine.T2FS, confidence}
	}
	return guess{spine.T2, confidence}
}

// planeOf names the plane by the normal's largest part: sure within 30 degrees,
// doubtful to 45 (steep L5/S1 axials), worse beyond.
func planeOf(normal volume.Vec3) (spine.Plane, float64) {
	planes := [3]spine.Plane{spine.Sagittal, spine.Coronal, spine.Axial}
	best := 0
	for a := 1; a < 3; a++ {
		if math.Abs(normal[a]) > math.Abs(normal[best]) {
			best = a
		}
	}
	switch c := math.Abs(normal[best]) / normal.Norm(); {
	case c >= math.Cos(30*math.Pi/180)-1e-9:
		return planes[best], 1
	case c >= math.Cos(45*math.Pi/180):
		return planes[best], 0.7
	}
	return planes[best], 0.4
}
