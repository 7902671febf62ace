package train

import (
	"context"
	"math"
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
	Seq     [3][]float32 // T1, T2, fat-suppressed T2; normalised
	Present [3]float32
	Tabular [8]float32
	Class   spine.LesionClass
	Patient string
}

// LesionTask teaches DeSamba's metastasis head.
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

// Loss is DeSamba's: cross entropy plus the two reconstruction terms. These come
// in between two and three fifths of the steps: from the start they are soonest
// satisfied by features that say nothing. (With them from the start, and a region
// of 48 mm, the classes stayed at chance; the two were not told apart.)
func (t *LesionTask) Loss(g *graph.Graph) *graph.Value {
	out := t.net.Forward(g, nets.Feed(g, t.net, t.batch))
	target := g.Input("target", t.batch, spine.LesionClassCount)
	ramp := g.Input("ramp", 1)
	o := loss.ClassOptions{Smoothing: 0.05}
	return g.Label("loss", func() *graph.Value {
		entropy := loss.ClassCrossEntropy(out["metastasis"], target, o)
		both := loss.DeSamba(out, "metastasis", target, o)
		return graph.Add(entropy, graph.Mul(graph.Sub(both, entropy), ramp))
	})
}

// arrange orders the training lesions that are in memory.
func (t *LesionTask) arrange() {
	t.phantoms = fixed[LesionSample]{t.train, orderOfLesions(t.seed, t.train)}
}

// orderOfLesions takes the classes in turn.
func orderOfLesions(seed uint64, set []LesionSample) func(place int) int {
	return newBalanced(seed, len(set), spine.LesionClassCount,
		func(i int) int { return int(set[i].Class) }, func(i int) string { return set[i].Patient }).at
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
	target := make([]float32, t.batch*spine.LesionClassCount)
	for b := range t.batch {
		place := n*t.batch + b
		r := source(t.seed, place, 0)
		s, ok := t.phantoms.at(place)
		if !ok {
			return nil
		}
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
		target[b*spine.LesionClassCount+int(s.Class)] = 1
	}
	in := t.tensors(seq, present, tab, t.batch)
	in["ramp"] = ort.Tensor{Shape: []int{1}, Data: []float32{t.ramp(n)}}
	in["target"] = ort.Tensor{Shape: []int{t.batch, spine.LesionClassCount}, Data: target}
	return in
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

// Validate classifies the held-out lesions. Score is the mean recall of the
// classes plus a tenth of top-3.
func (t *LesionTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	var hit, all [spine.LesionClassCount]float64
	top3, found := 0.0, ward{}
	held := t.held
	if t.late != nil {
		late, err := t.late.wait(ctx)
		if err != nil {
			return Validation{}, err
		}
		held = late["phantom"]
	}
	for _, c := range held {
		in := t.tensors(c.Seq, append([]float32(nil), c.Present[:]...), append([]float32(nil), c.Tabular[:]...), 1)
		out, err := s.Run(ctx, in)
		if err != nil {
			return Validation{}, err
		}
		rank := rankOf(out["metastasis"].Data, int(c.Class))
		all[c.Class]++
		if rank == 0 {
			hit[c.Class]++
		}
		if rank < 3 {
			top3++
		}
		found.add("phantom", c.Patient, "top1", float64(one(rank == 0)))
		found.add("phantom", c.Patient, "top3", float64(one(rank < 3)))
	}
	v := lesionFigures(hit, all, top3)
	v.Patients = found.patients()
	return v, nil
}

// rankOf counts the classes more probable than class.
func rankOf(logits []float32, class int) int {
	n := 0
	for i, v := range logits {
		if i != class && v >= logits[class] {
			n++
		}
	}
	return n
}

func lesionFigures(hit, all [spine.LesionClassCount]float64, top3 float64) Validation {
	v := Validation{Figures: map[string]float64{}}
	right, n := 0.0, 0.0
	for c := range hit {
		recall := hit[c] / math.Max(all[c], 1)
		v.Figures["phantom_recall_"+spine.LesionClass(c).String()] = recall
		v.Score += recall / spine.LesionClassCount
		right, n = right+hit[c], n+all[c]
	}
	v.Figures["phantom_top1"] = right / math.Max(n, 1)
	v.Figures["phantom_top3"] = top3 / math.Max(n, 1)
	v.Score += 0.1 * v.Figures["phantom_top3"]
	return v
}

// Card says what DeSamba knows.
func (t *LesionTask) Card(spec *models.Spec) {
	spec.SizeVox = [3]int{t.w, t.h, t.d}
	spec.TrainedOn = t.about
	spec.Limits = "Synthetic phantoms only: unvalidated on patients. The spondylitis head is untrained. Not a medical device."
	spec.Licence = "Apache-2.0"
}
