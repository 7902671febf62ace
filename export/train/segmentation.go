package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"columna/export/loss"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// Semantic channels of the segmentation networks, in the order of their "semantic"
// output.
const (
	semBackground = iota
	semBody
	semDisc
	semCanal
	semSacrum
	semPosterior
	semCount
)

// nodeCount is the number of nodes of the anatomical graph.
const nodeCount = 15

// semanticOf and nodeOf map a structure label to its channel. A network of the
// paper's three classes and ten nodes has the first of them, and calls the rest
// background.
func semanticOf(s spine.Structure) int {
	switch {
	case s == spine.S1:
		return semSacrum
	case s.IsVertebra():
		return semBody
	case s.IsDisc():
		return semDisc
	case s == spine.Canal:
		return semCanal
	case s == spine.Posterior:
		return semPosterior
	}
	return semBackground
}

func nodeOf(s spine.Structure) int {
	switch {
	case s <= spine.S1:
		return int(s)
	case s == spine.T12:
		return 12
	case s == spine.DiscT12L1:
		return 13
	case s == spine.VertebraAbove || s == spine.DiscAbove:
		return 14
	}
	return 0
}

// Segment is one sagittal study, columns to posterior, rows to inferior, slices to
// the patient's left. Grey values are quantised: zero is outside the field of view,
// q is (q-128)/24 in normalised units.
type Segment struct {
	T1, T2    []uint8    // nil where the sequence does not exist
	Labels    []uint8    // spine.Structure values
	Size      [3]int     // columns, rows, slices; zero: those of the network grid
	SpacingMM [3]float64 // zero: that of the network grid
	NoSacrum  bool       // the sacrum was not labelled: it may be called background
	NoLevels  bool       // instances were not labelled
	Patient   string
}

const quantStep = 24

func quantise(data []float32) []uint8 {
	out := make([]uint8, len(data))
	for i, v := range data {
		if v != 0 {
			out[i] = uint8(math.Min(math.Max(float64(v)*quantStep+128, 1), 255))
		}
	}
	return out
}

func dequantise(q []uint8, d, h, w int) stack {
	s := newStack(d, h, w)
	for i, v := range q {
		if v != 0 {
			s.Data[i] = (float32(v) - 128) / quantStep
			if v == 128 {
				s.Data[i] = 1e-3 // zero is kept for outside
			}
		}
	}
	return s
}

// SegmentationTask teaches GF-SSNet or another segmentation network with its inputs
// and outputs, on crops of the network grid and on the whole grid: the same weights
// serve any size, and a crop around the spine costs a third of a step.
type SegmentationTask struct {
	net         nets.Net // for the whole grid
	d, h, w     int      // of the grid
	crops       []crop   // the sizes of a batch
	mix         float64  // share of batches of the second size
	batch       int      // studies in a batch
	epoch       int      // batches in an epoch
	main, deep  loss.Of  // chosen by name, for the output and the deep supervision; nil: the recipe's
	spectral    float64  // weight of the spectral correlation term beside the recipe's loss
	train, held []Segment
	real        []Segment // drawn one time in RealEvery
	realHeld    []Segment
	phantoms    drawn[Segment] // of train, or of a stream
	cases       drawn[Segment] // of real, or of a stream; nil where there are none
	late        *later[map[string][]Segment]
	seed        uint64
	spacing     [3]float64
	noise       []float64   // under which the held-out studies are measured too
	sessions    ort.Options // of the validation
	about       string
	sets        []string // kinds of the real studies
}

// crop is a part of the grid with the network for its size.
type crop struct {
	net     nets.Net
	d, h, w int
}

// RealEvery is how often a real study is taken instead of a phantom.
const RealEvery = 2

// Net is the network being taught.
func (t *SegmentationTask) Net() nets.Net { return t.net }

// Sizes are the crop and, if the task mixes, the whole grid.
func (t *SegmentationTask) Sizes() int { return len(t.crops) }

// SizeOf draws the size of the n-th batch.
func (t *SegmentationTask) SizeOf(n int) int {
	if len(t.crops) > 1 && source(t.seed^0xA24BAED4963EE407, n, 0).Float64() < t.mix {
		return 1
	}
	return 0
}

// arrange orders the training studies that are in memory.
func (t *SegmentationTask) arrange() {
	for i, set := range [][]Segment{t.train, t.real} {
		for n := range set {
			if set[n].Size[0] == 0 {
				set[n].Size = [3]int{t.w, t.h, t.d}
			}
			if set[n].SpacingMM[0] == 0 {
				set[n].SpacingMM = t.spacing
			}
		}
		if len(set) > 0 {
			*[]*drawn[Segment]{&t.phantoms, &t.cases}[i] = fixed[Segment]{set, orderOfSegments(t.seed+uint64(i), set)}
		}
	}
}

// orderOfSegments takes every patient once a pass.
func orderOfSegments(seed uint64, set []Segment) func(place int) int {
	all := make([]int, len(set))
	for n := range all {
		all[n] = n
	}
	return newOrder(seed, all, func(n int) string { return set[n].Patient }).at
}

// study is the one at a place of the whole sequence; not ok when the run is over.
func (t *SegmentationTask) study(place int) (Segment, bool) {
	switch {
	case t.cases == nil:
		return t.phantoms.at(place)
	case t.phantoms == nil:
		return t.cases.at(place)
	case place%RealEvery == 0:
		return t.cases.at(place / RealEvery)
	}
	return t.phantoms.at(place - place/RealEvery - 1)
}

