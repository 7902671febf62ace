package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"columna/dicom"
	"columna/dicom/seg"
	"columna/inference"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

// importedFrom begins the reason of a version that came from a segmentation.
const importedFrom = "imported from "

// WriteSegmentation saves the mask as a DICOM segmentation of the case's study. Notes
// say what had to be made up, as the images could not tell it.
func (s *Session) WriteSegmentation(ctx context.Context, path string) (notes []string, err error) {
	if s.Mask() == nil {
		return nil, fmt.Errorf("case %d has no mask yet: analyse it first", s.id)
	}
	src, notes, err := s.maskSource(ctx)
	if err != nil {
		return nil, err
	}
	origins, err := s.origins(ctx)
	if err != nil {
		return nil, err
	}
	return notes, seg.Write(path, seg.Output{Source: src, Mask: s.Mask(), Origins: origins,
		Description: "Columna segmentation", Creator: s.desk.author, At: time.Now()})
}

// maskSource is the series that the mask lies on, with an image for each slice, as it
// was imported: it may be one that cannot be read now.
func (s *Session) maskSource(ctx context.Context) (src *dicom.Source, notes []string, err error) {
	c, err := s.desk.db.FindCase(ctx, s.id)
	if err != nil {
		return nil, nil, err
	}
	n := seriesOfGrid(c, s.maskUID, s.Mask().Grid)
	if n < 0 {
		return nil, nil, errors.New("the series that the mask was drawn on is not in the case any more")
	}
	series, files := &c.Study.Series[n], dicomFiles(c.Files[n])
	if len(files) == 0 || isVolumeFile(files[0].Path) {
		src, _ = dicom.ReadSource(&c.Study, series, dicom.FileRef{})
		return src, []string{"the case was not imported from DICOM: the segmentation stands in a study of Columna's own UIDs and refers to no image"}, nil
	}
	src, missing := dicom.ReadSource(&c.Study, series, files[0])
	if missing != nil {
		notes = append(notes, fmt.Sprintf("the images could not be read (%v): the segmentation has of the patient and the study only what the worklist keeps", missing))
	}
	if g := c.Grids[n]; g.Size != [3]int{} && !volume.SameGrid(g, s.Mask().Grid) {
		return src, append(notes, "the mask lies on another grid than its series: the segmentation refers to no image"), nil
	}
	src.Images = images(series, files, s.Mask().Size[2])
	return src, notes, nil
}

// seriesOfGrid finds the block of a series that has the grid, else its first block.
func seriesOfGrid(c *store.Case, uid string, g volume.Grid) int {
	first := -1
	for n := range c.Study.Series {
		if c.Study.Series[n].UID != uid {
			continue
		}
		if volume.SameGrid(c.Grids[n], g) {
			return n
		}
		if first < 0 {
			first = n
		}
	}
	return first
}

// images are the images at count slices of a series; none where a slice was filled in
// between them.
func images(s *spine.Series, files []dicom.FileRef, count int) []dicom.ImageRef {
	sop, frames, filled := dicom.Slices(files, s.SOPClassUID, count)
	out := make([]dicom.ImageRef, count)
	for k := range out {
		if k < len(filled) && filled[k] {
			continue
		}
		out[k] = dicom.ImageRef{SOPClassUID: s.SOPClassUID, SOPUID: sop[k]}
		if k < len(frames) {
			out[k].Frame = frames[k]
		}
	}
	return out
}

// origins says who made each structure of the mask: the network where its voxels are as
// the network left them, network and reader where the reader changed them, the tool
// that an imported segmentation came from, or the reader alone.
func (s *Session) origins(ctx context.Context) (map[spine.Structure]seg.Origin, error) {
	model := s.segmenter()
	source, err := s.importedVersion(ctx)
	if err != nil {
		return nil, err
	}
	had, changed := compare(s.AIMask(), s.Mask())
	out := map[spine.Structure]seg.Origin{}
	for l := spine.Background + 1; l <= spine.MaxStructure; l++ {
		switch {
		case had[l] && !changed[l]:
			out[l] = seg.Origin{Type: seg.Automatic, Name: model.Name, Version: model.SHA256}
		case source != "":
			out[l] = seg.Origin{Type: seg.Semiautomatic, Name: source, Version: "unknown"}
		case had[l]:
			out[l] = seg.Origin{Type: seg.Semiautomatic, Name: model.Name, Version: model.SHA256}
		}
	}
	return out, nil
}

