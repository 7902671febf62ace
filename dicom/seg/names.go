package seg

import (
	"regexp"
	"strings"

	"columna/dicom/dataset"
	"columna/spine"
)

// structureOf tells which structure a segment is: by the code of its type or its
// region, else by its words, as tools that code every vertebra as "Vertebra" name the
// level there. Background where neither says.
func structureOf(d *dataset.Dataset) spine.Structure {
	type_, region := d.Item(tagPropertyType), d.Item(tagAnatomicRegion)
	for _, code := range []*dataset.Dataset{type_, region} {
		if s := byCode(code); s != spine.Background {
			return s
		}
	}
	for _, words := range []string{d.Text(tagSegLabel), type_.Text(tagCodeMeaning), region.Text(tagCodeMeaning), d.Text(0x00620006)} {
		if s := byWords(words); s != spine.Background {
			return s
		}
	}
	return spine.Background
}

// byCode finds a structure by its SNOMED CT code. The codes of any vertebra and any
// disc say too little.
func byCode(code *dataset.Dataset) spine.Structure {
	if code.Text(tagCodeScheme) != "SCT" {
		return spine.Background
	}
	value := code.Text(tagCodeValue)
	if value == "54735007" { // Sacrum, in DICOM's own groups where Columna says S1
		return spine.S1
	}
	for _, info := range spine.Structures() {
		if info.SNOMED == value && info.Structure != spine.VertebraAbove && info.Structure != spine.DiscAbove {
			return info.Structure
		}
	}
	return spine.Background
}

var (
	notWord  = regexp.MustCompile(`[^a-z0-9]+`)
	ordinals = strings.NewReplacer("first ", "1 ", "second ", "2 ", "third ", "3 ", "fourth ", "4 ", "fifth ", "5 ", "twelfth ", "12 ")
	counted  = regexp.MustCompile(`\b(\d+) (lumbar|sacral|thoracic)\b`)
	named    = regexp.MustCompile(`\b(?:(l)umbar|(s)acral|(t)horacic)(?: vertebra)? (\d+)\b`)
	level    = regexp.MustCompile(`\b(t1[0-2]|t[1-9]|l[1-6]|s[1-5]|c[1-7])\b`)
	pair     = regexp.MustCompile(`\b(t12|l[1-5]) ?(l[1-5]|s1|[1-5])\b`)
	discWord = regexp.MustCompile(`\b(discs?|disks?|ivds?|intervertebral)\b`)
)

// byWords finds a structure by what a person or another tool calls it, such as
// "vertebrae_L4", "L4-L5 disc" or "Fifth lumbar vertebra".
func byWords(words string) spine.Structure {
	for _, info := range spine.Structures() {
		if strings.EqualFold(words, info.Name) || strings.EqualFold(words, info.Meaning) && info.Structure < spine.VertebraAbove {
			return info.Structure
		}
	}
	s := strings.TrimSpace(notWord.ReplaceAllString(strings.ToLower(words), " "))
	s = counted.ReplaceAllString(ordinals.Replace(s), "$2 $1")
	s = named.ReplaceAllString(s, "$1$2$3$4")
	switch {
	case discWord.MatchString(s):
		return discOf(s)
	case s == "sacrum" || s == "os sacrum":
		return spine.S1
	case s == "canal" || s == "spinal canal" || s == "vertebral canal":
		return spine.Canal
	case s == "posterior elements" || s == "posterior arch" || s == "vertebral arch":
		return spine.Posterior
	}
	found := level.FindAllString(s, -1)
	if len(found) != 1 || !vertebral(strings.ReplaceAll(s, found[0], "")) {
		return spine.Background
	}
	return byName(strings.ToUpper(found[0]))
}

// discOf finds the disc between two named levels, as in "l4 l5 disc" or "disc l4 5".
func discOf(s string) spine.Structure {
	m := pair.FindStringSubmatch(s)
	if m == nil || len(level.FindAllString(s, -1)) > 2 {
		return spine.Background
	}
	if m[2][0] >= '1' && m[2][0] <= '5' {
		m[2] = "l" + m[2]
	}
	return byName("disc " + strings.ToUpper(m[1]+"/"+m[2]))
}

func byName(name string) spine.Structure {
	for _, info := range spine.Structures() {
		if info.Name == name {
			return info.Structure
		}
	}
	return spine.Background
}

// vertebral reports whether words beside a level leave it a whole vertebra or its
// body: "left pedicle L4" is something else.
func vertebral(rest string) bool {
	for _, w := range strings.Fields(rest) {
		switch w {
		case "vertebra", "vertebrae", "vertebral", "body", "bodies", "bone", "level", "spine", "of", "the", "label":
		default:
			return false
		}
	}
	return true
}
