package train

import (
	"slices"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// LesionSample is one lesion's three regions of interest with its class.
type LesionSample struct {
	Seq       [3][]float32 // T1, T2, fat-suppressed T2; normalised
	Present   [3]float32
	Tabular   [8]float32
	Class     spine.LesionClass // of a metastasis
	Infected  bool              // a spondylitis instead: it teaches the other head
	Infection spine.Infection
	Patient   string
}

// infectedShare is the share of training patients with a spondylitis, so that each of
// its two kinds has about as many lesions as a primary site.
const infectedShare = 1.0 / 3

// The heads, in the order of their targets, and the classes of both together.
const (
	headMetastasis  = "metastasis"
	headSpondylitis = "spondylitis"
	lesionKinds     = spine.LesionClassCount + spine.InfectionCount
)

// kind is the sample's class among those of both heads.
func (s *LesionSample) kind() int {
	if s.Infected {
		return spine.LesionClassCount + int(s.Infection)
	}
	return int(s.Class)
}

// LesionTask teaches DeSamba's two heads.
type LesionTask struct {
	net         nets.Net
	d, h, w     int
	batch       int
	train, held []LesionSample
	phantoms    drawn[LesionSample] // of train, or of a stream
	late        *later[map[string][]LesionSample]
	batches     int // of the whole run
	seed        uint64
	sessions    ort.Options // of the validation
	about       string
}

// Net is the network being taught.
func (t *LesionTask) Net() nets.Net { return t.net }

// Loss is DeSamba's: the cross entropy of the head that a lesion teaches, plus the two
// reconstruction terms, which every lesion teaches. These come in between two and
// three fifths of the steps: from the start they are soonest satisfied by features
// that say nothing. (With them from the start, and a region of 48 mm, the classes
// stayed at chance; the two were not told apart.)
func (t *LesionTask) Loss(g *graph.Graph) *graph.Value {
	out := t.net.Forward(g, nets.Feed(g, t.net, t.batch))
	target := [2]*graph.Value{g.Input("target_metastasis", t.batch, spine.LesionClassCount), g.Input("target_infection", t.batch, spine.InfectionCount)}
	ramp := g.Input("ramp", 1)
	return g.Label("loss", func() *graph.Value {
		entropy := loss.TwoHeads([2]*graph.Value{out[headMetastasis], out[headSpondylitis]}, target, loss.ClassOptions{Smoothing: 0.05})
		both := loss.AddReconstruction(entropy, out)
		return graph.Add(entropy, graph.Mul(graph.Sub(both, entropy), ramp))
	})
}

// arrange orders the training lesions that are in memory.
func (t *LesionTask) arrange() {
	t.phantoms = fixed[LesionSample]{t.train, orderOfLesions(t.seed, t.train)}
}

// orderOfLesions takes the classes of both heads in turn.
func orderOfLesions(seed uint64, set []LesionSample) func(place int) int {
	return newBalanced(seed, len(set), lesionKinds,
		func(i int) int { return set[i].kind() }, func(i int) string { return set[i].Patient }).at
}

// ramp is the weight of the reconstruction terms at the n-th batch.
func (t *LesionTask) ramp(n int) float32 {
	share := float64(n) / float64(t.batches)
	return float32(min(max((share-0.4)/0.2, 0), 1))
}

// Batch takes the classes in turn. Regions are mirrored, rotated, scaled and
// recoloured; a sequence is left out now and then.
func (t *LesionTask) Batch(n int) map[string]ort.Tensor {
	voxels := t.d * t.h * t.w
	seq := [3][]float32{make([]float32, t.batch*voxels), make([]float32, t.batch*voxels), make([]float32, t.batch*voxels)}
	present, tab := make([]float32, t.batch*3), make([]float32, t.batch*8)
	samples := make([]LesionSample, t.batch)
	for b := range t.batch {
		place := n*t.batch + b
		r := source(t.seed, place, 0)
		s, ok := t.phantoms.at(place)
		if !ok {
			return nil
		}
		samples[b] = s
		a := randomWarp(r, 15, 0.12, 2.5)
		a.mirror, a.dk = r.IntN(2) == 0, r.IntN(3)-1
		leave := r.IntN(12) // 0, 1, 2 leave that sequence out
		for q := range 3 {
			if s.Present[q] == 0 || q == leave {
				continue
			}
			st := a.apply(stack{t.d, t.h, t.w, s.Seq[q]})
			intensity(r, st, 0.25)
			copy(seq[q][b*voxels:], st.Data)
			present[b*3+q] = 1
		}
		copy(tab[b*8:], s.Tabular[:])
	}
	in := t.tensors(seq, present, tab, t.batch)
	in["ramp"] = ort.Tensor{Shape: []int{1}, Data: []float32{t.ramp(n)}}
	in["target_metastasis"], in["target_infection"] = lesionTargets(samples)
	return in
}

// lesionTargets has a row for each sample; that of the head it does not teach is zeros.
func lesionTargets(samples []LesionSample) (metastasis, infection ort.Tensor) {
	metastasis = ort.Tensor{Shape: []int{len(samples), spine.LesionClassCount}, Data: make([]float32, len(samples)*spine.LesionClassCount)}
	infection = ort.Tensor{Shape: []int{len(samples), spine.InfectionCount}, Data: make([]float32, len(samples)*spine.InfectionCount)}
	for n, s := range samples {
		if s.Infected {
			infection.Data[n*spine.InfectionCount+int(s.Infection)] = 1
		} else {
			metastasis.Data[n*spine.LesionClassCount+int(s.Class)] = 1
		}
	}
	return metastasis, infection
}

func (t *LesionTask) tensors(seq [3][]float32, present, tab []float32, batch int) map[string]ort.Tensor {
	in := map[string]ort.Tensor{
		"present": {Shape: []int{batch, 3}, Data: present},
		"tabular": {Shape: []int{batch, 8}, Data: tab},
	}
	if slices.Contains(nets.Without(t.net), "tabular") {
		delete(in, "tabular")
	}
	for q, name := range []string{"t1", "t2", "t2fs"} {
		in[name] = ort.Tensor{Shape: []int{batch, 1, t.d, t.h, t.w}, Data: seq[q]}
	}
	return in
}

// Card says what DeSamba knows.
func (t *LesionTask) Card(spec *models.Spec) {
	spec.SizeVox = [3]int{t.w, t.h, t.d}
	spec.TrainedOn = t.about
	spec.Limits = "Synthetic phantoms only: unvalidated on patients. It does not tell a metastasis from an infection. Not a medical device."
	spec.Heads = []models.Head{{Name: headSpondylitis, Labels: []string{spine.Pyogenic.String(), spine.Tuberculous.String()}, Temperature: 1}}
	spec.Licence = "Apache-2.0"
}
