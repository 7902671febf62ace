package twin

import (
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
)

// recorder takes what Check reports instead of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper()             {}
func (r *recorder) Log(...any)          {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(f string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(f, args...))
}

// digest is what Python writes about numbers.
func digest(x []float64, whole bool, stream string) Digest {
	d := Digest{Shape: []int{len(x)}}
	for _, v := range x {
		d.Max = math.Max(d.Max, math.Abs(v))
		d.Norm = math.Hypot(d.Norm, v)
	}
	if whole {
		d.Data = x
		return d
	}
	draw := random("samples of " + stream)
	for range samples {
		d.Samples = append(d.Samples, x[draw.Uint64()%uint64(len(x))])
	}
	for p := range projections {
		draw, sum := uniform(fmt.Sprintf("projection %d of %s", p+1, stream)), 0.0
		for _, v := range x {
			sum += v * draw()
		}
		d.Projections = append(d.Projections, sum)
	}
	return d
}

// square is y = a x^2 of 500 numbers, and its case with a factor on what is expected.
func square(whole bool, output, slopeX, slopeA float64) (*Case, *graph.Graph, map[string]*graph.Value) {
	const n = 500
	g := graph.New("square")
	x := g.Input("x", n)
	a := g.Param("scale/a", []int{1}, graph.ZeroInit())
	c := &Case{
		Name: "square", Module: "square",
		Inputs: map[string]Tensor{"x": {Shape: []int{n}, Scale: 1}},
		Params: map[string]Tensor{"scale.a": {Shape: []int{1}, Data: []float32{2}}},
	}
	data, _ := c.Input("x")
	draw := uniform("weight of square: y")
	y, dx, da := make([]float64, n), make([]float64, n), 0.0
	for i, v := range data {
		v, w := float64(v), draw()
		y[i], dx[i] = output*2*v*v, slopeX*4*v*w
		da += slopeA * v * v * w
	}
	c.Outputs = map[string]Digest{"y": digest(y, whole, "square: y")}
	c.Gradients = map[string]Digest{
		"x":       digest(dx, whole, "square: gradient of x"),
		"scale.a": digest([]float64{da}, true, ""),
	}
	return c, g, map[string]*graph.Value{"y": graph.Mul(a, graph.Square(x))}
}

func TestCheck_FindsWhatDiffers(t *testing.T) {
	for want, f := range map[string][3]float64{
		"":                        {1, 1, 1},
		"output y differs":        {1 + 2e-5, 1, 1},
		"gradient of x differs":   {1, 1 + 2e-4, 1},
		"gradient of scale.a dif": {1, 1, 1 - 2e-4},
	} {
		for _, whole := range []bool{true, false} {
			r := &recorder{TB: t}
			c, g, out := square(whole, f[0], f[1], f[2])
			Check(r, c, g, out, Strict())
			all := strings.Join(r.failures, "\n")
			if (want == "") != (all == "") || !strings.Contains(all, want) {
				t.Errorf("want %q, got %q", want, all)
			}
		}
	}
}

func TestNewRun_WantsExactlyTheCasesTensors(t *testing.T) {
	for name, change := range map[string]func(c *Case, out map[string]*graph.Value){
		"input missing":    func(c *Case, _ map[string]*graph.Value) { delete(c.Inputs, "x") },
		"input too many":   func(c *Case, _ map[string]*graph.Value) { c.Inputs["z"] = c.Inputs["x"] },
		"parameter shape":  func(c *Case, _ map[string]*graph.Value) { c.Params["scale.a"] = Tensor{Shape: []int{2}} },
		"gradient missing": func(c *Case, _ map[string]*graph.Value) { delete(c.Gradients, "scale.a") },
		"output missing":   func(c *Case, _ map[string]*graph.Value) { delete(c.Outputs, "y") },
		"output too many":  func(_ *Case, out map[string]*graph.Value) { out["z"] = out["y"] },
	} {
		c, g, out := square(true, 1, 1, 1)
		change(c, out)
		if _, err := newRun(c, g, out); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDigest_CountsNaNAsInfinite(t *testing.T) {
	nan := float32(math.NaN())
	x := make([]float64, 300)
	got := slices.Repeat([]float32{nan}, 300)
	for _, whole := range []bool{true, false} {
		if d := digest(x, whole, "s"); !math.IsInf(d.compare(got, "s", 1), 1) {
			t.Error("NaN passes")
		}
	}
}

// Drawn by uniform("columna", (4,)) of scripts/twins/common.py.
func TestUniform_IsTheStreamThatPythonDraws(t *testing.T) {
	draw := uniform("columna")
	for i, want := range []float64{0.9828332662582397, 0.10660767555236816, 0.20155513286590576, -0.3341491222381592} {
		if got := draw(); got != want {
			t.Errorf("number %d is %v, want %v", i, got, want)
		}
	}
}

func TestRead_RefusesWhatDoesNotFit(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":        `{`,
		"negative size":  `{"inputs":{"x":{"shape":[-1]}}}`,
		"huge size":      `{"inputs":{"x":{"shape":[1000000,1000000]}}}`,
		"few numbers":    `{"outputs":{"y":{"shape":[3],"data":[1,2]}}}`,
		"no projections": `{"outputs":{"y":{"shape":[300],"samples":[1,2]}}}`,
	} {
		file := filepath.Join(t.TempDir(), "case.json.gz")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		packed := gzip.NewWriter(f)
		fmt.Fprint(packed, text)
		packed.Close()
		f.Close()
		if _, err := Read(file); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is accepted")
	}
}
