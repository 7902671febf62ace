package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"columna/dicom/dataset"
)

// attribute is one attribute of the DICOM JSON model (PS3.18 F.2.2). Bulk data is
// not looked at.
type attribute struct {
	VR    string            `json:"vr"`
	Value []json.RawMessage `json:"Value"`
}

// object is a data set of the DICOM JSON model: eight hexadecimal digits to an
// attribute.
type object map[string]attribute

// The attributes that are asked for and looked at, by their tags.
const (
	attrSOPClass          = "00080016"
	attrSOPInstance       = "00080018"
	attrStudyDate         = "00080020"
	attrAccession         = "00080050"
	attrModality          = "00080060"
	attrModalities        = "00080061" // ModalitiesInStudy
	attrStudyDescription  = "00081030"
	attrSeriesDescription = "0008103E"
	attrPatientName       = "00100010"
	attrPatientID         = "00100020"
	attrStudyUID          = "0020000D"
	attrSeriesUID         = "0020000E"
	attrSeriesNumber      = "00200011"
	attrStudySeries       = "00201206" // NumberOfStudyRelatedSeries
	attrStudyInstances    = "00201208" // NumberOfStudyRelatedInstances
	attrSeriesInstances   = "00201209" // NumberOfSeriesRelatedInstances
	attrRefInstance       = "00081155"
	attrFailureReason     = "00081197"
	attrFailed            = "00081198" // FailedSOPSequence
	attrReferenced        = "00081199" // ReferencedSOPSequence
)

// Faults of an answer in JSON.
var (
	errNotJSON   = errors.New("the answer is no DICOM JSON")
	errJSONSize  = errors.New("the answer is larger than any list of studies: narrow the search")
	errJSONDepth = errors.New("the answer is nested deeper than DICOM JSON is")
)

// readObjects reads a list of data sets, or a single one, within fixed bounds.
func readObjects(r io.Reader) ([]object, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxJSONBytes+1))
	if err != nil {
		return nil, err
	}
	if err := checkJSON(b); err != nil {
		return nil, err
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] == '{' {
		b = append(append([]byte{'['}, b...), ']')
	}
	var all []object
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, errNotJSON // the library's error would repeat the text
	}
	if len(all) > maxMatches {
		return nil, errJSONSize
	}
	return all, nil
}

// checkJSON counts before anything is allocated: the length, the depth, and the
// values, each of which costs more in memory than in the text.
func checkJSON(b []byte) error {
	if len(b) > maxJSONBytes {
		return errJSONSize
	}
	depth, tokens, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			tokens++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			tokens++
		}
		if depth > maxJSONDepth {
			return errJSONDepth
		}
		if tokens > maxJSONTokens {
			return errJSONSize
		}
	}
	return nil
}

// texts are the values of an attribute as printable text.
func (o object) texts(tag string) (out []string) {
	for _, raw := range o[tag].Value {
		out = append(out, textOf(raw))
	}
	return out
}

// text is the first value, "" where there is none.
func (o object) text(tag string) string {
	if v := o[tag].Value; len(v) > 0 {
		return textOf(v[0])
	}
	return ""
}

// textOf reads a string, a number or a person's name.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return clean(s)
	}
	var name struct{ Alphabetic, Ideographic, Phonetic string }
	if json.Unmarshal(raw, &name) == nil {
		for _, s := range []string{name.Alphabetic, name.Ideographic, name.Phonetic} {
			if s = clean(s); strings.Trim(s, "^= ") != "" { // an archive may have lost the letters
				return s
			}
		}
		return ""
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// clean makes an archive's text fit for a table and a terminal.
func clean(s string) string {
	s = strings.TrimSpace(dataset.Printable(s))
	if r := []rune(s); len(r) > 256 {
		s = string(r[:256])
	}
	return s
}

// count is a whole number of a sane size, 0 where there is none.
func (o object) count(tag string) int {
	v := o[tag].Value
	if len(v) == 0 {
		return 0
	}
	var n json.Number
	if json.Unmarshal(v[0], &n) != nil { // also takes a number in quotes, as some archives send
		return 0
	}
	if x, err := n.Int64(); err == nil && x >= 0 && x <= 1<<24 {
		return int(x)
	}
	return 0
}

// items are the data sets of a sequence.
func (o object) items(tag string) (out []object) {
	for _, raw := range o[tag].Value {
		var item object
		if json.Unmarshal(raw, &item) == nil {
			out = append(out, item)
		}
	}
	return out
}
