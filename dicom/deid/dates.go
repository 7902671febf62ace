package deid

import (
	"regexp"
	"strings"
	"time"

	"columna/dicom/dataset"
)

// neverShifted are dates that are characteristics of the person or the place;
// Table E.1-1 gives them no option.
func neverShifted(t dataset.Tag) bool {
	return t == 0x00100030 || t == 0x00100032 || t == 0x00160077 // PatientBirthDate, PatientBirthTime, GPSTimeStamp
}

func isTime(vr string) bool { return vr == "DA" || vr == "TM" || vr == "DT" }

// shift moves the values of a DA or DT by days into the past and keeps a TM. A
// value that is no date becomes empty.
func shift(e *dataset.Element, days int) *dataset.Element {
	values := strings.Split(trim(string(e.Value)), `\`)
	for i, v := range values {
		switch e.VR {
		case "DA":
			values[i] = shiftDate(v, days)
		case "DT":
			values[i] = shiftDateTime(v, days)
		default:
			if !timeOfDay.MatchString(trim(v)) {
				values[i] = ""
			}
		}
	}
	return text(e.Tag, e.VR, values...)
}

var (
	timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):?([0-5][0-9](:?([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?$`)
	dateTime  = regexp.MustCompile(`^([0-9]{4})([0-9]{2})?([0-9]{2})?([0-9]{2,6}(\.[0-9]{1,6})?)?([+-][0-9]{4})?$`)
)

// shiftDate reads YYYYMMDD and the old YYYY.MM.DD (PS3.5 6.2).
func shiftDate(s string, days int) string {
	for _, layout := range []string{"20060102", "2006.01.02"} {
		if d, err := time.Parse(layout, trim(s)); err == nil {
			return d.AddDate(0, 0, -days).Format("20060102")
		}
	}
	return ""
}

// shiftDateTime keeps the precision that a DT has.
func shiftDateTime(s string, days int) string {
	m := dateTime.FindStringSubmatch(trim(s))
	if m == nil {
		return ""
	}
	date := m[1] + m[2] + m[3]
	moved := shiftDate((date + "0101")[:8], days)
	if moved == "" {
		return ""
	}
	return moved[:len(date)] + m[4] + m[6]
}

// trim takes off the padding of a text.
func trim(s string) string { return strings.Trim(s, " \x00") }