// compare tells which labels a has and which of them differ in b.
func compare(a, b *volume.LabelMap) (had, changed [256]bool) {
	if a == nil {
		return had, changed
	}
	same := volume.SameGrid(a.Grid, b.Grid)
	for n, l := range a.Data {
		had[l] = true
		if !same {
			changed[l] = true
		} else if m := b.Data[n]; m != l {
			changed[l], changed[m] = true, true
		}
	}
	return had, changed
}

// segmenter names the network that made the AI's mask, with the first digits of its
// weights' hash.
func (s *Session) segmenter() spine.ModelRef {
	if s.analysis != nil {
		for _, m := range s.analysis.Models {
			if m.Name == inference.SegmentationNet {
				return spine.ModelRef{Name: m.Name, SHA256: m.SHA256[:min(16, len(m.SHA256))]}
			}
		}
	}
	return spine.ModelRef{Name: "unknown network", SHA256: "unknown"}
}

// importedVersion names the segmentation that the open version goes back to, "" where
// it goes back to none.
func (s *Session) importedVersion(ctx context.Context) (string, error) {
	versions, err := s.Versions(ctx)
	if err != nil {
		return "", err
	}
	for at := s.journal.version; at > 0 && at <= len(versions); at = versions[at-1].Parent {
		if reason := versions[at-1].Reason; strings.HasPrefix(reason, importedFrom) {
			return reason, nil
		}
	}
	return "", nil
}

// ImportedSegmentation is a DICOM segmentation that became a version of a case's mask.
type ImportedSegmentation struct {
	CaseID      int64
	Version     int
	Known       bool // it had been imported before
	Description string
	Warnings    []string
}

// importSegmentations takes segmentations over, after the images that they may have come
// with, and returns their cases.
func (d *Desk) importSegmentations(ctx context.Context, refs []dicom.FileRef, result *ImportResult) (ids []int64, err error) {
	for _, ref := range refs {
		out, err := d.importSegmentation(ctx, ref)
		if ctx.Err() != nil {
			return ids, ctx.Err()
		}
		if err != nil {
			result.Refused = append(result.Refused, dicom.Refusal{Path: ref.String(), Reason: err.Error()})
			continue
		}
		result.Segmentations, ids = append(result.Segmentations, out), append(ids, out.CaseID)
	}
	return ids, nil
}

// importSegmentation makes a segmentation the next version of the mask of the case that
// it belongs to. What was there stays.
func (d *Desk) importSegmentation(ctx context.Context, ref dicom.FileRef) (out ImportedSegmentation, err error) {
	b, err := dicom.ReadFile(ref)
	if err != nil {
		return out, err
	}
	in, err := seg.Parse(b)
	if err != nil {
		return out, err
	}
	c, err := d.caseOf(ctx, in)
	if err != nil {
		return out, err
	}
	if unsaved, err := d.db.Journal(ctx, c.ID); err != nil || len(unsaved) > 0 {
		return out, cmp.Or(err, fmt.Errorf("case %d has %d unsaved edits: save or discard them first", c.ID, len(unsaved)))
	}
	out = ImportedSegmentation{CaseID: c.ID, Description: in.Description, Warnings: in.Warnings}
	n, err := d.maskGrid(ctx, c, in)
	if err != nil {
		return out, err
	}
	series := &c.Study.Series[n]
	if f := series.FrameOfReferenceUID; f != "" && in.FrameOfReferenceUID != f {
		out.Warnings = append(out.Warnings, "it names another frame of reference than the images: look whether it lies where it should")
	}
	mask := in.On(c.Grids[n])
	if err := keepKnown(mask, in, &out); err != nil {
		return out, err
	}
	return d.saveImported(ctx, out, in, store.Correction{CaseID: c.ID, MaskUID: series.UID, Mask: mask})
}

