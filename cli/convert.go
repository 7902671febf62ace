package cli

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"columna/dicom"
	"columna/dicom/seg"
	"columna/internal/files"
	"columna/spine"
	"columna/viewer/render"
	"columna/volume"
)

// convertJSON is what convert wrote and what it could not.
type convertJSON struct {
	Written []writtenJSON   `json:"written"`
	Refused []dicom.Refusal `json:"refused"`
}

// writtenJSON is one volume on its new place. UID and block are those of the
// DICOM series it came from or went to.
type writtenJSON struct {
	SeriesUID string         `json:"series_uid,omitempty"`
	Block     int            `json:"block"`
	Out       string         `json:"out"`
	Size      [3]int         `json:"size"`
	SpacingMM volume.Vec3    `json:"spacing_mm"`
	Affine    volume.Affine  `json:"affine"` // LPS+ mm
	Sequence  spine.Sequence `json:"sequence,omitempty"`
	Plane     spine.Plane    `json:"plane,omitempty"`
	Scale     *scaleJSON     `json:"scale,omitempty"`
	Warnings  []string       `json:"warnings,omitempty"`
}

// scaleJSON says how stored DICOM values become the grey values again.
type scaleJSON struct {
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
}

// conversion is a run of convert.
type conversion struct {
	*env
	in, out  string
	format   string // of the files in a folder
	series   int
	sequence string
	done     convertJSON
}

// convert turns volumes into another format: one into a file, DICOM series into a
// folder of files, or a volume into a folder of DICOM. With --labels, a label map; a
// DICOM segmentation is one.
func convert(e *env, args []string) error {
	c := conversion{env: e, done: convertJSON{[]writtenJSON{}, []dicom.Refusal{}}}
	labels := e.flags.Bool("labels", false, "the input is a label map")
	e.flags.IntVar(&c.series, "series", 0, "which series of a DICOM folder, counted from 1")
	e.flags.StringVar(&c.format, "format", formatNIfTI, "files written for the series of a DICOM folder: nifti or mha")
	e.flags.StringVar(&c.sequence, "sequence", "", "sequence of a volume that becomes DICOM: T1, T2, STIR, T2FS, PD or OTHER; else its name tells")
	words, err := e.parse(args, 2, 2)
	if err != nil {
		return err
	}
	c.in, c.out = words[0], words[1]
	toFile := formatOf(c.out) != ""
	*labels = *labels || seg.IsFile(c.in)
	switch {
	case c.format != formatNIfTI && c.format != formatMetaImage:
		return badUsage("--format %s: nifti and mha are written", c.format)
	case !toFile && !isFolderName(c.out):
		return badUsage("%s: the output must be .nii, .nii.gz, .mha, .mhd or a folder", c.out)
	case *labels && !toFile:
		return badUsage("%s: a label map goes into .nii, .nii.gz, .mha or .mhd", c.out)
	case *labels:
		err = c.labelMap()
	case toFile:
		err = c.oneFile()
	case formatOf(c.in) != "":
		err = c.toDICOM()
	default:
		err = c.everySeries()
	}
	if err != nil && len(c.done.Written) == 0 {
		return err
	}
	return errors.Join(err, c.tell())
}

// isFolderName reports whether a name can be meant as a folder: it ends like one,
// is one, or has no ending.
func isFolderName(name string) bool {
	if info, err := os.Stat(name); err == nil {
		return info.IsDir()
	}
	return strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)) || filepath.Ext(name) == ""
}

// tell prints what was written, and warnings for those who read no JSON.
func (c *conversion) tell() error {
	if c.json {
		return c.print(c.done)
	}
	for _, w := range c.done.Written {
		for _, text := range w.Warnings {
			fmt.Fprintf(c.err, "columna: %s: %s\n", w.Out, text)
		}
	}
	if n := len(c.done.Refused); n > 0 {
		first := c.done.Refused[0]
		fmt.Fprintf(c.err, "columna: %d files were not taken, such as %s: %s; --json lists them\n", n, filepath.Base(first.Path), first.Reason)
	}
	return nil
}

func (c *conversion) wrote(out string, s *spine.Series) {
	c.done.Written = append(c.done.Written, writtenJSON{s.UID, s.Block, out, s.Volume.Size, s.Volume.SpacingMM(), s.Volume.Affine,
		s.Sequence, s.Plane, nil, s.Warnings})
}

