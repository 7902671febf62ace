package nets

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"columna/export/graph"
	"columna/internal/ort"
)

// tinyNets has every kind of network at the smallest size.
func tinyNets(t *testing.T) map[string]Net {
	t.Helper()
	d, err := NewDeSamba(tinyDeSamba())
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStenosisNet(tinyStenosis())
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]Net{"gfssnet": mustGFSSNet(t, tinyGFSSNet()), "desamba": d, "stenosisnet": s}
	for name, n := range tinySegmenters(unchanged) {
		list[name] = n
	}
	for name, n := range tinyPapers(0.3) {
		list[name+" of the paper"] = n
	}
	return list
}

// drawnFeed fills the inputs of a model for a batch size, the same numbers for the
// same sample. open gives the sizes of axes other than the first.
func drawnFeed(s *ort.Session, batch int, open map[string][]int) map[string]ort.Tensor {
	in := map[string]ort.Tensor{}
	for i, x := range s.Inputs() {
		shape := slices.Clone(x.Shape)
		shape[0] = batch
		copy(shape[1:], open[x.Name])
		var data []float32
		for b := range batch {
			r := graph.NewRandom(uint64(100*i + b))
			for j := range volumeOf(shape[1:]) {
				v := float32(r.Normal())
				if x.Name == "present" { // the first sample has all, each other lacks one
					v = 1
					if j == b-1 {
						v = 0
					}
				}
				data = append(data, v)
			}
		}
		in[x.Name] = ort.Tensor{Shape: shape, Data: data}
	}
	return in
}

