package volume

import (
	"context"
	"math"
)

// Sample reads the volume at a continuous voxel index by trilinear
// interpolation. Outside, beyond half a voxel, it is ok=false.
func (v *Volume) Sample(vox Vec3) (value float32, ok bool) {
	var lo [3]int
	var f [3]float64
	for a := range 3 {
		n := float64(v.Size[a])
		if !(vox[a] > -0.5 && vox[a] < n-0.5) {
			return 0, false
		}
		x := math.Min(math.Max(vox[a], 0), n-1)
		lo[a] = min(int(x), max(v.Size[a]-2, 0))
		f[a] = x - float64(lo[a])
	}
	sum := 0.0
	for corner := range 8 {
		w := 1.0
		var p [3]int
		for a := range 3 {
			d := corner >> a & 1
			p[a] = min(lo[a]+d, v.Size[a]-1)
			if d == 1 {
				w *= f[a]
			} else {
				w *= 1 - f[a]
			}
		}
		if w != 0 {
			sum += w * float64(v.Data[v.Index(p[0], p[1], p[2])])
		}
	}
	return float32(sum), true
}

// Resample reads the volume on another grid, trilinear, zero outside. Where the
// target voxels are larger than the source's, several evenly spaced points of
// each target voxel are averaged, so that thick slices are averages and not
// picks.
func (v *Volume) Resample(to Grid) *Volume { return v.ResampleContext(context.Background(), to) }

// ResampleContext is Resample that stops at the next slice when ctx ends; what it
// returns then is worth nothing.
func (v *Volume) ResampleContext(ctx context.Context, to Grid) *Volume {
	out := New(to)
	inv, err := v.Affine.Inverse()
	if err != nil {
		return out
	}
	offsets := subSamples(to, inv)
	step := inv.linear(to.Affine.Column(0))
	for k := range to.Size[2] {
		if ctx.Err() != nil {
			return out
		}
		for j := range to.Size[1] {
			start := inv.Apply(to.ToWorld(Vec3{0, float64(j), float64(k)}))
			row := out.Data[to.Index(0, j, k):][:to.Size[0]]
			for i := range row {
				row[i] = v.average(start.Add(step.Scale(float64(i))), offsets)
			}
		}
	}
	return out
}

// average is the mean of the samples inside the volume around vox.
func (v *Volume) average(vox Vec3, offsets []Vec3) float32 {
	var sum float32
	n := 0
	for _, o := range offsets {
		if s, ok := v.Sample(vox.Add(o)); ok {
			sum += s
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float32(n)
}

// linear applies the 3x3 part.
func (a Affine) linear(d Vec3) Vec3 {
	return a.Apply(d).Sub(a.Column(3))
}

// subSamples are the offsets, in source voxels, at which one target voxel is
// read: along each target axis as many as source voxels fit in it.
func subSamples(to Grid, inv Affine) []Vec3 {
	out := []Vec3{{}}
	for a := range 3 {
		d := inv.linear(to.Affine.Column(a))
		n := int(math.Round(d.Norm()))
		if n <= 1 {
			continue
		}
		n = min(n, 8)
		var next []Vec3
		for _, o := range out {
			for s := range n {
				next = append(next, o.Add(d.Scale((float64(s)+0.5)/float64(n)-0.5)))
			}
		}
		out = next
	}
	return out
}

// Resample reads the label map on another grid by nearest neighbour.
func (m *LabelMap) Resample(to Grid) *LabelMap {
	out := NewLabelMap(to)
	inv, err := m.Affine.Inverse()
	if err != nil {
		return out
	}
	step := inv.linear(to.Affine.Column(0))
	for k := range to.Size[2] {
		for j := range to.Size[1] {
			p := inv.Apply(to.ToWorld(Vec3{0, float64(j), float64(k)}))
			row := out.Data[to.Index(0, j, k):][:to.Size[0]]
			for n := range row {
				i, jj, kk := int(math.Floor(p[0]+0.5)), int(math.Floor(p[1]+0.5)), int(math.Floor(p[2]+0.5))
				if m.Contains(i, jj, kk) {
					row[n] = m.At(i, jj, kk)
				}
				p = p.Add(step)
			}
		}
	}
	return out
}
