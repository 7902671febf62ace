package nets

import (
	"context"
	"math"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/ort"
)

// lesson is a classification network with a batch of data and a loss.
type lesson struct {
	net   Net
	batch int
	data  map[string][]float32
	raw   bool // load the training step as it is: large graphs load faster
	// loss couples Forward's map with the targets, which it declares as inputs.
	loss func(g *graph.Graph, out map[string]*graph.Value) *graph.Value
}

// build declares the inputs for the whole batch and gives loss and outputs.
func (s lesson) build(g *graph.Graph) (*graph.Value, map[string]*graph.Value) {
	in := map[string]*graph.Value{}
	for _, p := range s.net.Inputs() {
		in[p.Name] = g.Input(p.Name, append([]int{s.batch}, p.Shape[1:]...)...)
	}
	out := s.net.Forward(g, in)
	return s.loss(g, out), out
}

// feedOf is the data of all of g's inputs, noise drawn from seed.
func (s lesson) feedOf(g *graph.Graph, seed uint64) map[string]ort.Tensor {
	r, in := graph.NewRandom(seed), map[string]ort.Tensor{}
	for _, v := range g.Inputs() {
		t := ort.Tensor{Shape: v.Shape(), Data: s.data[v.Name()]}
		if strings.HasPrefix(v.Name(), "noise_") {
			n := 1
			for _, d := range t.Shape {
				n *= d
			}
			t.Data = make([]float32, n)
			for i := range t.Data {
				t.Data[i] = float32(r.Uniform())
			}
		}
		in[v.Name()] = t
	}
	return in
}

func plain(in map[string]ort.Tensor) map[string][]float32 {
	out := map[string][]float32{}
	for name, t := range in {
		out[name] = t.Data
	}
	return out
}

// checkGradients holds the gradient of every parameter, on the whole training
// graph, against finite differences along a random direction of its own.
func (s lesson) checkGradients(t *testing.T, seed uint64) {
	t.Helper()
	g := graph.New("gradient")
	g.Training = true
	total, _ := s.build(g)
	in := plain(s.feedOf(g, 3))
	// Subtracting the loss at the start keeps all digits of the difference.
	rest := graph.Sub(total, g.Input("base"))
	values := []*graph.Value{total}
	var params []*graph.Value
	for _, p := range g.Params() {
		params = append(params, p.Value)
	}
	w := disturbed(g, seed)
	results := graph.Eval(append(values, graph.Grad(total, params...)...), in, w)
	in["base"] = results[0]
	for i, p := range g.Params() {
		along, _ := along(p.Name, results[i+1])
		const h = 1e-4
		ahead, behind := shifted(w, along, h), shifted(w, along, -h)
		up := graph.Eval([]*graph.Value{rest}, in, ahead)[0][0]
		down := graph.Eval([]*graph.Value{rest}, in, behind)[0][0]
		numeric := (float64(up) - float64(down)) / (2 * h)
		slope := 0.0 // along the step that float32 weights really took
		for j, g := range results[i+1] {
			slope += float64(g) * (float64(ahead[p.Name][j]) - float64(behind[p.Name][j])) / (2 * h)
		}
		if math.Abs(numeric-slope) > 1e-2*math.Abs(slope)+2e-5 {
			t.Errorf("%s: slope %.6g by gradient, %.6g by differences", p.Name, slope, numeric)
		}
	}
}

// disturbed is fresh weights moved off the special points where they start
// (zero biases, unit scales), so that no path is silent.
func disturbed(g *graph.Graph, seed uint64) graph.Weights {
	w, r := g.InitParams(seed), graph.NewRandom(seed)
	for _, p := range g.Params() {
		for i := range w[p.Name] {
			w[p.Name][i] += float32(0.1 * r.Normal())
		}
	}
	return w
}

