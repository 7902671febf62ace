package eval

import (
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"

	"columna/inference"
	"columna/internal/files"
	"columna/spine"
	"columna/volume"
)

// A picture of errors: the sagittal slice through the canal's middle and that with
// most wrong voxels, from anterior to posterior, cut to the spine.
const (
	mapPixelMM  = 0.8
	mapMarginMM = 16
	mapGapPx    = 6
	mapPanels   = 2
)

// Kinds of errors and their colours, which the colour-blind can tell apart (M. Okabe,
// K. Ito, 2002).
type mistake int

const (
	right mistake = iota
	over          // called a structure, is background
	under         // is a structure, called background
	other         // is another structure
)

func mistakeColours() [4]color.RGBA {
	return [4]color.RGBA{over: {0xE6, 0x9F, 0x00, 255}, under: {0x56, 0xB4, 0xE9, 255}, other: {0xCC, 0x79, 0xA7, 255}}
}

func mistakeOf(truth, pred uint8) mistake {
	switch {
	case truth == pred:
		return right
	case truth == 0:
		return over
	case pred == 0:
		return under
	}
	return other
}

// greys is how many greys a picture has, under each kind of mistake: with the gap they
// fit a palette of 256 colours.
const greys = 63

// palette is all colours of a picture; the first is the gap's, which is none.
func palette() color.Palette {
	p := color.Palette{color.RGBA{}}
	for m, c := range mistakeColours() {
		for n := range greys {
			g := 255 * float64(n) / (greys - 1)
			join := func(v uint8) uint8 { return uint8(0.3*g + 0.7*float64(v)) }
			if mistake(m) == right {
				p = append(p, color.RGBA{uint8(g), uint8(g), uint8(g), 255})
			} else {
				p = append(p, color.RGBA{join(c.R), join(c.G), join(c.B), 255})
			}
		}
	}
	return p
}

// mixed is the place in the palette of a grey value, 1 being white, under a mistake.
// Greys go up fast, as the spine is the dark half of the image.
func mixed(grey float64, m mistake) uint8 {
	return uint8(1 + greys*int(m) + int(math.Round((greys-1)*math.Sqrt(min(max(grey, 0), 1)))))
}

// drawErrors writes the picture of a study; where nothing is labelled there is none.
func drawErrors(path string, c *Case, mask *volume.LabelMap) error {
	s := inference.MaskSeries(&c.Study)
	if s == nil || mask == nil {
		return nil
	}
	truth, pred := sameGround(&c.Truth, mask)
	img := errorMap(truth, pred, s.Volume)
	if img == nil {
		return nil
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	return files.Write(path, func(w io.Writer) error { return encoder.Encode(w, img) })
}

// errorMap draws the two slices side by side; nil where nothing is labelled.
func errorMap(truth, pred *volume.LabelMap, grey *volume.Volume) *image.Paletted {
	grid := sagittalGrid(truth.Grid)
	truth, pred, grey = truth.Resample(grid), pred.Resample(grid), grey.Resample(grid)
	box := boxOf(truth).Union(boxOf(pred))
	if box.Empty() {
		return nil
	}
	margin := int(mapMarginMM / mapPixelMM)
	for a := range 2 {
		box.Min[a], box.Max[a] = max(box.Min[a]-margin, 0), min(box.Max[a]+margin, grid.Size[a])
	}
	size := box.Size()
	img := image.NewPaletted(image.Rect(0, 0, mapPanels*size[0]+mapGapPx, size[1]), palette())
	white := max(brightness(grey), 1e-6)
	for n, k := range [mapPanels]int{middleSlice(truth), worstSlice(truth, pred)} {
		for j := range size[1] {
			for i := range size[0] {
				x, y := box.Min[0]+i, box.Min[1]+j
				m := mistakeOf(truth.At(x, y, k), pred.At(x, y, k))
				img.SetColorIndex(n*(size[0]+mapGapPx)+i, j, mixed(float64(grey.At(x, y, k))/white, m))
			}
		}
	}
	return img
}

// sagittalGrid covers a grid with i to posterior, j to inferior, k to the left, in
// square pixels and the slices of its own.
func sagittalGrid(g volume.Grid) volume.Grid {
	spacing, words := g.SpacingMM(), g.Orientation()
	var size [3]int
	var step [3]float64
	for a := range 3 {
		to := strings.IndexByte("PIL", words[a])
		if to < 0 {
			to = strings.IndexByte("ASR", words[a])
		}
		size[to], step[to] = g.Size[a], spacing[a]
	}
	for a := range 2 {
		size[a], step[a] = int(float64(size[a])*step[a]/mapPixelMM), mapPixelMM
	}
	return inference.CanonicalGrid(g, size, step)
}

// middleSlice is the slice with most of the canal, or of anything where there is none.
func middleSlice(m *volume.LabelMap) int {
	return fullest(m.Grid, func(n int) bool { return m.Data[n] == uint8(spine.Canal) }, func(n int) bool { return m.Data[n] != 0 })
}

func worstSlice(truth, said *volume.LabelMap) int {
	return fullest(truth.Grid, func(n int) bool { return truth.Data[n] != said.Data[n] }, func(n int) bool { return truth.Data[n] != 0 })
}

// fullest is the slice with most voxels of a kind, of the second where none is of the
// first.
func fullest(g volume.Grid, kinds ...func(n int) bool) int {
	plane := g.Size[0] * g.Size[1]
	for _, is := range kinds {
		best, most := 0, 0
		for k := range g.Size[2] {
			count := 0
			for n := k * plane; n < (k+1)*plane; n++ {
				if is(n) {
					count++
				}
			}
			if count > most {
				best, most = k, count
			}
		}
		if most > 0 {
			return best
		}
	}
	return 0
}
