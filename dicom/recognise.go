package dicom

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// physics is what tells the sequence of a series: times in ms.
type physics struct {
	tr, te, ti, flip      float64
	hasTR, hasTE, hasTI   bool
	echoTrain             float64
	scanning              []string // SE, IR, GR, EP
	options, imageType    []string
	complex               string // PHASE, REAL, IMAGINARY; "" for a magnitude
	contrast              string // AcquisitionContrast
	threeD, steady        bool
	diffusion             bool
	suppressed, excited   string   // SpectrallySelectedSuppression, -Excitation
	words                 []string // of description, protocol and sequence name, lower case
	plus, contrastApplied bool     // "+c" and kin in the text; a contrast agent named
}

var wordPattern = regexp.MustCompile(`[a-z]+[0-9]*\*?|[0-9]+`)

// physics reads the acquisition of a frame, in the words of the classic header
// or of the multi-frame one (PS3.3 C.8.3.1, C.8.13).
func (h header) physics() physics {
	p := physics{
		flip: h.Float(tagFlipAngle), scanning: h.scanning(), options: upper(h.Texts(tagScanOptions)),
		imageType: h.imageType(), complex: strings.TrimPrefix(h.Text(tagComplex), "MAGNITUDE"), contrast: h.Text(tagContrastKind),
		threeD: h.Text(tagAcquisitionType) == "3D", steady: h.steady(),
		suppressed: h.Text(tagFatSuppression), excited: h.Text(tagExcitation), contrastApplied: h.contrastApplied(),
	}
	p.tr, p.hasTR = h.Number(tagTR)
	p.te, p.hasTE = h.either(tagEffectiveTE, tagTE)
	p.ti, p.hasTI = h.either(tagInversionTimes, tagTI)
	p.echoTrain, _ = h.either(tagRFEchoTrain, tagEchoTrain)
	b, hasB := h.Number(tagBValue)
	p.diffusion = hasB && b > 0 || slices.Contains(p.imageType, "DIFFUSION")
	text := strings.ToLower(strings.Join([]string{h.Text(tagSeriesDesc), h.Text(tagProtocolName), h.Text(tagSequenceName), h.Text(tagPulseSequence)}, " "))
	p.words = wordPattern.FindAllString(strings.ReplaceAll(text, "_", " "), -1)
	p.plus = strings.Contains(text, "+c") || strings.Contains(text, "+ c") || strings.Contains(text, "+gd")
	return p
}

// scanning is ScanningSequence, in a multi-frame header put together from what
// stands for it there.
func (h header) scanning() []string {
	out := upper(h.Texts(tagScanningSeq))
	for _, x := range []struct {
		tag        dataset.Tag
		value, add string
	}{
		{tagEchoPulse, "SPIN", "SE"}, {tagEchoPulse, "BOTH", "SE"}, {tagEchoPulse, "GRADIENT", "GR"}, {tagEchoPulse, "BOTH", "GR"},
		{tagInversion, "YES", "IR"}, {tagEchoPlanar, "YES", "EP"},
	} {
		if h.Text(x.tag) == x.value && !slices.Contains(out, x.add) {
			out = append(out, x.add)
		}
	}
	return out
}

// imageType is the frame's own type before the file's, which may say MIXED.
func (h header) imageType() []string {
	if own := h.Texts(tagFrameType); len(own) > 0 {
		return upper(own)
	}
	return upper(h.Texts(tagImageType))
}

// steady reports balanced steady-state free precession.
func (h header) steady() bool {
	switch h.Text(tagSteadyState) {
	case "FREE_PRECESSION", "TRANSVERSE", "TIME_REVERSED":
		return true
	}
	return slices.Contains(upper(h.Texts(tagSequenceVariant)), "SS")
}

// contrastApplied reports a contrast agent in the header. Some scanners name the
// agent "NONE" or "NO".
func (h header) contrastApplied() bool {
	if given := h.Text(tagAgentGiven); given != "" {
		return given == "YES"
	}
	agent := strings.ToUpper(h.Text(tagContrastAgent))
	return agent != "" && agent != "NONE" && agent != "NO" || len(h.holding(tagContrastAgents).Items(tagContrastAgents)) > 0
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

// typed reports whether the image type has one of the words.
func (p *physics) typed(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(p.imageType, w) })
}

// guess is a sequence with how sure it is, 0..1, and what speaks against it.
type guess struct {
	sequence   spine.Sequence
	confidence float64
	doubt      string
}

func other(confidence float64) guess {
	return guess{sequence: spine.OtherSequence, confidence: confidence}
}

