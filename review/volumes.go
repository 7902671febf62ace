package review

import (
	"context"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"columna/dicom"
	"columna/spine"
	"columna/store"
	"columna/volume"
	"columna/volume/metaimage"
	"columna/volume/nifti"
)

// maxVolumeFiles bounds the volume files taken from folders in one import.
const maxVolumeFiles = 2000

// foundFiles divides what is to be imported.
type foundFiles struct {
	volumes []string // NIfTI and MetaImage files
	rest    []string // the paths as given, for DICOM
}

// findVolumes looks for volume files among paths and, in folders, below them.
func findVolumes(ctx context.Context, paths []string) (foundFiles, error) {
	var out foundFiles
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			out.rest = append(out.rest, path)
			if err := out.walk(ctx, path); err != nil {
				return out, err
			}
		case isVolumeFile(path):
			out.volumes = append(out.volumes, path)
		default:
			out.rest = append(out.rest, path)
		}
	}
	return out, ctx.Err()
}

// walk adds the volume files below a folder; what cannot be listed is passed
// over, as the DICOM import reports it.
func (f *foundFiles) walk(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && e.Type().IsRegular() && isVolumeFile(path) && len(f.volumes) < maxVolumeFiles {
			f.volumes = append(f.volumes, path)
		}
		return nil
	})
}

func isVolumeFile(path string) bool { return isNIfTI(path) || isMetaImage(path) }

func isNIfTI(path string) bool {
	lower := strings.ToLower(path)
	return strings.HasSuffix(lower, ".nii") || strings.HasSuffix(lower, ".nii.gz")
}

func isMetaImage(path string) bool {
	lower := strings.ToLower(path)
	return strings.HasSuffix(lower, ".mha") || strings.HasSuffix(lower, ".mhd")
}

// sequenceWord is the sequence in a file's name.
var sequenceWord = regexp.MustCompile(`(?i)(^|[^a-z0-9])(t1|t2|stir)w?([^a-z0-9]|$)`)

// sequenceOf reads the sequence from a file's name and what is left of the name.
// Without one it is taken for T2, the usual lumbar series, and hardly sure.
func sequenceOf(path string) (seq spine.Sequence, sure float64, stem string) {
	base := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	base = strings.TrimSuffix(base, filepath.Ext(base))
	m := sequenceWord.FindStringSubmatch(base)
	if m == nil {
		return spine.T2, 0.3, base
	}
	stem = strings.Trim(strings.Replace(base, m[0], "_", 1), "_-. ")
	return spine.Sequence(strings.ToUpper(m[2])), 0.9, stem
}

// importVolumes makes a study of the volume files that share a folder and a stem.
func (d *Desk) importVolumes(ctx context.Context, paths []string, p Progress, out *ImportResult) error {
	var order []string
	studies := map[string]*volumeStudy{}
	for n, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		p("reading "+filepath.Base(path), 0.9+0.1*float64(n)/float64(len(paths)))
		full := absolute(path)
		seq, sure, stem := sequenceOf(full)
		v, err := readVolumeFile(full)
		if err != nil {
			out.Refused = append(out.Refused, dicom.Refusal{Path: path, Reason: err.Error()})
			continue
		}
		key := filepath.Join(filepath.Dir(full), stem)
		if studies[key] == nil {
			order = append(order, key)
			studies[key] = &volumeStudy{study: spine.Study{UID: dicom.NewUID("study of " + key), PatientID: stem, Description: "volume files"}}
		}
		studies[key].add(full, seq, sure, v.Grid)
	}
	for _, key := range order {
		s := studies[key]
		if err := d.add(ctx, &s.study, s.files, s.grids, out); err != nil {
			return err
		}
	}
	return nil
}

// volumeStudy is a study of volume files in the making.
type volumeStudy struct {
	study spine.Study
	files [][]store.FileRef
	grids []volume.Grid
}

func (s *volumeStudy) add(path string, seq spine.Sequence, sure float64, g volume.Grid) {
	s.study.Series = append(s.study.Series, spine.Series{
		UID: dicom.NewUID("series of " + path), Number: len(s.study.Series) + 1, Description: filepath.Base(path),
		Sequence: seq, Plane: planeOf(g), Confidence: sure,
	})
	s.files = append(s.files, []store.FileRef{{Path: path}})
	s.grids = append(s.grids, g)
}

// planeOf names the plane of a grid's k slices by their normal.
func planeOf(g volume.Grid) spine.Plane {
	n := g.Affine.Column(0).Cross(g.Affine.Column(1))
	x, y, z := math.Abs(n[0]), math.Abs(n[1]), math.Abs(n[2])
	switch {
	case x >= y && x >= z:
		return spine.Sagittal
	case z >= y:
		return spine.Axial
	}
	return spine.Coronal
}

// readVolumeFile reads a NIfTI or MetaImage file and turns its arrays, not its
// place, so that its slices lie along k: research files store them in any order.
func readVolumeFile(path string) (*volume.Volume, error) {
	read := nifti.Read
	if isMetaImage(path) {
		read = metaimage.Read
	}
	v, err := read(path)
	if err != nil {
		return nil, err
	}
	return slicesAlongK(v), nil
}

// slicesAlongK exchanges axes so that k has the slices: the axis with the largest
// spacing, or the one nearest to left-right where all are alike.
func slicesAlongK(v *volume.Volume) *volume.Volume {
	spacing := v.SpacingMM()
	axis := 0
	for a := range 3 {
		if math.Abs(v.Affine.Column(a).Unit()[0]) > math.Abs(v.Affine.Column(axis).Unit()[0]) {
			axis = a
		}
	}
	for a := range 3 {
		others := []float64{spacing[(a+1)%3], spacing[(a+2)%3]}
		if spacing[a] > 1.3*slices.Max(others) {
			axis = a
		}
	}
	if axis == 2 {
		return v
	}
	perm := [3]int{(axis + 1) % 3, (axis + 2) % 3, axis}
	return permute(v, perm)
}

// permute gives the volume with axis perm[a] of v as its axis a.
func permute(v *volume.Volume, perm [3]int) *volume.Volume {
	g := volume.Grid{Affine: volume.NewAffine(v.Affine.Column(perm[0]), v.Affine.Column(perm[1]), v.Affine.Column(perm[2]), v.Affine.Column(3))}
	for a := range 3 {
		g.Size[a] = v.Size[perm[a]]
	}
	out := volume.New(g)
	var p [3]int
	for n := range out.Data {
		i, j, k := g.Coords(n)
		p[perm[0]], p[perm[1]], p[perm[2]] = i, j, k
		out.Data[n] = v.At(p[0], p[1], p[2])
	}
	return out
}
