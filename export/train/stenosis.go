package train

import (
	"math"
	"math/rand/v2"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/spine"
)

// cropUnit scales crop pixels (0..255 less their mean) to the quantised range.
const cropUnit = 64

// StenosisSample is one crop of one condition at one level with its grade.
type StenosisSample struct {
	Pixels    []uint8 // quantised, in units of cropUnit; zero is outside the image
	Condition spine.Condition
	Grade     spine.Grade
	Patient   string
}

// StenosisTask teaches StenosisNet.
type StenosisTask struct {
	net         nets.Net
	size, batch int
	train, held []StenosisSample
	phantoms    drawn[StenosisSample] // of train, or of a stream
	cases       drawn[StenosisSample] // drawn one time in RealEvery; nil where there are none
	late        *later[map[string][]StenosisSample]
	seed        uint64
	sessions    ort.Options // of the validation
	about       string
	limits      string
	sets        []string // kinds of the cases
}

// Net is the network being taught.
func (t *StenosisTask) Net() nets.Net { return t.net }

// Loss is cross entropy with a little label smoothing over the three grades.
func (t *StenosisTask) Loss(g *graph.Graph) *graph.Value {
	in := nets.Feed(g, t.net, t.batch)
	out := t.net.Forward(g, in)
	target := g.Input("target", t.batch, 3)
	return g.Label("loss", func() *graph.Value {
		return loss.ClassCrossEntropy(out["logits"], target, loss.ClassOptions{Smoothing: 0.05})
	})
}

// arrange orders the training crops that are in memory.
func (t *StenosisTask) arrange() {
	t.phantoms = fixed[StenosisSample]{t.train, orderOfCrops(t.seed, t.train)}
}

// orderOfCrops takes the grades in turn.
func orderOfCrops(seed uint64, set []StenosisSample) func(place int) int {
	return newBalanced(seed, len(set), 3,
		func(i int) int { return int(set[i].Grade) }, func(i int) string { return set[i].Patient }).at
}

// crop is the one at a place of the whole sequence; not ok when the run is over.
func (t *StenosisTask) crop(place int) (StenosisSample, bool) {
	switch {
	case t.cases == nil:
		return t.phantoms.at(place)
	case place%RealEvery == 0:
		return t.cases.at(place / RealEvery)
	}
	return t.phantoms.at(place - place/RealEvery - 1)
}

// Batch takes as many crops of each grade as of the others, augmented as in the
// paper: scale 0.8 to 1.2, shift 20 of 224 pixels, rotation 15 degrees. Crops are
// never mirrored: left and right would change places.
func (t *StenosisTask) Batch(n int) map[string]ort.Tensor {
	pixels := t.size * t.size
	images, target := make([]float32, t.batch*pixels), make([]float32, t.batch*3)
	cond := make([]float32, t.batch*spine.ConditionCount)
	for b := range t.batch {
		place := n*t.batch + b
		s, ok := t.crop(place)
		if !ok {
			return nil
		}
		copy(images[b*pixels:], t.augment(source(t.seed, place, 0), s.Pixels))
		cond[b*spine.ConditionCount+int(s.Condition)] = 1
		target[b*3+int(s.Grade)] = 1
	}
	return map[string]ort.Tensor{
		"image":     {Shape: []int{t.batch, 1, t.size, t.size}, Data: images},
		"condition": {Shape: []int{t.batch, spine.ConditionCount}, Data: cond},
		"target":    {Shape: []int{t.batch, 3}, Data: target},
	}
}

func (t *StenosisTask) augment(r *rand.Rand, px []uint8) []float32 {
	a := randomWarp(r, 15, 0.2, 20.0/224*float64(t.size))
	s := a.apply(dequantise(px, 1, t.size, t.size))
	intensity(r, s, 0.6)
	return rescale(s.Data)
}

// rescale brings a crop in units of cropUnit to 0..255 less its mean, as serving
// gives it; what is outside the image stays zero.
func rescale(px []float32) []float32 {
	lo, hi := float32(math.Inf(1)), float32(math.Inf(-1))
	sum, n := 0.0, 0.0
	for _, v := range px {
		if v != 0 {
			lo, hi = min(lo, v), max(hi, v)
			sum, n = sum+float64(v), n+1
		}
	}
	if n == 0 || hi <= lo {
		return px
	}
	mean, scale := float32(sum/n), 255/(hi-lo)
	for i, v := range px {
		if v != 0 {
			px[i] = (v - mean) * scale
		}
	}
	return px
}
