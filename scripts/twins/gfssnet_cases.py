#!/usr/bin/env python3
"""Writes the cases of GF-SSNet: export/nets/testdata/twins/gfssnet_*.json.gz."""
import dataclasses
import math

import gfssnet
import torch
from common import Case
from gfssnet import Config
from torch import nn

PACKAGE = "export/nets"

# The sizes of tinyGFSSNet in export/nets/gfssnet_test.go.
TINY = Config(
    size=(4, 16, 16), semantic=3, down=((1, 2, 2), (2, 2, 2), (1, 1, 1)), channels=(2, 3, 4, 4), head=2,
    kernels=2, inner=(2, 2, 2, 2), state=(2, 2, 2, 2), scan_kernel=(3, 3, 3, 3),
    scan_pool=((1, 2, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1)), node_features=4,
)
COMPACT = Config(size=(4, 32, 32), whole=(16, 192, 128))

SWITCHES = {
    "": {},
    "_no_fdconv": {"fdconv": False},
    "_sagittal": {"mamba": "sagittal"},
    "_no_mamba": {"mamba": "none"},
    "_no_gcn": {"gcn": False},
    "_no_dapu": {"dapu": False},
    "_baseline": {"fdconv": False, "mamba": "none", "gcn": False, "dapu": False},
}


def rule(name, shape):
    """Weights of the size that training gives, nothing zero."""
    last = name.rsplit(".", 1)[-1]
    special = {"gamma": (0.2, 1.0), "delta": (1.0, -2.0), "a_log": (0.5, 0.5), "d": (0.3, 1.0), "t1": (0.3, 0.5),
               "t2": (0.3, 0.5), "absent": (0.5, 0.0), "b": (0.2, 0.0), "beta": (0.2, 0.0)}
    if last in special:
        return special[last]
    if last.startswith("position_"):
        return 0.3, 0.0
    return math.sqrt(3 / gfssnet.fan_in(name, shape)), 0.0


def case(name, module, net, inputs, run):
    """Writes the case of a module on drawn inputs of the given shapes."""
    c = Case("gfssnet_" + name, module)
    values = {n: c.input(n, shape) for n, shape in inputs.items()}
    c.fill(net, rule)
    out = run(**values)
    c.write(out if isinstance(out, dict) else {"y": out}, PACKAGE)


def named(**modules):
    """Modules under the names that their parameters have in the graph."""
    return nn.ModuleDict(modules)


def encoder_modules():
    for n in (1, 2):
        net = gfssnet.FDConv(4, 3)
        case(f"fdconv_batch{n}", "FDConv", named(fdconv=net), {"x": (n, 4, 3, 4, 5)}, net)
    net = gfssnet.Scan(3, 2, 3, 2)
    del net.conv
    case("selective", "TD-Mamba, one direction", net, {"u": (2, 5, 3)}, net.run)
    for axis in (2, 3, 4):
        net = gfssnet.Scan(3, 2, 3, axis)
        case("scan_" + "dhw"[axis - 2], "TD-Mamba, both directions", net, {"x": (2, 3, 4, 3, 5)}, net)
    cfg = dataclasses.replace(TINY, inner=(3, 2, 2, 2))
    for name, stage, change in (("_pooled", 0, {}), ("", 1, {}), ("_sagittal", 1, {"mamba": "sagittal"})):
        net = gfssnet.Mamba(dataclasses.replace(cfg, **change), stage, 4)
        case("mamba" + name, "TD-Mamba", net, {"x": (1, 4, 3, 4, 6)}, net)
    for name, change in SWITCHES.items():
        if "gcn" in name or "dapu" in name:
            continue
        net = gfssnet.SEEStage(dataclasses.replace(TINY, **change), 1, 2)
        del net.absent
        case("see" + name, "SEE stage", net, {"x": (1, 2, 4, 8, 6)}, net)


def encoder():
    """The four stages with the embedding that stands for an absent sequence."""
    for present in (0, 1):
        c = Case(f"gfssnet_encoder_present{present}", "SEE encoder and presence embedding")
        x, here = c.input("x", (1, 1, 4, 16, 16)), c.given("present", [[[[[present]]]]], grad=True)
        net = gfssnet.Encoder(TINY)
        c.fill(net, rule)
        c.write({f"stage{s + 1}": y for s, y in enumerate(net(x, here))}, PACKAGE)


