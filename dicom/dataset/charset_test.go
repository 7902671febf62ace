package dataset

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecodeText_ReadsEveryCharacterSetAsPydicomDoes(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "charsets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Sets  []string
		Bytes string
		Text  string
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		b, err := hex.DecodeString(c.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		d := New()
		d.charset = charsetNames([]byte(strings.Join(c.Sets, `\`)))
		d.Put(&Element{Tag: 0x00100010, VR: "PN", Value: b})
		if got := strings.Join(d.Texts(0x00100010), `\`); got != c.Text {
			t.Errorf("%v %s:\n%q, pydicom has\n%q", c.Sets, c.Bytes, got, c.Text)
		}
	}
	if len(cases) < 40 {
		t.Errorf("only %d cases", len(cases))
	}
}

func TestDecodeText_ReadsWronglyLabelledTexts(t *testing.T) {
	for _, c := range []struct{ sets, in, want string }{
		{"", "M\xfcller", "Müller"},           // unlabelled, Latin-1
		{"", "Jürgen", "Jürgen"},              // unlabelled, UTF-8
		{"ISO_IR 192", "M\xfcller", "Müller"}, // labelled UTF-8, but Latin-1
		{"ISO_IR 6", "M\xfcller", "Müller"},   // labelled ASCII
		{"NONSENSE", "M\xfc\x07", "Mü"},       // no character set
		{"UTF-8", "Иван", "Иван"},             // misspelled
		{"ISO 8859-5", "\xb8\xd2\xd0\xdd", "Иван"},
		{`\ISO 2022 IR 149`, "\xfb\xf3^\xd1\xce", "洪^吉"},  // without its escape sequences
		{`\ISO 2022 IR 87`, "\x1b$B;3E", "\x1b$B;3E"[1:]}, // cut inside a character
	} {
		if got := decodeText([]byte(c.in), charsetNames([]byte(c.sets))); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.sets, c.in, got, c.want)
		}
	}
}

func TestParse_ItemsInheritTheCharacterSet(t *testing.T) {
	item, outer := New(), New()
	item.SetBytes(0x00080104, "LO", []byte("\xb8\xd2\xd0\xdd"))
	outer.SetText(tagCharacterSet, "CS", "ISO_IR 144")
	outer.SetSequence(0x00082218, item)
	f, err := Parse(Encode(outer, ExplicitLE))
	if err != nil || f.Item(0x00082218).Text(0x00080104) != "Иван" {
		t.Errorf("%q, %v", f.Item(0x00082218).Text(0x00080104), err)
	}
}