func (c *conversion) labelMap() error {
	var m *volume.LabelMap
	var warnings []string
	var err error
	if seg.IsFile(c.in) {
		m, warnings, err = readSegmentation(c.in)
	} else {
		m, err = readLabels(c.in)
	}
	if err != nil {
		return err
	}
	if err := writeLabels(c.out, m); err != nil {
		return err
	}
	c.wrote(c.out, &spine.Series{Volume: &volume.Volume{Grid: m.Grid}, Warnings: warnings})
	return nil
}

// oneFile writes one volume or one DICOM series.
func (c *conversion) oneFile() error {
	s := &spine.Series{}
	var err error
	if formatOf(c.in) != "" {
		s.Volume, s.Warnings, err = readVolume(c.in)
	} else {
		s, err = oneSeries(c.ctx, c.in, c.series)
	}
	if err != nil {
		return err
	}
	if err := writeVolume(c.out, s.Volume); err != nil {
		return err
	}
	c.wrote(c.out, s)
	return nil
}

// everySeries writes each series of a DICOM source into a folder. What cannot be
// converted is named, the rest written.
func (c *conversion) everySeries() error {
	found, all, err := importedSeries(c.ctx, c.in, c.series)
	if err != nil {
		return err
	}
	c.done.Refused = append(c.done.Refused, found.Refused...)
	for _, ref := range found.Segmentations {
		c.done.Refused = append(c.done.Refused, dicom.Refusal{Path: ref.String(), Reason: "a segmentation: convert it by its own name"})
	}
	if err := os.MkdirAll(c.out, 0o700); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	ending := map[string]string{formatNIfTI: ".nii.gz", formatMetaImage: ".mha"}[c.format]
	names := map[string]int{}
	failed := ""
	for _, s := range all {
		if s.Volume, err = dicom.LoadSeries(c.ctx, found.Files[dicom.Key(s)]); err == nil {
			out := filepath.Join(c.out, unique(names, seriesName(s))+ending)
			if err = writeVolume(out, s.Volume); err == nil {
				c.wrote(out, s)
			}
		}
		s.Volume = nil // one at a time in memory
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if err != nil {
			failed = err.Error()
			c.done.Refused = append(c.done.Refused, dicom.Refusal{Path: found.Files[dicom.Key(s)][0].String(), Reason: failed})
		}
	}
	if failed != "" {
		return fmt.Errorf("%d of %d series were written to %s; the last that was not: %s", len(c.done.Written), len(all), c.out, failed)
	}
	return nil
}

// seriesName names a file by what a person looks for, and by no word of the header
// that could name the patient.
func seriesName(s *spine.Series) string {
	name := fmt.Sprintf("%03d_%s_%s", max(s.Number, 0), s.Sequence, s.Plane)
	if s.Block > 0 {
		name += fmt.Sprintf("_%d", s.Block+1)
	}
	return name
}

// unique adds a letter where a name is taken.
func unique(taken map[string]int, name string) string {
	taken[name]++
	if n := taken[name]; n > 1 {
		return unique(taken, fmt.Sprintf("%s-%d", name, n))
	}
	return name
}

// toDICOM writes a volume as a classic MR series, slices along its widest step.
func (c *conversion) toDICOM() error {
	v, warnings, err := readVolume(c.in)
	if err != nil {
		return err
	}
	v = v.SlicesLast()
	sequence, err := c.sequenceOf()
	if err != nil {
		return err
	}
	if err := upright(v.Grid); err != nil {
		return fmt.Errorf("%s: %w", c.in, err)
	}
	content := contentOf(v)
	s := &spine.Series{UID: dicom.NewUID("series " + content), Number: 1, Description: filepath.Base(c.in), Sequence: sequence,
		Plane: render.PlaneOf(v.Grid), Volume: v, Warnings: warnings}
	scale := fit(v)
	if scale != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the values do not fit DICOM's whole numbers: they are stored as %d steps, and are %g times the stored value plus %g",
			storedSteps, scale.Slope, scale.Intercept))
	}
	study := &spine.Study{UID: dicom.NewUID("study " + content), Description: filepath.Base(c.in)}
	if err := dicom.WriteSeries(c.out, study, s); err != nil {
		return err
	}
	c.wrote(c.out, s)
	c.done.Written[len(c.done.Written)-1].Scale = scale
	return nil
}

