package deid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/dicom/dataset"
)

func TestTable_IsWholeAndSound(t *testing.T) {
	tab, err := readTable(tableCSV)
	if err != nil {
		t.Fatal(err)
	}
	count := map[action]int{}
	for _, a := range tab {
		count[a]++
	}
	want := map[action]int{"X": 412, "D": 93, "U": 55, "Z": 42, "X/D": 23, "X/Z": 11, "X/Z/D": 8, "Z/D": 6, "X/Z/U*": 2}
	for a, n := range want {
		if count[a] != n {
			t.Errorf("%d rows of action %s, want %d", count[a], a, n)
		}
	}
	if len(tab) != 652 || len(count) != len(want) {
		t.Errorf("%d rows, %d kinds of action", len(tab), len(count))
	}
	for tag := range tab {
		if technical(tag) || bulk(tag) {
			t.Errorf("%v is in the table and on a list of what stays", tag)
		}
	}
}

func TestTable_HasWhatEveryOtherListHas(t *testing.T) {
	tab, err := readTable(tableCSV)
	if err != nil {
		t.Fatal(err)
	}
	// The profile of Supplement 55 (2002), which every implementation knows.
	for _, tag := range []dataset.Tag{0x00080014, 0x00080018, 0x00080050, 0x00080080, 0x00080081, 0x00080090, 0x00080092, 0x00080094,
		0x00081010, 0x00081030, 0x0008103E, 0x00081040, 0x00081048, 0x00081050, 0x00081060, 0x00081070, 0x00081080, 0x00081155, 0x00082111,
		0x00100010, 0x00100020, 0x00100030, 0x00100032, 0x00100040, 0x00101000, 0x00101001, 0x00101010, 0x00101020, 0x00101030, 0x00101090,
		0x00102160, 0x00102180, 0x001021B0, 0x00104000, 0x00181000, 0x00181030, 0x0020000D, 0x0020000E, 0x00200010, 0x00200052, 0x00200200,
		0x00204000, 0x00400275, 0x0040A124, 0x0040A730, 0x00880140, 0x30060024, 0x300600C2} {
		if _, ok := tab[tag]; !ok {
			t.Errorf("%v is missing", tag)
		}
	}
}

func TestResolve_IsTheMildestThatStaysValid(t *testing.T) {
	for _, c := range []struct {
		a    action
		tag  dataset.Tag
		kind kind
		want action
	}{
		{"Z/D", 0x00080023, classicMR, empty}, {"Z/D", 0x00080023, multiFrame, dummy}, {"Z/D", 0x00080023, report, dummy},
		{"X/Z/D", 0x0008002A, classicMR, remove}, {"X/Z/D", 0x0008002A, multiFrame, dummy}, {"X/Z/D", 0x00181000, otherObject, dummy},
		{"X/D", 0x00080021, classicMR, remove}, {"X/D", 0x00080021, otherObject, dummy}, {"X/Z", 0x00400555, multiFrame, empty},
		{"X/Z", 0x00400555, otherObject, empty}, {"X/Z/D", 0x00081111, report, empty}, {"X", 0x00101000, otherObject, remove},
		{"X/Z/U*", 0x00081140, classicMR, refsUID},
	} {
		if got := c.a.resolve(c.tag, c.kind); got != c.want {
			t.Errorf("%s of %v in kind %d: %s, want %s", c.a, c.tag, c.kind, got, c.want)
		}
	}
}

