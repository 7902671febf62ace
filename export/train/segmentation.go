package train

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"columna/export/graph"
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

// classes is how many classes the network tells apart, nodes how many levels.
func (c crop) classes() int { return len(nets.Labels(c.net, "semantic")) }
func (c crop) nodes() int   { return len(nets.Labels(c.net, "level")) }

// within is a channel, or background where the network has not so many.
func within(channel, channels int) int {
	if channel < channels {
		return channel
	}
	return 0
}

// targets are the one-hot labels, the levels at half the in-plane resolution, and
// where each is known.
func targets(labels []uint8, s Segment, c crop) map[string]ort.Tensor {
	n, classes := c.d*c.h*c.w, c.classes()
	sem := make([]float32, classes*n)
	for i, l := range labels {
		sem[within(semanticOf(spine.Structure(l)), classes)*n+i] = 1
	}
	node, mask := levels(labels, s, c)
	sacrum := float32(0)
	if s.NoSacrum {
		sacrum = 1
	}
	return map[string]ort.Tensor{
		"target_semantic": {Shape: []int{1, classes, c.d, c.h, c.w}, Data: sem},
		"target_level":    {Shape: []int{1, c.nodes(), c.d, c.h / 2, c.w / 2}, Data: node},
		"level_mask":      {Shape: []int{1, 1, c.d, c.h / 2, c.w / 2}, Data: mask},
		"no_sacrum":       {Shape: []int{1}, Data: []float32{sacrum}},
	}
}

// levels are the shares of the graph's nodes in each cell of 2x2 pixels. Where
// the sacrum was not labelled, background says nothing.
func levels(labels []uint8, s Segment, c crop) (node, mask []float32) {
	h, w, nodes := c.h/2, c.w/2, c.nodes()
	n := c.d * h * w
	node, mask = make([]float32, nodes*n), make([]float32, n)
	for i, l := range labels {
		x, y, k := i%c.w, i/c.w%c.h, i/(c.w*c.h)
		cell := (k*h+y/2)*w + x/2
		node[within(nodeOf(spine.Structure(l)), nodes)*n+cell] += 0.25
		if !s.NoLevels && (l != 0 || !s.NoSacrum) {
			mask[cell] = 1
		}
	}
	return node, mask
}

// Loss is that of the first size.
func (t *SegmentationTask) Loss(g *graph.Graph) *graph.Value { return t.LossOf(g, 0) }

// LossOf is Dice plus cross entropy of the classes, or the loss that was chosen, deep supervision at every decoder stage that the network has logits for,
// and cross entropy of the levels.
func (t *SegmentationTask) LossOf(g *graph.Graph, size int) *graph.Value {
	c := t.crops[size]
	out := c.net.Forward(g, nets.Feed(g, c.net, t.batch))
	return g.Label("loss", func() *graph.Value { return t.lossOn(g, out, c) })
}

// lossOn is the loss of a network's outputs.
func (t *SegmentationTask) lossOn(g *graph.Graph, out map[string]*graph.Value, c crop) *graph.Value {
	n := t.batch
	truth := g.Input("target_semantic", n, c.classes(), c.d, c.h, c.w)
	level := g.Input("target_level", n, c.nodes(), c.d, c.h/2, c.w/2)
	mask := g.Input("level_mask", n, 1, c.d, c.h/2, c.w/2)
	noSacrum := graph.Reshape(g.Input("no_sacrum", n), n, 1, 1, 1, 1)
	main := t.classLoss(out["semantic"], truth, noSacrum, true)
	var aux []*graph.Value
	for n := 1; out["_aux"+strconv.Itoa(n)] != nil; n++ {
		logits := out["_aux"+strconv.Itoa(n)]
		aux = append(aux, t.classLoss(logits, loss.Shrink(truth, logits), noSacrum, false))
	}
	total := t.supervised(main, aux)
	weights := levelWeights(c.nodes())
	named := loss.CrossEntropy(out["_level_aux1"], level, weights, mask)
	if coarse := out["_level_aux4"]; coarse != nil {
		shrunk := loss.CrossEntropy(coarse, loss.Shrink(level, coarse), weights, loss.Shrink(mask, coarse))
		named = graph.Add(named, graph.MulScalar(shrunk, 0.5))
	}
	return graph.Add(total, graph.MulScalar(named, 0.5))
}

