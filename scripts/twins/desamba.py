"""DeSamba in PyTorch: the twin that holds export/nets/desamba*.go.

Written from the paper (SAMNet with its Spectral Adaptive Modulation Block, 3D
MambaOut, the Decoupled Representation Learning Module) and networks.md section 2.
Where the Go network builds the encoders of the three sequences as one network with
stacked weights and the Fourier transform as matrix products, this one has three
separate encoders and torch.fft. `DeSamba(cfg)` is an ordinary module: it trains and
runs in float32 or float64.
"""
from dataclasses import dataclass
from typing import Tuple

import torch
import torch.nn.functional as F
from torch import nn

from layout import Entry, dense, leading, norm

SEQUENCES = ("t1", "t2", "t2fs")
PAIRS = ((0, 1), (0, 2), (1, 2))
CLINICAL = 4  # age, sex, level, count
EPS = 1e-5


@dataclass
class Config:
    """The sizes and switches of one DeSamba; `compact()` is what is shipped."""

    size: Tuple[int, int, int] = (4, 6, 8)
    stem: Tuple[int, int, int] = (2, 2, 2)
    widths: Tuple[int, ...] = (4, 5)
    depths: Tuple[int, ...] = (1, 1)
    out_depths: Tuple[int, ...] = (1, 1)
    expansion: int = 2
    large_kernel: int = 3
    bands: int = 2
    fuse_stage: int = 0
    feature: int = 4
    decoupled: int = 4
    tabular_dim: int = 3
    head_dim: int = 4
    dropout: float = 0.3
    samnet: bool = True
    mambaout: bool = True
    frequency: bool = True
    drlm: bool = True
    self_loss: bool = True
    cross_loss: bool = True
    tabular: bool = True


def compact(**change):
    """The compact preset."""
    sizes = dict(size=(16, 32, 32), widths=(12, 24, 48, 64), depths=(1, 1, 2, 1), out_depths=(1, 1, 1, 1),
                 large_kernel=5, bands=4, fuse_stage=1, feature=48, decoupled=48, tabular_dim=32, head_dim=64,
                 dropout=0.2)
    return Config(**{**sizes, **change})


def standardise(x):
    """Layer normalisation over the last axis; scale and shift are the next layer's."""
    return F.layer_norm(x, x.shape[-1:], eps=EPS)


def channels_last(x):
    return x.movedim(1, -1)


def channels_first(x):
    return x.movedim(-1, 1)