// caseOf finds the case that a segmentation belongs to.
func (d *Desk) caseOf(ctx context.Context, in *seg.Segmentation) (*store.Case, error) {
	id, err := d.db.CaseOfStudy(ctx, in.StudyUID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errors.New("the segmentation belongs to a study that is not in the worklist: import its images first")
	}
	if err != nil {
		return nil, err
	}
	c, err := d.db.FindCase(ctx, id)
	if err == nil && c.Study.PatientID != in.PatientID {
		err = store.ErrOtherPatient
	}
	return c, err
}

// maskGrid finds the series whose grid the segmentation shall lie on: that of the
// case's mask, else that of the images it refers to, else the one that is read first.
func (d *Desk) maskGrid(ctx context.Context, c *store.Case, in *seg.Segmentation) (n int, err error) {
	uid := ""
	if v, err := d.db.FindCorrection(ctx, c.ID, 0); err == nil {
		uid = v.MaskUID
	} else if !errors.Is(err, store.ErrNotFound) {
		return 0, err
	} else if a, _, err := d.db.FindAnalysis(ctx, c.ID); err == nil {
		uid = a.MaskUID
	} else if !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	wanted := append([]string{uid}, in.SourceSeries...)
	study := c.Study
	study.Series = slices.Clone(study.Series)
	for n := range study.Series {
		study.Series[n].Volume = &volume.Volume{Grid: c.Grids[n]} // size and place, no pixels
	}
	if base := inference.MaskSeries(&study); base != nil {
		wanted = append(wanted, base.UID)
	}
	for _, uid := range append(wanted, c.Study.Series[0].UID) {
		n = slices.IndexFunc(c.Study.Series, func(s spine.Series) bool { return s.UID == uid })
		if n >= 0 && c.Grids[n].Size != [3]int{} {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the size of the images of case %d is not known: import them again", c.ID)
}

// keepKnown takes out what is none of Columna's structures and names it.
func keepKnown(m *volume.LabelMap, in *seg.Segmentation, out *ImportedSegmentation) error {
	kept := 0
	for n, l := range m.Data {
		if spine.Structure(l) > spine.MaxStructure {
			m.Data[n] = 0
		} else if l != 0 {
			kept++
		}
	}
	extra := in.Extra()
	switch {
	case kept == 0 && extra != "":
		return fmt.Errorf("the segmentation shows none of the structures that Columna knows, but %s", extra)
	case kept == 0:
		return errors.New("the segmentation lies outside the images of its case")
	case extra != "":
		out.Warnings = append(out.Warnings, "left out, as Columna has no such structure: "+extra)
	}
	return nil
}

// saveImported stores the version, unless the same was imported before.
func (d *Desk) saveImported(ctx context.Context, out ImportedSegmentation, in *seg.Segmentation, c store.Correction) (ImportedSegmentation, error) {
	c.Author, c.Reason = d.author, importedFrom+cmp.Or(in.Description, "a segmentation without description")
	versions, err := d.db.Corrections(ctx, c.CaseID)
	if err != nil {
		return out, err
	}
	c.Parent = len(versions)
	for _, v := range versions {
		if v.Reason != c.Reason {
			continue
		}
		old, err := d.db.FindCorrection(ctx, c.CaseID, v.Version)
		if err != nil {
			return out, err
		}
		if old.MaskUID == c.MaskUID && slices.Equal(old.Mask.Data, c.Mask.Data) {
			out.Version, out.Known = v.Version, true
			return out, nil
		}
	}
	if out.Version, err = d.db.SaveCorrection(ctx, c); err != nil {
		return out, err
	}
	return out, d.Record(ctx, c.CaseID, "import", fmt.Sprintf("segmentation %s as version %d", in.SOPUID, out.Version))
}
