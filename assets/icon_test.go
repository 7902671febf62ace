package assets

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"testing"
)

// bone is one rounded box of the icon: middle, half sizes, turn in degrees.
type bone struct {
	x, y, w, h, turn float64
	c                color.RGBA
}

// bones are five lumbar vertebrae in their lordosis, in a square of 512.
func bones() []bone {
	return []bone{
		{214, 95, 60, 32, 8, rgb(0x3B, 0x6F, 0xB6)}, {201, 178, 61, 32, 3, rgb(0x2E, 0x93, 0xA8)},
		{200, 261, 62, 32, -5, rgb(0x3F, 0xA7, 0x7A)}, {214, 343, 62, 32, -13, rgb(0x9A, 0xA8, 0x3A)},
		{243, 420, 58, 32, -24, rgb(0xC9, 0x8A, 0x2B)},
	}
}

// box is the signed distance to a rounded box turned about its middle.
func box(px, py float64, b bone, radius float64) float64 {
	sin, cos := math.Sincos(b.turn * math.Pi / 180)
	dx, dy := px-b.x, py-b.y
	x, y := math.Abs(dx*cos+dy*sin)-b.w+radius, math.Abs(dy*cos-dx*sin)-b.h+radius
	return math.Hypot(math.Max(x, 0), math.Max(y, 0)) + math.Min(math.Max(x, y), 0) - radius
}

// canal is the distance to the sac behind the bones.
func canal(px, py float64) float64 {
	best := math.Inf(1)
	for t := 0.0; t <= 1; t += 0.01 {
		x := 324 - 54*math.Sin(math.Pi*t) + 34*t*t*t
		best = math.Min(best, math.Hypot(px-x, py-(62+388*t)))
	}
	return best - 12
}

func cover(distance float64) float64 { return math.Min(math.Max(0.5-distance/2, 0), 1) }

// drawIcon draws the icon at 256 pixels.
func drawIcon() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	for y := range 256 {
		for x := range 256 {
			px, py := 2*float64(x)+1, 2*float64(y)+1
			c := mix(rgb(0x12, 0x16, 0x1B), rgb(0xD4, 0x6A, 0xD0), cover(canal(px, py)))
			for _, b := range bones() {
				c = mix(c, b.c, cover(box(px, py, b, 15)))
			}
			alpha := cover(box(px, py, bone{x: 256, y: 256, w: 254, h: 254}, 96))
			img.SetNRGBA(x, y, color.NRGBA{c.R, c.G, c.B, uint8(255*alpha + 0.5)})
		}
	}
	return img
}

// TestIcon_IsWhatThisProgramDraws keeps the icon's file and its source together.
// COLUMNA_DRAW_ICON=1 writes the file anew.
func TestIcon_IsWhatThisProgramDraws(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, drawIcon()); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("COLUMNA_DRAW_ICON") != "" {
		if err := os.WriteFile("icon.png", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	file, err := png.Decode(bytes.NewReader(Icon()))
	if err != nil {
		t.Fatal(err)
	}
	want := drawIcon()
	for y := range 256 {
		for x := range 256 {
			got := color.NRGBAModel.Convert(file.At(x, y)).(color.NRGBA)
			if w := want.NRGBAAt(x, y); w.A > 0 && (math.Abs(float64(got.R)-float64(w.R)) > 2 || math.Abs(float64(got.A)-float64(w.A)) > 2) {
				t.Fatalf("pixel %d,%d is %v, the program draws %v", x, y, got, w)
			}
		}
	}
}
