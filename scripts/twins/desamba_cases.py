#!/usr/bin/env python3
"""Writes the cases of DeSamba: export/nets/testdata/twins/desamba_*.json.gz."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import Case
from desamba import CLINICAL, SEQUENCES, Config, DeSamba, columna, compact
from layout import Entry, Placed, part

PACKAGE = "export/nets"
OFF = dict(samnet=False, mambaout=False, frequency=False, drlm=False, self_loss=False, cross_loss=False, tabular=False)
TABLE_3 = {  # the paper's ablations, by its names
    "cnv2": dict(OFF, samnet=True),
    "samnet": dict(OFF, samnet=True, frequency=True),
    "mo": dict(OFF, mambaout=True),
    "desn": dict(mambaout=False, tabular=False),
    "demo": dict(samnet=False, frequency=False, tabular=False),
    "samba": dict(drlm=False, self_loss=False, cross_loss=False, tabular=False),
    "tf": dict(drlm=False, self_loss=False, cross_loss=False),
    "de_c": dict(self_loss=False),
    "de_s": dict(cross_loss=False),
    "desamba": dict(),
}


class PerSequence(nn.ModuleList):
    """The same part of the three encoders on the sequences' channels side by side."""

    def forward(self, x):
        return torch.cat([m(c) for m, c in zip(self, x.chunk(len(SEQUENCES), 1))], 1)


def across(case, go, here, **change):
    """A part of all encoders of a tiny network, with drawn weights."""
    net = DeSamba(Config(**change))
    parts = PerSequence(e.get_submodule(here) for e in net.encoders)
    entries = [Entry(e.name, tuple(t.replace("encoders.", "").replace(here + ".", "", 1) for t in e.tensors), e.pack, e.unpack)
               for e in columna(net) if e.name.startswith(go)]
    return Placed(case, parts, entries)


def images(case, channels, grid, batch=2, name="x"):
    """(batch, 3 channels, grid): the features of all sequences."""
    return case.input(name, (batch, len(SEQUENCES) * channels, *grid))


def blocks():
    sam, gated = "samnet.stages.0.0", "mambaout.stages.0.0"
    for name, grid in (("even", (4, 6, 8)), ("odd", (3, 4, 5)), ("flat", (1, 2, 3))):
        sizes = dict(widths=(4,), depths=(1,), out_depths=(1,), stem=(1, 1, 1), size=grid)
        case = Case(f"desamba_samb_{name}", "SAMB")
        y = across(case, "samnet.stage0.block0.samb.", sam + ".samb", bands=3, **sizes)(images(case, 4, grid))
        case.write({"y": y}, PACKAGE)
        case = Case(f"desamba_convnext_{name}", "ConvNeXt-V2 body with GRN")
        y = across(case, "samnet.stage0.block0.spatial.", sam + ".spatial", large_kernel=7, **sizes)(images(case, 4, grid))
        case.write({"y": y}, PACKAGE)
        for suffix, on in (("", True), ("_no_frequency", False)):
            case = Case(f"desamba_samblock_{name}{suffix}", "SAMBlock")
            y = across(case, "samnet.stage0.block0.", sam, frequency=on, **sizes)(images(case, 4, grid))
            case.write({"y": y}, PACKAGE)
        case = Case(f"desamba_gated_{name}", "MambaOut gated block")
        y = across(case, "mambaout.stage0.block0.", gated, **sizes)(images(case, 4, grid))
        case.write({"y": y}, PACKAGE)


def backbones():
    """Stages, and the fusion of scales that are finer, equal and coarser."""
    sizes = dict(size=(4, 6, 8), widths=(3, 4, 5), depths=(1, 2, 1), out_depths=(1, 1, 2), stem=(1, 2, 2), fuse_stage=1)
    for way in ("samnet", "mambaout"):
        case = Case(f"desamba_{way}", {"samnet": "SAMNet", "mambaout": "MambaOut"}[way])
        net = across(case, way + ".", way, **sizes)
        scales = [[] for _ in sizes["widths"]]
        x = images(case, 1, sizes["size"])
        for i, c in enumerate(x.chunk(3, 1)):
            own = {t[2:]: v for t, v in net.tensors.items() if t.startswith(f"{i}.")}
            for s, y in enumerate(torch.nn.utils.stateless.functional_call(net.module[i], own, (c,))):
                scales[s].append(y)
        case.write({f"scale{s}": torch.cat(y, 1) for s, y in enumerate(scales)}, PACKAGE)
    case = Case("desamba_fuse", "multi-scale fusion")
    fuse = across(case, "fuse.", "fuse", **sizes)
    grids = [(4, 3, 4), (2, 3, 2), (1, 3, 1)] * 2
    widths = sizes["widths"] * 2
    x = [images(case, c, g, name=f"scale{i}") for i, (c, g) in enumerate(zip(widths, grids))]
    parts = []
    for i in range(3):
        own = {t[2:]: v for t, v in fuse.tensors.items() if t.startswith(f"{i}.")}
        parts.append(torch.nn.utils.stateless.functional_call(fuse.module[i], own, ([v.chunk(3, 1)[i] for v in x],)))
    case.write({"y": torch.cat(parts, 1)}, PACKAGE)


