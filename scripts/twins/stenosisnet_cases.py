#!/usr/bin/env python3
"""Writes the cases of StenosisNet: export/nets/testdata/twins/stenosisnet_*.json.gz."""
import numpy as np
import torch
import torch.nn.functional as F

from common import Case
from layout import Placed, part
from stenosisnet import Config, StenosisNet, columna, compact

PACKAGE = "export/nets"
SWITCHES = ("cbam", "self_attention", "slot_attention")


def module(case, go, here, training=False, **change):
    """One module of a tiny network with drawn weights."""
    net = StenosisNet(Config(**change))
    return Placed(case, net.get_submodule(here).train(training), part(columna(net), go, here))


def states(placed):
    """What the running statistics are after a step."""
    return {"next " + n: t for n, t in placed.theta.items() if n.endswith((".mean", ".variance"))}


def head():
    for name, training in (("stenosisnet_conv7", False), ("stenosisnet_conv7_training", True)):
        case = Case(name, "7x7 head convolution")
        conv = module(case, "head.conv0.", "stem.0", training)
        y = conv(case.input("x", (2, 1, 9, 8)))
        case.write({"y": y, **(states(conv) if training else {})}, PACKAGE)
    for name, training in (("stenosisnet_inception", False), ("stenosisnet_inception_training", True)):
        case = Case(name, "Enhanced Inception Module")
        eim = module(case, "head.inception0.", "inceptions.0", training, inception=(10,))
        y = eim(case.input("x", (2, 3, 6, 7)))
        case.write({"y": y, **(states(eim) if training else {})}, PACKAGE)


def attention():
    case = Case("stenosisnet_cbam", "CBAM")
    y, where = module(case, "body.cbam.", "cbam")(case.input("x", (2, 8, 4, 5)))
    case.write({"y": y, "map": where}, PACKAGE)
    case = Case("stenosisnet_mhsam", "multi-head self-attention")
    y, where = module(case, "body.self.", "self_attention", embed=6, heads=3)(case.input("x", (2, 8, 2, 2)))
    case.write({"y": y, "map": where}, PACKAGE)
    for iters, cells in ((1, 2), (2, 2), (3, 2), (3, 1), (3, 4)):
        case = Case(f"stenosisnet_slots_{iters}_{cells}", "slot attention")
        slots = module(case, "body.slots.", "slot_attention", slots=3, slot_dim=5, slot_iters=iters, slot_cells=cells)
        y, where = slots(case.input("x", (2, 8, 4, 4)))
        case.write({"y": y, "map": where}, PACKAGE)


def network(name, row, batch, training=False, cfg=Config(), cam=False, exported=False):
    case = Case(name, row)
    net = Placed(case, StenosisNet(cfg).train(training), columna(StenosisNet(cfg)))
    image = case.input("image", (batch, 1, cfg.size, cfg.size), scale=100.0)
    condition = case.input("condition", (batch, cfg.conditions), scale=0.5, offset=0.5)
    noise = None
    if training:
        noise = [case.input(f"noise_{i}", (batch, w), 0.5, 0.5, grad=False) for i, w in enumerate(cfg.tail)]
    out = net(image, condition, noise)
    if training:
        out.update(states(net))
    if exported:
        case.leaves = {}
        out.pop("features")
    if cam:
        target = case.given("cam_target", np.eye(cfg.grades)[[1]])
        grad, = torch.autograd.grad((out["logits"] * target).sum(), out["features"])
        score = (grad.mean((2, 3), keepdim=True) * out["features"]).sum(1, keepdim=True)
        out = {"cam": F.interpolate(F.relu(score), size=(cfg.size, cfg.size), mode="bilinear", align_corners=False)}
        case.leaves = {}
    case.write(out, PACKAGE)


def networks():
    for on in range(8):
        cfg = Config(**{s: bool(on >> i & 1) for i, s in enumerate(SWITCHES)})
        name = "_".join(["stenosisnet_tiny", *(s for s in SWITCHES if getattr(cfg, s))])
        network(name, "StenosisNet, every switch", 2, cfg=cfg)
    network("stenosisnet_tiny_training", "StenosisNet, training", 3, training=True, cfg=Config(inception=(8, 12)))
    for grades in (2, 3):
        network(f"stenosisnet_cam_{grades}", "StenosisNet, Grad-CAM", 1, cfg=Config(grades=grades), cam=True)
    network("stenosisnet_compact", "StenosisNet, whole compact network", 1, cfg=compact())
    network("stenosisnet_compact_training", "StenosisNet, whole compact network, training", 2, training=True, cfg=compact())
    network("stenosisnet_compact_exported", "StenosisNet, whole compact network", 1, cfg=compact(), exported=True)
    network("stenosisnet_compact_cam", "StenosisNet, Grad-CAM", 1, cfg=compact(), cam=True)


if __name__ == "__main__":
    head()
    attention()
    networks()
