package train

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"columna/internal/ort"
	"columna/spine"
)

// noiseName is the set of a held-out set under noise.
func noiseName(set string, deviations float64) string {
	return fmt.Sprintf("%s_noise_%g", set, deviations)
}

// addNoise adds Gaussian noise, in deviations of the image, to both sequences and
// brings them back to the scale that inference gives networks. The same patient gets the same
// noise, whatever the network and the seed of its run.
func addNoise(in map[string]ort.Tensor, patient string, deviations float64) {
	h := fnv.New64a()
	h.Write([]byte(patient))
	r := rand.New(rand.NewPCG(h.Sum64(), 0x6e6f697365))
	for _, name := range []string{"t1", "t2"} {
		s := stack{D: 1, H: 1, W: len(in[name].Data), Data: in[name].Data}
		for n, v := range s.Data {
			if v != 0 {
				s.Data[n] = nonzero(v + float32(deviations*r.NormFloat64()))
			}
		}
		standardise(s)
	}
}

// eceBinCount is how many classes of confidence the calibration error of voxels has.
const eceBinCount = 10

// voxelECE is the calibration error of the semantic logits (channels by voxels) in the
// box around the labels: beyond it nearly all is background, of which any network is
// sure. Where nobody said that it is not the sacrum, calling it so does not count.
func voxelECE(c Segment, logits []float32, d, h, w int) float64 {
	n, labels := d*h*w, c.Labels
	classes := len(logits) / n
	said := argmax(logits, classes)
	var count, sure, right [eceBinCount]float64
	lo, hi := labelledBox(labels, h, w)
	for k := lo[2]; k <= hi[2]; k++ {
		for j := lo[1]; j <= hi[1]; j++ {
			for i := lo[0]; i <= hi[0]; i++ {
				at := (k*h+j)*w + i
				truth := within(semanticOf(spine.Structure(labels[at])), classes)
				if c.NoSacrum && truth == semBackground && int(said[at]) == semSacrum {
					continue
				}
				p := confidence(logits[at:], n, classes, int(said[at]))
				bin := min(int(p*eceBinCount), eceBinCount-1)
				count[bin], sure[bin] = count[bin]+1, sure[bin]+p
				if truth == int(said[at]) {
					right[bin]++
				}
			}
		}
	}
	gap, all := 0.0, 0.0
	for b := range count {
		gap, all = gap+math.Abs(sure[b]-right[b]), all+count[b]
	}
	return gap / all
}

// confidence is the probability of a class where the logits of the classes are n apart.
func confidence(logits []float32, n, classes, class int) float64 {
	sum := 0.0
	for c := range classes {
		sum += math.Exp(float64(logits[c*n] - logits[class*n]))
	}
	return 1 / sum
}

// labelledBox is the first and last column, row and slice with a label.
func labelledBox(labels []uint8, h, w int) (lo, hi [3]int) {
	lo, hi = [3]int{math.MaxInt, math.MaxInt, math.MaxInt}, [3]int{-1, -1, -1}
	for n, l := range labels {
		if l == 0 {
			continue
		}
		for a, x := range [3]int{n % w, n / w % h, n / (w * h)} {
			lo[a], hi[a] = min(lo[a], x), max(hi[a], x)
		}
	}
	return lo, hi
}
