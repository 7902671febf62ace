package graph

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestModel_StreamsTheBytesItGives(t *testing.T) {
	g := New("net")
	w := g.Param("w", []int{300, 200}, NormalInit(1)) // several buffers of numbers
	m, err := Export(g, []Output{{"y", MatMul(g.Input("x", 2, 300), w)}}, EncodeOptions{Weights: g.InitParams(1)})
	if err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer
	n, err := m.WriteTo(&streamed)
	if err != nil || n != m.Size() || !bytes.Equal(streamed.Bytes(), m.Bytes()) {
		t.Errorf("wrote %d of %d bytes, %v", n, m.Size(), err)
	}
}

// fullDisk takes so many bytes and then no more.
type fullDisk int

var errFull = errors.New("no space left")

func (d *fullDisk) Write(b []byte) (int, error) {
	if *d -= fullDisk(len(b)); *d < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestModel_ReportsAFullDisk(t *testing.T) {
	g := New("net")
	w := g.Param("w", []int{100, 100}, NormalInit(1))
	m, err := Export(g, []Output{{"y", Exp(w)}}, EncodeOptions{Weights: g.InitParams(1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []fullDisk{0, 100, 20000} {
		if _, err := m.WriteTo(&room); !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
	}
}

func TestExport_RefusesMoreThanAFileHolds(t *testing.T) {
	g := New("net")
	const million = 1 << 20
	data, w := make([]float32, million), Weights{}
	y := g.Input("x", 1)
	for i := range 513 { // each shares the same 4 MB here, but would not in the file
		name := strings.Repeat("w", i+1)
		g.Param(name, []int{million}, ZeroInit())
		w[name] = data
		y = Add(y, g.params[i].Value)
	}
	_, err := Export(g, []Output{{"y", y}}, EncodeOptions{Weights: w})
	if err == nil || !strings.Contains(err.Error(), "2.15 GB") {
		t.Errorf("got %v", err)
	}
}

func TestExport_RefusesAnOperatorThatDoesNotFit(t *testing.T) {
	g := New("net")
	x := g.Input("x", 2, 3)
	wrong := apply1(&op{kind: "Transpose", attrs: []attr{intsAttr("perm", []int{1, 0})}}, []int{2, 3}, x)
	if _, err := Export(g, []Output{{"y", wrong}}, EncodeOptions{}); err == nil || !strings.Contains(err.Error(), "[3 2]") {
		t.Errorf("got %v", err)
	}
	unknown := New("net")
	y := unknown.Input("y", 2)
	o := &op{kind: "Mystery", encode: func(e *encoder, n *node) {
		z := e.temp(n, "inside")
		e.node("Mystery", e.inputsOf(n), []string{z})
		e.node("Exp", []string{z}, []string{e.output(n, 0)})
	}}
	if _, err := Export(unknown, []Output{{"z", apply1(o, []int{2}, y)}}, EncodeOptions{}); err == nil || !strings.Contains(err.Error(), "shapes.go") {
		t.Errorf("got %v", err)
	}
}
