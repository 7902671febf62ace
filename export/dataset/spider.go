// Package dataset brings data to the trainer: studies with labels, from folders
// on this machine and from the phantom, split by patient.
package dataset

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
	"sort"
	"strings"

	"columna/spine"
	"columna/volume"
	"columna/volume/nifti"
)

// SPIDER's classes: vertebrae with their posterior elements, discs, canal.
const (
	spiderVertebra = 1
	spiderDisc     = 2
	spiderCanal    = 3
)

// SPIDERCase is one patient of SPIDER (J. W. van der Graaf et al., Scientific
// Data 11, 264 (2024), CC BY 4.0): a sagittal T2 slab around the midline and its
// labels as spine.Structure values. The sacrum is not labelled in SPIDER.
type SPIDERCase struct {
	ID     string
	Image  *volume.Volume
	Labels *volume.LabelMap
}

// SPIDER reads every patient of a folder of ID_t2.nii.gz and ID_mask.nii.gz, in
// the order of the IDs.
func SPIDER(dir string) ([]SPIDERCase, error) {
	masks, err := filepath.Glob(filepath.Join(dir, "*_mask.nii.gz"))
	if err != nil || len(masks) == 0 {
		return nil, fmt.Errorf("no SPIDER studies (ID_t2.nii.gz with ID_mask.nii.gz) in %s", dir)
	}
	sort.Strings(masks)
	var out []SPIDERCase
	for _, path := range masks {
		id := strings.TrimSuffix(filepath.Base(path), "_mask.nii.gz")
		c, err := readSPIDER(dir, id)
		if err != nil {
			return nil, fmt.Errorf("SPIDER patient %s: %w", id, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func readSPIDER(dir, id string) (SPIDERCase, error) {
	c := SPIDERCase{ID: id}
	var err error
	if c.Image, err = nifti.Read(filepath.Join(dir, id+"_t2.nii.gz")); err != nil {
		return c, err
	}
	classes, err := nifti.ReadLabels(filepath.Join(dir, id+"_mask.nii.gz"))
	if err != nil {
		return c, err
	}
	if !volume.SameGrid(c.Image.Grid, classes.Grid) {
		return c, fmt.Errorf("image and mask lie on different grids")
	}
	if o := classes.Orientation(); o[:2] != "PI" {
		return c, fmt.Errorf("axes run %s; SPIDER's run to posterior, then inferior", o)
	}
	c.Labels = nameStructures(classes)
	return c, nil
}

// HeldOut says whether a patient belongs to the held-out part: about one in
// four, by a hash of the ID, so that the split never changes.
func HeldOut(id string) bool {
	h := fnv.New32a()
	h.Write([]byte("spider-" + id))
	return h.Sum32()%4 == 0
}

// nameStructures turns SPIDER's classes into structures: discs are counted
// upward from L5/S1, bodies by the discs above and below, and what lies behind
// the canal's front wall is posterior elements.
func nameStructures(classes *volume.LabelMap) *volume.LabelMap {
	out := volume.NewLabelMap(classes.Grid)
	discs := countedDiscs(classes)
	for n, d := range discs {
		for _, at := range d.Indices {
			out.Data[at] = uint8(discName(n))
		}
	}
	front := canalFront(classes)
	for at, class := range classes.Data {
		i, j, k := classes.Coords(at)
		switch {
		case class == spiderCanal:
			out.Data[at] = uint8(spine.Canal)
		case class == spiderVertebra && i >= front[j]:
			out.Data[at] = uint8(spine.Posterior)
		case class == spiderVertebra:
			mm := classes.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
			out.Data[at] = uint8(bodyName(discsBelow(discs, mm)))
		}
	}
	return out
}

// countedDiscs finds the discs from the lowest upward; specks are left out.
func countedDiscs(classes *volume.LabelMap) []volume.Component {
	var out []volume.Component
	for _, c := range volume.Components(classes, spiderDisc) {
		if c.Voxels >= 150 {
			out = append(out, c)
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Centroid[2] < out[b].Centroid[2] })
	return out
}

// discName is the n-th disc counted from L5/S1 upward.
func discName(n int) spine.Structure {
	switch {
	case n < 5:
		return spine.DiscL5S1 - spine.Structure(n)
	case n == 5:
		return spine.DiscT12L1
	}
	return spine.DiscAbove
}

// bodyName is the vertebra with n discs below it, L5 having one.
func bodyName(n int) spine.Structure {
	switch {
	case n < 1:
		return spine.S1
	case n < 6:
		return spine.L5 - spine.Structure(n-1)
	case n == 6:
		return spine.T12
	}
	return spine.VertebraAbove
}

// discsBelow counts the discs whose mid-plane lies below a point. A disc's plane
// is square to the line through its neighbours' centres.
func discsBelow(discs []volume.Component, mm volume.Vec3) int {
	n := 0
	for d := range discs {
		up := discs[min(d+1, len(discs)-1)].Centroid.Sub(discs[max(d-1, 0)].Centroid)
		if mm.Sub(discs[d].Centroid).Dot(up) > 0 {
			n++
		}
	}
	return n
}

// canalFront is, for each row from head to foot, the column where the canal
// begins on average over the slices; rows without canal take the nearest row's.
func canalFront(classes *volume.LabelMap) []int {
	rows := classes.Size[1]
	front, known := make([]int, rows), make([]bool, rows)
	for j := range rows {
		sum, n := 0, 0
		for k := range classes.Size[2] {
			for i := range classes.Size[0] {
				if classes.At(i, j, k) == spiderCanal {
					sum, n = sum+i, n+1
					break
				}
			}
		}
		if n > 0 {
			front[j], known[j] = (sum+n/2)/n, true
		}
	}
	for j := range rows {
		if !known[j] {
			front[j] = nearestKnown(front, known, j, classes.Size[0])
		}
	}
	return front
}

func nearestKnown(front []int, known []bool, j, none int) int {
	for d := 1; d < len(front); d++ {
		if j-d >= 0 && known[j-d] {
			return front[j-d]
		}
		if j+d < len(front) && known[j+d] {
			return front[j+d]
		}
	}
	return none
}