// session opens a model.
func session(t *testing.T, m *graph.Model, err error) *ort.Session {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ort.NewSession(m.Bytes(), ort.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func run(t *testing.T, s *ort.Session, in map[string]ort.Tensor) map[string]ort.Tensor {
	t.Helper()
	out, err := s.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// relative is the largest difference as a share of the largest number.
func relative(got, want []float32) float64 {
	if len(got) != len(want) {
		return 1
	}
	return farthest(got, want) / max(farthest(want, make([]float32, len(want))), 1e-3)
}

// kindsOfExport are the files that take any batch size.
var kindsOfExport = map[string]func(Net, ExportOptions) (*graph.Model, error){"inference": ExportInference, "Grad-CAM": ExportGradCAM}

func TestExport_AnyBatchGivesWhatAFixedOneGives(t *testing.T) {
	needORT(t)
	for name, n := range tinyNets(t) {
		w := weightsOf(n, 4)
		for kind, write := range kindsOfExport {
			m, err := write(n, ExportOptions{Weights: w})
			open := session(t, m, err)
			for batch := 1; batch <= 3; batch++ {
				m, err := write(n, ExportOptions{Weights: w, Batch: batch})
				in := drawnFeed(open, batch, nil)
				want := run(t, session(t, m, err), in)
				for out, got := range run(t, open, in) {
					if d := relative(got.Data, want[out].Data); !(d < 1e-6) || !slices.Equal(got.Shape, want[out].Shape) {
						t.Errorf("%s %s, batch %d: %s differs by %.2g", name, kind, batch, out, d)
					}
				}
			}
		}
	}
}

func TestExport_SamplesDoNotSeeEachOther(t *testing.T) {
	needORT(t)
	for name, n := range tinyNets(t) {
		w := weightsOf(n, 4)
		for kind, write := range kindsOfExport {
			m, err := write(n, ExportOptions{Weights: w})
			s := session(t, m, err)
			in := drawnFeed(s, 3, nil)
			all := run(t, s, in)
			for b := range 3 {
				for out, got := range run(t, s, sample(in, b)) {
					k := len(got.Data)
					if d := relative(all[out].Data[b*k:(b+1)*k], got.Data); !(d < 5e-6) {
						t.Errorf("%s %s: %s of sample %d changes by %.2g beside others", name, kind, out, b, d)
					}
				}
			}
		}
	}
}

// sample is one sample of a batch.
func sample(in map[string]ort.Tensor, b int) map[string]ort.Tensor {
	out := map[string]ort.Tensor{}
	for name, v := range in {
		k := len(v.Data) / v.Shape[0]
		out[name] = ort.Tensor{Shape: append([]int{1}, v.Shape[1:]...), Data: v.Data[b*k : (b+1)*k]}
	}
	return out
}

func TestExport_AnyVolumeGivesWhatAFixedOneGives(t *testing.T) {
	needORT(t)
	for name, n := range tinyNets(t) {
		r, ok := n.(Resizable)
		if !ok || r.Multiple() == [3]int{} {
			if _, err := ExportInference(n, ExportOptions{FreeVolume: true}); err == nil || !strings.Contains(err.Error(), "fixed") {
				t.Errorf("%s: got %v, want that its size is fixed", name, err)
			}
			continue
		}
		w, m := weightsOf(n, 4), r.Multiple()
		model, err := ExportInference(n, ExportOptions{Weights: w, FreeVolume: true})
		open := session(t, model, err)
		for _, times := range [][3]int{{1, 2, 2}, {2, 2, 3}, {3, 2, 4}} {
			var size [3]int
			for a := range size {
				size[a] = max(m[a]*times[a], 1)
			}
			small, err := r.Crop(size)
			if err != nil {
				t.Fatal(err)
			}
			model, err := ExportInference(small, ExportOptions{Weights: w, Batch: 2})
			fixed := session(t, model, err)
			axes := map[string][]int{}
			for _, in := range small.Inputs() {
				axes[in.Name] = in.Shape[1:]
			}
			in := drawnFeed(open, 2, axes)
			want := run(t, fixed, in)
			for out, got := range run(t, open, in) {
				if d := relative(got.Data, want[out].Data); !(d < 5e-6) || !slices.Equal(got.Shape, want[out].Shape) {
					t.Errorf("%s at %v: %s differs by %.2g", name, size, out, d)
				}
			}
		}
	}
}

func TestExport_FoldingKeepsTheResult(t *testing.T) {
	needORT(t)
	for name, n := range tinyNets(t) {
		w := weightsOf(n, 4)
		for kind, write := range kindsOfExport {
			m, err := write(n, ExportOptions{Weights: w, Batch: 2})
			folded := session(t, m, err)
			m, err = write(n, ExportOptions{Weights: w, Batch: 2, Verbatim: true})
			in := drawnFeed(folded, 2, nil)
			want := run(t, session(t, m, err), in)
			for out, got := range run(t, folded, in) {
				if d := relative(got.Data, want[out].Data); !(d < 2e-6) {
					t.Errorf("%s %s: %s differs by %.2g", name, kind, out, d)
				}
			}
		}
	}
}

func TestExport_EveryOpsetGivesTheSameNumbers(t *testing.T) {
	needORT(t)
	for name, n := range tinyNets(t) {
		w := weightsOf(n, 4)
		m, err := ExportInference(n, ExportOptions{Weights: w})
		first := session(t, m, err)
		in := drawnFeed(first, 2, nil)
		want := run(t, first, in)
		for _, opset := range []int{18, 20} {
			m, err := ExportInference(n, ExportOptions{Weights: w, Opset: opset})
			for out, got := range run(t, session(t, m, err), in) {
				if d := relative(got.Data, want[out].Data); !(d < 5e-6) {
					t.Errorf("%s, opset %d: %s differs by %.2g", name, opset, out, d)
				}
			}
		}
	}
}

func TestExport_SameSeedSameBytes(t *testing.T) {
	for name, n := range tinyNets(t) {
		for kind, write := range kindsOfExport {
			var first []byte
			for i := range 2 {
				m, err := write(n, ExportOptions{Weights: weightsOf(n, 7), Doc: map[string]string{"a": "1", "b": "2", "c": "3"}})
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					first = m.Bytes()
				} else if !bytes.Equal(first, m.Bytes()) {
					t.Errorf("%s %s: two builds differ", name, kind)
				}
			}
		}
	}
}

// nodeNames lists the names of a model's nodes: of ModelProto the graph (7), of it
// the nodes (1), of each the name (3).
func nodeNames(t *testing.T, model []byte) []string {
	t.Helper()
	var list []string
	visit(t, model, 7, func(g []byte) {
		visit(t, g, 1, func(n []byte) { visit(t, n, 3, func(name []byte) { list = append(list, string(name)) }) })
	})
	return list
}

// visit calls f with the length-delimited fields of a number.
func visit(t *testing.T, b []byte, want protowire.Number, f func([]byte)) {
	t.Helper()
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		size := protowire.ConsumeFieldValue(num, kind, b[max(n, 0):])
		if n < 0 || size < 0 {
			t.Fatal("not a protobuf message")
		}
		if num == want {
			data, _ := protowire.ConsumeBytes(b[n:])
			f(data)
		}
		b = b[n+size:]
	}
}

func TestExport_EveryNodeIsNamedByItsScope(t *testing.T) {
	want := map[string]string{
		"gfssnet": "see.t1.stage2.fdconv.excite/Gemm_1", "desamba": "samnet.stage0.block0.samb.enhance.0/MatMul_1",
		"stenosisnet": "tail.fc0/Gemm_1", "unet/3d": "encoder0.conv2/Conv_1",
	}
	for name, n := range tinyNets(t) {
		for kind, write := range kindsOfExport {
			m, err := write(n, ExportOptions{Weights: weightsOf(n, 1)})
			if err != nil {
				t.Fatal(err)
			}
			names := nodeNames(t, m.Bytes())
			if want[name] != "" && !slices.Contains(names, want[name]) {
				t.Errorf("%s %s: no node %s", name, kind, want[name])
			}
			for _, s := range names {
				if !strings.Contains(s, "/") {
					t.Errorf("%s %s: the node %s lies in no scope", name, kind, s)
				}
			}
		}
	}
}

func TestExport_TheWeightsComeBackFromTheFile(t *testing.T) {
	for name, n := range tinyNets(t) {
		w := weightsOf(n, 4)
		model, err := Inference(n, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := graph.DecodeWeights(model)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(got, w, slices.Equal) {
			t.Errorf("%s: %d of %d weights came back, or changed", name, len(got), len(w))
		}
	}
}
