package deid

import (
	"bytes"
	"strings"
	"testing"

	"columna/dicom/dataset"
)

// planted is the patient's name in every place where somebody could look for it,
// and in some where nobody would.
const planted = "Quendelbach"

// places puts the planted name into a data set, one place each.
func places() map[string]func(*dataset.Dataset) {
	all := map[string]func(*dataset.Dataset){}
	short := map[string]struct {
		t  dataset.Tag
		vr string
	}{
		"referring physician": {0x00080090, "PN"}, "physician of record": {0x00081048, "PN"}, "operator": {0x00081070, "PN"},
		"institution": {0x00080080, "LO"}, "institution address": {0x00080081, "ST"}, "station": {0x00081010, "SH"},
		"department": {0x00081040, "LO"}, "study description": {0x00081030, "LO"}, "series description": {0x0008103E, "LO"},
		"protocol": {0x00181030, "LO"}, "accession": {0x00080050, "SH"}, "study ID": {0x00200010, "SH"}, "other names": {0x00101001, "PN"},
		"birth name": {0x00101005, "PN"}, "mother": {0x00101060, "PN"}, "address": {0x00101040, "LO"}, "phone": {0x00102154, "SH"},
		"comments": {0x00104000, "LT"}, "image comments": {0x00204000, "LT"}, "history": {0x001021B0, "LT"}, "allergies": {0x00102110, "LO"},
		"occupation": {0x00102180, "SH"}, "derivation": {0x00082111, "ST"}, "requested procedure": {0x00321060, "LO"},
		"procedure step": {0x00400254, "LO"}, "contrast agent": {0x00180010, "LO"}, "device serial": {0x00181000, "LO"},
		"trial subject": {0x00120040, "LO"}, "AE": {0x00080055, "AE"}, "retrieve URL": {0x00081190, "UR"},
		"a technical text that stays": {0x00180024, "SH"}, "the maker": {0x00080070, "LO"}, "coil": {0x00181250, "SH"},
		"a coded string": {0x00180022, "CS"}, "image type": {tagImageType, "CS"}, "body part": {0x00180015, "CS"}, "a decimal": {0x00180080, "DS"},
		"an integer": {0x00200013, "IS"}, "an unknown standard tag": {0x00180001, "LO"}, "UN": {0x00181314, "UN"}, "a name as UN": {0x00081050, "UN"},
		"a name as LO": {0x00081060, "LO"}, "numbers that spell": {0x00280106, "US"}, "a UID": {0x00083010, "UI"},
		"a date": {0x00080021, "DA"}, "a time": {0x00080031, "TM"}, "the character set": {tagCharacterSet, "CS"},
		"private creator": {0x00290010, "LO"}, "private text": {0x00291010, "LO"}, "private bytes": {0x00291020, "OB"}, "private name": {0x00291030, "PN"},
		"overlay": {0x60003000, "OW"}, "overlay comment": {0x60004000, "LT"}, "curve": {0x50003000, "OW"}, "trailing padding": {0xFFFCFFFC, "OB"},
		"age": {0x00101010, "AS"}, "method of before": {0x00120063, "LO"}, "waveform": {0x54001010, "OW"}, "digital signature": {0x04000120, "OB"},
	}
	for name, p := range short {
		all[name] = func(d *dataset.Dataset) { d.SetBytes(p.t, p.vr, []byte(planted)) }
	}
	return all
}

// deep puts it into sequences.
func deep() map[string]func(*dataset.Dataset) {
	name := func(t dataset.Tag, vr string) func(*dataset.Dataset) {
		return func(d *dataset.Dataset) { d.SetText(t, vr, planted+" here") }
	}
	in := func(t dataset.Tag, fill ...func(*dataset.Dataset)) func(*dataset.Dataset) {
		return func(d *dataset.Dataset) {
			var items []*dataset.Dataset
			for _, f := range fill {
				items = append(items, item(f))
			}
			d.SetSequence(t, items...)
		}
	}
	code := func(d *dataset.Dataset) {
		d.SetText(0x00080100, "SH", "1")
		d.SetText(0x00080102, "SH", "DCM")
		d.SetText(0x00080104, "LO", planted)
	}
	return map[string]func(*dataset.Dataset){
		"icon":                in(0x00880200, name(0x00104000, "LT")),
		"original attributes": in(0x04000561, in(0x04000550, name(tagPatientName, "PN"))),
		"other IDs":           in(0x00101002, name(tagPatientID, "LO")),
		"observer":            in(0x0040A073, name(0x0040A075, "PN")),
		"a code's meaning":    in(0x00082218, code),
		"three deep":          in(0x52009229, in(0x00289110, in(0x00082112, name(0x00081155, "UI")))),
		"private sequence":    in(0x00291040, name(tagPatientName, "PN")),
		"nested private":      in(0x00082218, name(0x00291010, "LT")),
		"text of a report":    in(tagContent, name(0x0040A160, "UT")),
		"name of a report":    in(tagContent, name(0x0040A123, "PN")),
		"graphic text":        in(0x00700001, in(0x00700008, name(0x00700006, "ST"))),
		"segment label":       in(0x00620002, name(0x00620005, "LO"), name(0x00620006, "ST")),
		"identity code":       in(0x00400101, code),
		"person code":         in(0x00401101, code),
	}
}

