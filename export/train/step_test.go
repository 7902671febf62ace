package train

import (
	"context"
	"errors"
	"slices"
	"testing"

	"columna/export/graph"
	"columna/export/nets"
	"columna/internal/ort"
	"columna/models"
)

// plainNet is a U-Net that knows nothing of the spine.
func plainNet(t *testing.T, classes int) nets.Net {
	t.Helper()
	n, err := nets.NewUNet(nets.UNetConfig{
		SegmenterConfig: nets.SegmenterConfig{Preset: "tiny", Dims: 2, Size: [3]int{1, 16, 16}, Channels: 1, Semantic: classes, Norm: nets.NormBatch},
		Widths:          [][2]int{{4, 4}, {4, 4}, {4, 4}},
		Strides:         [][3]int{{1, 2, 2}, {1, 2, 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFresh_TrainingStepsOfAnyNetworkLearn(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	for _, classes := range []int{2, 3} {
		net := plainNet(t, classes)
		file, spec, err := Fresh(net, 1, FileOptions{Kind: models.Training, Batch: 2})
		if err != nil {
			t.Fatal(err)
		}
		g := graph.New("weights")
		g.Training = true
		net.Forward(g, nets.Feed(g, net, 2))
		theta, state := graph.Flatten(g, g.InitParams(1))
		zero := func() ort.Tensor {
			return ort.Tensor{Shape: []int{len(theta)}, Data: make([]float32, len(theta))}
		}
		s, err := ort.NewStepper(file.Bytes(), map[string]ort.Tensor{
			"theta": {Shape: []int{len(theta)}, Data: theta}, "m": zero(), "v": zero(), "state": {Shape: []int{len(state)}, Data: state},
		}, ort.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		in := squares(spec, classes)
		var losses []float32
		for step := 1; step <= 30; step++ {
			in["step"] = ort.Tensor{Shape: []int{1}, Data: []float32{float32(step)}}
			out, err := s.Step(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, out["loss"].Data[0])
		}
		if !(losses[29] < losses[0]*0.7) {
			t.Errorf("%d classes: the loss went from %v to %v", classes, losses[0], losses[29])
		}
	}
}

// squares are two images of a bright square, with its truth, for the ports of a
// training step.
func squares(spec models.Spec, classes int) map[string]ort.Tensor {
	image, truth := make([]float32, 2*256), make([]float32, 2*classes*256)
	for i := range image {
		class := 0
		if x, y := i%16, i/16%16; x > 4 && x < 12 && y > 4 && y < 12 {
			class = 1 + x%(classes-1)
		}
		image[i] = float32(class) - 0.5
		truth[(i/256*classes+class)*256+i%256] = 1
	}
	in := map[string]ort.Tensor{"lr": {Shape: []int{1}, Data: []float32{0.02}}}
	for _, p := range spec.Inputs {
		switch p.Name {
		case "image":
			in[p.Name] = ort.Tensor{Shape: p.Shape, Data: image}
		case "target_semantic":
			in[p.Name] = ort.Tensor{Shape: p.Shape, Data: truth}
		}
	}
	return in
}

func TestFresh_KnowsTheRecipeOfEveryNetwork(t *testing.T) {
	for _, name := range nets.Names() {
		net, err := nets.New(name, "compact")
		if err != nil {
			t.Fatal(err)
		}
		m, spec, err := Fresh(net, 1, FileOptions{Kind: models.Training})
		if err != nil {
			t.Fatal(err)
		}
		if spec.Inputs[0].Shape[0] != recipes()[name].batch || m.Size() == 0 {
			t.Errorf("%s takes %v", name, spec.Inputs[0].Shape)
		}
		for _, p := range slices.Concat(spec.Inputs, spec.Outputs) {
			if p.Meaning == "" {
				t.Errorf("%s: nobody knows what %s of the training step holds", name, p.Name)
			}
		}
	}
}