def decoupling():
    for name, change in (("both", {}), ("self", dict(cross_loss=False)), ("cross", dict(self_loss=False)),
                         ("none", dict(self_loss=False, cross_loss=False))):
        case = Case(f"desamba_drlm_{name}", "DRLM")
        net = DeSamba(Config(decoupled=5, **change))
        drlm = Placed(case, net.drlm, part(columna(net), "drlm.", "drlm"))
        f = [case.input("f_" + s, (2, 4, 2, 3, 2)) for s in SEQUENCES]
        out = {}
        pooled = drlm(f, case.given("present", [[1, 1, 1], [1, 0, 1]], grad=True), out)
        case.write({"pooled": torch.cat(pooled, 1), **out}, PACKAGE)


def heads():
    case = Case("desamba_tabular", "tabular encoder")
    net = DeSamba(Config(tabular_dim=5))
    x = case.given("x", [[0.6, 1, 0.2, 0.1, 0, 0, 0, 0], [0.4, 0, 0.3, 0.9, 1, 0, 1, 0], [0.3] * 4 + [1] * 4], grad=True)
    case.write({"y": Placed(case, net.tabular, part(columna(net), "tabular.", "tabular"))(x)}, PACKAGE)
    for name, classes in (("metastasis", 6), ("spondylitis", 2)):
        for suffix, training in (("", False), ("_training", True)):
            case = Case(f"desamba_{name}{suffix}", "heads")
            net = DeSamba(Config(head_dim=5))
            head = Placed(case, net.get_submodule(name).train(training), part(columna(net), name + ".", name))
            x = case.input("x", (3, 27))
            noise = [case.input(f"noise_{i}", (3, w), 0.5, 0.5, grad=False) for i, w in enumerate((27, 5))] if training else (None, None)
            y = head(x, noise)
            assert y.shape == (3, classes)
            case.write({"y": y}, PACKAGE)


def network(name, row, cfg, batch, present=None, training=False, target=None, exported=False):
    """A whole network; of its exported file the logits alone; or with a target its
    Grad-CAM for the logits "head" and class."""
    case = Case(name, row)
    net = DeSamba(cfg).train(training)
    run = Placed(case, net, columna(net))
    volumes = [case.input(s, (batch, 1, *cfg.size)) for s in SEQUENCES]
    here = [[1, 1, 1]] * (batch - 1) + [[1, 0, 1]] if present is None else present
    here = case.given("present", np.array(here, dtype=float), grad=True)
    tabular, noise = None, None
    if cfg.tabular:
        values = case.stream("tabular")
        missing = (np.arange(batch * CLINICAL).reshape(batch, CLINICAL) % 3 == 1).astype(float)
        seen = np.linspace(0.1, 0.9, batch * CLINICAL).reshape(batch, CLINICAL)
        tabular = case.given("tabular", np.concatenate([seen, missing], 1), grad=True)
    if training:
        width = net.metastasis.fc1.in_features
        noise = [case.input(f"noise_{i}", (batch, w), 0.5, 0.5, grad=False)
                 for i, w in enumerate((width, cfg.head_dim) * 2)]
    out = run(*volumes, here, tabular, noise)
    if exported:
        case.leaves = {}
        return case.write({n: out[n] for n in ("metastasis", "spondylitis")}, PACKAGE)
    for i, f in enumerate(out.pop("features")):
        out["features_" + SEQUENCES[i]] = f
    if target:
        out = maps(case, out, cfg, here, *target)
    return case.write(out, PACKAGE)


def maps(case, out, cfg, here, head, klass):
    """Grad-CAM by autograd: one map for each sequence, and "aggregate", the mean over
    the sequences that are there of the maps on a scale of 0..1."""
    score = 0.0
    for name, classes in (("metastasis", 6), ("spondylitis", 2)):
        pick = np.eye(classes)[[klass]] if name == head else np.zeros((1, classes))
        score = score + (out[name] * case.given("cam_target_" + name, pick)).sum()
    features = [out["features_" + s] for s in SEQUENCES]
    cams = {}
    for i, (f, grad) in enumerate(zip(features, torch.autograd.grad(score, features))):
        cam = F.relu((grad.mean((2, 3, 4), keepdim=True) * f).sum(1, keepdim=True))
        cams[f"cam_{i}"] = F.interpolate(cam, size=cfg.size, mode="trilinear", align_corners=False)
    case.leaves = {}
    scaled = [cam / cam.max() for i, cam in enumerate(cams.values()) if here[0, i] > 0]
    return {**cams, "aggregate": sum(scaled) / len(scaled)}


def networks():
    for name, change in TABLE_3.items():
        network("desamba_tiny_" + name, "DeSamba, ablations of Table 3", Config(**change), 2)
    for i, s in enumerate(SEQUENCES):
        network(f"desamba_tiny_{s}_alone", "DeSamba, one sequence alone", Config(), 1, present=[np.eye(3)[i]])
    network("desamba_tiny_training", "DeSamba, training", Config(), 3, training=True)
    network("desamba_compact_training", "DeSamba, whole compact network", compact(), 1, present=[[1, 1, 1]], training=True)
    network("desamba_compact_exported", "DeSamba, whole compact network", compact(), 1, present=[[1, 1, 1]], exported=True)
    for name, cfg, present, target in (
            ("desamba_cam_metastasis", Config(), [[1, 1, 1]], ("metastasis", 4)),
            ("desamba_cam_spondylitis", Config(), [[1, 1, 1]], ("spondylitis", 1)),
            ("desamba_cam_absent", Config(), [[1, 0, 1]], ("metastasis", 2)),
            ("desamba_compact_cam", compact(), [[1, 0, 1]], ("metastasis", 1))):
        network(name, "DeSamba, Grad-CAM", cfg, 1, present=present, target=target)


if __name__ == "__main__":
    blocks()
    backbones()
    decoupling()
    heads()
    networks()