// recognise names the sequence. Physics beat the text for the weighting; the
// text adds fat suppression and contrast; where they disagree, or the times are
// missing, confidence is low and a person should look.
func (p *physics) recognise() guess {
	if p.foreign() {
		return other(0.9)
	}
	g := p.weighting()
	switch {
	case p.says("dixon", "mdixon") && !p.fatImage() && !p.waterImage() && !p.inOrOut():
		g.lower(0.4, "which of the Dixon images it is, the header does not say")
	case p.typed("DERIVED") && p.typed("SECONDARY"):
		g.lower(0.6, "derived from other images")
	}
	return g
}

// lower takes confidence from a guess and says why.
func (g *guess) lower(confidence float64, doubt string) {
	if confidence < g.confidence {
		g.confidence, g.doubt = confidence, doubt
	}
}

// weighting joins times and text.
func (p *physics) weighting() guess {
	byTimes, text := p.byPhysics(), p.byText()
	switch {
	case byTimes.sequence == "" && text == "":
		return guess{spine.OtherSequence, 0.3, "neither the times nor the description tell the sequence"}
	case byTimes.sequence == "":
		return guess{text, 0.5, "the echo or repetition time is missing: the sequence is read from the description"}
	case text == "" || text == byTimes.sequence || p.reconciled(text, byTimes.sequence):
		return byTimes
	}
	return guess{byTimes.sequence, math.Min(byTimes.confidence, 0.4),
		"the description says " + string(text) + ", the times say " + string(byTimes.sequence)}
}

// foreign reports images that are no anatomy in a weighting that Columna reads:
// diffusion, echo planar, maps, phases, scouts.
func (p *physics) foreign() bool {
	return p.diffusion || p.scans("EP") || p.phaseImage() ||
		p.typed("ADC", "TRACEW", "FA", "T1 MAP", "T2 MAP", "SUBTRACTION", "VELOCITY", "MPR THICK") ||
		p.says("dwi", "adc", "trace", "myelo", "myelogram", "myelography", "scout", "localizer", "localiser", "loc", "survey", "3plane")
}

