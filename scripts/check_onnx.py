#!/usr/bin/env python3
"""Checks model files with the ONNX reference package.

For each file: the ONNX checker; strict shape inference on top of the shapes in the
file, as in the checker's full check; that every node has a name of its own and every
tensor a shape in the file, unless the file hides them to save memory; and that shape
inference with data propagation, which sees nothing of the shapes in the file, finds no
other shape. (The checker's own full check of a path writes into the file.)

For developers only: needs Debian's python3-onnx. Example:
    scripts/check_onnx.py models/onnx/*.onnx
"""
import sys

import onnx
from onnx import shape_inference


def graphs(graph):
    """The graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for a in node.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                yield from graphs(a.g)


def shapes(infos):
    """Sizes by tensor name: a number, the name of an open size, or "" if unknown."""
    return {
        v.name: [d.dim_value if d.HasField("dim_value") else d.dim_param for d in v.type.tensor_type.shape.dim]
        for v in infos
        if v.type.tensor_type.HasField("shape")
    }


def contradicts(ours, theirs):
    if len(ours) != len(theirs):
        return True
    return any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(ours, theirs))


def check_names(model):
    names = [n.name for g in graphs(model.graph) for n in g.node]
    if "" in names or len(set(names)) != len(names):
        raise ValueError("a node has no name, or one that another has")
    tensors = [o for g in graphs(model.graph) for n in g.node for o in n.output if o]
    if len(set(tensors)) != len(tensors):
        raise ValueError("a tensor is made twice")


def check_shapes(model):
    """Compares the file's shapes with ONNX's own; returns how many it could. Takes the
    shapes and the weights out of the model."""
    ours = {}
    hides = any(n.name.startswith("lean/") for n in model.graph.node)
    for g in graphs(model.graph):
        known = {**shapes(g.value_info), **shapes(g.input), **shapes(g.output)}
        for node in g.node:
            for o in node.output:
                if o and o not in known and not hides:
                    raise ValueError(f"{o} has no shape in the file")
        ours.update(known)
    for g in graphs(model.graph):
        for t in g.initializer:  # sizes matter, weights do not
            if t.data_type == onnx.TensorProto.FLOAT and len(t.raw_data) > 256:
                t.ClearField("raw_data")
    shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    for g in graphs(model.graph):
        del g.value_info[:]
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    compared = 0
    for g in graphs(inferred.graph):
        for name, shape in {**shapes(g.value_info), **shapes(g.output)}.items():
            if name not in ours:
                continue
            if contradicts(ours[name], shape):
                raise ValueError(f"{name} has shape {ours[name]} in the file, but ONNX infers {shape}")
            compared += 1
    return compared


def main():
    for path in sys.argv[1:]:
        onnx.checker.check_model(path)
        model = onnx.load(path)
        check_names(model)
        compared = check_shapes(model)
        nodes = sum(len(g.node) for g in graphs(model.graph))
        opset = {i.domain or "ai.onnx": i.version for i in model.opset_import}
        print(f"{path}: ok, opset {opset}, {nodes} nodes, {compared} shapes as ONNX infers them")


main()
