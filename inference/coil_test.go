package inference

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"columna/internal/ort"
	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// checkered is an image of two tissues in squares of 12 mm, with some noise and zeros
// around, under a gain that falls to 1/e in fallMM from the last column to the first.
func checkered(fallMM float64) *volume.Volume {
	v := volume.New(volume.Grid{Size: [3]int{200, 240, 3}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0, 1}, volume.Vec3{0, 0, 4}, volume.Vec3{})})
	r := rand.New(rand.NewPCG(1, 2))
	for n := range v.Data {
		i, j, _ := v.Coords(n)
		if j < 10 {
			continue
		}
		tissue := 400 + 300*float64((i/12+j/12)%2) + 20*r.Float64()
		v.Data[n] = float32(tissue * math.Exp(float64(i-199)/fallMM))
	}
	return v
}

func TestEvenOut_LeavesWhatNetworksKnow(t *testing.T) {
	for _, fallMM := range []float64{math.Inf(1), 200, 80} {
		v := checkered(fallMM)
		was := slices.Clone(v.Data)
		evenOut(v)
		if !slices.Equal(v.Data, was) {
			t.Errorf("a gain that falls to 1/e in %g mm was evened out", fallMM)
		}
	}
}

func TestEvenOut_TakesAStrongCoilAway(t *testing.T) {
	plain := checkered(math.Inf(1))
	for _, fallMM := range []float64{30, 20} {
		v := checkered(fallMM)
		before := shadingOf(v).contrast()
		evenOut(v)
		if after := shadingOf(v).contrast(); before < evenWholly || after > before/8 {
			t.Errorf("a gain that falls to 1/e in %g mm: contrast of the shading %.1f before, %.1f after, want over %g and an eighth", fallMM, before, after, evenWholly)
		}
		// Where it is not too dark both tissues are as bright as elsewhere.
		var light, dark []float64
		for n, x := range v.Data {
			if i, j, _ := v.Coords(n); i >= 145 && i < 180 && j >= 30 && j < 210 {
				if plain.Data[n] > 600 {
					light = append(light, float64(x))
				} else {
					dark = append(dark, float64(x))
				}
			}
		}
		slices.Sort(light)
		slices.Sort(dark)
		if lo, hi := light[len(light)/4], dark[len(dark)*3/4]; lo <= hi {
			t.Errorf("a gain that falls to 1/e in %g mm: three quarters of the light tissue are over %.3f, of the dark one under %.3f: they cannot be told apart", fallMM, lo, hi)
		}
	}
}

func TestEvenOut_KeepsWhatIsOutside(t *testing.T) {
	v := checkered(20)
	v.Data[50*200+100] = float32(math.NaN())
	v.Data[60*200+100] = float32(math.Inf(1))
	evenOut(v)
	for n, x := range v.Data {
		if _, j, _ := v.Coords(n); (j < 10) != (x == 0) {
			t.Fatalf("voxel %d outside the image or in it became %g", n, x)
		}
	}
	if x := v.Data[70*200+100]; math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		t.Error("one voxel that is no number spoiled the others")
	}
	signed := checkered(20)
	signed.Data[70*200+100] = -1
	if evenOut(signed) {
		t.Error("an image with values below 0 was evened out")
	}
	for _, g := range []volume.Grid{
		{Size: [3]int{1, 1, 1}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0, 1}, volume.Vec3{0, 0, 1}, volume.Vec3{})},
		{Size: [3]int{3, 2, 1}, Affine: volume.NewAffine(volume.Vec3{90}, volume.Vec3{0, 0.01}, volume.Vec3{0, 0, 1}, volume.Vec3{})},
	} {
		empty := volume.New(g)
		evenOut(empty)
		for _, x := range empty.Data {
			if x != 0 {
				t.Error("an image that shows nothing became something")
			}
		}
	}
}

// The shading between the middles of blocks is what a plain sum says.
func TestShading_IsTheMeanOfWindows(t *testing.T) {
	v := checkered(60)
	s := shadingOf(v)
	values := make([]float64, s.size[0]*s.size[1])
	counts := make([]float64, len(values))
	for n, x := range v.Data[:200*240] {
		if x > 0 {
			b := n%200/s.block[0] + s.size[0]*(n/200/s.block[1])
			values[b] += float64(x)
			counts[b]++
		}
	}
	reach := int(math.Round(shadeReachMM / float64(s.block[0])))
	window := func(in []float64) []float64 {
		out := make([]float64, len(in))
		for b := range in {
			for y := max(b/s.size[0]-reach, 0); y <= min(b/s.size[0]+reach, s.size[1]-1); y++ {
				for x := max(b%s.size[0]-reach, 0); x <= min(b%s.size[0]+reach, s.size[0]-1); x++ {
					out[b] += in[x+s.size[0]*y]
				}
			}
		}
		return out
	}
	for range 3 {
		values, counts = window(values), window(counts)
	}
	for b := range values {
		want := values[b] / counts[b]
		if got := float64(s.mean[b]); math.Abs(got-want) > 1e-3*want {
			t.Fatalf("block %d: %g, want %g", b, got, want)
		}
		if i, j := b%s.size[0]*s.block[0]+s.block[0]/2, b/s.size[0]*s.block[1]+s.block[1]/2; i > 0 && i < 195 && j < 235 {
			if got := shadedAt(s, i, j, 0); math.Abs(got-want) > 0.12*want {
				t.Fatalf("at the middle of block %d: %g, want about %g", b, got, want)
			}
		}
	}
}

