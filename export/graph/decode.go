package graph

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

var errModel = errors.New("graph.DecodeWeights: not an ONNX model with float32 weights in its file")

// DecodeWeights reads the parameters and states back from an ONNX model that
// Encode wrote.
func DecodeWeights(onnx []byte) (Weights, error) {
	w := Weights{}
	found := false
	tensors := func(graph []byte) error {
		return initializersOf(graph, func(tensor []byte) error { return decodeTensor(tensor, w) })
	}
	err := fields(onnx, func(num protowire.Number, data []byte) error {
		switch num {
		case 7: // the graph
			found = true
			return tensors(data)
		case 20: // what folding changed, as it was trained
			return fields(data, func(num protowire.Number, graph []byte) error {
				if num != 1 {
					return nil
				}
				return tensors(graph)
			})
		}
		return nil
	})
	if err == nil && !found {
		err = errModel
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// initializersOf visits the initializers of a GraphProto.
func initializersOf(graph []byte, visit func(tensor []byte) error) error {
	return fields(graph, func(num protowire.Number, tensor []byte) error {
		if num != 5 {
			return nil
		}
		return visit(tensor)
	})
}

// decodeTensor reads one initializer into w; constants are passed over.
func decodeTensor(tensor []byte, w Weights) error {
	var name string
	var raw []byte
	err := fields(tensor, func(num protowire.Number, data []byte) error {
		switch num {
		case 8:
			name = string(data)
		case 9:
			raw = data
		}
		return nil
	})
	if err != nil || strings.HasPrefix(name, constPrefix) {
		return err
	}
	if len(raw)%4 != 0 || len(raw) == 0 {
		return errModel
	}
	data := make([]float32, len(raw)/4)
	for i := range data {
		data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	w[name] = data
	return nil
}

// fields visits the length-delimited fields of a message and skips the others.
func fields(b []byte, visit func(num protowire.Number, data []byte) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errModel
		}
		b = b[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, kind, b); n < 0 {
				return errModel
			}
			b = b[n:]
			continue
		}
		data, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return errModel
		}
		if err := visit(num, data); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
