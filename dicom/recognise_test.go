package dicom

import (
	"math"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

func TestRecognise_FollowsTheRuleTable(t *testing.T) {
	type h = map[dataset.Tag]string
	for _, c := range []struct {
		name   string
		header h
		want   spine.Sequence
		sure   bool
	}{
		{"T1 TSE", h{tagScanningSeq: "SE", tagTR: "560", tagTE: "9.4"}, spine.T1, true},
		{"T1 with a long TR and a short echo train", h{tagScanningSeq: "SE", tagTR: "1400", tagTE: "10", tagEchoTrain: "3"}, spine.T1, true},
		{"T1 by inversion recovery", h{tagScanningSeq: `SE\IR`, tagTR: "2200", tagTE: "12", tagTI: "860"}, spine.T1, true},
		{"T2 TSE", h{tagScanningSeq: "SE", tagTR: "3500", tagTE: "102", tagSeriesDesc: "t2_tse_sag"}, spine.T2, true},
		{"T2 SPACE", h{tagScanningSeq: "SE", tagTR: "1000", tagTE: "124", tagAcquisitionType: "3D"}, spine.T2, true},
		{"T2 with fat saturated", h{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagScanOptions: "FS"}, spine.T2FS, true},
		{"T2 Dixon water", h{tagScanningSeq: "SE", tagTR: "3500", tagTE: "80", tagImageType: `ORIGINAL\PRIMARY\W\NORM`}, spine.T2FS, true},
		{"GE's saturation bands are not fat saturation", h{tagScanningSeq: "SE", tagTR: "3500", tagTE: "100", tagScanOptions: "SAT_GEMS"}, spine.T2, true},
		{"STIR at 1.5 T", h{tagScanningSeq: `SE\IR`, tagTR: "4000", tagTE: "40", tagTI: "150"}, spine.STIR, true},
		{"STIR at 0.3 T", h{tagScanningSeq: "IR", tagTR: "3000", tagTE: "25", tagTI: "90"}, spine.STIR, true},
		{"FLAIR", h{tagScanningSeq: `SE\IR`, tagTR: "9000", tagTE: "100", tagTI: "2500"}, spine.OtherSequence, true},
		{"PD", h{tagScanningSeq: "SE", tagTR: "2500", tagTE: "30"}, spine.PD, true},
		{"T2*", h{tagScanningSeq: "GR", tagTR: "500", tagTE: "15", tagFlipAngle: "25"}, spine.OtherSequence, true},
		{"diffusion", h{tagScanningSeq: "EP", tagTR: "5000", tagTE: "80"}, spine.OtherSequence, true},
		{"T1 with fat saturated and contrast", h{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagSeriesDesc: "T1 FS +C sag"}, spine.OtherSequence, true},
		{"T1 after contrast", h{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagContrastAgent: "Gd"}, spine.T1, false},
		{"times missing, text only", h{tagSeriesDesc: "SAG T2 FSE"}, spine.T2, false},
		{"text and physics disagree", h{tagScanningSeq: "SE", tagTR: "600", tagTE: "10", tagSeriesDesc: "t2 sag"}, spine.T1, false},
		{"nothing known", h{}, spine.OtherSequence, false},
	} {
		w := newWriter()
		for tg, v := range c.header {
			w.SetText(tg, tg.VR(), v)
		}
		f, err := parse(w.fileAs(dataset.ExplicitLE, w.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		p := f.header(0).physics()
		if g := p.recognise(); g.sequence != c.want || c.sure != (g.confidence >= 0.75) {
			t.Errorf("%s: %s with %.2f, want %s (sure: %v)", c.name, g.sequence, g.confidence, c.want, c.sure)
		}
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