// along is a random direction in one parameter and the slope that the gradient
// claims along it.
func along(name string, grad []float32) (graph.Weights, float64) {
	d, slope, r := make([]float32, len(grad)), 0.0, graph.NewRandom(13)
	for i := range d {
		d[i] = float32(r.Normal())
		slope += float64(d[i]) * float64(grad[i])
	}
	return graph.Weights{name: d}, slope
}

// checkAlive fails for a parameter that the loss does not feel.
func (s lesson) checkAlive(t *testing.T) {
	t.Helper()
	g := graph.New("alive")
	g.Training = true
	total, _ := s.build(g)
	var params []*graph.Value
	for _, p := range g.Params() {
		params = append(params, p.Value)
	}
	for i, grad := range graph.Eval(graph.Grad(total, params...), plain(s.feedOf(g, 3)), disturbed(g, 4)) {
		most := 0.0
		for _, x := range grad {
			most = math.Max(most, math.Abs(float64(x)))
		}
		if most == 0 {
			t.Errorf("%s: the loss does not feel it", g.Params()[i].Name)
		}
	}
}

// stepper is the training step in ONNX Runtime, with its graph.
func (s lesson) stepper(t testing.TB, threads int) (*ort.Stepper, *graph.Graph) {
	t.Helper()
	needORT(t)
	g := graph.New("step")
	g.Training = true
	total, _ := s.build(g)
	model, err := graph.TrainingStep(g, total, nil, graph.AdamOptions{ClipNorm: 5})
	if err != nil {
		t.Fatal(err)
	}
	theta, state := graph.Flatten(g, g.InitParams(1))
	vector := func(data []float32) ort.Tensor { return ort.Tensor{Shape: []int{len(data)}, Data: data} }
	start := map[string]ort.Tensor{"theta": vector(theta),
		"m": vector(make([]float32, len(theta))), "v": vector(make([]float32, len(theta)))}
	if len(state) > 0 {
		start["state"] = vector(state)
	}
	st, err := ort.NewStepper(model, start, ort.Options{Threads: threads, OptimizationOff: s.raw})
	if err != nil {
		t.Fatal(err)
	}
	return st, g
}

// stepInputs is the data of one step: the graph's own inputs but the optimiser's
// vectors, which the stepper keeps.
func (s lesson) stepInputs(g *graph.Graph, step int, lr float32) map[string]ort.Tensor {
	in := s.feedOf(g, uint64(step))
	for _, name := range []string{"theta", "m", "v", "state"} {
		delete(in, name)
	}
	in["lr"] = ort.Tensor{Shape: []int{1}, Data: []float32{lr}}
	in["step"] = ort.Tensor{Shape: []int{1}, Data: []float32{float32(step + 1)}}
	return in
}

// learn takes steps on the one batch and gives the first and the last loss and
// the weights.
func (s lesson) learn(t testing.TB, steps int, lr float32) (first, last float64, w graph.Weights) {
	t.Helper()
	st, g := s.stepper(t, 1)
	defer st.Close()
	for i := range steps {
		out, err := st.Step(context.Background(), s.stepInputs(g, i, lr))
		if err != nil {
			t.Fatal(err)
		}
		last = float64(out["loss"].Data[0])
		if i == 0 {
			first = last
		}
	}
	end := st.State()
	return first, last, graph.Unflatten(g, end["theta"].Data, end["state"].Data)
}

// sample is the data of one sample of the batch, shaped for the network.
func (s lesson) sample(b int) map[string]ort.Tensor {
	in := map[string]ort.Tensor{}
	for _, p := range s.net.Inputs() {
		n := len(s.data[p.Name]) / s.batch
		in[p.Name] = ort.Tensor{Shape: p.Shape, Data: s.data[p.Name][b*n : (b+1)*n]}
	}
	return in
}

