package dicom

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// enhancedFile writes classic slices, as WriteSeries made them, as one Enhanced MR
// object whose frames stand in the order of the slices. Attributes that all slices
// share go to the shared groups where share says so, else to each frame.
func enhancedFile(t *testing.T, name, syntax string, class string, classic []*file, share bool) {
	t.Helper()
	out := dataset.New()
	for _, tg := range []dataset.Tag{tagCharacterSet, tagStudyDate, tagModality, tagSeriesDesc, tagPatientName, tagPatientID, tagPatientSex,
		tagStudyUID, tagSeriesUID, tagSeriesNumber, tagFrameOfRef, tagSamples, tagPhotometric, tagRows, tagColumns, tagBitsAllocated,
		tagBitsStored, tagHighBit, tagPixelRep, tagAcquisitionType} {
		if e := classic[0].Find(tg); e != nil {
			out.Put(e)
		}
	}
	out.SetText(tagSOPClass, "UI", class)
	out.SetText(tagSOPInstance, "UI", NewUID(name))
	out.SetText(tagImageType, "CS", "ORIGINAL", "PRIMARY", "MIXED", "NONE")
	out.SetIntegers(tagFrames, len(classic))
	pulse(out, classic[0])
	shared, pixels := dataset.New(), []byte(nil)
	var frames []*dataset.Dataset
	for n, f := range classic {
		own := dataset.New()
		common := own
		if share {
			common = shared
		}
		frameGroupsOf(own, common, f, n)
		frames = append(frames, own)
		pixels = append(pixels, f.Find(tagPixelData).Value...)
	}
	out.SetSequence(tagSharedGroups, shared)
	out.SetSequence(tagPerFrameGroups, frames...)
	out.SetBytes(tagPixelData, "OW", pixels)
	if syntax == dataset.ExplicitBE {
		writeBigEndian(t, name, out)
		return
	}
	if err := dataset.Write(name, out); err != nil {
		t.Fatal(err)
	}
}

// pulse says in the multi-frame words what ScanningSequence says.
func pulse(out *dataset.Dataset, f *file) {
	scanning := f.Texts(tagScanningSeq)
	kind := "SPIN"
	if slices.Contains(scanning, "GR") {
		kind = "GRADIENT"
	}
	out.SetText(tagEchoPulse, "CS", kind)
	if slices.Contains(f.Texts(tagScanOptions), "FS") {
		out.SetText(tagFatSuppression, "CS", "FAT")
	}
}

func frameGroupsOf(own, common *dataset.Dataset, f *file, n int) {
	content, position := dataset.New(), dataset.New()
	content.SetText(tagStackID, "SH", "1")
	content.SetLongs(0x00209057, uint32(n+1)) // InStackPositionNumber
	own.SetSequence(0x00209111, content)
	position.Put(f.Find(tagPosition))
	own.SetSequence(0x00209113, position)
	put := func(group dataset.Tag, fill func(d *dataset.Dataset)) {
		d := dataset.New()
		fill(d)
		common.SetSequence(group, d)
	}
	put(0x00209116, func(d *dataset.Dataset) { d.Put(f.Find(tagOrientation)) })
	put(0x00289110, func(d *dataset.Dataset) { d.Put(f.Find(tagPixelSpacing)); d.Put(f.Find(tagSliceThickness)) })
	put(0x00189112, func(d *dataset.Dataset) {
		d.Put(f.Find(tagTR))
		d.Put(f.Find(tagFlipAngle))
		d.SetShorts(tagRFEchoTrain, int(f.Float(tagEchoTrain)))
	})
	put(0x00189114, func(d *dataset.Dataset) { d.SetFloats(tagEffectiveTE, "FD", f.Float(tagTE)) })
	put(0x00189115, func(d *dataset.Dataset) {
		d.SetText(tagInversion, "CS", "NO")
		if ti, ok := f.Number(tagTI); ok {
			d.SetText(tagInversion, "CS", "YES")
			d.SetFloats(tagInversionTimes, "FD", ti)
		}
	})
	put(0x00189226, func(d *dataset.Dataset) { d.SetText(tagFrameType, "CS", "ORIGINAL", "PRIMARY", "M", "NONE") })
	put(0x00289145, func(d *dataset.Dataset) {
		d.SetDecimals(tagIntercept, f.Float(tagIntercept))
		d.SetDecimals(tagSlope, max(1, f.Float(tagSlope)))
	})
}

