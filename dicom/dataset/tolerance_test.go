package dataset

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// raw builds encodings that Encode does not write.
type raw struct {
	bytes.Buffer
	order    binary.ByteOrder
	explicit bool
}

func little(explicit bool) *raw { return &raw{order: binary.LittleEndian, explicit: explicit} }

// header writes tag, VR and length.
func (r *raw) header(t Tag, vr string, n uint32) *raw {
	var b [8]byte
	r.order.PutUint16(b[:], t.Group())
	r.order.PutUint16(b[2:], uint16(t))
	r.Write(b[:4])
	switch {
	case t.Group() == groupItem || !r.explicit:
		r.order.PutUint32(b[:], n)
		r.Write(b[:4])
	case longVR(vr):
		r.WriteString(vr + "\x00\x00")
		r.order.PutUint32(b[:], n)
		r.Write(b[:4])
	default:
		r.WriteString(vr)
		r.order.PutUint16(b[:], uint16(n))
		r.Write(b[:2])
	}
	return r
}

func (r *raw) text(t Tag, vr, value string) *raw {
	r.header(t, vr, uint32(len(value))).WriteString(value)
	return r
}

// as makes a file of the data set in a transfer syntax.
func as(syntax string, body []byte) []byte {
	meta := New()
	meta.SetText(tagTransferSyntax, "UI", syntax)
	b := append(make([]byte, 128), "DICM"...)
	return append(append(b, meta.Encode()...), body...)
}

// patient is the data set that most cases hold.
func patient(r *raw) *raw {
	return r.text(0x00080060, "CS", "MR").text(0x00100010, "PN", "Doe^Jane").text(0x00100020, "LO", "17")
}

