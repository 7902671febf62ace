package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"columna/dicom"
	"columna/dicom/seg"
	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

// Formats of volume files, by the ending of the name.
const (
	formatNIfTI     = "nifti"
	formatMetaImage = "mha"
)

// formatOf is the volume format that a name promises, "" for none.
func formatOf(name string) string {
	lower := strings.ToLower(name)
	switch {
	case strings.HasSuffix(lower, ".nii"), strings.HasSuffix(lower, ".nii.gz"), strings.HasSuffix(lower, ".hdr"), strings.HasSuffix(lower, ".hdr.gz"):
		return formatNIfTI
	case strings.HasSuffix(lower, ".mha"), strings.HasSuffix(lower, ".mhd"):
		return formatMetaImage
	}
	return ""
}

func readLabels(name string) (*volume.LabelMap, error) {
	switch formatOf(name) {
	case formatNIfTI:
		return nifti.ReadLabels(name)
	case formatMetaImage:
		return metaimage.ReadLabels(name)
	}
	if seg.IsFile(name) {
		m, _, err := readSegmentation(name)
		return m, err
	}
	return nil, badUsage("%s: a label map must be .nii, .nii.gz, .mha, .mhd or a DICOM segmentation", name)
}

// readSegmentation reads a DICOM segmentation and what its user must know of it.
// Structures that Columna does not know have labels of their own.
func readSegmentation(name string) (*volume.LabelMap, []string, error) {
	s, err := seg.Read(name)
	if err != nil {
		return nil, nil, err
	}
	warnings := s.Warnings
	for _, x := range s.Segments {
		if x.Label >= seg.FirstExtra {
			warnings = append(warnings, fmt.Sprintf("segment %q is none of Columna's structures and has label %d", x.Name, x.Label))
		}
	}
	m, err := s.Mask()
	return m, warnings, err
}

func writeLabels(name string, m *volume.LabelMap) error {
	switch formatOf(name) {
	case formatNIfTI:
		return nifti.WriteLabels(name, m)
	case formatMetaImage:
		return metaimage.WriteLabels(name, m)
	}
	return badUsage("%s: a label map must be .nii, .nii.gz, .mha or .mhd", name)
}

// readVolume reads a volume and what its user must know of it.
func readVolume(name string) (*volume.Volume, []string, error) {
	if formatOf(name) == formatMetaImage {
		return metaimage.ReadWarned(name)
	}
	return nifti.ReadWarned(name)
}

func writeVolume(name string, v *volume.Volume) error {
	switch formatOf(name) {
	case formatNIfTI:
		return nifti.Write(name, v)
	case formatMetaImage:
		return metaimage.Write(name, v)
	}
	return badUsage("%s: a volume must be .nii, .nii.gz, .mha or .mhd", name)
}

// metrics compares two label maps on one grid.
func metrics(e *env, args []string) error {
	words, err := e.parse(args, 2, 2)
	if err != nil {
		return err
	}
	ref, err := readLabels(words[0])
	if err != nil {
		return err
	}
	pred, err := readLabels(words[1])
	if err != nil {
		return err
	}
	if !volume.SameGrid(ref.Grid, pred.Grid) {
		return fmt.Errorf("%s and %s do not lie on one grid: resample one onto the other first", words[0], words[1])
	}
	scores := volume.Compare(ref, pred)
	mean, missing := volume.MeanScore(scores)
	if e.json {
		out := struct {
			Labels []scoreJSON `json:"labels"`
			Mean   meanJSON    `json:"mean"`
		}{[]scoreJSON{}, meanJSON{number(mean.Dice), number(mean.IoU), number(mean.HD95MM), number(mean.ASSDMM), missing}}
		for _, s := range scores {
			out.Labels = append(out.Labels, newScoreJSON(spine.Structure(s.Label).String(), s))
		}
		return e.print(out)
	}
	rows := [][]string{{"LABEL", "DICE", "IOU", "HD95 mm", "ASSD mm", "REF", "PRED"}}
	for _, s := range append(scores, mean) {
		name := spine.Structure(s.Label).String()
		if s.Label == 0 {
			name = "mean"
		}
		rows = append(rows, []string{name, fmt.Sprintf("%.4f", s.Dice), fmt.Sprintf("%.4f", s.IoU),
			fmt.Sprintf("%.2f", s.HD95MM), fmt.Sprintf("%.2f", s.ASSDMM), fmt.Sprint(s.RefVoxels), fmt.Sprint(s.PredVoxels)})
	}
	return e.table(rows)
}

// noSeries says why a source gave nothing.
func noSeries(path string, refused []dicom.Refusal) error {
	if len(refused) > 0 {
		return fmt.Errorf("%s holds no MR series that can be read: %s: %s", path, filepath.Base(refused[0].Path), refused[0].Reason)
	}
	return fmt.Errorf("%s holds no MR series", path)
}

// source is an input with the sequence that the user named for it.
type source struct {
	path     string
	sequence spine.Sequence // "" where the input must say so itself
}

// readStudy makes one study of DICOM sources and volume files, volumes loaded.
func readStudy(ctx context.Context, in []source) (*spine.Study, error) {
	var out *spine.Study
	for _, s := range in {
		var got *spine.Study
		var err error
		if formatOf(s.path) != "" {
			got, err = fileStudy(s)
		} else {
			got, err = dicomStudy(ctx, s)
		}
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = got
		} else {
			out.Series = append(out.Series, got.Series...)
		}
	}
	return out, nil
}

// sequenceWord finds the sequence in a file's name.
var sequenceWord = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])(t1|t2|stir)(?:[^a-z0-9]|$)`)

// fileStudy makes a study of one NIfTI or MetaImage volume.
func fileStudy(s source) (*spine.Study, error) {
	if s.sequence == "" {
		m := sequenceWord.FindStringSubmatch(filepath.Base(s.path))
		if m == nil {
			return nil, badUsage("%s does not tell its sequence: name it with --t1, --t2 or --stir", s.path)
		}
		s.sequence = spine.Sequence(strings.ToUpper(m[1]))
	}
	v, warnings, err := readVolume(s.path)
	if err != nil {
		return nil, err
	}
	uid := dicom.NewUID(s.path)
	return &spine.Study{UID: dicom.NewUID("study of " + s.path), Series: []spine.Series{{
		UID: uid, Description: filepath.Base(s.path), Sequence: s.sequence, Plane: render.PlaneOf(v.Grid),
		Confidence: 1, Warnings: warnings, Volume: v,
	}}}, nil
}

// dicomStudy imports one DICOM source, which must hold one study.
func dicomStudy(ctx context.Context, s source) (*spine.Study, error) {
	r, err := dicom.Import(ctx, []string{s.path}, nil)
	if err != nil {
		return nil, err
	}
	if len(r.Studies) == 0 {
		return nil, noSeries(s.path, r.Refused)
	}
	if len(r.Studies) > 1 {
		return nil, badUsage("%s holds %d studies: name the folder of one", s.path, len(r.Studies))
	}
	study := &r.Studies[0]
	for i := range study.Series {
		series := &study.Series[i]
		if s.sequence != "" {
			series.Sequence, series.Confidence = s.sequence, 1
		}
		if series.Volume, err = dicom.LoadSeries(ctx, r.Files[dicom.Key(series)]); err != nil {
			return nil, err
		}
	}
	return study, nil
}

// makeFolder creates a folder for results.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	return nil
}
