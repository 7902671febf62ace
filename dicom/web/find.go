package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"columna/dicom/dataset"
)

const mediaJSON = "application/dicom+json"

// findTimeout ends a search whose answer trickles.
const findTimeout = 2 * time.Minute

// Query asks for studies. Empty fields match everything.
type Query struct {
	PatientID   string
	PatientName string // its beginning; * and ? stand for any letters and any letter
	Date        string // 20240312, 2024-03-12, 202403, 2024, or two of them joined by ".."
	Modality    string // one that the study has, such as MR
	Limit       int    // 0: 100, at most 1000
}

// Study is a match at study level.
type Study struct {
	UID, PatientID, PatientName, Date, Description, Accession string
	Modalities                                                []string
	Series, Instances                                         int // 0: not told
}

// Series is a match at series level.
type Series struct {
	UID, Modality, Description string
	Number, Instances          int // Instances 0: not told
}

// Instance is a match at instance level.
type Instance struct{ UID, SeriesUID, SOPClass string }

// FindStudies returns matching studies, the newest first, and whether there are
// more than the limit lets through.
func (c *Client) FindStudies(ctx context.Context, q Query) (found []Study, more bool, err error) {
	limit := min(max(q.Limit, 0), 1000)
	if limit == 0 {
		limit = 100
	}
	values, err := q.values()
	if err != nil {
		return nil, false, err
	}
	values.Set("limit", strconv.Itoa(limit+1))
	matches, err := c.find(ctx, values, "studies")
	if err != nil {
		return nil, false, err
	}
	for _, o := range matches {
		if s, ok := studyOf(o); ok {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b Study) int { return strings.Compare(b.Date, a.Date) })
	return found[:min(len(found), limit)], len(found) > limit, nil
}

// values are the query of PS3.18 8.3.4.
func (q Query) values() (url.Values, error) {
	v := url.Values{"includefield": {attrStudyDescription, attrStudySeries, attrStudyInstances, attrModalities}}
	for _, s := range []string{q.PatientID, q.PatientName, q.Modality} {
		if len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7F }) {
			return nil, errors.New("a search cannot hold a backslash or control characters, nor more than 256 letters")
		}
	}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	name := strings.TrimSpace(q.PatientName)
	if name != "" && !strings.ContainsAny(name, "*?") {
		name += "*"
	}
	dates, err := dateRange(q.Date)
	if err != nil {
		return nil, err
	}
	set("PatientID", strings.TrimSpace(q.PatientID))
	set("PatientName", name)
	set("StudyDate", dates)
	set("ModalitiesInStudy", strings.ToUpper(strings.TrimSpace(q.Modality)))
	return v, nil
}

// dateRange turns what people write into a DA or a range of them (PS3.4 C.2.2.2.5).
func dateRange(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", nil
	}
	from, to, isRange := strings.Cut(s, "..")
	first, last, err := days(from)
	if err != nil {
		return "", err
	}
	if isRange {
		if _, last, err = days(to); err != nil {
			return "", err
		}
	}
	if first == last {
		return first, nil
	}
	if first != "" && last != "" && first > last {
		return "", fmt.Errorf("the dates %s end before they begin", dataset.Printable(s))
	}
	return first + "-" + last, nil
}

// days are the first and the last day of a year, month or day; empty for an open
// end of a range.
func days(s string) (first, last string, err error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "-", "")
	if s == "" {
		return "", "", nil
	}
	for layout, step := range map[string][3]int{"2006": {1, 0, 0}, "200601": {0, 1, 0}, "20060102": {0, 0, 1}} {
		if t, err := time.Parse(layout, s); err == nil && len(s) == len(layout) {
			end := t.AddDate(step[0], step[1], step[2]).AddDate(0, 0, -1)
			return t.Format("20060102"), end.Format("20060102"), nil
		}
	}
	return "", "", fmt.Errorf("%q is no date: write 2024-03-12, 2024-03, 2024, or two of them joined by ..", dataset.Printable(s))
}

func studyOf(o object) (Study, bool) {
	s := Study{UID: o.text(attrStudyUID), PatientID: o.text(attrPatientID), PatientName: o.text(attrPatientName),
		Date: o.text(attrStudyDate), Description: o.text(attrStudyDescription), Accession: o.text(attrAccession),
		Series: o.count(attrStudySeries), Instances: o.count(attrStudyInstances)}
	for _, m := range o.texts(attrModalities) {
		s.Modalities = append(s.Modalities, strings.Split(m, `\`)...) // one archive sends them joined
	}
	return s, ValidUID(s.UID)
}

// FindSeries returns the series of a study by their numbers.
func (c *Client) FindSeries(ctx context.Context, study string) ([]Series, error) {
	if !ValidUID(study) {
		return nil, errUID(study)
	}
	v := url.Values{"includefield": {attrSeriesDescription, attrSeriesInstances}}
	matches, err := c.findAll(ctx, v, attrSeriesUID, "studies", study, "series")
	var found []Series
	for _, o := range matches {
		found = append(found, Series{UID: o.text(attrSeriesUID), Modality: o.text(attrModality),
			Description: o.text(attrSeriesDescription), Number: o.count(attrSeriesNumber), Instances: o.count(attrSeriesInstances)})
	}
	slices.SortStableFunc(found, func(a, b Series) int { return a.Number - b.Number })
	return found, err
}

// FindInstances returns the instances of a series.
func (c *Client) FindInstances(ctx context.Context, study, series string) ([]Instance, error) {
	if !ValidUID(study) || !ValidUID(series) {
		return nil, errUID(study + "/" + series)
	}
	matches, err := c.findAll(ctx, url.Values{}, attrSOPInstance, "studies", study, "series", series, "instances")
	var found []Instance
	for _, o := range matches {
		found = append(found, Instance{UID: o.text(attrSOPInstance), SeriesUID: series, SOPClass: o.text(attrSOPClass)})
	}
	return found, err
}

func errUID(s string) error {
	return fmt.Errorf("%.140q is no DICOM UID: it has digits and dots, at most 64", s)
}

// findAll pages through the matches until none is new. Each is known by the UID in
// tag; one without a UID cannot be asked for and is left out.
func (c *Client) findAll(ctx context.Context, v url.Values, tag string, segments ...string) (all []object, err error) {
	seen := map[string]bool{}
	for {
		v.Set("offset", strconv.Itoa(len(all)))
		matches, err := c.find(ctx, v, segments...)
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, o := range matches {
			if uid := o.text(tag); ValidUID(uid) && !seen[uid] {
				seen[uid] = true
				all = append(all, o)
			}
		}
		if len(all) == before {
			return all, nil
		}
		if len(all) > maxMatches {
			return nil, c.fault(false, nil, "the archive lists more than %d", maxMatches)
		}
	}
}

// find makes one search.
func (c *Client) find(ctx context.Context, v url.Values, segments ...string) (found []object, err error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	err = c.persist(ctx, func() error {
		return c.get(ctx, c.address(v, segments...), mediaJSON, func(s *stream) error {
			found, err = readObjects(s)
			return c.named(err)
		})
	})
	return found, err
}

// named puts the archive's name before a fault of its answer.
func (c *Client) named(err error) error {
	for _, known := range []error{errNotJSON, errJSONSize, errJSONDepth, errParts} {
		if errors.Is(err, known) {
			return c.fault(false, nil, "%v", err)
		}
	}
	return err
}

// Test asks for one study, to know that the service is there and lets us in.
func (c *Client) Test(ctx context.Context) error {
	_, err := c.find(ctx, url.Values{"limit": {"1"}}, "studies")
	return err
}
