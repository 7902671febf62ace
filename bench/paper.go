package bench

import (
	"context"
)

// papers are the networks at the sizes of their papers: one inference each, and
// for GF-SSNet one training step, at a batch of one. They are asked for by name.
func papers() []benchmark {
	var out []benchmark
	for _, p := range []struct{ net, preset string }{
		{"gfssnet", "paper"}, {"stenosisnet", "paper"}, {"desamba", "paper"}, {"unet", "paper"},
		{"unet", "paper2d"}, {"unet3plus", "paper"}, {"transunet", "paper"},
	} {
		n := network{net: p.net, preset: p.preset, batch: 1, loss: segmentationLoss, once: true}
		name := "paper/" + p.net + "-" + p.preset
		out = append(out, benchmark{name: name + "/inference", alone: true, heavy: true, run: func(ctx context.Context, l *lab) ([]Result, error) {
			return n.inference(ctx, l, name+"/inference")
		}})
		if p.net == "gfssnet" {
			out = append(out, benchmark{name: name + "/step", alone: true, heavy: true, run: func(ctx context.Context, l *lab) ([]Result, error) {
				return n.step(ctx, l, name+"/step")
			}})
		}
	}
	return out
}