// phaseImage reports a phase, real or imaginary part, or a map of a field.
func (p *physics) phaseImage() bool {
	return p.complex == "PHASE" || p.complex == "REAL" || p.complex == "IMAGINARY" ||
		p.typed("P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "B0 MAP", "FIELD_MAP")
}

// reconciled are pairs of what the text and the times say that do not contradict
// each other: the times alone do not show what a text leaves out.
func (p *physics) reconciled(text, times spine.Sequence) bool {
	switch {
	case times == spine.T2FS:
		return text == spine.STIR || text == spine.T2
	case times != spine.OtherSequence:
		return false
	case p.fatImage(): // named as the series it was computed from
		return true
	case text == spine.T1: // with fat suppressed, or as a gradient echo
		return p.fatSuppressed() || p.gradientEcho()
	}
	return text == spine.T2 && (p.gradientEcho() || p.flair()) // T2* and FLAIR
}

// byText is the sequence that the description names, else the scanner's own word
// for the contrast.
func (p *physics) byText() spine.Sequence {
	switch {
	case p.says("stir", "tirm", "turboinversion"):
		return spine.STIR
	case p.says("flair") && !p.says("t1", "t1w"): // T1 FLAIR is a T1
		return spine.OtherSequence
	case p.says("t2", "t2w") && p.fatSuppressed():
		return spine.T2FS
	case p.says("t2", "t2w"):
		return spine.T2
	case p.says("t1", "t1w"):
		return spine.T1
	case p.says("pd", "pdw"):
		return spine.PD
	}
	return p.byContrast()
}

// byContrast is AcquisitionContrast (PS3.3 C.8.13.3.1).
func (p *physics) byContrast() spine.Sequence {
	switch p.contrast {
	case "T1":
		return spine.T1
	case "T2":
		if p.fatSuppressed() {
			return spine.T2FS
		}
		return spine.T2
	case "STIR":
		return spine.STIR
	case "PROTON_DENSITY":
		return spine.PD
	case "T2_STAR", "FLUID_ATTENUATED", "DIFFUSION", "PERFUSION", "FLOW_ENCODED", "TAGGING", "TOF":
		return spine.OtherSequence
	}
	return ""
}

// fatSuppressed joins header and text. GE's SAT_GEMS means spatial bands.
func (p *physics) fatSuppressed() bool {
	return slices.Contains(p.options, "FS") || slices.Contains(p.options, "SFS") ||
		strings.HasPrefix(p.suppressed, "FAT") || p.excited == "WATER" || p.waterImage() ||
		p.says("fs", "fatsat", "fat", "spair", "spir", "chess", "proset", "water") && !p.inOrOut()
}

// inOrOut reports a Dixon image of water and fat together.
func (p *physics) inOrOut() bool {
	return p.typed("IN_PHASE", "OUT_PHASE", "OPP_PHASE", "IP", "OP", "IN", "OUT") || p.says("in", "opp", "out") && p.says("dixon")
}

// waterImage reports the water of a Dixon pair.
func (p *physics) waterImage() bool {
	return p.typed("W", "WATER") || p.says("w") && p.says("dixon")
}

// fatImage reports the fat of a Dixon pair.
func (p *physics) fatImage() bool {
	return p.typed("FAT", "F", "FAT_FRACTION") || p.says("f") && p.says("dixon")
}

func (p *physics) gradientEcho() bool { return p.scans("GR") && !p.scans("SE") }

func (p *physics) flair() bool { return p.hasTI && p.ti > 1500 && p.scans("IR") }

// byPhysics applies the rule table: TR, TE and TI in ms. The thresholds are
// textbook values and cover 0.3 T to 3 T.
func (p *physics) byPhysics() guess {
	switch {
	case p.fatImage():
		return other(0.8)
	case !p.hasTE || !p.hasTR || p.te <= 0 || p.tr <= 0:
		return guess{}
	case (p.scans("IR") || len(p.scanning) == 0) && p.hasTI && p.ti > 0:
		return p.inversionRecovery()
	case p.gradientEcho(), p.steady && p.tr < 10:
		return other(0.8) // T2*, balanced SSFP, gradient-echo T1
	}
	return p.spinEcho()
}

func (p *physics) inversionRecovery() guess {
	switch {
	case p.ti >= 80 && p.ti <= 250 && p.te >= 20:
		return guess{sequence: spine.STIR, confidence: 0.95}
	case p.ti >= 500 && p.ti <= 1200 && p.te <= 30 && !p.gradientEcho():
		return guess{sequence: spine.T1, confidence: 0.9}
	case p.ti > 1500 || p.gradientEcho():
		return other(0.9) // FLAIR; magnetisation-prepared gradient echo
	}
	return guess{spine.OtherSequence, 0.4, "the inversion time is none of STIR, T1 or FLAIR"}
}

func (p *physics) spinEcho() guess {
	switch {
	case p.te <= 30 && (p.tr <= 1100 || p.tr <= 1500 && p.echoTrain <= 6):
		return p.t1()
	case p.te >= 70 && (p.tr >= 1800 || p.threeD && p.tr >= 1000):
		return p.fluidBright(0.95, "")
	case p.tr >= 1500 && p.te <= 50:
		return guess{sequence: spine.PD, confidence: 0.9}
	case p.tr >= 1500:
		return p.fluidBright(0.5, "the echo time lies between PD and T2")
	}
	return guess{spine.OtherSequence, 0.4, "repetition and echo time are none of T1, PD or T2"}
}

// t1 is plain T1; with fat suppressed it is no longer the series that foramina
// are read on, and after contrast it is a doubtful one.
func (p *physics) t1() guess {
	switch {
	case p.fatSuppressed():
		return other(0.8)
	case p.contrastApplied || p.plus || p.says("gd", "gad", "post", "contrast", "km", "ce"):
		return guess{spine.T1, 0.6, "taken after a contrast agent"}
	}
	return guess{sequence: spine.T1, confidence: 0.95}
}

func (p *physics) fluidBright(confidence float64, doubt string) guess {
	if p.fatSuppressed() {
		return guess{spine.T2FS, confidence, doubt}
	}
	return guess{spine.T2, confidence, doubt}
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

// planeIn is planeOf for a stack of a series whose normals share an axis: a block
// through L5/S1 is tilted by 30 degrees and more, and axial as surely as its series
// is; beyond 45 it is so still, though doubtful.
func planeIn(normal, axis volume.Vec3) (spine.Plane, float64) {
	plane, sure := planeOf(normal)
	common, commonSure := planeOf(axis)
	if common == plane {
		return plane, math.Max(sure, commonSure)
	}
	across := map[spine.Plane]int{spine.Sagittal: 0, spine.Coronal: 1, spine.Axial: 2}[common]
	if math.Abs(normal[across]) >= 0.5*normal.Norm() {
		return common, 0.4
	}
	return plane, sure
}