// supervised adds the mean of the deep supervision's losses. Its weight falls from
// epoch to epoch as the paper's does, where the task knows how long an epoch is.
func (t *SegmentationTask) supervised(main *graph.Value, aux []*graph.Value) *graph.Value {
	if t.epoch == 0 {
		return loss.DeepSupervision(main, aux, loss.DeepSupervisionWeight(0))
	}
	weight := main.Graph().Input("deep_weight", 1)
	if len(aux) == 0 {
		return main
	}
	sum := aux[0]
	for _, a := range aux[1:] {
		sum = graph.Add(sum, a)
	}
	return graph.Add(main, graph.Mul(graph.MulScalar(sum, 1/float64(len(aux))), weight))
}

// levelWeights make the background, nine tenths of all voxels, count for less.
func levelWeights(nodes int) []float64 {
	w := make([]float64, nodes)
	for i := range w {
		w[i] = 1
	}
	w[0] = 0.1
	return w
}

// classLoss compares the classes; where the sacrum was not labelled, calling a
// voxel sacrum counts as calling it background.
func (t *SegmentationTask) classLoss(logits, truth, noSacrum *graph.Value, full bool) *graph.Value {
	probs := graph.Softmax(logits, 1)
	if classes := logits.Dim(1); classes > semSacrum {
		p := slices.Clone(graph.Split(probs, 1, slices.Repeat([]int{1}, classes)...))
		moved := graph.Mul(p[semSacrum], noSacrum)
		p[semBackground] = graph.Add(p[semBackground], moved)
		p[semSacrum] = graph.Sub(p[semSacrum], moved)
		probs = graph.Concat(1, p...)
	}
	total := t.spatialLoss(probs, truth, full)
	if full && t.spectral > 0 {
		total = graph.Add(total, graph.MulScalar(loss.SpectralCorrelation(probs, truth), t.spectral))
	}
	return total
}

// spatialLoss is the loss that was chosen, of logits that give probs back, or the
// recipe's.
func (t *SegmentationTask) spatialLoss(probs, truth *graph.Value, full bool) *graph.Value {
	if t.main != nil {
		logits := graph.Log(graph.AddScalar(probs, 1e-5))
		if full {
			return t.main(logits, truth)
		}
		return t.deep(logits, truth)
	}
	return graph.Add(loss.Dice(probs, truth, nil), graph.MulScalar(crossEntropyOf(probs, truth), 0.5))
}

// chooseLoss sets the loss called name, with the spectral term at a weight. The
// term is of the output alone, not of the deep supervision.
func (t *SegmentationTask) chooseLoss(name string, spectral float64) error {
	if spectral < 0 {
		return fmt.Errorf("the weight of the spectral term is %g: it must not be negative", spectral)
	}
	if name == "" {
		t.spectral = spectral
		return nil
	}
	spatial, classes := strings.TrimSuffix(name, loss.SpectralSuffix), semCount
	if t.net != nil {
		classes = crop{net: t.net}.classes()
	}
	if spectral > 0 {
		name = spatial + loss.SpectralSuffix
	}
	var err error
	if t.main, err = loss.Segmentation(name, classes, loss.Options{Spectral: spectral}); err != nil {
		return err
	}
	t.deep, err = loss.Segmentation(spatial, classes, loss.Options{})
	return err
}