// classicFiles parses the slices of a folder in the order of their names.
func classicFiles(t *testing.T, dir string) (out []*file) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		out = append(out, parseFile(t, name))
	}
	return out
}

func parseFile(t *testing.T, name string) *file {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestImport_EnhancedFileIsTheVolumeOfItsClassicSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	direction := func() volume.Vec3 { return volume.Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()} }
	sequences := []spine.Sequence{spine.T1, spine.T2, spine.STIR, spine.T2FS, spine.PD, spine.OtherSequence}
	for n := range 24 {
		size := [3]int{5 + r.IntN(9), 5 + r.IntN(9), 2 + r.IntN(12)}
		g := grid(size, volume.Vec3{0.4 + r.Float64(), 0.4 + r.Float64(), 3 + 2*r.Float64()}, direction(), direction(), n%2 == 1, direction().Scale(80))
		want := pattern(g, uint64(n))
		seq := sequences[n%len(sequences)]
		dir := t.TempDir()
		writeShuffled(t, dir, testStudy(), testSeries("a series", seq, want))
		_, classic, asClassic := importOne(t, dir)

		class := []string{sopEnhancedMR, sopLegacyConvertedMR}[n/2%2]
		syntax := []string{dataset.ExplicitLE, dataset.ExplicitBE}[n/4%2]
		name := filepath.Join(t.TempDir(), "enhanced.dcm")
		enhancedFile(t, name, syntax, class, classicFiles(t, dir), n%3 > 0)
		res, s, got := importOne(t, filepath.Dir(name))
		sameInPatient(t, want, got)
		if !volume.SameGrid(asClassic.Grid, got.Grid) || !volume.SameGrid(res.Grids[Key(s)], got.Grid) {
			t.Fatal("the frames make another grid than the slices")
		}
		if s.Sequence != seq || s.Confidence != classic.Confidence || s.Plane != classic.Plane {
			t.Errorf("%s %s %.2f, the classic series is %s %s %.2f", s.Plane, s.Sequence, s.Confidence, classic.Plane, classic.Sequence, classic.Confidence)
		}
		if len(s.Frames) != size[2] || slices.Max(s.Frames) != size[2] || slices.Min(s.Frames) != 1 {
			t.Errorf("frames %v of %d", s.Frames, size[2])
		}
	}
}

func TestImport_FramesOfSeveralKindsBecomeSeriesOfTheirOwn(t *testing.T) {
	v := pattern(sagittalGrid([3]int{6, 5, 4}), 3)
	for name, change := range map[string]func(d *dataset.Dataset){
		"echo": func(d *dataset.Dataset) {
			group := dataset.New()
			group.SetFloats(tagEffectiveTE, "FD", 20)
			d.SetSequence(0x00189114, group)
		},
		"time":  func(d *dataset.Dataset) { d.Item(0x00209111).SetLongs(tagTemporalIndex, 2) },
		"stack": func(d *dataset.Dataset) { d.Item(0x00209111).SetText(tagStackID, "SH", "2") },
		"phase": func(d *dataset.Dataset) {
			group := dataset.New()
			group.SetText(tagFrameType, "CS", "ORIGINAL", "PRIMARY", "P", "NONE")
			d.SetSequence(0x00189226, group)
		},
		"b-value": func(d *dataset.Dataset) {
			group := dataset.New()
			group.SetFloats(tagBValue, "FD", 600)
			d.SetSequence(0x00189117, group)
		},
	} {
		dir, out := t.TempDir(), filepath.Join(t.TempDir(), "e.dcm")
		if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, v)); err != nil {
			t.Fatal(err)
		}
		classic := classicFiles(t, dir)
		enhancedFile(t, out, dataset.ExplicitLE, sopEnhancedMR, append(classic, classic...), false)
		changeFrames(t, out, 4, change)
		r, err := Import(t.Context(), []string{out}, nil)
		if err != nil || len(r.Studies) != 1 || len(r.Studies[0].Series) != 2 {
			t.Errorf("%s: %v, want two series: %+v", name, err, r)
			continue
		}
		for n := range r.Studies[0].Series {
			s := &r.Studies[0].Series[n]
			got, err := LoadSeries(t.Context(), r.Files[Key(s)])
			if err != nil {
				t.Fatal(err)
			}
			sameInPatient(t, v, got)
			for _, w := range s.Warnings {
				if strings.Contains(w, "tells them apart") {
					t.Errorf("%s: %s", name, w)
				}
			}
		}
	}
}

