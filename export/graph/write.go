package graph

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Model is an ONNX model ready to be written. It holds the weights only once,
// as they were given, so that a model of a billion numbers fits in memory.
type Model struct {
	// Inputs and Outputs are what the model takes and gives.
	Inputs, Outputs []Port
	// Lean says that the shapes inside are hidden.
	Lean bool

	parts rope
	size  int64
}

// Port is an input or output of a model. A size left open is -1 in Shape, and its
// name is at the same place in Free.
type Port struct {
	Name  string
	Shape []int
	Free  []string
}

// port describes a named tensor.
func (t *tensor) port() Port {
	p := Port{Name: t.name, Shape: slices.Clone(t.shape), Free: make([]string, len(t.shape))}
	for i, dim := range t.dims {
		if dim != "" {
			p.Shape[i], p.Free[i] = -1, dim
		}
	}
	return p
}

// maxModel is where protobuf, and so ONNX, ends.
const maxModel = math.MaxInt32

// newModel names the parts of a draft and lays the file out.
func newModel(d *draft, o EncodeOptions) (*Model, error) {
	if err := d.verify(); err != nil {
		return nil, err
	}
	if o.Lean || o.step && !o.Shapes && d.leanPays() {
		if err := d.lean(); err != nil {
			return nil, err
		}
	}
	nameAll(d)
	var head, opset message
	opset.text(1, "")
	opset.integer(2, o.Opset)
	head.integer(1, irVersion(o.Opset))
	head.text(2, "columna")
	parts := rope{{bytes: head}}
	parts.embed(7, d.proto())
	var tail message
	tail.bytes(8, opset)
	parts = append(parts, chunk{bytes: tail})
	if o.KeepWeights {
		parts.embedTrained(d)
	}
	m := &Model{parts: parts, Lean: d.hidden}
	m.Describe(o.Doc)
	for _, t := range d.inputs {
		m.Inputs = append(m.Inputs, t.port())
	}
	for _, out := range d.outputs {
		m.Outputs = append(m.Outputs, out.from.port())
	}
	if m.size > maxModel {
		return nil, fmt.Errorf("the model takes %.2f GB, and an ONNX file ends at 2.15 GB (2^31 bytes): choose a smaller preset", float64(m.size)/1e9)
	}
	return m, nil
}

// Describe adds metadata, in the order of its keys.
func (m *Model) Describe(doc map[string]string) {
	var text message
	for _, k := range slices.Sorted(maps.Keys(doc)) {
		var p message
		p.text(1, k)
		p.text(2, doc[k])
		text.bytes(14, p)
	}
	m.parts = append(m.parts, chunk{bytes: text})
	m.size = m.parts.size()
}

// embedTrained adds the weights that the graph does not hold, as they were trained:
// as the initial values of a TrainingInfoProto (20), which runtimes pass over.
func (r *rope) embedTrained(d *draft) {
	kept := map[string]bool{}
	for _, t := range d.initializers() {
		if t.value.weight {
			kept[t.name] = true
		}
	}
	var initial rope
	for _, t := range d.weights {
		if !kept[t.name] {
			initial.embed(5, tensorProto(t))
		}
	}
	if len(initial) == 0 {
		return
	}
	var name message
	name.text(2, "trained weights")
	initial = append(initial, chunk{bytes: name})
	var info rope
	info.embed(1, initial)
	r.embed(20, info)
}

// Size is the length of the file in bytes.
func (m *Model) Size() int64 { return m.size }

// Bytes is the whole file.
func (m *Model) Bytes() []byte {
	var b bytes.Buffer
	b.Grow(int(m.size))
	m.WriteTo(&b) // a buffer takes all
	return b.Bytes()
}

// WriteTo writes the file.
func (m *Model) WriteTo(w io.Writer) (int64, error) { return m.parts.writeTo(w) }

// rope is a protobuf message in pieces.
type rope []chunk

// chunk is a piece: bytes, or numbers that become bytes when written.
type chunk struct {
	bytes  []byte
	floats []float32
}

