package nets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"columna/export/graph"
	"columna/export/loss"
)

// overfit is a network that learns one batch by heart.
type overfit struct {
	lesson
	rate float32
	// left is how much of the loss may be left, as a share of what a perfect
	// prediction would have learned away.
	left float64
	// perfect is what an output that the loss looks at would be at best, nil for
	// all others: so much of the loss can never be learned away.
	perfect func(name string, like *graph.Value) *graph.Value
}

// overfitSteps is when a network has had its chance.
const overfitSteps = 300

// floor is the loss of the perfect prediction.
func (o overfit) floor() float64 {
	g := graph.New("floor")
	_, out := o.build(g)
	for name, v := range out {
		if p := o.perfect(name, v); p != nil {
			out[name] = p
		}
	}
	return float64(graph.Eval([]*graph.Value{o.loss(g, out)}, nil, nil)[0][0])
}

// learnByHeart takes steps until little enough of the loss is left, and writes how
// it went into the table.
func (o overfit) learnByHeart(t *testing.T, table *strings.Builder) graph.Weights {
	t.Helper()
	began, floor := time.Now(), o.floor()
	st, g := o.stepper(t, 1)
	defer st.Close()
	var losses []float64
	rest := func() float64 { return (losses[len(losses)-1] - floor) / (losses[0] - floor) }
	for len(losses) == 0 || len(losses) < overfitSteps && rest() > o.left {
		out, err := st.Step(context.Background(), o.stepInputs(g, len(losses), o.rate))
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float64(out["loss"].Data[0]))
	}
	_, name, _ := strings.Cut(t.Name(), "/")
	fmt.Fprintf(table, "\n%-24s %8.4f %8.4f %8.4f %6.2f %% %5d %5.1f s", name, losses[0], losses[len(losses)-1], floor,
		100*rest(), len(losses), time.Since(began).Seconds())
	if !(rest() <= o.left) {
		t.Errorf("%.2f %% of the loss are left after %d steps, want at most %.2f %%", 100*rest(), len(losses), 100*o.left)
	}
	end := st.State()
	return graph.Unflatten(g, end["theta"].Data, end["state"].Data)
}

// newTable begins the table of a test's runs.
func newTable() *strings.Builder {
	table := &strings.Builder{}
	fmt.Fprintf(table, "\n%-24s %8s %8s %8s %8s %5s %7s", "", "first", "last", "perfect", "left", "steps", "time")
	return table
}

// logsOf are logits whose softmax is the given shares.
func logsOf(shares *graph.Value) *graph.Value { return graph.Log(graph.AddScalar(shares, 1e-9)) }

// studyOf couples a segmentation network with one small study: a loss of the
// semantic logits, and cross entropy of deep supervision and levels.
func studyOf(n Net, semantic loss.Of) overfit {
	cfg := GFSSNetConfig{Size: [3]int{4, 16, 16}, Semantic: 3, Nodes: 15}
	data := scene(cfg)
	truth := func(name string, like *graph.Value) *graph.Value {
		kind, classes := "target_semantic", cfg.Semantic
		if strings.HasPrefix(name, "_level") {
			kind, classes = "target_level", cfg.Nodes
		}
		whole := graph.Const(like.Graph(), append([]int{1, classes}, cfg.Size[:]...), data[kind])
		return loss.Shrink(whole, like)
	}
	felt := func(name string) bool {
		return name == "semantic" || strings.HasPrefix(name, "_aux") || strings.HasPrefix(name, "_level")
	}
	o := overfit{lesson: lesson{net: n, batch: 1, data: data, raw: n.Name() == "gfssnet"}, rate: 0.02, left: 0.005}
	o.loss = func(_ *graph.Graph, out map[string]*graph.Value) *graph.Value {
		total := semantic(out["semantic"], truth("semantic", out["semantic"]))
		for _, name := range slices.Sorted(maps.Keys(out)) {
			if felt(name) && name != "semantic" {
				total = graph.Add(total, loss.CrossEntropy(out[name], truth(name, out[name]), nil, nil))
			}
		}
		return total
	}
	o.perfect = func(name string, like *graph.Value) *graph.Value {
		if !felt(name) {
			return nil
		}
		return logsOf(truth(name, like))
	}
	return o
}

