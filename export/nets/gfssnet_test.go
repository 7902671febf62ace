package nets

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/export/loss"
	"columna/internal/ort"
)

// tinyGFSSNet has every module at the smallest size.
func tinyGFSSNet() GFSSNetConfig {
	return GFSSNetConfig{
		Preset: "tiny", Size: [3]int{4, 16, 16}, Semantic: 3, Nodes: 15, Edges: anatomicalEdges(),
		Stem: [3]int{1, 2, 2}, Down: [3][3]int{{1, 2, 2}, {2, 2, 2}, {1, 1, 1}},
		Channels: [4]int{2, 3, 4, 4}, Head: 2,
		Kernels: 2, Inner: [4]int{2, 2, 2, 2}, State: [4]int{2, 2, 2, 2}, ScanKernel: [4]int{3, 3, 3, 3},
		ScanPool:     [4][3]int{{1, 2, 2}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
		NodeFeatures: 4, FDConv: true, Mamba: MambaThree, GCN: true, DAPU: true,
	}
}

func mustGFSSNet(t testing.TB, cfg GFSSNetConfig) *GFSSNet {
	t.Helper()
	n, err := NewGFSSNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// scene is a synthetic study: blocks along H that alternate body and disc.
func scene(cfg GFSSNetConfig) map[string][]float32 {
	s := cfg.Size
	voxels := s[0] * s[1] * s[2]
	out := map[string][]float32{
		"t1": make([]float32, voxels), "t2": make([]float32, voxels), "present": {1, 1},
		"target_semantic": make([]float32, cfg.Semantic*voxels), "target_level": make([]float32, cfg.Nodes*voxels),
	}
	r := graph.NewRandom(11)
	for i := range voxels {
		h, w := i/s[2]%s[1], i%s[2]
		class, node := 0, 0
		if w > s[2]/4 && w < 3*s[2]/4 {
			piece := h * 6 / s[1]
			class, node = 1+piece%2, 1+piece/2+piece%2*5
		}
		out["t1"][i] = float32([]float64{-1, 1, -0.5}[class] + 0.1*r.Normal())
		out["t2"][i] = float32([]float64{-1, 0.3, 1.2}[class] + 0.1*r.Normal())
		out["target_semantic"][class*voxels+i] = 1
		out["target_level"][node*voxels+i] = 1
	}
	return out
}

// sceneLoss couples all outputs with smooth losses; "level" is an interpolation of
// "_level_aux1".
func sceneLoss(g *graph.Graph, n Net, cfg GFSSNetConfig) *graph.Value {
	out := n.Forward(g, feed(g, n))
	s := cfg.Size
	truth := map[string]*graph.Value{
		"semantic": g.Input("target_semantic", 1, cfg.Semantic, s[0], s[1], s[2]),
		"level":    g.Input("target_level", 1, cfg.Nodes, s[0], s[1], s[2]),
	}
	var names []string
	for name := range out {
		if strings.HasPrefix(name, "_aux") || strings.HasPrefix(name, "_level") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var aux []*graph.Value
	for _, name := range names {
		g := truth["semantic"]
		if strings.HasPrefix(name, "_level") {
			g = truth["level"]
		}
		aux = append(aux, loss.CrossEntropy(out[name], loss.Shrink(g, out[name]), nil, nil))
	}
	sem := loss.Dice(graph.Softmax(out["semantic"], 1), truth["semantic"], nil)
	return loss.DeepSupervision(sem, aux, 2)
}

func TestGFSSNet_TrainingGradientEqualsFiniteDifferences(t *testing.T) {
	cfg := tinyGFSSNet()
	cfg.Smooth = true
	g := graph.New("gradient")
	g.Training = true
	total := sceneLoss(g, mustGFSSNet(t, cfg), cfg)
	// Subtracting the loss at the start keeps all digits of the difference.
	rest := graph.Sub(total, g.Input("base"))
	var values []*graph.Value
	for _, p := range g.Params() {
		values = append(values, p.Value)
	}
	w, in := g.InitParams(5), scene(cfg)
	in["present"] = []float32{1, 0.5} // a fraction reaches the embedding too
	results := graph.Eval(append([]*graph.Value{total}, graph.Grad(total, values...)...), in, w)
	in["base"] = results[0]
	for _, group := range groups(g) {
		along, slope := direction(g, group, results[1:])
		difference := func(h float64) float64 {
			return float64(graph.Eval([]*graph.Value{rest}, in, shifted(w, along, h))[0][0])
		}
		const h = 1e-4
		numeric := (difference(h) - difference(-h)) / (2 * h)
		if math.Abs(numeric-slope) > 2e-3*math.Abs(slope)+2e-5 {
			t.Errorf("%s: slope %.6g by gradient, %.6g by differences", group, slope, numeric)
		}
	}
}

// groups lists the modules: the first two parts of the parameters' scopes, of the
// encoders' three.
func groups(g *graph.Graph) []string {
	var list []string
	for _, p := range g.Params() {
		if n := groupOf(p.Name); !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

func groupOf(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' })
	deep := 2
	if parts[0] == "see" {
		deep = 3
	}
	return strings.Join(parts[:min(deep, len(parts))], ".")
}

// direction draws a random direction in one group's parameters and gives the
// slope along it that the gradients claim.
func direction(g *graph.Graph, group string, grads [][]float32) (graph.Weights, float64) {
	along, slope, r := graph.Weights{}, 0.0, graph.NewRandom(13)
	for i, p := range g.Params() {
		if groupOf(p.Name) != group {
			continue
		}
		d := make([]float32, len(grads[i]))
		for j := range d {
			d[j] = float32(r.Normal())
			slope += float64(d[j]) * float64(grads[i][j])
		}
		along[p.Name] = d
	}
	return along, slope
}

func shifted(w, along graph.Weights, h float64) graph.Weights {
	out := graph.Weights{}
	for name, data := range w {
		out[name] = data
		if d, ok := along[name]; ok {
			out[name] = make([]float32, len(data))
			for i := range data {
				out[name][i] = data[i] + float32(h)*d[i]
			}
		}
	}
	return out
}

func TestGFSSNet_EverySwitchBuildsAndChangesTheParameters(t *testing.T) {
	full := parameterCount(t, tinyGFSSNet())
	seen := map[int]string{full: "all modules"}
	for name, change := range map[string]func(*GFSSNetConfig){
		"no fdconv":      func(c *GFSSNetConfig) { c.FDConv = false },
		"sagittal mamba": func(c *GFSSNetConfig) { c.Mamba = MambaSagittal },
		"no mamba":       func(c *GFSSNetConfig) { c.Mamba = MambaNone },
		"no gcn":         func(c *GFSSNetConfig) { c.GCN = false },
		"no dapu":        func(c *GFSSNetConfig) { c.DAPU = false },
		"baseline": func(c *GFSSNetConfig) {
			c.FDConv, c.Mamba, c.GCN, c.DAPU = false, MambaNone, false, false
		},
	} {
		cfg := tinyGFSSNet()
		change(&cfg)
		count := parameterCount(t, cfg)
		if other, taken := seen[count]; taken {
			t.Errorf("%s has %d parameters, as many as %s", name, count, other)
		}
		seen[count] = name
		runTiny(t, cfg, scene(cfg))
	}
}

func parameterCount(t *testing.T, cfg GFSSNetConfig) int {
	t.Helper()
	n := mustGFSSNet(t, cfg)
	g := graph.New("count")
	if err := graph.Try(func() { n.Forward(g, feed(g, n)) }); err != nil {
		t.Fatal(err)
	}
	return graph.ParamCount(g)
}

// weightsOf are fresh weights.
func weightsOf(n Net, seed uint64) graph.Weights {
	g := graph.New("weights")
	n.Forward(g, feed(g, n))
	return g.InitParams(seed)
}

// needORT skips where the library is absent.
func needORT(t testing.TB) {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
}

// runTiny runs the inference file on scenes and checks the shapes.
func runTiny(t *testing.T, cfg GFSSNetConfig, scenes ...map[string][]float32) []map[string]ort.Tensor {
	t.Helper()
	needORT(t)
	n := mustGFSSNet(t, cfg)
	model, err := Inference(n, weightsOf(n, 1), map[string]string{"net": n.Name()})
	if err != nil {
		t.Fatal(err)
	}
	var in []map[string]ort.Tensor
	for _, s := range scenes {
		in = append(in, tensors(n, s))
	}
	out, s := runEach(t, model, in...), cfg.Size
	if got, want := out[0]["semantic"].Shape, []int{1, cfg.Semantic, s[0], s[1], s[2]}; !slices.Equal(got, want) {
		t.Errorf("semantic is %v, want %v", got, want)
	}
	if got, want := out[0]["level"].Shape, []int{1, cfg.Nodes, s[0], s[1], s[2]}; !slices.Equal(got, want) {
		t.Errorf("level is %v, want %v", got, want)
	}
	return out
}

// runModel runs a model once.
func runModel(t *testing.T, model []byte, in map[string]ort.Tensor) map[string]ort.Tensor {
	t.Helper()
	return runEach(t, model, in)[0]
}

// runEach runs a model on one feed after the other.
func runEach(t *testing.T, model []byte, in ...map[string]ort.Tensor) []map[string]ort.Tensor {
	t.Helper()
	s, err := ort.NewSession(model, ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var list []map[string]ort.Tensor
	for _, feeds := range in {
		out, err := s.Run(context.Background(), feeds)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, out)
	}
	return list
}

func tensors(n Net, in map[string][]float32) map[string]ort.Tensor {
	out := map[string]ort.Tensor{}
	for _, p := range n.Inputs() {
		out[p.Name] = ort.Tensor{Shape: p.Shape, Data: in[p.Name]}
	}
	return out
}

func TestGFSSNet_AgreesWithTheReferenceEvaluator(t *testing.T) {
	cfg := tinyGFSSNet()
	in := scene(cfg)
	got := runTiny(t, cfg, in)[0]
	n := mustGFSSNet(t, cfg)
	g := graph.New("reference")
	out := n.Forward(g, feed(g, n))
	want := graph.Eval([]*graph.Value{out["semantic"], out["level"]}, in, g.InitParams(1))
	for i, name := range n.Outputs() {
		if d := farthest(got[name].Data, want[i]); d > 1e-3 {
			t.Errorf("%s differs by %g", name, d)
		}
	}
}

func farthest(a, b []float32) float64 {
	most := 0.0
	for i := range a {
		most = math.Max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}

func TestGFSSNet_AbsentSequenceIsNotRead(t *testing.T) {
	cfg := tinyGFSSNet()
	for absent, name := range []string{"t1", "t2"} {
		in := scene(cfg)
		in["present"][absent] = 0
		other := scene(cfg)
		other["present"] = in["present"]
		for i := range other[name] {
			other[name][i] = float32(i%7) - 3
		}
		out := runTiny(t, cfg, in, other, scene(cfg))
		a, b, c := out[0], out[1], out[2]
		if d := farthest(a["semantic"].Data, b["semantic"].Data); d != 0 {
			t.Errorf("the values of an absent %s change the result by %g", name, d)
		}
		if farthest(a["semantic"].Data, c["semantic"].Data) == 0 {
			t.Errorf("a present %s changes nothing", name)
		}
	}
}

func TestGFSSNet_LearnsOneScene(t *testing.T) {
	needORT(t)
	cfg := tinyGFSSNet()
	cfg.Channels, cfg.Head = [4]int{4, 6, 8, 8}, 4
	first, last := train(t, cfg, 30)
	if !(last < 0.7*first) {
		t.Errorf("loss went from %g to %g in 30 steps", first, last)
	}
}

// train takes steps on one scene and gives the first and the last loss.
func train(t testing.TB, cfg GFSSNetConfig, steps int) (first, last float64) {
	t.Helper()
	step := newStepper(t, cfg, ort.Options{Threads: 1, OptimizationOff: true})
	defer step.Close()
	n := mustGFSSNet(t, cfg)
	in := trainingInputs(n, cfg)
	for i := range steps {
		in["step"] = ort.Tensor{Shape: []int{1}, Data: []float32{float32(i + 1)}}
		out, err := step.Step(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		last = float64(out["loss"].Data[0])
		if i == 0 {
			first = last
		}
	}
	return first, last
}

func trainingInputs(n Net, cfg GFSSNetConfig) map[string]ort.Tensor {
	data, s := scene(cfg), cfg.Size
	in := tensors(n, data)
	in["target_semantic"] = ort.Tensor{Shape: []int{1, cfg.Semantic, s[0], s[1], s[2]}, Data: data["target_semantic"]}
	in["target_level"] = ort.Tensor{Shape: []int{1, cfg.Nodes, s[0], s[1], s[2]}, Data: data["target_level"]}
	in["lr"] = ort.Tensor{Shape: []int{1}, Data: []float32{0.01}}
	return in
}

func newStepper(t testing.TB, cfg GFSSNetConfig, o ort.Options) *ort.Stepper {
	t.Helper()
	g := graph.New("step")
	g.Training = true
	model, err := graph.TrainingStep(g, sceneLoss(g, mustGFSSNet(t, cfg), cfg), nil, graph.AdamOptions{ClipNorm: 1})
	if err != nil {
		t.Fatal(err)
	}
	theta, _ := graph.Flatten(g, g.InitParams(1))
	size := []int{len(theta)}
	zero := func() ort.Tensor { return ort.Tensor{Shape: size, Data: make([]float32, len(theta))} }
	state := map[string]ort.Tensor{"theta": {Shape: size, Data: theta}, "m": zero(), "v": zero()}
	s, err := ort.NewStepper(model, state, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGFSSNet_PresetsBuild(t *testing.T) {
	for _, preset := range []string{"compact", "paper"} {
		n, err := New("gfssnet", preset)
		if err != nil {
			t.Fatal(err)
		}
		g := graph.New(preset)
		if err := graph.Try(func() {
			out := n.Forward(g, feed(g, n))
			t.Logf("%s: %d parameters, %.1f GFLOPs", preset, graph.ParamCount(g), graph.FLOPs(out["semantic"], out["level"])/1e9)
		}); err != nil {
			t.Errorf("%s: %v", preset, err)
		}
	}
	if _, err := New("gfssnet", "huge"); err == nil {
		t.Error("an unknown preset is accepted")
	}
}

func TestGFSSNet_RefusesSizesThatDoNotDivide(t *testing.T) {
	cfg := tinyGFSSNet()
	cfg.Size[1] = 33
	if _, err := NewGFSSNet(cfg); err == nil {
		t.Error("size 33 with stride 8 is accepted")
	}
	cfg = tinyGFSSNet()
	cfg.Nodes = 10
	if _, err := NewGFSSNet(cfg); err == nil {
		t.Error("an edge to a node that does not exist is accepted")
	}
}

func TestAnatomicalGraph_JoinsVertebraeOnlyThroughDiscs(t *testing.T) {
	disc := func(n int) bool { return n >= 6 && n <= 10 || n == 13 }
	degree := map[int]int{}
	for _, e := range anatomicalEdges() {
		degree[e[0]]++
		degree[e[1]]++
		if e != [2]int{14, 12} && disc(e[0]) == disc(e[1]) {
			t.Errorf("edge %v does not join a vertebra and a disc", e)
		}
	}
	for node := 1; node <= 13; node++ {
		if want := 2; degree[node] != want && node != 11 {
			t.Errorf("node %d has %d neighbours, want %d", node, degree[node], want)
		}
	}
	if degree[0] != 0 || degree[11] != 1 {
		t.Error("background has a neighbour or S1 more than one")
	}
}

func TestNormalisedAdjacency_HasLargestEigenvalueOne(t *testing.T) {
	a := normalisedAdjacency(10, paperEdges())
	v := make([]float64, 10)
	for i := range v {
		v[i] = 1
	}
	length := 0.0
	for range 200 {
		next := make([]float64, 10)
		length = 0
		for i := range next {
			for j := range v {
				next[i] += float64(a[i*10+j]) * v[j]
			}
			length += next[i] * next[i]
		}
		length = math.Sqrt(length)
		for i := range v {
			v[i] = next[i] / length
		}
	}
	if math.Abs(length-1) > 1e-5 {
		t.Errorf("largest eigenvalue is %g", length)
	}
}

func BenchmarkGFSSNet_CompactStep(b *testing.B) {
	needORT(b)
	cfg := gfssnetCompact()
	s := newStepper(b, cfg, ort.Options{Threads: 2})
	defer s.Close()
	in := trainingInputs(mustGFSSNet(b, cfg), cfg)
	in["step"] = ort.Tensor{Shape: []int{1}, Data: []float32{1}}
	for b.Loop() {
		if _, err := s.Step(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGFSSNet_CompactInference(b *testing.B) {
	needORT(b)
	n := mustGFSSNet(b, gfssnetCompact())
	model, err := Inference(n, weightsOf(n, 1), nil)
	if err != nil {
		b.Fatal(err)
	}
	s, err := ort.NewSession(model, ort.Options{Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	in := tensors(n, scene(gfssnetCompact()))
	for b.Loop() {
		if _, err := s.Run(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func TestGFSSNet_CropHasTheWholeGridsParameters(t *testing.T) {
	whole := tinyGFSSNet()
	crop := tinyGFSSNet()
	crop.Whole, crop.Size = crop.Size, [3]int{2, 16, 8}
	want := weightsOf(mustGFSSNet(t, whole), 3)
	for name, data := range weightsOf(mustGFSSNet(t, crop), 3) {
		if !slices.Equal(want[name], data) {
			t.Errorf("%s differs between crop and whole grid", name)
		}
	}
}

func TestGFSSNet_FrugalTrainingHasTheSameGradient(t *testing.T) {
	var results [2][][]float32
	for i := range results {
		cfg := tinyGFSSNet()
		cfg.Frugal = i == 1
		g := graph.New("frugal")
		g.Training = true
		total := sceneLoss(g, mustGFSSNet(t, cfg), cfg)
		wrt := []*graph.Value{total}
		for _, p := range g.Params() {
			wrt = append(wrt, p.Value)
		}
		vals := append(wrt[:1:1], graph.Grad(total, wrt[1:]...)...)
		results[i] = graph.Eval(vals, scene(cfg), g.InitParams(5))
	}
	for i, want := range results[0] {
		for j, v := range want {
			if got := results[1][i][j]; math.Abs(float64(got-v)) > 1e-5*math.Abs(float64(v))+1e-8 {
				t.Fatalf("value %d[%d] is %v when frugal, else %v", i, j, got, v)
			}
		}
	}
}
