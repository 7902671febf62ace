package seg

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"columna/dicom"
	"columna/spine"
	"columna/volume"
)

// lattice makes a grid from directions, spacing and origin; dirs need not be of length
// one nor at right angles.
func lattice(size [3]int, spacing, i, j volume.Vec3, flipped bool, origin volume.Vec3) volume.Grid {
	u := i.Unit()
	w := j.Sub(u.Scale(j.Dot(u))).Unit()
	n := u.Cross(w)
	if flipped {
		n = n.Scale(-1)
	}
	return volume.Grid{Size: size, Affine: volume.NewAffine(u.Scale(spacing[0]), w.Scale(spacing[1]), n.Scale(spacing[2]), origin)}
}

func sagittal(size [3]int) volume.Grid {
	return lattice(size, volume.Vec3{0.7, 0.7, 4.4}, volume.Vec3{0, 1, 0}, volume.Vec3{0, 0, -1}, false, volume.Vec3{30, -90, 120})
}

// speckled is a mask of all structures in random voxels; some slices stay empty.
func speckled(g volume.Grid, seed uint64) *volume.LabelMap {
	m := volume.NewLabelMap(g)
	r := rand.New(rand.NewPCG(seed, 3))
	size := g.Size[0] * g.Size[1]
	for n := range m.Data {
		if k := n / size; k%5 != 2 && r.IntN(3) == 0 {
			m.Data[n] = uint8(1 + r.IntN(int(spine.MaxStructure)))
		}
	}
	return m
}

// output is a mask made ready to be written, on images that lie in dir.
func output(t testing.TB, dir string, m *volume.LabelMap) Output {
	t.Helper()
	study := &spine.Study{UID: dicom.NewUID("seg study"), PatientID: "P1", PatientName: "Müller^Jürgen", Sex: "M",
		Age: "054Y", Date: "20240102", Description: "Lumbar spine", FieldT: 1.5}
	s := &spine.Series{UID: dicom.NewUID("seg series"), Number: 3, Description: "SAG T2", Sequence: spine.T2,
		Plane: spine.Sagittal, SOPClassUID: "1.2.840.10008.5.1.4.1.1.4", FrameOfReferenceUID: dicom.NewUID(dicom.NewUID("seg study") + "/frame")}
	s.Volume = volume.New(m.Grid)
	for k := range m.Size[2] {
		s.SOPUIDs = append(s.SOPUIDs, dicom.NewUID(s.UID+string(rune('a'+k))))
	}
	if err := dicom.WriteSeries(dir, study, s); err != nil {
		t.Fatal(err)
	}
	src, missing := dicom.ReadSource(study, s, dicom.FileRef{Path: filepath.Join(dir, "IM00001.dcm")})
	if missing != nil {
		t.Fatal(missing)
	}
	for _, uid := range s.SOPUIDs {
		src.Images = append(src.Images, dicom.ImageRef{SOPClassUID: s.SOPClassUID, SOPUID: uid})
	}
	return Output{Source: src, Mask: m, Description: "Columna segmentation", Creator: "Reader^One",
		At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Origins: map[spine.Structure]Origin{
			spine.L1: {Automatic, "GF-SSNet", "0123456789ab"}, spine.L2: {Semiautomatic, "GF-SSNet", "0123456789ab"}}}
}
