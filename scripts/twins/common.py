"""Writes what a PyTorch twin gives as a case for the Go package internal/twin.

A case holds what goes into a network, what comes out, and the gradients of
sum over the outputs o of sum(o * w_o). Inputs and parameters are drawn from
streams that Go draws alike, so files stay small. All is float64; what goes in
is rounded to float32 first, since the graphs take float32.

Needs PyTorch and NumPy. A script writes its cases like this:

    case = Case("dapu", "DAPU stage")
    x = case.input("x", (1, 4, 2, 3, 3))
    net = DAPU(...).double()
    case.fill(net)
    case.write({"y": net(x)}, "export/nets")
"""
import gzip
import json
import math
import pathlib

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
LITERAL = 128  # results up to this size are written out, larger ones as a digest
SAMPLES, PROJECTIONS = 64, 2

torch.set_default_dtype(torch.float64)


def integers(stream, n):
    """n numbers of SplitMix64, seeded with the FNV-1a hash of the stream's name."""
    seed = 0xCBF29CE484222325
    for byte in stream.encode():
        seed = (seed ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return z ^ z >> np.uint64(31)


def uniform(stream, shape):
    """Numbers in [-1,1) with 24 bits each."""
    n = int(np.prod(shape, dtype=int))
    return ((integers(stream, n) >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def single(x):
    """x rounded to float32, as float64."""
    return np.asarray(x, dtype=np.float64).astype(np.float32).astype(np.float64)


def rounded(x):
    """Nine digits are enough to measure an error of 1e-8."""
    return float("%.9g" % x)


def numbers(x):
    return [rounded(v) for v in np.asarray(x, dtype=np.float64).ravel()]


def default_rule(name, shape):
    """Scale and offset of a parameter: kernels keep the size of what they map,
    scales are near one, and nothing is zero, so that every path is exercised."""
    if len(shape) < 2:
        return (0.2, 1.0) if name.endswith("gamma") else (0.2, 0.0)
    fan_in = shape[0] if len(shape) == 2 else math.prod(shape[1:])
    return math.sqrt(3.0 / fan_in), 0.0


class Case:
    def __init__(self, name, module):
        """name is the file and seeds the streams; module is the row of the table."""
        self.name, self.module = name, module
        self.inputs, self.params, self.leaves = {}, {}, {}

    def stream(self, tensor):
        return self.name + ": " + tensor

    def _drawn(self, group, name, shape, scale, offset):
        shape = list(shape)
        group[name] = {"shape": shape, "scale": scale, "offset": offset}
        return torch.tensor(single(scale * uniform(self.stream(name), shape) + offset))

    def _leaf(self, name, tensor, grad):
        if grad:
            self.leaves[name] = tensor.requires_grad_()
        return tensor

    def input(self, name, shape, scale=1.0, offset=0.0, grad=True):
        """A drawn input; grad says whether its gradient is compared."""
        return self._leaf(name, self._drawn(self.inputs, name, shape, scale, offset), grad)

    def given(self, name, values, grad=False):
        """An input that is written out."""
        values = single(values)
        self.inputs[name] = {"shape": list(values.shape), "data": numbers(values)}
        return self._leaf(name, torch.tensor(values), grad)

    def param(self, name, shape, scale=1.0, offset=0.0, grad=True):
        """A drawn parameter for networks that are no nn.Module; without a gradient, a state."""
        return self._leaf(name, self._drawn(self.params, name, shape, scale, offset), grad)

    def fill(self, net, rule=default_rule):
        """Draws all parameters and buffers of an nn.Module, whose names are those of the
        graph with "." for "/". rule(name, shape) gives (scale, offset)."""
        for name, p in net.named_parameters():
            with torch.no_grad():
                p.copy_(self._drawn(self.params, name, p.shape, *rule(name, tuple(p.shape))))
            self.leaves[name] = p
        for name, b in net.named_buffers():
            if name in net.state_dict():  # else a constant
                b.copy_(self._drawn(self.params, name, b.shape, *rule(name, tuple(b.shape))))

    def digest(self, tensor, stream):
        x = tensor.detach().numpy().astype(np.float64)
        out = {"shape": list(x.shape), "max": rounded(np.abs(x).max()), "norm": rounded(np.sqrt((x * x).sum()))}
        if x.size <= LITERAL:
            return {**out, "data": numbers(x)}
        at = (integers("samples of " + stream, SAMPLES) % np.uint64(x.size)).astype(np.int64)
        out["samples"] = numbers(x.ravel()[at])
        out["projections"] = [
            rounded((x * uniform(f"projection {p + 1} of {stream}", x.shape)).sum()) for p in range(PROJECTIONS)]
        return out

    def write(self, outputs, package):
        """Differentiates, and writes PACKAGE/testdata/twins/NAME.json.gz."""
        score = 0.0
        for name in sorted(outputs):
            w = uniform("weight of " + self.stream(name), tuple(outputs[name].shape))
            score = score + (outputs[name] * torch.tensor(w)).sum()
        names = sorted(self.leaves)
        grads = torch.autograd.grad(score, [self.leaves[n] for n in names], allow_unused=True) if names else []
        gradients = {}
        for name, grad in zip(names, grads):
            grad = torch.zeros_like(self.leaves[name]) if grad is None else grad
            gradients[name] = self.digest(grad, self.stream("gradient of " + name))
        data = {
            "name": self.name, "module": self.module, "inputs": self.inputs, "params": self.params,
            "outputs": {n: self.digest(v, self.stream(n)) for n, v in outputs.items()},
            "gradients": gradients,
        }
        file = ROOT / package / "testdata" / "twins" / (self.name + ".json.gz")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
        file.write_bytes(gzip.compress(text, 9, mtime=0))  # the same bytes each time
