package train

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"columna/export/nets"
	"columna/internal/ort"
	"columna/spine"
)

// tinyTasks are the three tasks at the smallest sizes, on random data: what they
// learn is nothing, how they learn is everything.
func tinyTasks(t testing.TB) map[string]Task {
	return map[string]Task{"unet": tinySegmentation(t), "stenosisnet": tinyStenosis(t), "desamba": tinyLesion(t), "stream": tinyStream(t)}
}

// tinyStream is tinyStenosis with crops that are made while it learns, two a phantom.
func tinyStream(t testing.TB) *StenosisTask {
	t.Helper()
	task := tinyStenosis(t)
	ctx, stop := context.WithCancelCause(t.Context())
	t.Cleanup(func() { stop(nil) })
	for first, to := range map[int]*drawn[StenosisSample]{100: &task.phantoms, 900: &task.cases} {
		s := &stream[StenosisSample]{pace: pace{few: 2, keep: 5, uses: 3}, seed: 4, order: orderOfCrops,
			make: func(n int) ([]StenosisSample, error) {
				a := StenosisSample{Pixels: bytesOf(uint64(first+n), 256, 256), Condition: spine.Condition(n % 5), Grade: spine.Grade(n % 3), Patient: fmt.Sprint(n)}
				b := a
				b.Grade = spine.Grade((n + 1) % 3)
				return []StenosisSample{a, b}, nil
			}}
		s.start(ctx, stop, 2)
		*to = s
	}
	return task
}

func needLibrary(t testing.TB) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
}

// bytesOf are n random grey values, some of them outside the image.
func bytesOf(seed uint64, n, max int) []uint8 {
	r, out := source(seed, 0, 0), make([]uint8, n)
	for i := range out {
		out[i] = uint8(r.IntN(max))
	}
	return out
}

// tinySegmentation mixes crops with whole grids, phantoms with real studies.
func tinySegmentation(t testing.TB) *SegmentationTask {
	t.Helper()
	cfg, err := nets.UNetPreset("compact2d")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Widths, cfg.Strides, cfg.Size = [][2]int{{2, 2}, {2, 2}, {2, 2}}, cfg.Strides[:2], [3]int{8, 32, 32}
	net, err := nets.NewUNet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	task := &SegmentationTask{net: net, d: 8, h: 32, w: 32, mix: 0.3, batch: 2, epoch: 6, seed: 5, spacing: gridMM(8, 32)}
	if task.crops, err = task.sizes(Options{Mix: task.mix}); err != nil {
		t.Fatal(err)
	}
	n := 8 * 32 * 32
	for i := range 7 {
		s := Segment{T1: bytesOf(uint64(i), n, 256), T2: bytesOf(uint64(i+50), n, 256), Labels: bytesOf(uint64(i+100), n, 16), Patient: fmt.Sprint(i)}
		switch {
		case i < 3:
			task.train = append(task.train, s)
		case i < 5:
			s.T1, s.NoSacrum = nil, true
			task.real = append(task.real, s)
		default:
			task.held = append(task.held, s)
		}
	}
	task.arrange()
	return task
}

func tinyStenosis(t testing.TB) *StenosisTask {
	t.Helper()
	net, err := nets.NewStenosisNet(nets.StenosisConfig{
		Preset: "tiny", Size: 16, Stem: []int{2, 3}, Inception: []int{4, 8}, Reduction: 2,
		Heads: 2, Embed: 4, Slots: 2, SlotDim: 3, SlotIters: 2, SlotCells: 2, Tail: []int{6, 5}, Dropout: 0.5,
		Grades: 3, Conditions: 5, CBAM: true, SelfAttention: true, SlotAttention: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	task := &StenosisTask{net: net, size: 16, batch: 4, seed: 6}
	for i := range 20 {
		s := StenosisSample{Pixels: bytesOf(uint64(i), 256, 256), Condition: spine.Condition(i % 5), Grade: spine.Grade(i % 7 % 3), Patient: fmt.Sprint(i / 4)}
		if i < 15 {
			task.train = append(task.train, s)
		} else {
			task.held = append(task.held, s)
		}
	}
	task.arrange()
	return task
}

// tinyDeSamba is the network of tinyLesion.
func tinyDeSamba() nets.DeSambaConfig {
	return nets.DeSambaConfig{
		Preset: "tiny", Size: [3]int{4, 8, 8}, Stem: [3]int{1, 2, 2}, Bands: 2, Dropout: 0.2,
		Widths: []int{3, 4}, Depths: []int{1, 1}, OutDepths: []int{1, 1}, Expansion: 2, LargeKernel: 3,
		FuseStage: 1, Feature: 4, Decoupled: 4, TabularDim: 3, HeadDim: 5,
		SAMNet: true, MambaOut: true, Frequency: true, DRLM: true, SelfLoss: true, CrossLoss: true, Tabular: true,
	}
}

func tinyLesion(t testing.TB) *LesionTask {
	t.Helper()
	net, err := nets.NewDeSamba(tinyDeSamba())
	if err != nil {
		t.Fatal(err)
	}
	task := &LesionTask{net: net, d: 4, h: 8, w: 8, batch: 3, batches: 30, seed: 7}
	for i := range 16 {
		s := LesionSample{Present: [3]float32{1, 1, float32(i % 2)}, Class: spine.LesionClass(i % 5), Infected: i%4 == 3, Infection: spine.Infection(i / 4 % 2), Patient: fmt.Sprint(i / 3)}
		for q := range s.Seq {
			s.Seq[q] = dequantise(bytesOf(uint64(3*i+q), 256, 256), 4, 8, 8).Data
		}
		if i < 12 {
			task.train = append(task.train, s)
		} else {
			task.held = append(task.held, s)
		}
	}
	task.arrange()
	return task
}