// contentOf is a digest of values and place: the same volume makes the same UIDs,
// another one others.
func contentOf(v *volume.Volume) string {
	h := sha256.New()
	fmt.Fprintln(h, v.Size, v.Affine)
	row := v.Size[0]
	for at := 0; at < len(v.Data); at += row {
		h.Write(files.Float32.Append(nil, binary.LittleEndian, v.Data[at:at+row]))
	}
	return string(h.Sum(nil))
}

// sequenceOf takes the sequence from the flag, else from the name.
func (c *conversion) sequenceOf() (spine.Sequence, error) {
	if c.sequence == "" {
		if m := sequenceWord.FindStringSubmatch(filepath.Base(c.in)); m != nil {
			return spine.Sequence(strings.ToUpper(m[1])), nil
		}
		return spine.OtherSequence, nil
	}
	s := spine.Sequence(strings.ToUpper(c.sequence))
	switch s {
	case spine.T1, spine.T2, spine.STIR, spine.T2FS, spine.PD, spine.OtherSequence:
		return s, nil
	}
	return "", badUsage("--sequence %s: choose T1, T2, STIR, T2FS, PD or OTHER", c.sequence)
}

// upright refuses what a DICOM series cannot hold: slices that are no rectangles or
// do not lie straight above each other.
func upright(g volume.Grid) error {
	for _, axes := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
		if d := g.Affine.Column(axes[0]).Unit().Dot(g.Affine.Column(axes[1]).Unit()); d > 1e-3 || d < -1e-3 {
			return errors.New("its axes are not at right angles, as a DICOM series needs: resample it first")
		}
	}
	return nil
}

// storedSteps is how finely values are stored that are no whole 16-bit numbers.
const storedSteps = 4095

// fit scales values to 0..storedSteps where DICOM cannot hold them as they are.
func fit(v *volume.Volume) *scaleJSON {
	lo, hi := v.Data[0], v.Data[0]
	whole := true
	for _, x := range v.Data {
		lo, hi = min(lo, x), max(hi, x)
		whole = whole && float32(int32(x)) == x
	}
	if whole && (lo >= 0 && hi <= 65535 || lo >= -32768 && hi <= 32767) {
		return nil
	}
	s := &scaleJSON{Slope: (float64(hi) - float64(lo)) / storedSteps, Intercept: float64(lo)}
	if s.Slope == 0 { // one value everywhere
		s.Slope = 1
	}
	for n, x := range v.Data {
		v.Data[n] = float32((float64(x) - s.Intercept) / s.Slope)
	}
	return s
}

// oneSeries loads series n (from 1) of a DICOM source; 0 means the only one.
func oneSeries(ctx context.Context, path string, n int) (*spine.Series, error) {
	found, all, err := importedSeries(ctx, path, n)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		var names []string
		for i, s := range all {
			names = append(names, fmt.Sprintf("%d %s %s %q", i+1, s.Sequence, s.Plane, s.Description))
		}
		return nil, badUsage("%s holds %d series; name one with --series, or a folder for all: %s", path, len(all), strings.Join(names, ", "))
	}
	all[0].Volume, err = dicom.LoadSeries(ctx, found.Files[dicom.Key(all[0])])
	return all[0], err
}

// importedSeries finds the series of a DICOM source, or only the n-th (from 1).
func importedSeries(ctx context.Context, path string, n int) (*dicom.Result, []*spine.Series, error) {
	r, err := dicom.Import(ctx, []string{path}, nil)
	if err != nil {
		return nil, nil, err
	}
	var all []*spine.Series
	for i := range r.Studies {
		for k := range r.Studies[i].Series {
			all = append(all, &r.Studies[i].Series[k])
		}
	}
	if len(all) == 0 {
		return nil, nil, noSeries(path, r.Refused)
	}
	if n > len(all) || n < 0 {
		return nil, nil, badUsage("%s holds %d series, there is no series %d", path, len(all), n)
	}
	if n > 0 {
		all = all[n-1 : n]
	}
	return r, all, nil
}