func TestClean_LeavesAPlantedNameNowhere(t *testing.T) {
	all := places()
	for name, f := range deep() {
		all[name] = f
	}
	if len(all) < 60 {
		t.Fatalf("only %d places", len(all))
	}
	for _, o := range []Options{{}, {Dates: ShiftDates, KeepCharacteristics: true, CleanDescriptors: true, AllowBurnedIn: true}} {
		p := profile(t, o)
		everywhere := object(classMR, 1)
		for name, plant := range all {
			d := object(classMR, 1)
			plant(d)
			plant(everywhere)
			expectGone(t, p, name, dataset.Encode(d, dataset.ExplicitLE))
		}
		expectGone(t, p, "all places at once", dataset.Encode(everywhere, dataset.ExplicitLE))
	}
}

// expectGone cleans a file and looks for the planted name by itself.
func expectGone(t *testing.T, p *Profile, place string, file []byte) {
	t.Helper()
	if !bytes.Contains(file, []byte(planted)) {
		t.Fatalf("%s: nothing was planted", place)
	}
	r, err := p.Clean(file)
	if err != nil {
		t.Errorf("%s: %v", place, err)
		return
	}
	if bytes.Contains(bytes.ToLower(r.File), []byte(strings.ToLower(planted))) {
		t.Errorf("%s: the name is still there", place)
	}
}

func TestClean_LeavesNothingAroundTheDataSet(t *testing.T) {
	p := profile(t, Options{})
	d := object(classMR, 1)
	px := d.Find(tagPixelData)
	px.Value = append(px.Value[:len(px.Value):len(px.Value)], planted+" "...) // after the last row
	file := dataset.Encode(d, dataset.ExplicitLE)
	copy(file, planted) // the preamble
	expectGone(t, p, "preamble and end", append(file, make([]byte, 16)...))

	meta := bytes.Replace(file, []byte("COLUMNA "), []byte(planted[:8]), 1)
	expectGone(t, p, "meta header", meta)
}

func TestClean_FindsNamesInEveryCharacterSet(t *testing.T) {
	for _, c := range []struct{ set, name, word string }{
		{"ISO_IR 100", "M\xfcllerstein^J\xf6rg", "M\xfcllerstein"},
		{"ISO_IR 144", "\xb8\xd2\xd0\xdd\xde\xd2^\xbf\xd5\xe2\xe0", "\xb8\xd2\xd0\xdd\xde\xd2"},
		{`\ISO 2022 IR 87`, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "\x1b$B;3ED\x1b(B"},
		{"ISO_IR 192", "Wang^XiaoDong=王^小东=", "小东"},
		{"ISO_IR 166", "\xa8\xd2\xc3\xd8\xc7\xc3\xc3\xb3", "\xa8\xd2\xc3\xd8\xc7\xc3\xc3\xb3"},
	} {
		d := object(classMR, 1)
		d.SetText(tagCharacterSet, "CS", strings.Split(c.set, `\`)...)
		d.SetText(tagPatientName, "PN", c.name)
		d.SetText(0x00180024, "SH", "seq "+c.word)
		d.SetText(0x00291010, "LO", c.word)
		d.SetSequence(0x00082218, item(func(i *dataset.Dataset) { i.SetText(0x00181250, "SH", c.word) }))
		r, err := profile(t, Options{}).CleanDataset(d, dataset.ExplicitLE)
		if err != nil {
			t.Errorf("%s: %v", c.set, err)
		} else if bytes.Contains(r.File, []byte(c.word)) {
			t.Errorf("%s: the name is still there", c.set)
		}
	}
}

func FuzzDeidentify(f *testing.F) {
	for _, class := range []string{classMR, classSEG, classSR, classSC} {
		d := object(class, 1)
		for _, plant := range deep() {
			plant(d)
		}
		f.Add(dataset.Encode(d, dataset.ExplicitLE), uint32(0x00181250), "SH", false)
		f.Add(dataset.Encode(d, dataset.ExplicitLE), uint32(0x00080090), "PN", true)
		f.Add(d.Encode(), uint32(0x00291010), "UN", true)
	}
	f.Add([]byte("DICM"), uint32(0), "", false)
	strict, err := New(key(), Options{AllowBurnedIn: true})
	if err != nil {
		f.Fatal(err)
	}
	loose, err := New(key(), Options{AllowBurnedIn: true, Dates: ShiftDates, KeepCharacteristics: true, CleanDescriptors: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte, tag uint32, vr string, soft bool) {
		p := strict
		if soft {
			p = loose
		}
		p.Clean(file) // any answer but a panic
		d := object(classMR, 1)
		if src, err := dataset.Parse(file); err == nil {
			for _, e := range src.Elements() {
				if e.Tag.Group() > 8 && e.Tag.Group() != 0x10 && e.Tag != tagPixelData {
					d.Put(e)
				}
			}
		}
		if len(vr) == 2 && vr[0] >= 'A' && vr[0] <= 'Z' && vr[1] >= 'A' && vr[1] <= 'Z' && vr != "SQ" && tag>>16 >= 8 && dataset.Tag(tag) != tagPatientName {
			d.SetBytes(dataset.Tag(tag), vr, []byte(planted))
		}
		if r, err := p.CleanDataset(d, dataset.ExplicitLE); err == nil && bytes.Contains(r.File, []byte(planted)) {
			t.Errorf("%v %s: the name is still there", dataset.Tag(tag), vr)
		}
	})
}