def fusion_modules():
    deep = {"t1": (1, 4, 2, 3, 2), "t2": (1, 4, 2, 3, 2)}
    cfg = dataclasses.replace(TINY, size=(4, 24, 16))  # its bottleneck has that grid
    net = gfssnet.Rotational(cfg)
    case("rotational", "rotational Mamba", net, {"x": deep["t1"]}, net)
    net = gfssnet.Pair(4)
    case("pair", "PAAF pairing", named(pair=net), deep, net)
    for name, change in (("", {}), ("_crop", {"whole": (8, 40, 32)})):
        net = gfssnet.PositionAttention(dataclasses.replace(cfg, **change))
        case("epa" + name, "Enhanced Position Attention", net, {"x": deep["t1"]}, net)
    for name, change in (("", {}), ("_no_mamba", {"mamba": "none"})):
        net = gfssnet.PAAF(dataclasses.replace(cfg, **change))
        case("paaf" + name, "PAAF", named(paaf=net), deep, net)
    for name, edges in (("", TINY.edges), ("_paper", tuple(gfssnet.PAPER_EDGES))):
        net = gfssnet.GCN(dataclasses.replace(cfg, edges=edges, nodes=15 if not name else 10))
        case("gcn" + name, "GCN", net, {"x": (2, 4, 2, 3, 2)}, lambda x: dict(zip(("y", "assignment"), net(x))))


def decoder_modules():
    for name, light in (("", False), ("_light", True)):
        net = gfssnet.DAPU(5, 3, 6, (1, 2, 2), light)
        case("dapu" + name, "DAPU stage", net, {"x": (1, 5, 4, 4, 3), "skip": (1, 3, 4, 8, 6)}, net)
    skips = {"skip0": (1, 2, 4, 16, 16), "skip1": (1, 2, 4, 8, 8), "skip2": (1, 3, 4, 4, 4), "skip3": (1, 4, 2, 2, 2)}
    below = {0: (1, 2, 4, 8, 8), 1: (1, 3, 4, 4, 4), 2: (1, 4, 2, 2, 2), 3: (1, 4, 2, 2, 2)}
    for s, outside in enumerate((2, 2, 3, 4)):
        net = gfssnet.FullScale(s, below[s][1], 4, [2, 2, 3, 4], outside)
        inputs = {"x": below[s], **{f"skip{f}": skips[f"skip{f}"] for f in range(s + 1)}}
        if s in (1, 2):
            inputs["bottleneck"] = (1, 4, 2, 2, 2)

        def run(x, bottleneck=None, **fine):
            return net(x, bottleneck, [fine.get(f"skip{f}") for f in range(4)])

        kept = {n: shape for n, shape in inputs.items() if n in ("x", "bottleneck", f"skip{s}") or s > 1 and n != "skip0"}
        case(f"fullscale{s}", "full-scale stage (UNet3+)", net, kept, run)


def network(name, module, cfg, present=(1, 1), grad=True):
    c = Case("gfssnet_" + name, module)
    shape = (1, 1, *cfg.size)
    t1, t2 = c.input("t1", shape, grad=grad), c.input("t2", shape, grad=grad)
    here = c.given("present", [present], grad=grad)
    net = gfssnet.GFSSNet(cfg)
    c.fill(net, rule)
    return c, net, net(t1, t2, here)


def networks():
    for name, change in SWITCHES.items():
        c, _, out = network("tiny" + name, "GF-SSNet, every switch", dataclasses.replace(TINY, **change))
        c.write(out, PACKAGE)
    for name, present in (("t1", (1, 0)), ("t2", (0, 1))):
        c, _, out = network(f"tiny_{name}_alone", "GF-SSNet, one sequence alone", TINY, present)
        c.write(out, PACKAGE)
    c, _, out = network("compact", "GF-SSNet compact", COMPACT)
    c.write(out, PACKAGE)


if __name__ == "__main__":
    torch.set_num_threads(1)
    encoder_modules()
    encoder()
    fusion_modules()
    decoder_modules()
    networks()
