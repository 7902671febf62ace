#!/usr/bin/env python3
"""Runs the ONNX checker, with shape inference, over model files.

For developers only: needs Debian's python3-onnx. Example:
    scripts/check_onnx.py models/onnx/*.onnx
"""
import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    opset = {i.domain or "ai.onnx": i.version for i in model.opset_import}
    print(f"{path}: ok, opset {opset}, {len(model.graph.node)} nodes")