// changeFrames edits the groups of an enhanced file's frames from number first on.
func changeFrames(t *testing.T, name string, first int, change func(*dataset.Dataset)) {
	t.Helper()
	f := parseFile(t, name)
	for n, item := range f.Items(tagPerFrameGroups) {
		if n >= first {
			change(item)
		}
	}
	if err := dataset.Write(name, f.Dataset); err != nil {
		t.Fatal(err)
	}
}

func TestLoadSeries_RescalesEachFrameByItsOwn(t *testing.T) {
	v := pattern(sagittalGrid([3]int{6, 5, 4}), 3)
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "e.dcm")
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, v)); err != nil {
		t.Fatal(err)
	}
	enhancedFile(t, out, dataset.ExplicitLE, sopEnhancedMR, classicFiles(t, dir), false)
	changeFrames(t, out, 2, func(d *dataset.Dataset) {
		d.Item(0x00289145).SetDecimals(tagSlope, 2.5)
		d.Item(0x00289145).SetDecimals(tagIntercept, -7)
	})
	_, _, got := importOne(t, out)
	for i, x := range v.Data {
		want := x
		if i/30 >= 2 {
			want = 2.5*x - 7
		}
		if got.Data[i] != want {
			t.Fatalf("voxel %d is %g, want %g", i, got.Data[i], want)
		}
	}
}

func TestImport_RefusesFramesThatNothingPlaces(t *testing.T) {
	v := pattern(sagittalGrid([3]int{6, 5, 4}), 3)
	dir := t.TempDir()
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, v)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*dataset.Dataset)
		reason string
	}{
		"no groups":    {func(d *dataset.Dataset) { d.Remove(tagPerFrameGroups) }, "0 frames are described for 4"},
		"fewer":        {func(d *dataset.Dataset) { d.SetSequence(tagPerFrameGroups, d.Items(tagPerFrameGroups)[:3]...) }, "3 frames are described for 4"},
		"no position":  {func(d *dataset.Dataset) { d.Items(tagPerFrameGroups)[2].Remove(0x00209113) }, "frame 3: position"},
		"many claimed": {func(d *dataset.Dataset) { d.SetIntegers(tagFrames, 4000) }, "cut off"},
	} {
		out := filepath.Join(t.TempDir(), "e.dcm")
		enhancedFile(t, out, dataset.ExplicitLE, sopEnhancedMR, classicFiles(t, dir), false)
		f := parseFile(t, out)
		c.change(f.Dataset)
		if err := dataset.Write(out, f.Dataset); err != nil {
			t.Fatal(err)
		}
		r, err := Import(t.Context(), []string{out}, nil)
		if err != nil || len(r.Studies) != 0 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, c.reason) {
			t.Errorf("%s: %v %+v", name, err, r.Refused)
		}
	}
}

