#!/usr/bin/env python3
"""Writes the cases of the losses: export/loss/testdata/twins/*.json.gz."""
import numpy as np
import torch

import losses
from common import Case, integers

PACKAGE = "export/loss"
SHAPES = {"3d": (2, 3, 3, 4, 5), "2d": (2, 3, 6, 5)}
WEIGHTS = [0.5, 1.0, 2.0]


def one_hot(case, shape, absent=()):
    """A truth of three classes; a class in `absent` is background in the first sample."""
    n, c, *space = shape
    label = (integers(case.stream("truth"), n * int(np.prod(space))) % np.uint64(c)).astype(int).reshape(n, *space)
    for a in absent:
        label[0][label[0] == a] = 0
    return case.given("g", np.moveaxis(np.eye(c)[label], -1, 1))


def of(name, module, f, dims="3d", input="p", absent=()):
    """A loss of probabilities p in 0.05..0.95, or of logits."""
    case = Case(name, module)
    place = dict(scale=0.45, offset=0.5) if input == "p" else dict(scale=2.0)
    x = case.input(input, SHAPES[dims], **place)
    case.write({"loss": f(x, one_hot(case, SHAPES[dims], absent))}, PACKAGE)


def mask(case, dims):
    n, _, *space = SHAPES[dims]
    keep = integers(case.stream("mask"), n * int(np.prod(space))) % np.uint64(3) > 0
    return case.given("mask", keep.reshape(n, 1, *space).astype(float))


def overlap():
    for dims in SHAPES:
        of("dice_" + dims, "Dice", losses.dice, dims)
        of("tversky_" + dims, "Tversky", lambda p, g: losses.tversky(p, g, [0.25], [0.75, 0.75, 0.9], WEIGHTS), dims)
        of("frequency_" + dims, "frequency (gradient) term",
           lambda p, g: losses.frequency(p[:, 1:2], g[:, 1:2]), dims)
        of("fd_tversky_" + dims, "FD-Tversky", losses.fd_tversky, dims)
        of("hfd_tversky_" + dims, "HFD-Tversky", losses.hfd_tversky, dims)
        of("l1_" + dims, "L1", lambda p, g: (p - g).abs().mean(), dims)
    of("dice_weighted", "Dice", lambda p, g: losses.dice(p, g, WEIGHTS))
    of("dice_absent", "Dice", losses.dice, absent=(2,))


def voxelwise():
    of("cross_entropy", "cross-entropy", losses.cross_entropy, input="logits")
    of("focal", "focal", losses.focal, input="logits")
    for name, module, f in (("cross_entropy_masked", "cross-entropy", losses.cross_entropy),
                            ("focal_masked", "focal", lambda x, g, w, m: losses.focal(x, g, 1.5, w, m))):
        case = Case(name, module)
        logits = case.input("logits", SHAPES["2d"], scale=2.0)
        case.write({"loss": f(logits, one_hot(case, SHAPES["2d"]), WEIGHTS, mask(case, "2d"))}, PACKAGE)
    case = Case("cross_entropy_shares", "cross-entropy")
    logits = case.input("logits", SHAPES["3d"], scale=2.0)
    shares = torch.softmax(torch.tensor(2 * np.cos(np.arange(360.0))).reshape(SHAPES["3d"]), 1)
    case.write({"loss": losses.soft_cross_entropy(logits, case.given("g", shares), WEIGHTS)}, PACKAGE)


def spectral():
    for dims in SHAPES:
        of("spectral_" + dims, "spectral correlation", losses.spectral_correlation, dims)
        of(f"spectral_absent_{dims}", "spectral correlation", losses.spectral_correlation, dims, absent=(2,))


def named():
    """Every loss that --loss can name, with its defaults, from logits."""
    for dims in SHAPES:
        for name, f in losses.NAMED.items():
            for suffix in ("", "+spectral"):
                file = f"named_{name}{suffix}_{dims}".replace("-", "_").replace("+", "_")
                of(file, "by name: " + name + suffix, losses.segmentation(name + suffix), dims, "logits")


def supervision():
    for epoch in (0, 29, 30, 95):
        case = Case(f"deep_supervision_{epoch}", "deep supervision")
        main = case.input("main", (1,))
        aux = [case.input(f"aux{i}", (1,)) for i in range(3)]
        case.write({"loss": losses.deep_supervision(main, aux, epoch)}, PACKAGE)


def classification():
    target = np.eye(3)[[2, 1, 0, 1]]
    target[2] = 0  # a sample without a label
    for name, options in (("plain", {}), ("smoothed", {"smoothing": 0.1}),
                          ("severity", {"smoothing": 0.05, "class_weights": [1.0, 2.0, 4.0]})):
        case = Case("class_cross_entropy_" + name, "class cross-entropy")
        logits = case.input("logits", (4, 3), scale=2.0)
        case.write({"loss": losses.class_cross_entropy(logits, case.given("target", target), **options)}, PACKAGE)
    for name, terms in (("both", ("self", "cross")), ("self", ("self",)), ("cross", ("cross",)), ("none", ())):
        case = Case("desamba_" + name, "DeSamba loss")
        out = {"metastasis": case.input("metastasis", (4, 3), scale=2.0)}
        for t in terms:
            out[t] = case.input(t, (1,), scale=0.2, offset=0.6)
        loss = losses.desamba(out, "metastasis", case.given("target", target), smoothing=0.05)
        case.write({"loss": loss.reshape(1) if terms else loss}, PACKAGE)


if __name__ == "__main__":
    overlap()
    voxelwise()
    spectral()
    named()
    supervision()
    classification()
