package dicom

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// words are a header of single texts.
type words = map[dataset.Tag]string

// classicHeader is a classic file with those words.
func classicHeader(w words) header {
	d := dataset.New()
	for tg, v := range w {
		d.SetText(tg, tg.VR(), v)
	}
	return header{d}
}

// enhancedHeader says the same in the words and groups of a multi-frame file.
func enhancedHeader(w words) header {
	top, timing, echo, modifier, kind := dataset.New(), dataset.New(), dataset.New(), dataset.New(), dataset.New()
	top.SetText(tagImageType, "CS", "ORIGINAL", "PRIMARY", "MIXED", "MIXED")
	pulse, inverted, planar := "SPIN", "NO", "NO"
	for tg, v := range w {
		x, _ := strconv.ParseFloat(v, 64)
		switch tg {
		case tagTR, tagFlipAngle:
			timing.SetText(tg, "DS", v)
		case tagEchoTrain:
			timing.SetShorts(tagRFEchoTrain, int(x))
		case tagTE:
			echo.SetFloats(tagEffectiveTE, "FD", x)
		case tagTI:
			modifier.SetFloats(tagInversionTimes, "FD", x)
		case tagImageType:
			kind.SetText(tagFrameType, "CS", v)
		case tagContrastAgent:
			top.SetSequence(tagContrastAgents, dataset.New())
		case tagScanOptions:
			if v == "FS" || v == "SFS" {
				top.SetText(tagFatSuppression, "CS", "FAT")
			}
		case tagSequenceVariant:
			if v == "SS" {
				top.SetText(tagSteadyState, "CS", "FREE_PRECESSION")
			}
		case tagScanningSeq:
			if strings.Contains(v, "GR") {
				pulse = "GRADIENT"
			}
			if strings.Contains(v, "IR") {
				inverted = "YES"
			}
			if strings.Contains(v, "EP") {
				planar = "YES"
			}
		default:
			top.SetText(tg, tg.VR(), v)
		}
	}
	if w[tagScanningSeq] != "" {
		top.SetText(tagEchoPulse, "CS", pulse)
		top.SetText(tagEchoPlanar, "CS", planar)
		modifier.SetText(tagInversion, "CS", inverted)
	}
	shared, own := dataset.New(), dataset.New()
	shared.SetSequence(0x00189112, timing)
	shared.SetSequence(0x00189115, modifier)
	own.SetSequence(0x00189114, echo)
	own.SetSequence(0x00189226, kind)
	top.SetSequence(tagSharedGroups, shared)
	top.SetSequence(tagPerFrameGroups, own)
	return (&file{&dataset.File{Dataset: top}}).header(0)
}

