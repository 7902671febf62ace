package phantom

import (
	"math"

	"columna/volume"
)

// coil is the receive profile and the saturation band of one series: smooth gain
// along y and z in tables of millimetres.
type coil struct {
	y, z  [2 * trunkReach]float32
	slope float64 // the band leans: y - slope*z
}

// drawCoil places the receive coil behind the back; its gain falls off to the
// front and to the ends. Most sagittal series have a band that darkens the belly.
// variety lets it fall off fast, as small surface coils do without correction.
func drawCoil(d dice, centre volume.Vec3, half float64, band bool, variety float64) *coil {
	c := &coil{slope: d.between(-0.15, 0.2)}
	depth := d.between(70, 260)
	edge := half * d.between(0.85, 1.25)
	soft := d.between(10, 22)
	front, dark, blur := d.between(-58, -34), d.between(0.02, 0.35), d.between(3, 8)
	near, reach := 0.0, 20.0
	if d.chance(0.4 * variety) {
		depth, near, reach = d.between(34, 80), d.between(0, 1.5), d.between(12, 30)
	}
	if d.chance(0.3 * variety) {
		edge, soft = half*d.between(0.55, 0.9), d.between(15, 40)
	}
	if !band {
		dark = 1
	}
	wave, phase := d.between(0, 0.12), d.between(0, 6)
	for i := range c.y {
		v := float64(i - trunkReach)
		surface := math.Exp((v-10)/depth) + near*math.Exp((v-70)/reach)
		c.y[i] = float32(math.Min(surface, 6) * (dark + (1-dark)*logistic((v-front)/blur)))
		off := math.Abs(v - centre[2])
		c.z[i] = float32((1 + wave*math.Sin(v/45+phase)) * (0.12 + 0.88*logistic((edge-off)/soft)))
	}
	return c
}

// flatCoil is a volume coil: even but for the bright and dark waves of strong fields.
func flatCoil(d dice) *coil {
	c := &coil{}
	wave, phase, long := d.between(0, 0.35), d.between(0, 6), d.between(60, 130)
	for i := range c.y {
		v := float64(i - trunkReach)
		c.y[i] = float32(1 + wave*math.Sin(v/long*2+phase))
		c.z[i] = float32(1 + 0.5*wave*math.Sin(v/long+phase))
	}
	return c
}

// at is the gain at a place in the tables.
func (c *coil) at(y, z float32) float32 {
	return c.y[min(max(int(y), 0), 2*trunkReach-1)] * c.z[min(max(int(z), 0), 2*trunkReach-1)]
}