// Batch is the next studies, each augmented and cropped in its own way.
func (t *SegmentationTask) Batch(n int) map[string]ort.Tensor {
	samples := make([]map[string]ort.Tensor, t.batch)
	for b := range samples {
		place := n*t.batch + b
		study, ok := t.study(place)
		if !ok {
			return nil
		}
		samples[b] = t.sample(source(t.seed, place, 0), study, t.crops[t.SizeOf(n)], look)
	}
	in := joined(samples)
	if t.epoch > 0 {
		in["deep_weight"] = scalar(loss.DeepSupervisionWeight(n / t.epoch))
	}
	return in
}

// joined puts samples of one into a batch.
func joined(samples []map[string]ort.Tensor) map[string]ort.Tensor {
	out := samples[0]
	for _, s := range samples[1:] {
		for name, t := range out {
			t.Shape = append([]int{t.Shape[0] + s[name].Shape[0]}, t.Shape[1:]...)
			t.Data = append(t.Data, s[name].Data...)
			out[name] = t
		}
	}
	return out
}

// appearance changes the grey values of a sample in place.
type appearance func(r *rand.Rand, s stack, labels []uint8)

// sample is one view of a study, a batch of one.
func (t *SegmentationTask) sample(r *rand.Rand, s Segment, c crop, as appearance) map[string]ort.Tensor {
	v := newView(r, s, c, t.spacing, t.focus(r, s, c))
	if !s.NoSacrum { // a slab of real slices is as narrow as studies come
		v.narrow(r)
	}
	labels := v.labels(s)
	t1, t2, present := t.sequences(r, s, v, labels, as)
	in := targets(labels, s, c)
	shape := []int{1, 1, c.d, c.h, c.w}
	in["t1"], in["t2"] = ort.Tensor{Shape: shape, Data: t1}, ort.Tensor{Shape: shape, Data: t2}
	in["present"] = ort.Tensor{Shape: []int{1, 2}, Data: present}
	return in
}

// focus is the point of a study, in its voxels, that a view is centred on: mostly a
// labelled voxel. Along an axis of the grid's own length it is near the middle, as in
// use, or, where the study is the larger, anywhere: in use views then lie side by side.
func (t *SegmentationTask) focus(r *rand.Rand, s Segment, c crop) [3]float64 {
	var at [3]float64
	for try := range 40 {
		n := r.IntN(len(s.Labels))
		at = [3]float64{float64(n % s.Size[0]), float64(n / s.Size[0] % s.Size[1]), float64(n / (s.Size[0] * s.Size[1]))}
		if s.Labels[n] != 0 || try == 0 && r.IntN(8) == 0 {
			break
		}
	}
	size := [3]int{t.w, t.h, t.d}
	whole := [3]bool{c.w == t.w, c.h == t.h, c.d == t.d}
	for a := range 3 {
		if whole[a] {
			spare := float64(s.Size[a])*s.SpacingMM[a] - float64(size[a])*t.spacing[a]
			shift := max(viewShiftMM*[3]float64{1, 1, 0.5}[a], min(spare/2, float64(size[a])*t.spacing[a]/4))
			at[a] = float64(s.Size[a]-1)/2 + between(r, -1, 1)*shift/s.SpacingMM[a]
		}
	}
	return at
}

// sequences shows both sequences as other scanners would; sometimes one is left out,
// so that the network learns to do with the other, or the first stands in for the
// second, as a lone gradient echo does.
func (t *SegmentationTask) sequences(r *rand.Rand, s Segment, v view, labels []uint8, as appearance) (t1, t2, present []float32) {
	have := [2]bool{s.T1 != nil, s.T2 != nil}
	if have[0] && have[1] {
		switch p := r.Float64(); {
		case p < 0.3:
			have[0] = false
		case p < 0.5:
			have[1] = false
		}
	}
	present = make([]float32, 2)
	out := [2][]float32{make([]float32, len(labels)), make([]float32, len(labels))}
	for n, q := range [2][]uint8{s.T1, s.T2} {
		if !have[n] {
			continue
		}
		st := v.image(q)
		as(r, st, labels)
		out[n], present[n] = st.Data, 1
	}
	if have[0] != have[1] && r.IntN(4) == 0 { // whatever it is, it may be taken for the other
		out[0], out[1], present[0], present[1] = out[1], out[0], present[1], present[0]
	}
	return out[0], out[1], present
}

// Card says what the network knows.
func (t *SegmentationTask) Card(spec *models.Spec) {
	spec.SizeVox, spec.SpacingMM = [3]int{t.w, t.h, t.d}, t.spacing
	spec.TrainedOn = t.about
	spec.Limits = "Phantoms, and SPIDER slabs of one scanner around the midline: lateral slices, other scanners, T1 and STIR " +
		"of patients and the sacrum are known from phantoms only. Not a medical device."
	spec.Licence = "Apache-2.0"
	spec.Attribution = attribution(t.sets)
	if t.cases != nil && !slices.Equal(t.sets, []string{"spider"}) {
		spec.Limits = "Phantoms and the data sets named; other scanners and populations are unvalidated. Not a medical device."
	}
}

const spiderAttribution = "SPIDER: J. W. van der Graaf et al., Scientific Data 11, 264 (2024), CC BY 4.0; downsampled, labels remapped."
