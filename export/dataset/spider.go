// Package dataset brings data to the trainer: studies with labels, from folders
// on this machine and from the phantom, split by patient.
package dataset

import (
	"fmt"
	"math"
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
	ids, err := spiderIDs(dir)
	if err != nil {
		return nil, err
	}
	var out []SPIDERCase
	for _, id := range ids {
		c, err := readSPIDER(dir, id)
		if err != nil {
			return nil, fmt.Errorf("SPIDER patient %s: %w", id, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// spiderIDs are the patients of a folder, in order.
func spiderIDs(dir string) ([]string, error) {
	masks, err := filepath.Glob(filepath.Join(dir, "*_mask.nii.gz"))
	if err != nil || len(masks) == 0 {
		return nil, fmt.Errorf("no SPIDER studies (ID_t2.nii.gz with ID_mask.nii.gz) in %s", dir)
	}
	sort.Strings(masks)
	for n, path := range masks {
		masks[n] = strings.TrimSuffix(filepath.Base(path), "_mask.nii.gz")
	}
	return masks, nil
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
	front := canalFront(classes, discs)
	for at, class := range classes.Data {
		i, j, k := classes.Coords(at)
		switch {
		case class == spiderCanal:
			out.Data[at] = uint8(spine.Canal)
		case class == spiderVertebra && i >= front[k][j]:
			out.Data[at] = uint8(spine.Posterior)
		case class == spiderVertebra:
			mm := classes.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
			out.Data[at] = uint8(bodyName(discsBelow(discs, mm)))
		}
	}
	moveStrays(out)
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

// frontReach is over how many slices to either side the canal's front wall is averaged.
const frontReach = 5

// canalFront is, for each slice and row, the column where the canal begins. A curved
// spine leaves the slices, so it is averaged over the nearest slices that show the
// canal in this row; where none does, the discs' posterior edges mark the line.
func canalFront(classes *volume.LabelMap, discs []volume.Component) [][]int {
	rows, slices := classes.Size[1], classes.Size[2]
	seen := make([][]int, slices) // -1: no canal
	for k := range slices {
		seen[k] = make([]int, rows)
		for j := range rows {
			seen[k][j] = firstCanal(classes, j, k)
		}
	}
	front := make([][]int, slices)
	for k := range slices {
		front[k] = make([]int, rows)
		for j := range rows {
			front[k][j] = nearbyFront(seen, j, k)
		}
		for _, d := range discs {
			markDisc(front[k], classes, d, k)
		}
		continueFront(front[k], classes.Size[0])
	}
	return front
}

func firstCanal(classes *volume.LabelMap, j, k int) int {
	for i := range classes.Size[0] {
		if classes.At(i, j, k) == spiderCanal {
			return i
		}
	}
	return -1
}

// nearbyFront is the mean of a row's fronts, nearer slices counting more; -1 where
// no slice has one.
func nearbyFront(seen [][]int, j, k int) int {
	sum, n := 0.0, 0.0
	for o := max(0, k-frontReach); o <= min(len(seen)-1, k+frontReach); o++ {
		if seen[o][j] >= 0 {
			w := 1 / (1 + math.Abs(float64(o-k)))
			sum, n = sum+w*float64(seen[o][j]), n+w
		}
	}
	if n == 0 {
		return -1
	}
	return int(math.Round(sum / n))
}

// markDisc sets the front at the row of a disc's posterior edge, one voxel behind
// it, if no canal tells it better.
func markDisc(front []int, classes *volume.LabelMap, d volume.Component, k int) {
	edge, row := -1, 0
	for _, at := range d.Indices {
		if i, j, z := classes.Coords(int(at)); z == k && i > edge {
			edge, row = i, j
		}
	}
	if edge >= 0 && front[row] < 0 {
		front[row] = edge + 1
	}
}

// continueFront fills gaps by straight lines and the ends by what is nearest.
// Without anything to go by, everything lies in front.
func continueFront(front []int, none int) {
	last := -1
	for j, x := range front {
		if x < 0 {
			continue
		}
		for gap := last + 1; gap < j; gap++ {
			if front[gap] = x; last >= 0 {
				front[gap] = front[last] + (x-front[last])*(gap-last)/(j-last)
			}
		}
		last = j
	}
	end := none
	if last >= 0 {
		end = front[last]
	}
	for j := last + 1; j < len(front); j++ {
		front[j] = end
	}
}

// moveStrays gives posterior elements the pieces of a body that lie apart from it:
// where a lateral slice shows no canal, a lamina may lie in front of the line.
func moveStrays(labels *volume.LabelMap) {
	for s := spine.L1; s <= spine.VertebraAbove; s++ {
		if !s.IsVertebra() || s == spine.VertebraAbove {
			continue
		}
		parts := volume.Components(labels, uint8(s))
		for n, c := range parts {
			if n > 0 && c.Voxels*5 < parts[0].Voxels && c.Centroid[1] > parts[0].Centroid[1] {
				for _, at := range c.Indices {
					labels.Data[at] = uint8(spine.Posterior)
				}
			}
		}
	}
}