func TestClean_KeepsRelationsBetweenObjects(t *testing.T) {
	image, second := object(classMR, 1), object(classMR, 2)
	seg := object(classSEG, 3)
	seg.SetText(tagSeriesUID, "UI", "1.3.6.1.4.1.99999.33")
	seg.SetSequence(0x00081115, item(func(d *dataset.Dataset) {
		d.SetText(tagSeriesUID, "UI", image.Text(tagSeriesUID))
		d.SetSequence(0x0008114A, item(func(d *dataset.Dataset) {
			d.SetText(0x00081150, "UI", classMR)
			d.SetText(0x00081155, "UI", image.Text(tagSOPInstance))
		}))
	}))
	a, b := clean(t, profile(t, Options{}), image), clean(t, profile(t, Options{Dates: ShiftDates}), second)
	s := clean(t, profile(t, Options{}), seg)
	for _, tag := range []dataset.Tag{tagStudyUID, tagSeriesUID, 0x00200052, tagPatientID} {
		if a.Text(tag) != b.Text(tag) || a.Text(tag) == image.Text(tag) || a.Text(tag) == "" {
			t.Errorf("%v: %q and %q", tag, a.Text(tag), b.Text(tag))
		}
	}
	ref := s.Item(0x00081115)
	if ref.Text(tagSeriesUID) != a.Text(tagSeriesUID) || ref.Item(0x0008114A).Text(0x00081155) != a.Text(tagSOPInstance) {
		t.Error("the segmentation no longer points at its image")
	}
	if ref.Item(0x0008114A).Text(0x00081150) != classMR || a.Text(tagSOPInstance) == b.Text(tagSOPInstance) || a.Meta.Text(0x00020003) != a.Text(tagSOPInstance) {
		t.Error("class, instance or meta header is wrong")
	}
	other, err := New(Key("another key, of 32 bytes length.."), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if clean(t, other, image).Text(tagSOPInstance) == a.Text(tagSOPInstance) {
		t.Error("two keys make one UID")
	}
}

func TestClean_LeavesPixelsAndGeometryAlone(t *testing.T) {
	d := object(classMR, 1)
	d.SetDecimals(0x00200032, -12.5, 3, 44.25)
	d.SetDecimals(0x00180080, 3500)
	f := clean(t, profile(t, Options{}), d)
	for _, tag := range []dataset.Tag{tagPixelData, 0x00200032, 0x00180080, tagRows, 0x00080070} {
		if !bytes.Equal(f.Find(tag).Value, d.Find(tag).Value) {
			t.Errorf("%v has changed", tag)
		}
	}
	if f.Text(0x00120062) != "YES" || f.Item(0x00120064).Text(0x00080100) != "113100" || f.Text(0x00280303) != "REMOVED" {
		t.Error("the file does not say what was done")
	}
}

func TestClean_ShiftsTheDatesOfAPatientAlike(t *testing.T) {
	first, later := object(classMR, 1), object(classMR, 2)
	first.SetText(0x0008002A, "DT", "20190423101112.5+0100")
	later.SetText(0x00080020, "DA", "20190523")
	p := profile(t, Options{Dates: ShiftDates})
	a, b := clean(t, p, first), clean(t, p, later)
	from, to := a.Text(0x00080020), b.Text(0x00080020)
	days := key().daysBack(patientKey(first))
	if shiftDate("20190423", days) != from || shiftDate("20190523", days) != to || from == "20190423" {
		t.Errorf("%s and %s, %d days", from, to, days)
	}
	if got := a.Text(0x0008002A); got != from+"101112.5+0100" {
		t.Errorf("date and time: %s", got)
	}
	if e := a.Find(0x00100030); e == nil || len(e.Value) > 0 {
		t.Error("the birth date is not empty")
	}
	if clean(t, profile(t, Options{}), first).Text(0x00080020) != "" {
		t.Error("dates are not removed by default")
	}
}

func TestShiftDateTime_KeepsPrecisionAndRefusesNonsense(t *testing.T) {
	for in, want := range map[string]string{"20200101": "20191231", "202001": "201912", "2020": "2019", "202001011530": "201912311530",
		"2020.01.01": "", "Meier": "", "20201301": "", "20200101-0530": "20191231-0530"} {
		if got := shiftDateTime(in, 1); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	if got := shiftDate("2020.01.01", 1); got != "20191231" {
		t.Errorf("the old form of a date: %q", got)
	}
}

func TestClean_KeepsCharacteristicsAndAllowedWordsOnlyWhenAsked(t *testing.T) {
	d := object(classMR, 1)
	d.SetShorts(0x001021C0, 4) // PregnancyStatus
	d.SetText(0x0008103E, "LO", "T2 SAG Quendelbach for Dr Zweig")
	strict := clean(t, profile(t, Options{}), d)
	if strict.Text(0x00101010)+strict.Text(0x00100040)+strict.Text(0x0008103E) != "" {
		t.Error("age, sex or description stay by default")
	}
	d.SetText(0x0008103E, "LO", "T2_TSE sag L4/L5 for Dr Zweig")
	f := clean(t, profile(t, Options{KeepCharacteristics: true, CleanDescriptors: true}), d)
	if f.Text(0x00101010) != "066Y" || f.Text(0x00100040) != "F" || f.Text(0x0008103E) != "T2 TSE sag L4/L5" || f.Float(0x001021C0) != 4 {
		t.Errorf("%q %q %q", f.Text(0x00101010), f.Text(0x00100040), f.Text(0x0008103E))
	}
	var codes []string
	for _, i := range f.Items(0x00120064) {
		codes = append(codes, i.Text(0x00080100))
	}
	if !slices.Equal(codes, []string{"113100", "113103", "113105", "113108"}) {
		t.Errorf("codes %v", codes)
	}
}

func TestClean_RefusesWhatItCannotJudge(t *testing.T) {
	with := func(class string, fill func(*dataset.Dataset)) *dataset.Dataset {
		d := object(class, 1)
		fill(d)
		return d
	}
	nothing := func(*dataset.Dataset) {}
	for name, c := range map[string]struct {
		d    *dataset.Dataset
		even bool // with AllowBurnedIn too
	}{
		"burned in":         {with(classMR, func(d *dataset.Dataset) { d.SetText(0x00280301, "CS", "YES") }), true},
		"private class":     {with("1.3.12.2.1107.5.9.1", nothing), true},
		"document":          {with(classMR, func(d *dataset.Dataset) { d.SetBytes(0x00420011, "OB", []byte("%PDF")) }), true},
		"a face":            {with(classMR, func(d *dataset.Dataset) { d.SetText(0x00280302, "CS", "YES") }), false},
		"secondary capture": {with(classSC, nothing), false},
		"screen":            {with(classMR, func(d *dataset.Dataset) { d.SetText(tagImageType, "CS", "DERIVED", "PRIMARY", "SCREEN SAVE") }), false},
		"colour":            {with(classMR, func(d *dataset.Dataset) { d.SetText(tagPhotometric, "CS", "RGB") }), false},
		"converted":         {with(classMR, func(d *dataset.Dataset) { d.SetText(0x00080064, "CS", "WSD") }), false},
	} {
		file := dataset.Encode(c.d, dataset.ExplicitLE)
		if _, err := profile(t, Options{}).Clean(file); err == nil {
			t.Errorf("%s was taken", name)
		}
		if _, err := profile(t, Options{AllowBurnedIn: true}).Clean(file); (err != nil) != c.even {
			t.Errorf("%s, allowed by the user: %v", name, err)
		}
	}
	sure := with(classSC, func(d *dataset.Dataset) { d.SetText(0x00280301, "CS", "NO") })
	if _, err := profile(t, Options{}).CleanDataset(sure, dataset.ExplicitLE); err != nil {
		t.Errorf("a capture that says NO: %v", err)
	}
}

func TestClean_TakesTheProgramForNobody(t *testing.T) {
	d := object(classSEG, 1)
	d.SetText(0x00080070, "LO", "Columna")
	d.SetText(0x00700084, "PN", "columna") // who makes a segmentation without a reader
	d.SetSequence(0x00620002, item(func(d *dataset.Dataset) {
		d.SetText(0x00620005, "LO", "disc above T12")
		d.SetText(0x00620020, "UT", "disc above T12")
		d.SetSequence(0x00620007, item(func(d *dataset.Dataset) { d.SetText(0x00660036, "LO", "gfssnet") }))
	}))
	f := clean(t, profile(t, Options{CleanDescriptors: true}), d)
	s := f.Item(0x00620002)
	if s.Text(0x00620005) != "disc above T12" || s.Text(0x00620020) != "disc above T12" || s.Item(0x00620007).Text(0x00660036) != "gfssnet" {
		t.Errorf("a segment is called %q, tracked as %q, made by %q", s.Text(0x00620005), s.Text(0x00620020), s.Item(0x00620007).Text(0x00660036))
	}
	if f.Text(0x00080070) != "Columna" || f.Text(0x00700084) != "" {
		t.Errorf("maker %q, creator %q", f.Text(0x00080070), f.Text(0x00700084))
	}
}

func TestClean_TakesOverlaysOutOfUnusedBits(t *testing.T) {
	d := object(classMR, 1)
	d.SetShorts(0x60000102, 12)
	px := slices.Clone(d.Find(tagPixelData).Value)
	plain := slices.Clone(px)
	px[1] |= 0x10
	d.SetBytes(tagPixelData, "OW", px)
	f := clean(t, profile(t, Options{}), d)
	if !bytes.Equal(f.Find(tagPixelData).Value, plain) || f.Find(0x60000102) != nil {
		t.Error("the overlay is still in the pixels")
	}
}

func TestScan_FindsWhatAWalkWouldMiss(t *testing.T) {
	d := object(classMR, 1)
	d.SetText(0x00291010, "LO", "call the daughter in Wiesbaden")
	src := dataset.Encode(d, dataset.ExplicitLE)
	p := profile(t, Options{})
	good, err := p.Clean(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{"Quendelbach", "ottilie", "PID-7731-X", "19521108", "1.3.6.1.4.1.99999.2", "call the daughter in Wiesbaden", "20190423"} {
		f, err := dataset.Parse(good.File)
		if err != nil {
			t.Fatal(err)
		}
		f.SetText(0x00181250, "SH", "coil "+leak)
		var found *Leak
		if err := scan(src, dataset.Encode(f.Dataset, dataset.ExplicitLE), p.table, p.options); !errors.As(err, &found) {
			t.Errorf("%s: %v", leak, err)
		}
		f.SetBytes(0x00181250, "SH", nil)
		f.SetBytes(tagPixelData, "OW", append(make([]byte, 21), leak...))
		if err := scan(src, dataset.Encode(f.Dataset, dataset.ExplicitLE), p.table, p.options); !errors.As(err, &found) {
			t.Errorf("%s in the pixels: %v", leak, err)
		}
	}
	f, _ := dataset.Parse(good.File)
	f.SetText(0x00181250, "SH", "SPINE 1.5", "MR")
	if err := scan(src, dataset.Encode(f.Dataset, dataset.ExplicitLE), p.table, p.options); err != nil {
		t.Errorf("harmless words: %v", err)
	}
}

func TestClean_ReadsBigEndianNumbers(t *testing.T) {
	e := &dataset.Element{Tag: tagPixelData, VR: "OW", Value: []byte{1, 2, 3, 4}}
	f, err := dataset.Parse(bigEndian())
	if err != nil {
		t.Fatal(err)
	}
	if got := littleEndian(f.Dataset, e).Value; !bytes.Equal(got, []byte{2, 1, 4, 3}) {
		t.Errorf("%v", got)
	}
	if n, _ := f.Integer(tagRows); n != 258 {
		t.Errorf("%d rows", n)
	}
}

// bigEndian is a file of one element, Rows 258.
func bigEndian() []byte {
	m := dataset.New()
	m.SetText(0x00020010, "UI", dataset.ExplicitBE)
	b := append(make([]byte, 128), "DICM"...)
	b = append(b, m.Encode()...)
	b = binary.BigEndian.AppendUint32(b, uint32(tagRows))
	return append(b, 'U', 'S', 0, 2, 1, 2)
}

func TestOpenKey_MakesOneKeyForItsOwnerAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "deid.key")
	a, err := OpenKey(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenKey(name)
	if err != nil || !bytes.Equal(a, b) || len(a) != keyBytes {
		t.Errorf("the key changes: %v", err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(name, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(name); err == nil {
		t.Error("nonsense was taken for a key")
	}
}

func TestRun_WritesNewNamesAndRefusesASecondPatient(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	stranger := object(classMR, 3)
	stranger.SetText(tagPatientID, "LO", "PID-9")
	for name, d := range map[string]*dataset.Dataset{"a-Quendelbach.dcm": object(classMR, 1), "b.dcm": object(classMR, 2), "c.dcm": stranger} {
		if err := dataset.Write(filepath.Join(in, name), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(in, "notes.txt"), []byte("not an image at all, but a note of sixty bytes about somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mapping bytes.Buffer
	r, err := profile(t, Options{PatientID: "P1"}).Run(t.Context(), []string{in}, out, &mapping, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Files != 2 || len(r.Refused) != 1 || r.Others != 1 || r.Patients != 1 {
		t.Errorf("%+v", r)
	}
	names, err := filepath.Glob(filepath.Join(out, "P1", "S0001", "IM0000[12].dcm"))
	if err != nil || len(names) != 2 || strings.Count(mapping.String(), "\n") != 3 || !strings.Contains(mapping.String(), "PID-7731-X") {
		t.Errorf("%v %q", names, mapping.String())
	}
	if _, err := profile(t, Options{}).Run(t.Context(), []string{in}, out, nil, nil); err == nil {
		t.Error("a folder with files was written into")
	}
}

func TestNew_RefusesIdentitiesThatNeedACharacterSet(t *testing.T) {
	for _, o := range []Options{{PatientName: "Müller"}, {PatientID: `a\b`}, {PatientID: "../x"}, {PatientID: ".."}, {Dates: "sometimes"}} {
		if _, err := New(key(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