func TestRecognise_FollowsTheRuleTable(t *testing.T) {
	const other = spine.OtherSequence
	for _, c := range []struct {
		name   string
		header words
		want   spine.Sequence
		sure   bool
	}{
		{"a scout by its words", words{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagSeriesDesc: "3-plane loc"}, other, true},
		{"a myelogram", words{tagScanningSeq: "SE", tagTR: "8000", tagTE: "900", tagSeriesDesc: "T2 myelo cor"}, other, true},
		{"an ADC map", words{tagImageType: `DERIVED\PRIMARY\DIFFUSION\ADC`, tagTR: "5000", tagTE: "80"}, other, true},
		{"a phase image", words{tagImageType: `ORIGINAL\PRIMARY\P\ND`, tagScanningSeq: "SE", tagTR: "3500", tagTE: "100"}, other, true},
		{"a reformatted T2", words{tagImageType: `DERIVED\SECONDARY\MPR`, tagScanningSeq: "SE", tagTR: "3500", tagTE: "100"}, spine.T2, false},
		{"diffusion by echo planar", words{tagScanningSeq: `SE\EP`, tagTR: "5000", tagTE: "80"}, other, true},
		{"diffusion by its words", words{tagScanningSeq: "SE", tagTR: "5000", tagTE: "80", tagSeriesDesc: "DWI sag b600"}, other, true},
		{"STIR at 0.3 T", words{tagScanningSeq: "IR", tagTR: "3000", tagTE: "25", tagTI: "90"}, spine.STIR, true},
		{"STIR at 1.5 T", words{tagScanningSeq: `SE\IR`, tagTR: "4000", tagTE: "40", tagTI: "150"}, spine.STIR, true},
		{"STIR at 3 T", words{tagScanningSeq: `SE\IR`, tagTR: "4500", tagTE: "50", tagTI: "220", tagSeriesDesc: "t2_tirm_sag"}, spine.STIR, true},
		{"STIR by its words alone", words{tagSeriesDesc: "SAG STIR"}, spine.STIR, false},
		{"STIR's words on T2 times", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "90", tagSeriesDesc: "stir sag"}, spine.T2, false},
		{"T1 by inversion recovery", words{tagScanningSeq: `SE\IR`, tagTR: "2200", tagTE: "12", tagTI: "860"}, spine.T1, true},
		{"T1 FLAIR", words{tagScanningSeq: `SE\IR`, tagTR: "2200", tagTE: "12", tagTI: "860", tagSeriesDesc: "SAG T1 FLAIR"}, spine.T1, true},
		{"FLAIR", words{tagScanningSeq: `SE\IR`, tagTR: "9000", tagTE: "100", tagTI: "2500"}, other, true},
		{"FLAIR called T2", words{tagScanningSeq: `SE\IR`, tagTR: "9000", tagTE: "100", tagTI: "2500", tagSeriesDesc: "T2 flair"}, other, true},
		{"an inversion that is none of these", words{tagScanningSeq: `SE\IR`, tagTR: "3000", tagTE: "60", tagTI: "400"}, other, false},
		{"Dixon water by its type", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagImageType: `ORIGINAL\PRIMARY\W\NORM`}, spine.T2FS, true},
		{"Dixon water by its words", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagSeriesDesc: "t2_tse_dixon_sag_W"}, spine.T2FS, true},
		{"Dixon fat by its type", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagImageType: `DERIVED\PRIMARY\DIXON\FAT`}, other, true},
		{"Dixon fat by its words", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagSeriesDesc: "t2_tse_dixon_sag_F"}, other, true},
		{"Dixon in phase", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagImageType: `ORIGINAL\PRIMARY\IP`, tagSeriesDesc: "t2 dixon fat water"}, spine.T2, true},
		{"Dixon out of phase", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagSeriesDesc: "t2_tse_dixon_sag_opp"}, spine.T2, true},
		{"Dixon, nobody knows which", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagSeriesDesc: "t2_tse_dixon_sag"}, spine.T2, false},
		{"fat saturated by option", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagScanOptions: "FS"}, spine.T2FS, true},
		{"fat saturated by its words", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagSeriesDesc: "T2 SPAIR sag"}, spine.T2FS, true},
		{"GE's saturation bands are not fat saturation", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "100", tagScanOptions: "SAT_GEMS"}, spine.T2, true},
		{"T1 TSE", words{tagScanningSeq: "SE", tagTR: "560", tagTE: "9.4"}, spine.T1, true},
		{"T1 with a long TR and a short echo train", words{tagScanningSeq: "SE", tagTR: "1400", tagTE: "10", tagEchoTrain: "3"}, spine.T1, true},
		{"the same with a long train", words{tagScanningSeq: "SE", tagTR: "1400", tagTE: "10", tagEchoTrain: "12"}, other, false},
		{"T2 TSE", words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "102", tagSeriesDesc: "t2_tse_sag"}, spine.T2, true},
		{"T2 SPACE", words{tagScanningSeq: "SE", tagTR: "1000", tagTE: "124", tagAcquisitionType: "3D"}, spine.T2, true},
		{"T2 in two dimensions with SPACE's TR", words{tagScanningSeq: "SE", tagTR: "1200", tagTE: "124", tagAcquisitionType: "2D"}, other, false},
		{"PD", words{tagScanningSeq: "SE", tagTR: "2500", tagTE: "30"}, spine.PD, true},
		{"between PD and T2", words{tagScanningSeq: "SE", tagTR: "2500", tagTE: "60"}, spine.T2, false},
		{"T2*", words{tagScanningSeq: "GR", tagTR: "500", tagTE: "15", tagFlipAngle: "25", tagSeriesDesc: "t2_me2d_tra"}, other, true},
		{"gradient-echo T1", words{tagScanningSeq: "GR", tagTR: "150", tagTE: "4", tagFlipAngle: "70", tagSeriesDesc: "t1_fl2d"}, other, true},
		{"magnetisation-prepared T1", words{tagScanningSeq: `GR\IR`, tagTR: "1900", tagTE: "2.5", tagTI: "900", tagSeriesDesc: "t1_mprage"}, other, true},
		{"balanced steady state", words{tagSequenceVariant: "SS", tagTR: "5", tagTE: "2.2", tagFlipAngle: "60"}, other, true},
		{"T1 after contrast by agent", words{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagContrastAgent: "Gd"}, spine.T1, false},
		{"T1 after contrast by its words", words{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagSeriesDesc: "t1 sag post"}, spine.T1, false},
		{"T1 with fat saturated and contrast", words{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagSeriesDesc: "T1 FS +C sag"}, other, true},
		{"times missing, text only", words{tagSeriesDesc: "SAG T2 FSE"}, spine.T2, false},
		{"text and physics disagree", words{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagSeriesDesc: "t2 sag"}, spine.T1, false},
		{"nothing known", words{}, other, false},
	} {
		for form, h := range map[string]header{"classic": classicHeader(c.header), "enhanced": enhancedHeader(c.header)} {
			p := h.physics()
			g := p.recognise()
			if g.sequence != c.want || c.sure != (g.confidence >= 0.75) {
				t.Errorf("%s, %s: %s with %.2f, want %s (sure: %v)", c.name, form, g.sequence, g.confidence, c.want, c.sure)
			}
			if (g.doubt == "") != c.sure {
				t.Errorf("%s, %s: sure %v, doubt %q", c.name, form, c.sure, g.doubt)
			}
		}
	}
}