// writeBigEndian writes a data set in explicit big endian.
func writeBigEndian(t *testing.T, name string, d *dataset.Dataset) {
	t.Helper()
	meta := dataset.New()
	meta.SetText(tagTransferSyntax, "UI", dataset.ExplicitBE)
	b := append(append(make([]byte, 128), "DICM"...), meta.Encode()...)
	if err := os.WriteFile(name, append(b, bigEndian(t, d)...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// bigEndian encodes elements with every number's bytes turned round.
func bigEndian(t *testing.T, d *dataset.Dataset) (out []byte) {
	t.Helper()
	o := binary.BigEndian
	for _, e := range d.Elements() {
		value := turned(e)
		if e.VR == "SQ" {
			for _, item := range e.Items {
				body := bigEndian(t, item)
				value = o.AppendUint16(o.AppendUint16(value, 0xFFFE), 0xE000)
				value = append(o.AppendUint32(value, uint32(len(body))), body...)
			}
		}
		out = append(o.AppendUint16(o.AppendUint16(out, e.Tag.Group()), uint16(e.Tag)), e.VR...)
		switch e.VR {
		case "OB", "OW", "SQ", "UN", "UT":
			out = o.AppendUint32(append(out, 0, 0), uint32(len(value)))
		default:
			out = o.AppendUint16(out, uint16(len(value)))
		}
		out = append(out, value...)
	}
	return out
}

// turned is an element's value with the bytes of each number in the other order.
func turned(e *dataset.Element) []byte {
	width := map[string]int{"US": 2, "SS": 2, "OW": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8}[e.VR]
	out := slices.Clone(e.Value)
	for i := 0; width > 0 && i+width <= len(out); i += width {
		slices.Reverse(out[i : i+width])
	}
	return out
}

func TestImport_ReadsEnhancedFilesOfFourScanners(t *testing.T) {
	root := filepath.Join(developmentData(t), "formats")
	for name, want := range map[string]int{"dicom2nifti/philips_enhanced/anatomical/001": 8, "dicom2nifti/siemens_multiframe/anatomical/001": 8,
		"dicom2nifti/hyperfine/anatomical/001": 8, "enhanced-mosaic/dcm_qa_enh/In/Philips": 32, "enhanced-mosaic/dcm_qa_enh/In/Siemens": 6} {
		r, err := Import(t.Context(), []string{filepath.Join(root, name)}, nil)
		if err != nil || len(r.Refused) > 0 || len(r.Studies) != 1 {
			t.Fatalf("%s: %v %+v", name, err, r.Refused)
		}
		for n := range r.Studies[0].Series {
			s := &r.Studies[0].Series[n]
			v, err := LoadSeries(t.Context(), r.Files[Key(s)])
			if err != nil || v.Size[2] != want {
				t.Errorf("%s: %v, want %d slices", name, err, want)
				continue
			}
			t.Log(name, s.Description, s.Sequence, s.Plane, s.Confidence, v.Size, fmt.Sprintf("%.4g", v.SpacingMM()), s.Warnings)
		}
	}
}

func TestImport_SaysWhyItLeavesMosaicsAndUnplacedFrames(t *testing.T) {
	root := filepath.Join(developmentData(t), "formats")
	for pattern, reason := range map[string]string{
		"dcm_qa_ts/In/*.dcm":                    "a mosaic of many slices",
		"enhanced-mosaic/dcm_qa_mosaic/*.dcm":   "a mosaic of many slices",
		"enhanced-mosaic/dcm_qa_sag/4_DWI*.dcm": "a mosaic of many slices",
		"pydicom-data/emri_small*.dcm":          "the frames cannot be placed",
	} {
		names, _ := filepath.Glob(filepath.Join(root, pattern))
		if len(names) == 0 {
			t.Errorf("%s: no such files", pattern)
		}
		for _, name := range names {
			r, err := Import(t.Context(), []string{name}, nil)
			if err != nil || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, reason) && decodable(t, name) {
				t.Errorf("%s: %v %+v", name, err, r.Refused)
			}
		}
	}
}

// decodable reports files whose pixel data this build reads at all.
func decodable(t *testing.T, name string) bool {
	_, err := parseFile(t, name).pixels()
	return err == nil
}

func TestReadSlices_SurvivesDamagedGroups(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "e.dcm")
	if err := WriteSeries(dir, testStudy(), testSeries("t2", spine.T2, pattern(sagittalGrid([3]int{4, 3, 4}), 3))); err != nil {
		t.Fatal(err)
	}
	enhancedFile(t, out, dataset.ExplicitLE, sopEnhancedMR, classicFiles(t, dir), false)
	whole, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(41, 42))
	for n := range 4_000 {
		b := slices.Clone(whole)
		for range 1 + n%3 {
			b[132+r.IntN(len(b)-132)] ^= 1 << r.IntN(8)
		}
		f, err := parse(b)
		if err != nil {
			continue
		}
		found, err := readSlices(f)
		for _, s := range found {
			if err == nil && (s.rows < 1 || s.cols < 1 || s.spacingCol <= 0 || !(s.origin.Norm() < 1e6)) {
				t.Fatalf("input %d: a slice of %dx%d at %v was taken", n, s.cols, s.rows, s.origin)
			}
		}
		if err == nil {
			assemble(found)
		}
	}
}
