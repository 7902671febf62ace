package graph

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of onnx.proto's enumerations.
const (
	onnxFloat = 1 // TensorProto.FLOAT, AttributeProto.FLOAT
	onnxInt64 = 7 // TensorProto.INT64

	attrFloat = 1
	attrInt   = 2
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
	name  string
	kind  int
	f     float32
	i     int
	ints  []int
	graph message
}

func intAttr(name string, x int) attr       { return attr{name: name, kind: attrInt, i: x} }
func floatAttr(name string, x float64) attr { return attr{name: name, kind: attrFloat, f: float32(x)} }
func intsAttr(name string, xs []int) attr   { return attr{name: name, kind: attrInts, ints: xs} }
func graphAttr(name string, g message) attr { return attr{name: name, kind: attrGraph, graph: g} }

// encode writes an AttributeProto.
func (a attr) encode() message {
	var m message
	m.text(1, a.name)
	switch a.kind {
	case attrFloat:
		m = protowire.AppendFixed32(protowire.AppendTag(m, 2, protowire.Fixed32Type), math.Float32bits(a.f))
	case attrInt:
		m.integer(3, a.i)
	case attrGraph:
		m.bytes(6, a.graph)
	case attrInts:
		for _, x := range a.ints {
			m.integer(8, x)
		}
	}
	m.integer(20, a.kind)
	return m
}

// tensorProto writes a TensorProto with raw little-endian data.
func tensorProto(name string, kind int, shape []int, raw []byte) message {
	var m message
	for _, d := range shape {
		m.integer(1, d)
	}
	m.integer(2, kind)
	m.text(8, name)
	m.bytes(9, raw)
	return m
}

func rawFloats(data []float32) []byte {
	raw := make([]byte, 0, 4*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return raw
}

func rawInts(data []int) []byte {
	raw := make([]byte, 0, 8*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(x)))
	}
	return raw
}

// valueInfo writes a ValueInfoProto of a float tensor.
func valueInfo(name string, shape []int) message {
	var dims, tensor, kind, m message
	for _, d := range shape {
		var dim message
		dim.integer(1, d)
		dims.bytes(1, dim)
	}
	tensor.integer(1, onnxFloat)
	tensor.bytes(2, dims)
	kind.bytes(1, tensor)
	m.text(1, name)
	m.bytes(2, kind)
	return m
}