// shadedAt is the slow twin of what divide divides by: bilinear between the middles of
// the four blocks around a voxel.
func shadedAt(s shading, i, j, k int) float64 {
	x, fx := blockOf(i, s.block[0], s.size[0])
	y, fy := blockOf(j, s.block[1], s.size[1])
	row := func(y int) float32 {
		return s.mean[s.index(x, y, k)]*(1-fx) + s.mean[s.index(min(x+1, s.size[0]-1), y, k)]*fx
	}
	return float64(row(y)*(1-fy) + row(min(y+1, s.size[1]-1))*fy)
}

func TestShading_DividesVoxelByVoxel(t *testing.T) {
	for _, power := range []float64{0.4, 1} {
		v := checkered(20)
		was, s := slices.Clone(v.Data), shadingOf(v)
		s.divide(v, power)
		for n, x := range was {
			i, j, k := v.Coords(n)
			want := float32(0)
			if x != 0 {
				want = float32(float64(x) / math.Pow(shadedAt(s, i, j, k)+shadeFloor*float64(s.top), power))
			}
			if v.Data[n] != want {
				t.Fatalf("voxel %d, %d, %d by the power %g: %g, want %g", i, j, k, power, v.Data[n], want)
			}
		}
	}
}

// BenchmarkEvenOut is of as large a grid as the road gives it: a cancellation waits for it.
func BenchmarkEvenOut(b *testing.B) {
	g := volume.Grid{Size: [3]int{352, 256, 80}, Affine: volume.NewAffine(volume.Vec3{1.125}, volume.Vec3{0, 1.125}, volume.Vec3{0, 0, 1}, volume.Vec3{})}
	for _, fallMM := range []float64{math.Inf(1), 65, 45} {
		b.Run(fmt.Sprint(fallMM), func(b *testing.B) {
			v := volume.New(g)
			for b.Loop() {
				b.StopTimer()
				for n := range v.Data {
					v.Data[n] = float32(400 * math.Exp(float64(n%352)/fallMM))
				}
				b.StartTimer()
				evenOut(v)
			}
		})
	}
}

// The shipped network reads a study by a coil on the back as it reads the same study by
// an even one, and the reader is told.
func TestSegment_EvensOutAStrongCoil(t *testing.T) {
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	p, err := New(Config{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := phantom.Generate(5150, phantom.Options{})
	read := func(fallMM float64) (bodies float64, told int) {
		for _, s := range c.Study.Series {
			for n, x := range s.Volume.Data {
				i, j, k := s.Volume.Coords(n)
				y := s.Volume.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})[1]
				s.Volume.Data[n] = float32(math.Round(float64(x) * math.Exp((y-28)/fallMM)))
			}
		}
		a, err := p.Segment(context.Background(), &c.Study, nil)
		if err != nil {
			t.Fatal(err)
		}
		var both, either float64
		for n, l := range c.Truth.Data {
			truth, found := spine.Structure(l), spine.Structure(a.Mask.Data[n])
			if truth >= spine.L1 && truth <= spine.L5 {
				either++
			}
			if found >= spine.L1 && found <= spine.L5 {
				either++
				if truth == found {
					both += 2
				}
			}
		}
		for _, f := range a.Flags {
			if strings.Contains(f.Text, "coil shades") {
				told++
			}
		}
		return both / either, told
	}
	plain, silent := read(math.Inf(1))
	if plain < 0.9 || silent != 0 {
		t.Errorf("by an even coil Dice %.3f and %d remarks, want over 0.9 and none", plain, silent)
	}
	if shaded, told := read(20); shaded < plain-0.04 || told != 2 {
		t.Errorf("by a coil on the back Dice %.3f, by an even one %.3f; %d remarks, want one on T1 and one on T2", shaded, plain, told)
	} else {
		t.Logf("Dice of named bodies %.3f, by a coil on the back %.3f", plain, shaded)
	}
}