func squeezed(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

const sequence Tag = 0x00081140

// sequences builds faults around one item that holds a name.
func faultySequences() map[string]*raw {
	const open = undefinedLength
	name := func(r *raw) *raw { return r.text(0x00100010, "PN", "Doe^Jane") }
	after := func(r *raw) *raw { return r.text(0x00100020, "LO", "17") }
	return map[string]*raw{
		"sound":                  after(name(little(true).header(sequence, "SQ", open).header(tagItem, "", open)).header(tagItemEnd, "", 0).header(tagSequenceEnd, "", 0)),
		"item not closed":        after(name(little(true).header(sequence, "SQ", open).header(tagItem, "", open)).header(tagSequenceEnd, "", 0)),
		"closed by the wrong":    after(name(little(true).header(sequence, "SQ", open).header(tagItem, "", open)).header(tagSequenceEnd, "", 0).header(tagSequenceEnd, "", 0)),
		"sequence not closed":    after(name(little(true).header(sequence, "SQ", open).header(tagItem, "", 16)).header(0x00100015, "LO", 0)),
		"closed though measured": after(name(little(true).header(sequence, "SQ", 32).header(tagItem, "", 16)).header(tagSequenceEnd, "", 0)),
		"measured item closed":   after(name(little(true).header(sequence, "SQ", open).header(tagItem, "", 24)).header(tagItemEnd, "", 0).header(tagSequenceEnd, "", 0)),
	}
}

func TestParse_ReadsFaultySequences(t *testing.T) {
	for name, body := range faultySequences() {
		f, err := Parse(as(ExplicitLE, body.Bytes()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := f.Item(sequence).Text(0x00100010); got != "Doe^Jane" || f.Text(0x00100020) != "17" || len(f.Items(sequence)) != 1 {
			t.Errorf("%s: item %q, after it %q, %d items", name, got, f.Text(0x00100020), len(f.Items(sequence)))
		}
		if (name == "sound") != (len(f.Warnings) == 0) {
			t.Errorf("%s: warnings %v", name, f.Warnings)
		}
	}
}

// tolerated lists files that hold the patient in spite of a fault, and the fault.
func tolerated() map[string]struct {
	file  []byte
	fault string
} {
	e, i := patient(little(true)).Bytes(), patient(little(false)).Bytes()
	big := patient(&raw{order: binary.BigEndian, explicit: true}).Bytes()
	wrongLength := bytes.Replace(Encode(New(), ExplicitLE), []byte("UL\x04\x00"), []byte("UL\x04\x00\x09"), 1)
	wrongLength = slices.Delete(wrongLength, 132+9, 132+10)
	shuffled := little(true).text(0x00100020, "LO", "17").text(0x00080060, "CS", "MR").text(0x00100010, "PN", "Doe^Jane").Bytes()
	twice := append(slices.Clone(e), little(true).text(0x00100020, "LO", "18").Bytes()...)
	return map[string]struct {
		file  []byte
		fault string
	}{
		"sound":                        {as(ExplicitLE, e), ""},
		"sound implicit":               {as(ImplicitLE, i), ""},
		"sound big endian":             {as(ExplicitBE, big), ""},
		"sound deflated":               {as(Deflated, squeezed(e)), ""},
		"no preamble":                  {as(ExplicitLE, e)[128:], faultPreamble},
		"no meta header":               {e, faultMeta},
		"no meta header, implicit":     {i, faultMeta},
		"no meta header, big endian":   {big, faultMeta},
		"wrong group length":           {append(wrongLength, e...), faultMetaLength},
		"implicit said explicit":       {as(ExplicitLE, i), faultSyntax},
		"explicit said implicit":       {as(ImplicitLE, e), faultSyntax},
		"big endian said little":       {as(ExplicitLE, big), faultSyntax},
		"little endian said big":       {as(ExplicitBE, e), faultSyntax},
		"said deflated":                {as(Deflated, e), faultSyntax},
		"with a zlib header":           {as(Deflated, append([]byte{0x78, 0x9C}, squeezed(e)...)), faultZlib},
		"a private transfer syntax":    {as("1.2.3.4", e), faultUnknownSyntax},
		"tags out of order":            {as(ExplicitLE, shuffled), faultOrder},
		"a tag twice":                  {as(ExplicitLE, twice), faultTwice},
		"zeros at the end":             {as(ExplicitLE, append(slices.Clone(e), make([]byte, 77)...)), ""},
		"padding at the end":           {as(ExplicitLE, append(slices.Clone(e), little(true).text(0xFFFCFFFC, "OB", "\x00\x00\x00\x00").Bytes()...)), ""},
		"zeros between":                {as(ExplicitLE, slices.Concat(e[:10], make([]byte, 24), e[10:])), faultZeros},
		"a group length":               {as(ExplicitLE, append(little(true).text(0x00080000, "UL", "\x0A\x00\x00\x00").Bytes(), e...)), ""},
		"implicit element mixed in":    {as(ExplicitLE, append(little(false).text(0x00080008, "", "ORIGINAL").Bytes(), e...)), faultSyntax},
		"implicit element between":     {as(ExplicitLE, append(slices.Clone(e), little(false).text(0x00204000, "", "COMMENT ").Bytes()...)), faultImplicit},
		"odd length":                   {as(ExplicitLE, append(little(true).text(0x00080008, "CS", "ODD").Bytes(), e...)), faultOddLength},
		"blank value representation":   {as(ExplicitLE, append(slices.Clone(e), "\x20\x00\x00\x40  \x02\x00x "...)), faultVR},
		"a delimiter between elements": {as(ExplicitLE, slices.Concat(e[:10], little(true).header(tagItemEnd, "", 0).Bytes(), e[10:])), faultStrayEnd},
	}
}

func TestParse_ToleratesAndSaysSo(t *testing.T) {
	for name, c := range tolerated() {
		for _, parse := range []func([]byte) (*File, error){Parse, func(b []byte) (*File, error) {
			return ParseHeader(bytes.NewReader(b), int64(len(b)))
		}} {
			f, err := parse(c.file)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if f.Text(0x00080060) != "MR" || f.Text(0x00100010) != "Doe^Jane" || f.Text(0x00100020) != "17" {
				t.Errorf("%s: %s", name, listing(f.Dataset, 0))
			}
			if said := fmt.Sprint(f.Warnings); c.fault != "" && !strings.Contains(said, c.fault) || strings.HasPrefix(name, "sound") && len(f.Warnings) > 1 {
				t.Errorf("%s: warnings %v", name, said)
			}
		}
	}
}

func TestParse_ReadsUnknownElementsByTheDictionary(t *testing.T) {
	items := little(false).header(tagItem, "", 16).text(0x00100010, "", "Doe^Jane").Bytes()
	explicitItems := little(true).header(tagItem, "", 16).text(0x00100010, "PN", "Doe^Jane").Bytes()
	closed := append(slices.Clone(items), little(true).header(tagSequenceEnd, "", 0).Bytes()...)
	for name, body := range map[string]*raw{
		"measured, implicit inside": little(true).text(sequence, "UN", string(items)),
		"measured, explicit inside": little(true).text(sequence, "UN", string(explicitItems)),
		"open, implicit inside":     little(true).header(sequence, "UN", undefinedLength),
	} {
		if strings.HasPrefix(name, "open") {
			body.Write(closed)
		}
		body.text(0x00280010, "UN", "\x00\x02").text(0x00291001, "UN", "private!")
		f, err := Parse(as(ExplicitLE, body.Bytes()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := f.Item(sequence).Text(0x00100010); got != "Doe^Jane" || f.Float(0x00280010) != 512 || f.Find(0x00291001).VR != "UN" {
			t.Errorf("%s: %q, %v rows", name, got, f.Float(0x00280010))
		}
	}
}

func TestParse_ReadsEveryLongValueRepresentation(t *testing.T) {
	for _, explicit := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		r := &raw{order: explicit, explicit: true}
		for n, vr := range strings.Fields("OB OD OF OL OV OW UC UN UR UT SV UV") {
			r.text(0x00091000+Tag(n), vr, "\x00\x00\x00\x00\x00\x00\x00\x00")
		}
		patient(r)
		f, err := Parse(as(map[bool]string{true: ExplicitBE, false: ExplicitLE}[explicit == binary.BigEndian], r.Bytes()))
		if err != nil || len(f.Elements()) != 15 || f.Text(0x00100020) != "17" {
			t.Errorf("%v: %v", explicit, err)
		}
	}
}

func TestParse_RefusesEveryCutOfAHeader(t *testing.T) {
	for name, body := range faultySequences() {
		whole := as(ExplicitLE, body.Bytes())
		sound := map[string]bool{}
		for cut := 140; cut < len(whole); cut++ {
			f, err := Parse(whole[:cut])
			h, headerErr := ParseHeader(bytes.NewReader(whole[:cut]), int64(cut))
			if (err == nil) != (headerErr == nil) {
				t.Fatalf("%s cut at %d: %v, but the header: %v", name, cut, err, headerErr)
			}
			if err == nil { // between two elements a cut cannot be seen
				sound[listing(f.Dataset, 0)] = true
				if listing(h.Dataset, 0) != listing(f.Dataset, 0) {
					t.Fatalf("%s cut at %d: the header differs", name, cut)
				}
			}
		}
		if len(sound) > 4 {
			t.Errorf("%s: %d different readings of a cut file", name, len(sound))
		}
	}
}

func TestParse_BudgetIsExact(t *testing.T) {
	var b bytes.Buffer
	b.Write(as(ExplicitLE, nil))
	spent := 1 // the transfer syntax
	for ; spent < maxElements; spent++ {
		b.WriteString("\x09\x00\x01\x00LO\x00\x00")
	}
	if _, err := Parse(b.Bytes()); err != nil {
		t.Errorf("%d elements: %v", spent, err)
	}
	b.WriteString("\x09\x00\x01\x00LO\x00\x00")
	if _, err := Parse(b.Bytes()); err == nil || !strings.Contains(err.Error(), "more than 500000 elements") {
		t.Errorf("%d elements: %v", spent+1, err)
	}
}

func TestParseHeader_LeavesLongValuesInTheFile(t *testing.T) {
	d := New()
	patient := New()
	patient.SetText(0x00100020, "LO", "17")
	d.SetBytes(0x00291010, "OB", make([]byte, 71<<10))
	d.SetSequence(0x00400275, patient)
	d.SetBytes(tagPixelData, "OW", make([]byte, 1<<20))
	src := &countingReader{Reader: bytes.NewReader(Encode(d, ExplicitLE))}
	f, err := ParseHeader(src, src.Size())
	if err != nil {
		t.Fatal(err)
	}
	px := f.Find(tagPixelData)
	if px.Value != nil || px.Size() != 1<<20 || f.Find(0x00291010).Size() != 71<<10 || f.Item(0x00400275).Text(0x00100020) != "17" {
		t.Errorf("%s: %d bytes of pixels", listing(f.Dataset, 0), px.Size())
	}
	if src.read > 16<<10 {
		t.Errorf("%d bytes read", src.read)
	}
	if _, err := ParseHeader(src, src.Size()-2); err == nil {
		t.Error("cut pixel data are not noticed")
	}
}

// countingReader counts what is read.
type countingReader struct {
	*bytes.Reader
	read int
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(b, off)
	c.read += n
	return n, err
}

func TestDataset_KeepsElementsThroughPutAndRemove(t *testing.T) {
	f, err := Parse(as(ExplicitLE, patient(little(true)).Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	e := f.Find(0x00100020)
	f.Remove(0x00100020)
	if f.Find(0x00100020) != nil || len(f.Elements()) != 2 || string(e.Value) != "17" {
		t.Error("a removed element is still there, or lost its value")
	}
	f.Put(e)
	f.SetText(0x00080060, "CS", "CT")
	f.SetText(0x00080005, "CS", "ISO_IR 192")
	if f.Text(0x00100020) != "17" || f.Text(0x00080060) != "CT" || len(f.Elements()) != 4 || f.Elements()[0].Tag != 0x00080005 {
		t.Errorf("%s", listing(f.Dataset, 0))
	}
}