class Depthwise(nn.Conv3d):
    """A depthwise convolution whose kernel is no longer than can reach across the grid."""

    def __init__(self, channels, kernel, grid):
        k = tuple(min(kernel, 2 * n - 1) for n in grid)
        super().__init__(channels, channels, k, padding=tuple(n // 2 for n in k), groups=channels)


class GRN(nn.Module):
    """Global response normalisation of ConvNeXt V2, channels last."""

    def __init__(self, channels):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        norm = (x.pow(2).sum((1, 2, 3), keepdim=True) + EPS).sqrt()
        return self.gamma * (x * (norm / norm.mean(-1, keepdim=True))) + self.beta + x


class ConvNeXt(nn.Module):
    """ConvNeXt V2's body without its residual path, channels first."""

    def __init__(self, c, kernel, grid, expansion):
        super().__init__()
        self.depthwise = Depthwise(c, kernel, grid)
        self.expand, self.grn = nn.Linear(c, c * expansion), GRN(c * expansion)
        self.project = nn.Linear(c * expansion, c)

    def forward(self, x):
        y = standardise(channels_last(self.depthwise(x)))
        return channels_first(self.project(self.grn(F.gelu(self.expand(y)))))


def radial_bands(grid, n, like):
    """(n, D, H, W//2+1): overlapping radial bands that sum to one. The radius is the
    root mean square over the axes of the frequency in units of the highest."""
    axes = []
    for a, size in enumerate(grid):
        k = torch.fft.fftfreq(size, 1 / size, dtype=like.dtype, device=like.device).abs()
        k = k[: size // 2 + 1] if a == 2 else k
        axes.append((k / max(size // 2, 1)) ** 2)
    d, h, w = axes
    used = max(1, sum(size > 1 for size in grid))
    radius = ((d[:, None, None] + h[:, None] + w) / used).sqrt() * (n - 1)
    centre = torch.arange(n, dtype=like.dtype, device=like.device)[:, None, None, None]
    return (1 - (radius - centre).abs()).clamp(min=0)


class SAMB(nn.Module):
    """Spectral Adaptive Modulation Block (equation 2)."""

    def __init__(self, c, bands):
        super().__init__()
        self.bands = bands
        self.alpha, self.beta = nn.Parameter(torch.ones(c)), nn.Parameter(torch.full((c,), 0.1))
        self.enhance0, self.enhance1 = nn.Linear(2 * c, c), nn.Linear(c, c)
        self.modulator0, self.modulator1 = nn.Linear(c, c), nn.Linear(c, c * bands)

    def modulation(self, x):
        """f_m: a factor in 0..2 for each channel and band."""
        y = F.gelu(self.modulator0(channels_last(F.instance_norm(x, eps=EPS))))
        y = 2 * torch.sigmoid(self.modulator1(y.mean((1, 2, 3))))
        return y.unflatten(1, (-1, self.bands))

    def forward(self, x):
        grid = x.shape[2:]
        spectrum = torch.fft.rfftn(x, dim=(2, 3, 4), norm="ortho")
        re, im = spectrum.real, spectrum.imag
        phi = (re ** 2 + im ** 2 + EPS).sqrt()
        fe = self.enhance1(F.gelu(self.enhance0(channels_last(torch.cat([re, im], 1)))))
        fe = channels_first(torch.tanh(fe))
        fm = torch.einsum("bcn,ndhw->bcdhw", self.modulation(x), radial_bands(grid, self.bands, x))
        alpha, beta = self.alpha[:, None, None, None], self.beta[:, None, None, None]
        gain = 1 + alpha * (fm - 1)
        spectrum = torch.complex(re * gain + beta * fe * phi, im * gain)
        return torch.fft.irfftn(spectrum, s=grid, dim=(2, 3, 4), norm="ortho")


class SAMBlock(nn.Module):
    """Spatial and frequency branch with a dynamic gate (equation 1); without the
    frequency branch a ConvNeXt V2 block."""

    def __init__(self, c, grid, cfg):
        super().__init__()
        self.spatial = ConvNeXt(c, cfg.large_kernel, grid, cfg.expansion)
        self.samb = None
        if cfg.frequency:
            self.samb, self.frequency = SAMB(c, cfg.bands), ConvNeXt(c, 3, grid, cfg.expansion)
            self.alpha, self.beta = nn.Parameter(torch.ones(c)), nn.Parameter(torch.ones(c))
            self.gate = nn.Linear(2 * c, c)

    def forward(self, x):
        f1 = self.spatial(x)
        if self.samb is None:
            return x + f1
        f1, f2 = channels_last(f1), channels_last(self.frequency(self.samb(x)))
        theta = torch.sigmoid(self.gate(torch.cat([f1, f2], -1)))
        return 0.5 * x + 0.5 * channels_first(theta * (self.alpha * f1 + self.beta * f2))


class GatedBlock(nn.Module):
    """MambaOut's gated CNN block: Mamba's block without the state-space model."""

    def __init__(self, c, grid, cfg):
        super().__init__()
        self.hidden, self.c = max(c + 1, 8 * c // 3), c
        self.fc1, self.fc2 = nn.Linear(c, 2 * self.hidden), nn.Linear(self.hidden, c)
        self.depthwise = Depthwise(c, cfg.large_kernel, grid)

    def forward(self, x):
        g, i, conv = self.fc1(standardise(channels_last(x))).split([self.hidden, self.hidden - self.c, self.c], -1)
        conv = channels_last(self.depthwise(channels_first(conv)))
        return x + channels_first(self.fc2(F.gelu(g) * torch.cat([i, conv], -1)))


class Backbone(nn.Module):
    """Stages of patch embedding and blocks; gives the features of every stage."""

    def __init__(self, cfg, depths, block):
        super().__init__()
        self.embeds, self.stages, self.grids = nn.ModuleList(), nn.ModuleList(), []
        grid, c = cfg.size, 1
        for s, depth in enumerate(depths):
            stride = cfg.stem if s == 0 else (2, 2, 2)
            stride = tuple(k if n % k == 0 else 1 for n, k in zip(grid, stride))
            grid = tuple(n // k for n, k in zip(grid, stride))
            self.embeds.append(nn.Conv3d(c, cfg.widths[s], stride, stride))
            c = cfg.widths[s]
            self.stages.append(nn.Sequential(*(block(c, grid, cfg) for _ in range(depth))))
            self.grids.append(grid)

    def forward(self, x):
        scales = []
        for s, (embed, blocks) in enumerate(zip(self.embeds, self.stages)):
            if s == 0:
                x = channels_first(standardise(channels_last(embed(x))))
            else:
                x = embed(channels_first(standardise(channels_last(x))))
            x = blocks(x)
            scales.append(x)
        return scales


def onto(x, grid):
    """Brings features to a grid: by block means where it is coarser, else linearly."""
    block = tuple(max(1, a // b) for a, b in zip(x.shape[2:], grid))
    return F.interpolate(F.avg_pool3d(x, block), size=tuple(grid), mode="trilinear", align_corners=False)


class Fusion(nn.Module):
    """Multi-scale fusion of both backbones on the grid of one stage."""

    def __init__(self, widths, grid, feature):
        super().__init__()
        self.grid = grid
        self.scales = nn.ModuleList(nn.Linear(c, feature) for c in widths)
        self.mix = nn.Linear(feature, feature)

    def forward(self, scales):
        total = 0
        for x, dense in zip(scales, self.scales):
            total = total + onto(channels_first(dense(standardise(channels_last(x)))), self.grid)
        total = channels_last(total)
        return channels_first(standardise(total + self.mix(F.gelu(standardise(total)))))


class Encoder(nn.Module):
    """The encoder of one sequence: SAMNet and MambaOut in parallel, fused to f_i."""

    def __init__(self, cfg):
        super().__init__()
        self.samnet = Backbone(cfg, cfg.depths, SAMBlock) if cfg.samnet else None
        self.mambaout = Backbone(cfg, cfg.out_depths, GatedBlock) if cfg.mambaout else None
        ways = [b for b in (self.samnet, self.mambaout) if b is not None]
        self.fuse = Fusion(cfg.widths * len(ways), ways[0].grids[cfg.fuse_stage], cfg.feature)
        self.absent = nn.Parameter(0.02 * torch.randn(cfg.feature, 1, 1, 1))

    def forward(self, x, present):
        scales = [f for b in (self.samnet, self.mambaout) if b is not None for f in b(x)]
        here = present[:, None, None, None, None]
        return here * self.fuse(scales) + (1 - here) * self.absent


class Coder(nn.Module):
    """An encoder or decoder of the DRLM at every position, channels last."""

    def __init__(self, cin, out):
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(cin, out), nn.LayerNorm(out, eps=EPS), nn.Linear(out, out)

    def forward(self, *inputs):
        return self.fc2(F.gelu(self.norm(self.fc1(torch.cat(inputs, -1)))))


class DRLM(nn.Module):
    """Decoupled Representation Learning Module (equations 3 to 5)."""

    def __init__(self, cfg):
        super().__init__()
        c, d = cfg.feature, cfg.decoupled
        self.unique = nn.ModuleList(Coder(c, d) for _ in SEQUENCES)
        self.shared = Coder(2 * c, d)
        self.self_dec = nn.ModuleList(Coder(3 * d, c) for _ in SEQUENCES) if cfg.self_loss else None
        self.cross_dec = nn.ModuleList(Coder(2 * d, c) for _ in SEQUENCES) if cfg.cross_loss else None

    def forward(self, features, present, out):
        f = [channels_last(x) for x in features]
        unique = [enc(x) for enc, x in zip(self.unique, f)]
        shared = {p: self.shared(f[p[0]], f[p[1]]) for p in PAIRS}
        if self.self_dec:
            srf = [dec(*[shared[p] for p in PAIRS if i in p], unique[i]) for i, dec in enumerate(self.self_dec)]
            out["self"] = reconstruction(srf, f, present)
        if self.cross_dec:
            crf = [dec(*[shared[p] for p in PAIRS if i not in p], unique[i]) for i, dec in enumerate(self.cross_dec)]
            out["cross"] = reconstruction(crf, f, present)
        return [x.mean((1, 2, 3)) for x in unique + list(shared.values())]


def reconstruction(made, f, present):
    """The mean absolute error over the sequences that are present in the batch."""
    each = torch.stack([(a - b).abs().mean((1, 2, 3, 4)) for a, b in zip(made, f)], 1)
    return (each * present).sum() / (present.sum() + EPS)


class Tabular(nn.Module):
    """Clinical features; a missing one is replaced by a learned value, its flag kept."""

    def __init__(self, width):
        super().__init__()
        self.unknown = nn.Parameter(torch.zeros(CLINICAL))
        self.fc1, self.norm, self.fc2 = nn.Linear(2 * CLINICAL, width), nn.LayerNorm(width, eps=EPS), nn.Linear(width, width)

    def forward(self, x):
        values, missing = x.split(CLINICAL, 1)
        values = torch.lerp(values, self.unknown.expand_as(values), missing)
        return F.gelu(self.fc2(F.gelu(self.norm(self.fc1(torch.cat([values, missing], 1))))))


class Head(nn.Module):
    """Dropout, hidden layer, dropout, logits."""

    def __init__(self, cin, width, classes, share):
        super().__init__()
        self.share = share
        self.fc1, self.norm, self.fc2 = nn.Linear(cin, width), nn.LayerNorm(width, eps=EPS), nn.Linear(width, classes)

    def drop(self, x, noise):
        if noise is None or not self.training:
            return F.dropout(x, self.share, self.training)
        return x * (noise > self.share) / (1 - self.share)

    def forward(self, x, noise=(None, None)):
        h = F.gelu(self.norm(self.fc1(self.drop(x, noise[0]))))
        return self.fc2(self.drop(h, noise[1]))


class DeSamba(nn.Module):
    """Both heads. `forward` gives a dict: the logits "metastasis" and "spondylitis",
    the reconstruction losses "self" and "cross" that are built in, and "features",
    f_i of every sequence (for Grad-CAM)."""

    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.encoders = nn.ModuleList(Encoder(cfg) for _ in SEQUENCES)
        self.drlm = DRLM(cfg) if cfg.drlm else None
        self.tabular = Tabular(cfg.tabular_dim) if cfg.tabular else None
        width = 6 * cfg.decoupled if cfg.drlm else 3 * cfg.feature
        width += cfg.tabular_dim if cfg.tabular else 0
        self.metastasis = Head(width, cfg.head_dim, 6, cfg.dropout)
        self.spondylitis = Head(width, cfg.head_dim, 2, cfg.dropout)

    def forward(self, t1, t2, t2fs, present, tabular=None, noise=None):
        """noise: for training, four tensors of uniform [0,1) numbers, two for each
        head; without it dropout is torch's own."""
        noise = noise or [None] * 4
        f = [enc(x, present[:, i]) for i, (enc, x) in enumerate(zip(self.encoders, (t1, t2, t2fs)))]
        out = {"features": f}
        if self.drlm is not None:
            pooled = self.drlm(f, present, out)
        else:
            pooled = [x.mean((2, 3, 4)) for x in f]
        if self.tabular is not None:
            pooled.append(self.tabular(tabular))
        x = torch.cat(pooled, 1)
        out["metastasis"] = self.metastasis(x, noise[:2])
        out["spondylitis"] = self.spondylitis(x, noise[2:])
        return out


def columna(net):
    """The tensors as export/nets/desamba*.go names and lays them out: those of the
    three encoders are stacked."""
    cfg = net.cfg
    for way, depths, block in (("samnet", cfg.depths, _sam_block), ("mambaout", cfg.out_depths, _gated_block)):
        for s, depth in enumerate(depths if getattr(cfg, way) else ()):
            go, here = f"{way}.stage{s}", f"{way}.stages.{s}"
            yield from _patches(f"{go}." + ("down" if s else "stem"), f"{way}.embeds.{s}", net)
            for i in range(depth):
                yield from block(f"{go}.block{i}", f"{here}.{i}", cfg)
    for i in range(len(cfg.widths) * (cfg.samnet + cfg.mambaout)):
        yield from _pointwise(f"fuse.scale{i}", f"fuse.scales.{i}")
    yield from _pointwise("fuse.mix", "fuse.mix")
    for i, name in enumerate(SEQUENCES):
        yield leading(f"absent.{name}", f"encoders.{i}.absent")
    if cfg.drlm:
        yield from _coder("drlm.shared", "drlm.shared")
        for go, here, there in (("unique", "unique", True), ("self", "self_dec", cfg.self_loss), ("cross", "cross_dec", cfg.cross_loss)):
            for i, name in enumerate(SEQUENCES if there else ()):
                yield from _coder(f"drlm.{go}.{name}", f"drlm.{here}.{i}")
    if cfg.tabular:
        yield leading("tabular.unknown", "tabular.unknown")
        yield from dense("tabular.0", "tabular.fc1")
        yield from norm("tabular.norm", "tabular.norm")
        yield from dense("tabular.1", "tabular.fc2")
    for head in ("metastasis", "spondylitis"):
        yield from dense(f"{head}.0", f"{head}.fc1")
        yield from norm(f"{head}.norm", f"{head}.norm")
        yield from dense(f"{head}.logits", f"{head}.fc2")


def _stacked(name, tensor, pack=lambda t: t, unpack=lambda t: t):
    """One tensor of each encoder, on a new leading axis."""
    tensors = tuple(f"encoders.{i}.{tensor}" for i in range(len(SEQUENCES)))
    return Entry(name, tensors, lambda *t: torch.stack([pack(x) for x in t]), lambda t: [unpack(x) for x in t])


def _joined(name, tensor):
    """One tensor of each encoder, end to end along the channels."""
    tensors = tuple(f"encoders.{i}.{tensor}" for i in range(len(SEQUENCES)))
    return Entry(name, tensors, lambda *t: torch.cat(t), lambda t: t.chunk(len(SEQUENCES)))


def _pointwise(name, module):
    """A dense layer on rows: weight (3, in, out), bias (3, 1, out)."""
    yield _stacked(name + ".weight", module + ".weight", torch.t, torch.t)
    yield _stacked(name + ".bias", module + ".bias", lambda t: t[None], lambda t: t[0])


def _channelwise(name, module):
    """A dense layer over channels: weight (1, 3, out, in), bias (1, 3, out, 1)."""
    for part, shape in (("weight", lambda t: t), ("bias", lambda t: t[:, None])):
        e = _stacked(f"{name}.{part}", f"{module}.{part}", shape, lambda t, part=part: t if part == "weight" else t[:, 0])
        yield Entry(e.name, e.tensors, lambda *t, e=e: e.pack(*t)[None], lambda t, e=e: e.unpack(t[0]))


def _patches(name, module, net):
    """A convolution whose kernel is its stride: rows of (tap, channel)."""
    out, cin, *k = net.get_submodule("encoders.0." + module).weight.shape
    yield _stacked(name + ".weight", module + ".weight",
                   lambda t: t.permute(2, 3, 4, 1, 0).reshape(-1, out),
                   lambda t: t.reshape(*k, cin, out).permute(4, 3, 0, 1, 2))
    yield _stacked(name + ".bias", module + ".bias", lambda t: t[None], lambda t: t[0])


def _conv_next(name, module):
    yield _joined(name + ".depthwise.weight", module + ".depthwise.weight")
    yield _joined(name + ".depthwise.bias", module + ".depthwise.bias")
    yield from _pointwise(name + ".expand", module + ".expand")
    for part in ("gamma", "beta"):
        yield _stacked(f"{name}.grn.{part}", f"{module}.grn.{part}", lambda t: t[None, None], lambda t: t[0, 0])
    yield from _pointwise(name + ".project", module + ".project")


def _sam_block(name, module, cfg):
    yield from _conv_next(name + ".spatial", module + ".spatial")
    if not cfg.frequency:
        return
    yield from _conv_next(name + ".frequency", module + ".frequency")
    for part in ("alpha", "beta"):
        yield _stacked(f"{name}.{part}", f"{module}.{part}", lambda t: t[None], lambda t: t[0])
        e = _joined(f"{name}.samb.{part}", f"{module}.samb.{part}")
        yield Entry(e.name, e.tensors, lambda *t, e=e: e.pack(*t)[None, :, None], lambda t, e=e: e.unpack(t[0, :, 0]))
    yield from _pointwise(name + ".gate", module + ".gate")
    for part in ("enhance", "modulator"):
        for i in range(2):
            yield from _channelwise(f"{name}.samb.{part}.{i}", f"{module}.samb.{part}{i}")


def _gated_block(name, module, cfg):
    yield from _pointwise(name + ".in", module + ".fc1")
    yield _joined(name + ".depthwise.weight", module + ".depthwise.weight")
    yield _joined(name + ".depthwise.bias", module + ".depthwise.bias")
    yield from _pointwise(name + ".out", module + ".fc2")


def _coder(name, module):
    yield from dense(name + ".0", module + ".fc1")
    yield from norm(name, module + ".norm")
    yield from dense(name + ".1", module + ".fc2")