func TestRecognise_ReadsTheWordsOfMultiFrameHeaders(t *testing.T) {
	times := words{tagScanningSeq: "SE", tagTR: "3500", tagTE: "100"}
	for _, c := range []struct {
		name  string
		tag   dataset.Tag
		value string
		want  spine.Sequence
	}{
		{"fat suppressed", tagFatSuppression, "FAT", spine.T2FS},
		{"water excited", tagExcitation, "WATER", spine.T2FS},
		{"water suppressed", tagFatSuppression, "WATER", spine.T2},
		{"phase", tagComplex, "PHASE", spine.OtherSequence},
		{"real part", tagComplex, "REAL", spine.OtherSequence},
		{"magnitude", tagComplex, "MAGNITUDE", spine.T2},
		{"contrast T2", tagContrastKind, "T2", spine.T2},
	} {
		h := enhancedHeader(times)
		h[len(h)-1].SetText(c.tag, "CS", c.value)
		p := h.physics()
		if g := p.recognise(); g.sequence != c.want || g.confidence < 0.75 {
			t.Errorf("%s: %s with %.2f, want %s", c.name, g.sequence, g.confidence, c.want)
		}
	}
	h := enhancedHeader(words{})
	h[len(h)-1].SetText(tagContrastKind, "CS", "STIR")
	p := h.physics()
	if g := p.recognise(); g.sequence != spine.STIR || g.confidence >= 0.75 {
		t.Errorf("by AcquisitionContrast alone: %s with %.2f", g.sequence, g.confidence)
	}
}

func TestPlaneOf_IsSureWithin30Degrees(t *testing.T) {
	at := func(degrees float64) volume.Vec3 {
		s, c := math.Sincos(degrees * math.Pi / 180)
		return volume.Vec3{0, -s, c}
	}
	for _, c := range []struct {
		normal volume.Vec3
		want   spine.Plane
		sure   float64
	}{
		{volume.Vec3{-1, 0, 0}, spine.Sagittal, 1}, {volume.Vec3{0, 1, 0}, spine.Coronal, 1},
		{at(0), spine.Axial, 1}, {at(29), spine.Axial, 1}, {at(40), spine.Axial, 0.7}, {at(50), spine.Coronal, 0.7},
	} {
		if p, sure := planeOf(c.normal); p != c.want || sure != c.sure {
			t.Errorf("normal %v: %s %.1f, want %s %.1f", c.normal, p, sure, c.want, c.sure)
		}
	}
}

func TestValues_MaskSignRescaleAndInversion(t *testing.T) {
	for _, c := range []struct {
		name   string
		format pixelFormat
		in     []byte
		want   float32
	}{
		{"twelve of sixteen bits, rubbish above", pixelFormat{allocated: 16, stored: 12, slope: 1}, []byte{0x34, 0xF2}, 0x234},
		{"twelve signed bits", pixelFormat{allocated: 16, stored: 12, signed: true, slope: 1}, []byte{0xFF, 0x0F}, -1},
		{"high bit fifteen", pixelFormat{allocated: 16, stored: 12, shift: 4, slope: 1}, []byte{0x5F, 0x12}, 0x125},
		{"rescaled", pixelFormat{allocated: 8, stored: 8, slope: 2, intercept: -10}, []byte{7}, 4},
		{"MONOCHROME1", pixelFormat{allocated: 8, stored: 8, inverted: true, slope: 1}, []byte{1}, 254},
		{"thirty-two bits", pixelFormat{allocated: 32, stored: 32, signed: true, slope: 1}, []byte{0xFE, 0xFF, 0xFF, 0xFF}, -2},
	} {
		out := make([]float32, 1)
		c.format.values(c.in, out)
		if out[0] != c.want {
			t.Errorf("%s: %g, want %g", c.name, out[0], c.want)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	dir := b.TempDir()
	g := sagittalGrid([3]int{320, 320, 100})
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, pattern(g, 1))); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := Import(b.Context(), []string{dir}, nil)
		if err != nil || len(r.Studies) != 1 {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadSeries(b *testing.B) {
	dir := b.TempDir()
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, pattern(sagittalGrid([3]int{512, 512, 20}), 1))); err != nil {
		b.Fatal(err)
	}
	r, err := Import(b.Context(), []string{dir}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, files := range r.Files {
			if _, err := LoadSeries(b.Context(), files); err != nil {
				b.Fatal(err)
			}
		}
	}
}
