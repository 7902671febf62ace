package nets_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"columna/export/graph"
	"columna/export/loss"
	"columna/export/nets"
	"columna/export/train"
	"columna/internal/ort"
	"columna/models"
)

// spots finds the bright square in an image of 16x16 pixels.
type spots struct{}

func (spots) Name() string        { return "spots" }
func (spots) Preset() string      { return "tiny" }
func (spots) Inputs() []nets.Port { return []nets.Port{{Name: "image", Shape: []int{1, 1, 16, 16}}} }
func (spots) Outputs() []string   { return []string{"semantic"} }

// CAM explains the logits by the features just before them.
func (spots) CAM() []nets.CAMTarget {
	return []nets.CAMTarget{{Logits: "semantic", Features: []string{"_features"}, Inputs: []string{"image"}}}
}

// Forward looks at single pixels, then at their surroundings, and joins the two.
func (spots) Forward(g *graph.Graph, in map[string]*graph.Value) map[string]*graph.Value {
	conv := func(name string, x *graph.Value, out int) *graph.Value {
		w := g.Param(name+".w", []int{out, x.Dim(1), 3, 3}, graph.HeInit(9*x.Dim(1)))
		return graph.Conv(x, w, g.Param(name+".b", []int{out}, graph.ZeroInit()), graph.ConvOpts{})
	}
	fine := graph.Relu(conv("fine", in["image"], 8))
	coarse := graph.Relu(conv("coarse", graph.MaxPool(fine, 2, 2), 16))
	joined := graph.Concat(1, fine, graph.UpsampleLinear(coarse, 2, 2))
	features := graph.Relu(conv("features", joined, 8))
	return map[string]*graph.Value{"semantic": conv("semantic", features, 2), "_features": features}
}

// drawing is the n-th image, a square of 4x4 in noise beside single pixels as bright
// as the square, and the one-hot truth.
func drawing(n int) (image, truth []float32) {
	r := graph.NewRandom(uint64(n))
	image, truth = make([]float32, 256), make([]float32, 512)
	row, column := int(r.Uint64()%12), int(r.Uint64()%12)
	for i := range image {
		y, x, class := i/16-row, i%16-column, 0
		if y >= 0 && y < 4 && x >= 0 && x < 4 {
			class = 1
		}
		truth[256*class+i] = 1
		image[i] = float32(0.2 * r.Normal())
		if class == 1 || r.Uniform() < 0.05 {
			image[i]++
		}
	}
	return image, truth
}

func tensor(data []float32) ort.Tensor {
	return ort.Tensor{Shape: []int{1, len(data) / 256, 16, 16}, Data: data}
}

// spotTask teaches a network to find the square.
type spotTask struct{ net nets.Net }

func (t spotTask) Net() nets.Net { return t.net }

// Loss is the Dice loss. "truth" is an input of the training step alone.
func (t spotTask) Loss(g *graph.Graph) *graph.Value {
	out := t.net.Forward(g, map[string]*graph.Value{"image": g.Input("image", 1, 1, 16, 16)})
	return loss.Dice(graph.Softmax(out["semantic"], 1), g.Input("truth", 1, 2, 16, 16), nil)
}

// Batch is the data of one step.
func (t spotTask) Batch(n int) map[string]ort.Tensor {
	image, truth := drawing(n)
	return map[string]ort.Tensor{"image": tensor(image), "truth": tensor(truth)}
}

// Validate is the Dice of the square on drawings that no step has seen.
func (t spotTask) Validate(ctx context.Context, w graph.Weights) (train.Validation, error) {
	session := must(ort.NewSession(must(nets.Inference(t.net, w, nil)), ort.Options{}))
	defer session.Close()
	both, all := 0.0, 0.0
	for n := range 20 {
		image, truth := drawing(1e6 + n)
		logits := must(session.Run(ctx, map[string]ort.Tensor{"image": tensor(image)}))["semantic"].Data
		for i := range image {
			all += float64(truth[256+i])
			if logits[256+i] > logits[i] {
				both, all = both+float64(truth[256+i]), all+1
			}
		}
	}
	dice := 2 * both / all
	return train.Validation{Score: dice, Figures: map[string]float64{"dice": dice}}, nil
}

// Card says what the network knows.
func (t spotTask) Card(spec *models.Spec) {
	spec.TrainedOn, spec.Limits = "drawings", "Knows nothing but squares."
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The network is trained, read back with its card and asked where it looks.
func Example() {
	if err := ort.Init(); err != nil {
		fmt.Println(err)
		return
	}
	dir, ctx := must(os.MkdirTemp("", "spots")), context.Background()
	defer os.RemoveAll(dir)
	err := train.Run(ctx, spotTask{spots{}}, train.Config{Dir: dir, Steps: 300, EpochLen: 100, LR: 0.01, Seed: 1, Session: ort.Options{Threads: 1}})
	if err != nil {
		panic(err)
	}
	m := must(models.LoadDir(filepath.Join(dir, "best"), "spots"))
	fmt.Printf("%s: %d parameters, Dice above 0.9: %v\n", m.Name, m.Parameters, m.Figures["dice"] > 0.9)

	image, truth := drawing(2e6)
	square := append(make([]float32, 256), truth[256:]...) // channel 1, within the square
	cam := must(ort.NewSession(m.CAM, ort.Options{}))
	defer cam.Close()
	heat := must(cam.Run(ctx, map[string]ort.Tensor{"image": tensor(image), "cam_target": tensor(square)}))["cam"].Data
	highest := slices.Index(heat, slices.Max(heat))
	fmt.Println("Grad-CAM is highest inside the square:", truth[256+highest] == 1)
	// Output:
	// spots: 3130 parameters, Dice above 0.9: true
	// Grad-CAM is highest inside the square: true
}