// crossEntropyOf is the mean over the voxels of -log of the true class's
// probability, bounded at 1e-5. All classes count the same: where thin structures
// counted for more, they were drawn a rim of pixels too large.
func crossEntropyOf(probs, truth *graph.Value) *graph.Value {
	logs := graph.Log(graph.AddScalar(probs, 1e-5))
	return graph.MulScalar(graph.ReduceMean(graph.Mul(truth, logs), false), -float64(probs.Dim(1)))
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

// Validate measures Dice per class on the network grid, on held-out phantoms and
// held-out real studies. Score is the mean over body, disc and canal of both.
func (t *SegmentationTask) Validate(ctx context.Context, w graph.Weights) (Validation, error) {
	s, err := session(t.net, w, t.sessions)
	if err != nil {
		return Validation{}, err
	}
	defer s.Close()
	v, found := Validation{Figures: map[string]float64{}}, ward{}
	sets, n := map[string][]Segment{"phantom": t.held, "spider": t.realHeld}, 0.0
	if t.late != nil {
		late, err := t.late.wait(ctx)
		if err != nil {
			return v, err
		}
		maps.Copy(sets, late)
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) { // so that sums are the same every time
		set := sets[name]
		if len(set) == 0 {
			continue
		}
		mean, err := t.measure(ctx, s, set, name, 0, v.Figures, found)
		if err != nil {
			return v, err
		}
		v.Score += mean
		n++
		for _, noise := range t.noise {
			if _, err := t.measure(ctx, s, set, noiseName(name, noise), noise, v.Figures, found); err != nil {
				return v, err
			}
		}
	}
	v.Score /= n
	v.Patients = found.patients()
	return v, nil
}

// measure adds the mean Dice of each class over a set, under noise if asked, to figures.
func (t *SegmentationTask) measure(ctx context.Context, s *ort.Session, set []Segment, name string, noise float64, figures map[string]float64, found ward) (float64, error) {
	sum, count := [semCount]float64{}, [semCount]float64{}
	right, voxels := 0.0, 0.0
	whole := crop{t.net, t.d, t.h, t.w}
	classes, nodes := whole.classes(), whole.nodes()
	for _, c := range set {
		in := t.feed(c)
		if noise > 0 {
			addNoise(in, c.Patient, noise)
		}
		out, err := s.Run(ctx, in)
		if err != nil {
			return 0, err
		}
		sem, node := argmax(out["semantic"].Data, classes), argmax(out["level"].Data, nodes)
		for class := semBody; class < classes; class++ {
			if c.NoSacrum && class == semSacrum {
				continue // a vertebra that a count took for it
			}
			if d := diceOf(c.Labels, sem, class); !math.IsNaN(d) {
				sum[class] += d
				count[class]++
				found.dice(name, c.Patient, class, d)
			}
		}
		found.add(name, c.Patient, "ece", voxelECE(c, out["semantic"].Data, t.d, t.h, t.w))
		r, n := levelHits(c, sem, node, nodes)
		right, voxels = right+r, voxels+n
	}
	for class := semBody; class < classes; class++ {
		if count[class] > 0 {
			figures[name+"_dice_"+classNames()[class]] = sum[class] / count[class]
		}
	}
	if voxels > 0 {
		figures[name+"_level_accuracy"] = right / voxels
	}
	scored := min(classes-1, semCanal) // body and disc, and the canal where the network has it
	return (figures[name+"_dice_body"] + figures[name+"_dice_disc"] + figures[name+"_dice_canal"]) / float64(scored), nil
}

func classNames() [semCount]string {
	return [semCount]string{"", "body", "disc", "canal", "sacrum", "posterior"}
}

// dice adds the Dice of a class of a study; "dice" is over body and disc, as the
// papers have it.
func (w ward) dice(set, patient string, class int, dice float64) {
	w.add(set, patient, "dice_"+classNames()[class], dice)
	if class == semBody || class == semDisc {
		w.add(set, patient, "dice", dice)
	}
}

// feed is the network's input for a study as it is, without augmentation.
func (t *SegmentationTask) feed(c Segment) map[string]ort.Tensor {
	shape := []int{1, 1, t.d, t.h, t.w}
	in := map[string]ort.Tensor{}
	present := make([]float32, 2)
	for n, q := range [2][]uint8{c.T1, c.T2} {
		data := make([]float32, t.d*t.h*t.w)
		if q != nil {
			data, present[n] = dequantise(q, t.d, t.h, t.w).Data, 1
		}
		in[[2]string{"t1", "t2"}[n]] = ort.Tensor{Shape: shape, Data: data}
	}
	in["present"] = ort.Tensor{Shape: []int{1, 2}, Data: present}
	return in
}

// argmax picks the largest of the channels at each voxel.
func argmax(logits []float32, channels int) []uint8 {
	n := len(logits) / channels
	out := make([]uint8, n)
	best := append([]float32(nil), logits[:n]...)
	for c := 1; c < channels; c++ {
		for i, v := range logits[c*n:][:n] {
			if v > best[i] {
				best[i], out[i] = v, uint8(c)
			}
		}
	}
	return out
}

// diceOf compares one class; NaN where the truth has none of it.
func diceOf(labels, sem []uint8, class int) float64 {
	both, ref, pred := 0, 0, 0
	for i, l := range labels {
		a, b := semanticOf(spine.Structure(l)) == class, int(sem[i]) == class
		if a {
			ref++
		}
		if b {
			pred++
		}
		if a && b {
			both++
		}
	}
	if ref == 0 {
		return math.NaN()
	}
	return 2 * float64(both) / float64(ref+pred)
}

// levelHits counts, over the bodies and discs that were found, the voxels whose
// level is right.
func levelHits(c Segment, sem, node []uint8, nodes int) (right, voxels float64) {
	if c.NoLevels {
		return 0, 0
	}
	for i, l := range c.Labels {
		class := semanticOf(spine.Structure(l))
		if int(sem[i]) != class || class != semBody && class != semDisc {
			continue
		}
		voxels++
		if int(node[i]) == within(nodeOf(spine.Structure(l)), nodes) {
			right++
		}
	}
	return right, voxels
}