func (r rope) size() int64 {
	n := int64(0)
	for _, c := range r {
		n += int64(len(c.bytes)) + 4*int64(len(c.floats))
	}
	return n
}

// embed appends a message as a field.
func (r *rope) embed(field protowire.Number, inner rope) {
	head := protowire.AppendTag(nil, field, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(inner.size()))
	*r = append(append(*r, chunk{bytes: head}), inner...)
}

func (r rope) writeTo(w io.Writer) (int64, error) {
	total := int64(0)
	write := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	buffer := make([]byte, 0, 1<<16)
	for _, c := range r {
		if err := write(c.bytes); err != nil {
			return total, err
		}
		for at := 0; at < len(c.floats); at += 1 << 14 {
			buffer = buffer[:0]
			for _, x := range c.floats[at:min(at+1<<14, len(c.floats))] {
				buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(x))
			}
			if err := write(buffer); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// flat is the message in one piece.
func (r rope) flat() message {
	var b bytes.Buffer
	r.writeTo(&b)
	return b.Bytes()
}

// initializers are the constants that a graph and its bodies need and that
// belong to the graph, in the order in which they are first needed.
func (d *draft) initializers() []*tensor {
	var list []*tensor
	seen := map[*tensor]bool{}
	see := func(t *tensor) {
		if t.isConst() && t.owner == d && !seen[t] {
			seen[t] = true
			list = append(list, t)
		}
	}
	for _, n := range d.nodes {
		for _, t := range n.reads() {
			see(t)
		}
	}
	for _, o := range d.outputs {
		see(o.from.real())
	}
	return list
}

// proto writes a named draft as a GraphProto.
func (d *draft) proto() rope {
	var nodes, rest message
	for _, n := range d.nodes {
		nodes.bytes(1, n.proto())
	}
	nodes.text(2, d.name)
	r := rope{{bytes: nodes}}
	for _, t := range d.initializers() {
		r.embed(5, tensorProto(t))
	}
	leaving := map[*tensor]bool{}
	for _, t := range d.inputs {
		rest.bytes(11, t.info())
	}
	for _, o := range d.outputs {
		leaving[o.from] = true
		rest.bytes(12, o.from.info())
	}
	for _, n := range d.nodes {
		for _, t := range n.out {
			if !leaving[t] && !d.hidden {
				rest.bytes(13, t.info())
			}
		}
	}
	return append(r, chunk{bytes: rest})
}

func (n *draftNode) proto() message {
	var m message
	for i := range n.in {
		if t := n.input(i); t != nil {
			m.text(1, t.name)
		} else {
			m.text(1, "")
		}
	}
	for _, t := range n.out {
		m.text(2, t.name)
	}
	m.text(3, n.name)
	m.text(4, n.kind)
	for _, a := range n.attrs {
		m.bytes(5, a.encode())
	}
	return m
}

// tensorProto writes a constant as a TensorProto of raw little-endian numbers.
func tensorProto(t *tensor) rope {
	var m message
	for _, d := range t.shape {
		m.integer(1, d)
	}
	m.integer(2, t.kind)
	m.text(8, t.name)
	r := rope{{bytes: m}}
	if t.kind == onnxInt64 {
		r.embed(9, rope{{bytes: rawInts(t.value.ints)}})
	} else {
		r.embed(9, rope{{floats: t.value.floats}})
	}
	return r
}

// info writes a tensor's name, element type and shape as a ValueInfoProto.
func (t *tensor) info() message {
	var dims, tensor, kind, m message
	for i, d := range t.shape {
		var dim message
		if i < len(t.dims) && t.dims[i] != "" {
			dim.text(2, t.dims[i])
		} else {
			dim.integer(1, d)
		}
		dims.bytes(1, dim)
	}
	tensor.integer(1, t.kind)
	if t.maker != nil || !t.owner.within {
		tensor.bytes(2, dims)
	}
	kind.bytes(1, tensor)
	m.text(1, t.name)
	m.bytes(2, kind)
	return m
}
