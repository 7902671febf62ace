#!/usr/bin/env python3
"""Writes the cases of GF-SSNet: gfssnet_*.json.gz under testdata/twins of export/nets and,
for the training loss, of export/train."""
import dataclasses
import math

import gfssnet
import losses
import torch
import torch.nn.functional as F
from common import Case, integers
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


def network(name, module, cfg, present=(1, 1)):
    """The case of a whole network, and the network's outputs."""
    c = Case("gfssnet_" + name, module)
    shape = (1, 1, *cfg.size)
    inputs = c.input("t1", shape), c.input("t2", shape), c.given("present", [present], grad=True)
    net = gfssnet.GFSSNet(cfg)
    c.fill(net, rule)
    return c, net(*inputs)


def networks():
    for name, change in SWITCHES.items():
        c, out = network("tiny" + name, "GF-SSNet, every switch", dataclasses.replace(TINY, **change))
        c.write(out, PACKAGE)
    for name, present in (("t1", (1, 0)), ("t2", (0, 1))):
        c, out = network(f"tiny_{name}_alone", "GF-SSNet, one sequence alone", TINY, present)
        c.write(out, PACKAGE)
    c, out = network("compact", "GF-SSNet compact", COMPACT)
    c.write(out, PACKAGE)


def gradcam():
    """Grad-CAM by autograd, of a class over the voxels predicted as the class, and of
    one instance: the part of them in a box."""
    for name in ("class", "instance"):
        c, out = network("cam_" + name, "GF-SSNet Grad-CAM", COMPACT)
        predicted = out["semantic"].argmax(1)
        label = predicted.flatten().mode().values.item()
        mask = F.one_hot(predicted, 6).movedim(-1, 1).double()
        mask[:, [k for k in range(6) if k != label]] = 0
        if name == "instance":
            mask[:, :, :, 20:] = 0
            mask[:, :, :, :, :8] = 0
        assert mask.sum() > 100
        target = c.given("cam_target", mask)
        features = out["_cam"]
        slope, = torch.autograd.grad((out["semantic"] * target).sum(), features)
        cam = F.relu((slope.mean(dim=(2, 3, 4), keepdim=True) * features).sum(1, keepdim=True))
        assert (cam > 0).any()
        c.leaves = {}  # the gradients of the map are nobody's business
        c.write({"cam": gfssnet.interpolate(cam, COMPACT.size)}, PACKAGE)


# The training loss: Dice and cross entropy of the classes, deep supervision at
# every decoder stage, and cross entropy of the levels.

SACRUM = 4


def class_loss(logits, truth, no_sacrum):
    """Where the sacrum was not labelled, calling a voxel sacrum is calling it background."""
    p = torch.softmax(logits, 1)
    move = torch.zeros(6, 6)
    move[0, SACRUM], move[SACRUM, SACRUM] = 1, -1
    p = p + no_sacrum * torch.einsum("ij,bjdhw->bidhw", move, p)
    surprise = -torch.log(p + 1e-5)
    entropy = (truth * surprise).sum(1).mean()
    return losses.dice(p, truth) + 0.5 * entropy


def level_loss(logits, shares, known):
    """Cross entropy where the level is known; background counts a tenth."""
    weight = torch.ones(15)
    weight[0] = 0.1
    weight = torch.einsum("bkdhw,k->bdhw", shares, weight) * known[:, 0]
    each = -(shares * torch.log_softmax(logits, 1)).sum(1)
    return (weight * each).sum() / weight.sum()


def training_loss(out, truth, level, known, no_sacrum):
    def shrink(x, logits):
        return F.adaptive_avg_pool3d(x, logits.shape[2:])

    aux = [class_loss(out[n], shrink(truth, out[n]), no_sacrum) for n in ("_aux1", "_aux2", "_aux3")]
    total = losses.deep_supervision(class_loss(out["semantic"], truth, no_sacrum), aux, epoch=0)
    coarse = out["_level_aux4"]
    named = level_loss(out["_level_aux1"], level, known)
    named = named + 0.5 * level_loss(coarse, shrink(level, coarse), shrink(known, coarse))
    return total + 0.5 * named


def blocks(stream, count, size, cell):
    """Labels below count in cells, as anatomy comes in pieces."""
    coarse = [n // c for n, c in zip(size, cell)]
    labels = torch.tensor((integers(stream, math.prod(coarse)) % count).astype("int64")).reshape(coarse)
    for a, c in enumerate(cell):
        labels = labels.repeat_interleave(c, dim=a)
    return labels


def training():
    for name, no_sacrum in (("", 0), ("_no_sacrum", 1)):
        c, out = network("training" + name, "GF-SSNet compact, training loss", COMPACT, (1, 1 - no_sacrum))
        d, h, w = COMPACT.size
        # Cells of 2x3 pixels, so that coarse cells hold shares of several classes.
        classes = blocks("classes", 6, (d, h, 33), (1, 2, 3))[:, :, :w]
        nodes = blocks("nodes", 15, (d, h, 33), (2, 4, 3))[:, :, :w]
        truth = c.given("target_semantic", F.one_hot(classes, 6).movedim(-1, 0)[None])
        shares = F.one_hot(nodes, 15).movedim(-1, 0)[None].double()
        level = c.given("target_level", F.avg_pool3d(shares, (1, 2, 2)))
        known = c.given("level_mask", blocks("known", 3, (d, h // 2, w // 2), (1, 2, 2))[None, None] > 0)
        flag = c.given("no_sacrum", [no_sacrum])
        c.write({"loss": training_loss(out, truth, level, known, flag).reshape(())}, "export/train")


if __name__ == "__main__":
    torch.set_num_threads(1)
    encoder_modules()
    encoder()
    fusion_modules()
    decoder_modules()
    networks()
    gradcam()
    training()
