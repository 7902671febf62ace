package ort

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The boundary of a model is read from its bytes here: asking ONNX Runtime
// would load the whole model a second time.

var errNotModel = errors.New("these bytes are not an ONNX model")

// boundary lists a model's inputs and outputs.
func boundary(model []byte) (inputs, outputs []IO, err error) {
	graph, err := lastField(model, 7)
	if err != nil {
		return nil, nil, err
	}
	fixed := map[string]bool{} // old models list their weights among the inputs
	err = fields(graph, func(num protowire.Number, data []byte) error {
		if num != 5 {
			return nil
		}
		name, err := lastField(data, 8)
		fixed[string(name)] = true
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	err = fields(graph, func(num protowire.Number, data []byte) error {
		if num != 11 && num != 12 {
			return nil
		}
		io, err := valueInfo(data)
		if err != nil {
			return err
		}
		if num == 12 {
			outputs = append(outputs, io)
		} else if !fixed[io.Name] {
			inputs = append(inputs, io)
		}
		return nil
	})
	if err == nil && len(outputs) == 0 {
		err = errNotModel
	}
	return inputs, outputs, err
}

// valueInfo reads a ValueInfoProto: name (1), type (2) > tensor (1) > element
// type (1, 1 = float32) and shape (2) > dimensions (1).
func valueInfo(data []byte) (IO, error) {
	name, err := lastField(data, 1)
	if err != nil {
		return IO{}, err
	}
	io := IO{Name: string(name)}
	kind, err := lastField(data, 2)
	if err != nil {
		return io, err
	}
	tensor, err := lastField(kind, 1)
	if err != nil {
		return io, err
	}
	if varint(tensor, 1, 0) != 1 {
		return io, fmt.Errorf("%q is not a float32 tensor", io.Name)
	}
	shape, err := lastField(tensor, 2)
	if err != nil {
		return io, err
	}
	err = fields(shape, func(num protowire.Number, dim []byte) error {
		if num == 1 {
			io.Shape = append(io.Shape, varint(dim, 1, -1))
		}
		return nil
	})
	return io, err
}

// fields visits the length-delimited fields of a message.
func fields(b []byte, visit func(num protowire.Number, data []byte) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errNotModel
		}
		size := protowire.ConsumeFieldValue(num, kind, b[n:])
		if size < 0 {
			return errNotModel
		}
		if kind == protowire.BytesType {
			data, _ := protowire.ConsumeBytes(b[n:])
			if err := visit(num, data); err != nil {
				return err
			}
		}
		b = b[n+size:]
	}
	return nil
}

// lastField is the last length-delimited field of a number; empty if absent.
func lastField(b []byte, want protowire.Number) (found []byte, err error) {
	err = fields(b, func(num protowire.Number, data []byte) error {
		if num == want {
			found = data
		}
		return nil
	})
	return found, err
}

// varint is an integer field of a message that fields has found sound.
func varint(b []byte, want protowire.Number, otherwise int) int {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		if num == want && kind == protowire.VarintType {
			x, m := protowire.ConsumeVarint(b[n:])
			if m < 0 {
				break
			}
			return int(int64(x))
		}
		size := protowire.ConsumeFieldValue(num, kind, b[n:])
		if size < 0 {
			break
		}
		b = b[n+size:]
	}
	return otherwise
}