// vertebraDice is the overlap of the vertebra, class 1, with the truth after the
// export of the network.
func (o overfit) vertebraDice(t *testing.T, w graph.Weights) float64 {
	t.Helper()
	model, err := Inference(o.net, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	logits := runModel(t, model, tensors(o.net, o.data))["semantic"].Data
	truth, n := o.data["target_semantic"], len(logits)/3
	both, sum := 0.0, 0.0
	for i := range n {
		p, g := logits[n+i] > max(logits[i], logits[2*n+i]), truth[n+i] == 1
		if p && g {
			both++
		}
		for _, x := range []bool{p, g} {
			if x {
				sum++
			}
		}
	}
	return 2 * both / sum
}

// overfitStudy learns and holds the exported network to the truth.
func overfitStudy(t *testing.T, n Net, name string, table *strings.Builder) {
	t.Helper()
	of, err := loss.Segmentation(name, 3, loss.Options{Spectral: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := studyOf(n, of)
	if d := o.vertebraDice(t, o.learnByHeart(t, table)); d < 0.99 {
		t.Errorf("Dice of the vertebra is %.3f after learning by heart", d)
	}
}

// learnerUNet widens the tiny U-Net enough to learn a study by heart.
func learnerUNet(dims int) UNetConfig {
	c := tinyUNet(dims)
	c.Widths = [][2]int{{6, 6}, {8, 8}, {12, 12}}
	return c
}

// The spectral term weighs as much as the spatial loss here.
func TestOverfit_EveryLossOnOneStudy(t *testing.T) {
	needORT(t)
	table := newTable()
	c := learnerUNet(2)
	c.Nodes = 0 // the loss alone
	for _, spatial := range loss.Names() {
		for _, name := range []string{spatial, spatial + loss.SpectralSuffix} {
			t.Run(name, func(t *testing.T) { overfitStudy(t, must(NewUNet(c)), name, table) })
		}
	}
	t.Log(table)
}

func TestOverfit_EverySegmentationNetworkOnOneStudy(t *testing.T) {
	needORT(t)
	table := newTable()
	g := tinyGFSSNet()
	g.Channels, g.Head = [4]int{6, 8, 12, 12}, 6
	all := map[string]Net{"gfssnet": mustGFSSNet(t, g)}
	for _, dims := range []int{2, 3} {
		suffix := string(rune('0'+dims)) + "d"
		p, r := tinyUNet3Plus(dims), tinyTransUNet(dims)
		p.Widths, p.Skip = []int{6, 8, 12}, 3
		r.Root, r.Hidden, r.MLP, r.Decoder = 4, 12, 24, [5]int{12, 12, 8, 8, 6}
		all["unet "+suffix], all["unet3plus "+suffix] = must(NewUNet(learnerUNet(dims))), must(NewUNet3Plus(p))
		all["transunet "+suffix] = must(NewTransUNet(r))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { overfitStudy(t, all[name], "hfd-tversky", table) })
	}
	t.Log(table)
}

// classesOf couples a classification network's batch with cross entropy of one
// head, without smoothing, and DeSamba's reconstruction terms where there are any.
// Dropout, which no network learns away, is for the caller to switch off. A mean
// absolute difference, as the reconstruction terms are, keeps Adam stepping to and
// fro around zero: 1 % may be left.
func classesOf(s lesson, head, target string) overfit {
	o := overfit{lesson: s, rate: 0.01, left: 0.01}
	truth := func(like *graph.Value) *graph.Value { return graph.Const(like.Graph(), like.Shape(), s.data[target]) }
	o.loss = func(_ *graph.Graph, out map[string]*graph.Value) *graph.Value {
		return loss.DeSamba(out, head, truth(out[head]), loss.ClassOptions{})
	}
	o.perfect = func(name string, like *graph.Value) *graph.Value {
		switch name {
		case head:
			return logsOf(truth(like))
		case loss.SelfReconstruction, loss.CrossReconstruction:
			return graph.Scalar(like.Graph(), 0)
		}
		return nil
	}
	return o
}

func TestOverfit_EveryClassificationNetworkOnOneBatch(t *testing.T) {
	needORT(t)
	table := newTable()
	g, d := tinyStenosis(), tinyDeSamba()
	g.Dropout, d.Dropout = 0, 0
	d.Widths, d.Feature, d.Decoupled, d.HeadDim = []int{12, 16}, 8, 16, 12
	lesions := lesionsOf(t, d, 6)
	all := map[string]overfit{
		"stenosisnet":         classesOf(gradesOf(t, g, 6), "logits", "target"),
		"desamba metastasis":  classesOf(lesions, "metastasis", "metastasis_target"),
		"desamba spondylitis": classesOf(lesions, "spondylitis", "spondylitis_target"),
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { all[name].learnByHeart(t, table) })
	}
	t.Log(table)
}
