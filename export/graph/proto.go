package graph

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of onnx.proto's enumerations.
const (
	onnxFloat = 1 // TensorProto.FLOAT
	onnxInt64 = 7 // TensorProto.INT64
	onnxBool  = 9 // TensorProto.BOOL

	attrFloat = 1
	attrInt   = 2
	attrText  = 3
	attrGraph = 5
	attrInts  = 7
)

// message is a protobuf message being written.
type message []byte

func (m *message) integer(field protowire.Number, x int) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(int64(x)))
}

func (m *message) text(field protowire.Number, s string) { m.bytes(field, []byte(s)) }

func (m *message) bytes(field protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
}

// attr is an ONNX attribute.
type attr struct {
	name string
	kind int
	f    float32
	i    int
	ints []int
	text string
	body *draft
}

func intAttr(name string, x int) attr       { return attr{name: name, kind: attrInt, i: x} }
func floatAttr(name string, x float64) attr { return attr{name: name, kind: attrFloat, f: float32(x)} }
func intsAttr(name string, xs []int) attr   { return attr{name: name, kind: attrInts, ints: xs} }
func textAttr(name, text string) attr       { return attr{name: name, kind: attrText, text: text} }
func graphAttr(name string, d *draft) attr  { return attr{name: name, kind: attrGraph, body: d} }

// encode writes an AttributeProto.
func (a attr) encode() message {
	var m message
	m.text(1, a.name)
	switch a.kind {
	case attrFloat:
		m = protowire.AppendFixed32(protowire.AppendTag(m, 2, protowire.Fixed32Type), math.Float32bits(a.f))
	case attrInt:
		m.integer(3, a.i)
	case attrText:
		m.text(4, a.text)
	case attrGraph:
		m.bytes(6, a.body.proto().flat())
	case attrInts:
		for _, x := range a.ints {
			m.integer(8, x)
		}
	}
	m.integer(20, a.kind)
	return m
}
