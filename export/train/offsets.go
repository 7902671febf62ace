package train

// Offsets are sought in halving steps, from the first to the last.
const (
	firstStep = 1.0
	lastStep  = 0.125
	leastGain = 1e-6
)

// voxelSample is a voxel with what the network said of it.
type voxelSample struct {
	logits [semCount]float32
	truth  uint8 // its class
	set    uint8 // samples of one set are counted together
}

// fitOffsets seeks the number to add to each class's logit with which the mean Dice
// over classes and sets is best: one class at a time, up or down, in ever smaller
// steps, until none helps. Background is the one that the others are held against.
func fitOffsets(samples []voxelSample) [semCount]float32 {
	var offsets [semCount]float32
	best := meanDice(samples, offsets)
	for step := float32(firstStep); step >= lastStep; step /= 2 {
		for moved := true; moved; {
			moved = false
			for c := 1; c < semCount; c++ {
				for _, d := range [2]float32{-step, step} {
					try := offsets
					try[c] += d
					if v := meanDice(samples, try); v > best+leastGain {
						best, offsets, moved = v, try, true
					}
				}
			}
		}
	}
	return offsets
}

// meanDice is the mean Dice of the classes that a set has, background left out.
func meanDice(samples []voxelSample, offsets [semCount]float32) float64 {
	sum, n := 0.0, 0.0
	for _, set := range diceBySet(samples, offsets) {
		for c := 1; c < semCount; c++ {
			if set.truth[c] > 0 {
				sum, n = sum+set.dice(c), n+1
			}
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// overlap counts voxels by class.
type overlap struct{ truth, said, both [semCount]float64 }

func (o *overlap) dice(c int) float64 { return 2 * o.both[c] / (o.truth[c] + o.said[c]) }

func diceBySet(samples []voxelSample, offsets [semCount]float32) map[uint8]*overlap {
	var sets [256]*overlap
	for n := range samples {
		s := &samples[n]
		o := sets[s.set]
		if o == nil {
			o = &overlap{}
			sets[s.set] = o
		}
		said := s.class(offsets)
		o.truth[s.truth]++
		o.said[said]++
		if said == int(s.truth) {
			o.both[said]++
		}
	}
	out := map[uint8]*overlap{}
	for n, o := range sets {
		if o != nil {
			out[uint8(n)] = o
		}
	}
	return out
}

// class is the one chosen with offsets.
func (s *voxelSample) class(offsets [semCount]float32) int {
	best, top := 0, s.logits[0]+offsets[0]
	for c := 1; c < semCount; c++ {
		if v := s.logits[c] + offsets[c]; v > top {
			best, top = c, v
		}
	}
	return best
}
