package sr

import (
	"fmt"
	"math"
	"strings"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// tree is the document's content (TID 1500).
func (w *writer) tree() *dataset.Dataset {
	var groups []*dataset.Dataset
	for c, row := range w.sheet() {
		for l := range row {
			groups = append(groups, w.cell(spine.Condition(c), spine.Level(l), row[l]))
		}
	}
	for n, l := range w.Lesions {
		groups = append(groups, w.lesion(n+1, l))
	}
	children := []*dataset.Dataset{coded(modifies, w.language, w.english)}
	children = append(children, w.observers()...)
	children = append(children, coded(modifies, w.procedure, w.mri), w.imageLibrary(), // the groups have named its images
		container(contains, w.measurements, "", groups...))
	return container("", w.report, "1500", children...)
}

// observers are the people and the devices that the report goes back to (TID 1001).
func (w *writer) observers() (out []*dataset.Dataset) {
	for _, name := range w.readers() {
		out = append(out, w.byPerson(name)...)
	}
	for _, m := range []spine.ModelRef{w.Grader, w.Segmenter, w.Classifier} {
		if m.Name != "" {
			out = append(out, w.byDevice(m)...)
		}
	}
	return out
}

func (w *writer) byPerson(name string) []*dataset.Dataset {
	out := []*dataset.Dataset{coded(context, w.observerType, w.person)}
	if plain(name, 64) != "" {
		out = append(out, person(context, w.personName, name))
	}
	return out
}

// byDevice names a network (TID 1004). Its UID is made of the weights, so that other
// weights are another device.
func (w *writer) byDevice(m spine.ModelRef) []*dataset.Dataset {
	return []*dataset.Dataset{
		coded(context, w.observerType, w.device),
		identity(context, w.deviceUID, dicom.NewUID("network "+m.Name+" "+m.SHA256)),
		words(context, w.deviceName, m.Name),
		words(context, w.deviceMaker, "Columna"),
		words(context, w.serial, m.SHA256),
	}
}

// algorithmOf is TID 4019: which weights.
func (w *writer) algorithmOf(m spine.ModelRef) []*dataset.Dataset {
	if m.Name == "" {
		return nil
	}
	return []*dataset.Dataset{words(modifies, w.algorithm, m.Name), words(modifies, w.version, "SHA-256 "+m.SHA256)}
}

// cell is the group of one condition at one level (TID 1501). A cell that nobody
// graded says so.
func (w *writer) cell(c spine.Condition, l spine.Level, cell Cell) *dataset.Dataset {
	grade, byReader := cell.grade()
	disc, _ := structure(l.Disc())
	where := coded(modifies, w.site, disc)
	if side, ok := w.sideOf(c); ok {
		where = coded(modifies, w.site, disc, coded(modifies, w.laterality, side))
	}
	items := append(w.tracked(c.String()+" "+l.Title(), c.String()+"/"+l.String()),
		coded(contains, w.finding, w.findingOf(c)), where)
	switch {
	case byReader:
		items = append(items, w.graded(w.severity, grade, cell.Reason, w.byPerson(cell.Author)))
	case grade != spine.Ungraded:
		items = append(items, w.graded(w.severity, grade, cell.AI.Reason, w.byAlgorithm()))
	default:
		items = append(items, coded(contains, w.severity, w.noGrade))
	}
	if cell.AI.Grade != spine.Ungraded {
		items = append(items, w.graded(w.aiSeverity, cell.AI.Grade, cell.AI.Reason, w.byAlgorithm()))
		items = append(items, w.probabilities(cell.AI)...)
	}
	items = append(items, w.located(cell.AI.Point)...)
	if c == spine.SpinalCanalStenosis {
		items = append(items, w.measured(l)...)
	}
	return container(contains, w.group, "1501", items...)
}

// tracked names a group; the name and the UID stay from report to report.
func (w *writer) tracked(name, key string) []*dataset.Dataset {
	uid := dicom.NewUID(w.Source.Header.Text(tagStudyUID) + "/finding/" + key)
	return []*dataset.Dataset{words(context, w.trackingID, strings.ReplaceAll(name, "_", " ")), identity(context, w.trackingUID, uid)}
}

// byAlgorithm says that the stenosis network speaks.
func (w *writer) byAlgorithm() []*dataset.Dataset {
	if w.Grader.Name == "" {
		return nil
	}
	return append(w.byDevice(w.Grader), w.algorithmOf(w.Grader)...)
}

// graded is a severity, its reason and whose it is.
func (w *writer) graded(name code, g spine.Grade, reason string, whose []*dataset.Dataset) *dataset.Dataset {
	return coded(contains, name, w.gradeOf(g), append(whose, words(property, w.comment, reason))...)
}

// probabilities are the network's, of a grade that it could give.
func (w *writer) probabilities(g spine.GradeFinding) (out []*dataset.Dataset) {
	if g.Grade < spine.NormalMild {
		return nil
	}
	for n, p := range g.Probabilities {
		out = append(out, number(contains, probabilityOf(spine.Grade(n)), p, w.one, w.algorithmOf(w.Grader)...))
	}
	return out
}

// located is where a finding was read: a pixel where an image lies there, and the
// place in the patient.
func (w *writer) located(p *spine.Point) (out []*dataset.Dataset) {
	if p == nil {
		return nil
	}
	s, ref := w.imageAt(p)
	if ref.SOPUID != "" {
		w.refer(Reference{SeriesUID: p.SeriesUID, Image: ref})
		out = append(out, pixel(contains, w.imageRegion, p.XPx, p.YPx, ref))
	}
	return append(out, place(contains, w.imageRegion, p.LPS, w.frameOf(s)))
}

// frameOf is the frame of reference of a series' points; nil is the source's.
func (w *writer) frameOf(s *spine.Series) string {
	if s != nil && s.FrameOfReferenceUID != "" {
		return s.FrameOfReferenceUID
	}
	return w.Source.FrameOfReferenceUID
}

// imageAt finds the series of a point and the image that it lies on: of all blocks
// and frames of the series the nearest. There is none where the slice was filled in
// between images, and none of a volume file.
func (w *writer) imageAt(p *spine.Point) (at *spine.Series, ref dicom.ImageRef) {
	nearest := math.Inf(1)
	for n := range w.Study.Series {
		s := &w.Study.Series[n]
		if s.UID != p.SeriesUID || s.Volume == nil {
			continue
		}
		if at == nil {
			at = s
		}
		vox := s.Volume.ToVoxel(p.LPS)
		k := int(math.Round(vox[2]))
		off := math.Abs(vox[2]-float64(k)) * s.Volume.SpacingMM()[2]
		if k < 0 || k >= len(s.SOPUIDs) || s.SOPUIDs[k] != p.SOPUID || off >= nearest || !onImage(s.Volume.Grid, p) {
			continue
		}
		nearest, at, ref = off, s, dicom.ImageRef{}
		if k < len(s.Gaps) && s.Gaps[k] {
			continue
		}
		ref = dicom.ImageRef{SOPClassUID: s.SOPClassUID, SOPUID: s.SOPUIDs[k]}
		if k < len(s.Frames) {
			ref.Frame = s.Frames[k]
		}
	}
	return at, ref
}

// onImage reports whether a point lies between the outer edges of its slice.
func onImage(g volume.Grid, p *spine.Point) bool {
	return p.XPx >= -0.5 && p.YPx >= -0.5 && p.XPx <= float64(g.Size[0])-0.5 && p.YPx <= float64(g.Size[1])-0.5
}

// measured is what was measured at a level, each with its site and the mask behind it.
func (w *writer) measured(l spine.Level) (out []*dataset.Dataset) {
	disc, _ := structure(l.Disc())
	for _, m := range w.Measures {
		if m.Level != l {
			continue
		}
		for _, x := range []struct {
			name, unit, site code
			value            float64
		}{
			{w.area, w.mm2, w.canalSite, m.CanalAreaMM2},
			{w.canalAP, w.mm, w.canalSite, m.CanalAPMM},
			{w.height, w.mm, disc, m.DiscHeightMM},
		} {
			if x.value > 0 {
				how := []*dataset.Dataset{coded(modifies, w.method, w.methodOf()), coded(modifies, w.site, x.site)}
				if w.Segmentation != nil {
					how = append(how, image(inferred, code{}, w.Segmentation.Image))
				}
				out = append(out, number(contains, x.name, x.value, x.unit, append(how, w.algorithmOf(w.Segmenter)...)...))
			}
		}
	}
	return out
}

func (w *writer) methodOf() code {
	if w.MaskEdited || w.Segmenter.Name == "" {
		return w.fromEdited
	}
	return w.fromMask
}

// lesion is the group of a marked lesion.
func (w *writer) lesion(n int, l spine.LesionFinding) *dataset.Dataset {
	items := append(w.tracked(fmt.Sprintf("lesion %d", n), fmt.Sprint("lesion/", l.Box.Min, l.Box.Max)), coded(contains, w.finding, w.codes.lesion))
	if s, ok := structure(l.Level); ok {
		items = append(items, coded(modifies, w.site, s))
	}
	for c, p := range l.Probabilities {
		items = append(items, number(contains, probabilityOfPrimary(spine.LesionClass(c)), p, w.one, w.algorithmOf(w.Classifier)...))
	}
	if l.SaysInfection() {
		for i, p := range l.Infection {
			items = append(items, number(contains, probabilityOfInfection(spine.Infection(i)), p, w.one, w.algorithmOf(w.Classifier)...))
		}
	}
	return container(contains, w.group, "1501", append(items, place(contains, w.imageRegion, l.Box.Center(), w.Source.FrameOfReferenceUID))...)
}

// imageLibrary lists the images that findings were read on, by series (TID 1600).
func (w *writer) imageLibrary() *dataset.Dataset {
	var groups []*dataset.Dataset
	for _, uid := range w.series() {
		items := []*dataset.Dataset{coded(acquired, w.modality, w.mr), coded(acquired, w.region, w.lumbar)}
		for _, u := range w.used {
			if u.SeriesUID == uid {
				items = append(items, image(contains, code{}, u.Image))
			}
		}
		groups = append(groups, container(contains, w.libraryGroup, "", items...))
	}
	if len(groups) == 0 {
		return nil
	}
	return container(contains, w.library, "1600", groups...)
}
