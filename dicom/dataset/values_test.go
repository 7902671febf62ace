package dataset

import (
	"strings"
	"testing"
)

func TestDecodeText_KnowsCharacterSetsAndDropsControls(t *testing.T) {
	for _, c := range []struct {
		sets []string
		in   string
		want string
	}{
		{[]string{"ISO_IR 100"}, "M\xfcller", "Müller"},
		{[]string{"ISO_IR 144"}, "\xb8\xd2\xd0\xdd", "Иван"},
		{[]string{"ISO_IR 192"}, "Иван", "Иван"},
		{[]string{"", "ISO 2022 IR 87"}, "\x1b$B;3ED\x1b(B", "山田"},
		{nil, "M\xfcller", "Müller"}, // unlabelled
		{[]string{"NONSENSE"}, "M\xfc\x07", "Mü"},
		{nil, "a\x00\x1b[2Jb", "a[2Jb"},
	} {
		if got := strings.TrimSpace(decodeText([]byte(c.in), c.sets)); got != c.want {
			t.Errorf("%v %q: %q, want %q", c.sets, c.in, got, c.want)
		}
	}
}