// checkExports runs the inference and Grad-CAM files in ONNX Runtime: outputs
// must equal the reference evaluator's, and each map ReLU(sum_k w_k A_k) with w_k
// the mean of the reference's gradient, for share times the logit of class 1.
func (s lesson) checkExports(t *testing.T, share float32) {
	t.Helper()
	needORT(t)
	g := graph.New("reference")
	out := s.net.Forward(g, feed(g, s.net))
	w, in := disturbed(g, 6), s.sample(0)
	model, err := Inference(s.net, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := runModel(t, model, in)
	for _, name := range s.net.Outputs() {
		want := graph.Eval([]*graph.Value{out[name]}, plain(in), w)[0]
		if d := farthest(got[name].Data, want); d > 1e-3 || len(want) != len(got[name].Data) {
			t.Errorf("%s differs by %g from the reference", name, d)
		}
	}
	cam, err := GradCAM(s.net, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	targets := s.net.CAM()
	explain(targets, out, share, in)
	maps := runModel(t, cam, in)
	for i, f := range targets[0].Features {
		name := "cam"
		if len(targets[0].Features) > 1 {
			name = "cam_" + string(rune('0'+i))
		}
		score := graph.MulScalar(graph.Slice(out[targets[0].Logits], 1, 1, 2), float64(share))
		r := graph.Eval([]*graph.Value{out[f], graph.Grad(graph.Reshape(score), out[f])[0]}, plain(in), w)
		checkMap(t, name, maps[name], r, out[f].Shape())
	}
}

// explain adds the Grad-CAM inputs: share times class 1 of the first logits.
func explain(targets []CAMTarget, out map[string]*graph.Value, share float32, in map[string]ort.Tensor) {
	for i, target := range targets {
		name := "cam_target"
		if len(targets) > 1 {
			name += "_" + target.Logits
		}
		one := make([]float32, out[target.Logits].Dim(1))
		if i == 0 {
			one[1] = share
		}
		in[name] = ort.Tensor{Shape: out[target.Logits].Shape(), Data: one}
	}
}

// checkMap compares one map with its definition, from the features and the
// gradient that the reference evaluator gives.
func checkMap(t *testing.T, name string, got ort.Tensor, r [][]float32, shape []int) {
	t.Helper()
	c := shape[1]
	p := len(r[0]) / c
	low := make([]float32, p)
	for k := range c {
		mean := 0.0
		for i := range p {
			mean += float64(r[1][k*p+i]) / float64(p)
		}
		for i := range p {
			low[i] += float32(mean) * r[0][k*p+i]
		}
	}
	for i := range low {
		low[i] = max(low[i], 0)
	}
	v := graph.New("enlarge")
	small := append([]int{1, 1}, shape[2:]...)
	up := graph.ResizeLinear(graph.Const(v, small, low), got.Shape[2:]...)
	want := graph.Eval([]*graph.Value{up}, nil, nil)[0]
	most := 0.0
	for _, x := range want {
		most = math.Max(most, float64(x))
	}
	if d := farthest(got.Data, want); d > 1e-3*most+1e-6 || most == 0 {
		t.Errorf("%s differs by %g of at most %g", name, d, most)
	}
}

// clockStep times training steps from fresh weights.
func (s lesson) clockStep(b *testing.B) {
	st, g := s.stepper(b, 2)
	defer st.Close()
	in := s.stepInputs(g, 0, 1e-3)
	for b.Loop() {
		if _, err := st.Step(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(graph.ParamCount(g)), "params")
}

func (s lesson) clockInference(b *testing.B) {
	needORT(b)
	w := weightsOf(s.net, 1)
	model, err := Inference(s.net, w, nil)
	if err != nil {
		b.Fatal(err)
	}
	session, err := ort.NewSession(model, ort.Options{Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	in := s.sample(0)
	for b.Loop() {
		if _, err := session.Run(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// paramsUnder counts the parameters whose names hold the given word.
func paramsUnder(n Net, word string) int {
	g := graph.New("count")
	n.Forward(g, feed(g, n))
	count := 0
	for _, p := range g.Params() {
		if strings.Contains(p.Name, word) {
			count++
		}
	}
	return count
}
