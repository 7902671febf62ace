"""How the Go networks name and lay out the tensors of a PyTorch module.

A network lists Entries; `place` makes a module's tensors from the Go network's, so
that gradients come out in the Go network's layout, and `torch.nn.utils.stateless`
runs the module with them.
"""
import math
from dataclasses import dataclass
from typing import Callable, Tuple

import torch
from torch.nn.utils.stateless import functional_call


@dataclass
class Entry:
    """One tensor of the Go network and the module's tensors that it holds."""

    name: str  # in the Go network, "." for "/"
    tensors: Tuple[str, ...]  # in the module
    pack: Callable  # from the module's layout to the Go network's
    unpack: Callable  # and back, as many tensors as `tensors` names
    trained: bool = True


def same(name, tensor, trained=True):
    return Entry(name, (tensor,), lambda t: t, lambda t: (t,), trained)


def leading(name, tensor):
    """A tensor with a leading axis of size one in the Go network."""
    return Entry(name, (tensor,), lambda t: t[None], lambda t: (t[0],))


def dense(name, module):
    """nn.Linear: the weight transposed, and the bias."""
    yield Entry(name + ".weight", (module + ".weight",), torch.t, lambda t: (t.t(),))
    yield same(name + ".bias", module + ".bias")


def norm(name, module):
    """The scale and shift of a normalisation."""
    yield same(name + ".scale", module + ".weight")
    yield same(name + ".shift", module + ".bias")


def batch_norm(name, module):
    yield from norm(name, module)
    yield same(name + ".mean", module + ".running_mean", trained=False)
    yield same(name + ".variance", module + ".running_var", trained=False)


def _tensors(module):
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def shapes(module, entries):
    """The shape of each entry; every tensor of the module must be in one."""
    have = _tensors(module)
    named = {t for e in entries for t in e.tensors}
    rest = {n for n in have if not n.endswith("num_batches_tracked")} ^ named
    assert not rest, f"not placed, or not there: {sorted(rest)}"
    return {e.name: tuple(e.pack(*(have[t].detach() for t in e.tensors)).shape) for e in entries}


def place(entries, theta):
    """The module's tensors, from theta by the Go network's names."""
    return {t: x for e in entries for t, x in zip(e.tensors, e.unpack(theta[e.name]))}


def part(entries, name, module):
    """The entries under a name, as those of one submodule."""
    for e in entries:
        if e.name.startswith(name):
            yield Entry(e.name, tuple(t[len(module) + 1:] for t in e.tensors), e.pack, e.unpack, e.trained)


def rule(name, shape):
    """Scale and offset of a drawn parameter: scales and variances near one, kernels
    that keep the size of what they map, and nothing zero."""
    if name.endswith((".scale", ".variance", ".alpha")):
        return 0.3, 1.0
    fans = [d for d in shape if d > 1]
    if len(fans) < 2 or name.endswith((".bias", ".gamma", ".beta")):
        return 0.2, 0.0
    if name.endswith("position"):
        return 0.5, 0.0
    fan_in = shape[-2] if len(shape) < 4 else math.prod(shape[1:])
    return math.sqrt(3.0 / fan_in), 0.0


class Placed:
    """A module with drawn tensors in the Go network's layout. Called, it runs the
    module with them; `theta` holds them by the Go network's names."""

    def __init__(self, case, module, entries, rule=rule):
        entries = list(entries)
        trained = {e.name: e.trained for e in entries}
        self.module, self.theta = module.double(), {}
        for name, shape in shapes(module, entries).items():
            self.theta[name] = case.param(name, shape, *rule(name, shape), grad=trained[name])
        self.tensors = place(entries, self.theta)

    def __call__(self, *args, **kwargs):
        return functional_call(self.module, self.tensors, args, kwargs)
