"""StenosisNet in PyTorch: the twin that holds export/nets/stenosisnet*.go.

Written from the paper (head, body with CBAM, multi-head self-attention and slot
attention in parallel, tail; its Algorithms 1 to 3) and networks.md section 3, with
torch's own layers. `StenosisNet(cfg)` is an ordinary module: it trains, runs in
float32 or float64, and `columna` names its tensors as the Go network does.
"""
from dataclasses import dataclass
from typing import Tuple

import torch
import torch.nn.functional as F
from torch import nn

from layout import Entry, batch_norm, dense, norm, same

PIXEL_SCALE = 1 / 64


@dataclass
class Config:
    """The sizes and switches of one StenosisNet; `compact()` is what is shipped."""

    size: int = 16
    stem: Tuple[int, ...] = (2, 3)
    inception: Tuple[int, ...] = (4, 8)
    reduction: int = 2
    heads: int = 2
    embed: int = 4
    slots: int = 2
    slot_dim: int = 3
    slot_iters: int = 2
    slot_cells: int = 2
    tail: Tuple[int, ...] = (6, 5)
    dropout: float = 0.5
    grades: int = 3
    conditions: int = 5
    cbam: bool = True
    self_attention: bool = True
    slot_attention: bool = True


def compact(**change):
    """The compact preset."""
    sizes = dict(size=96, stem=(16, 24), inception=(96, 128), reduction=8, heads=4, embed=64, slots=4,
                 slot_dim=64, slot_iters=3, slot_cells=12, tail=(128, 64))
    return Config(**{**sizes, **change})


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch normalisation, rectifier."""

    def __init__(self, cin, out, k, stride=1):
        super().__init__(nn.Conv2d(cin, out, k, stride, k // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class Separable(nn.Module):
    """A 1x1 reduction, then a depthwise separable k x k convolution."""

    def __init__(self, cin, out, k):
        super().__init__()
        self.reduce = ConvNorm(cin, out, 1)
        self.depthwise = nn.Conv2d(out, out, k, padding=k // 2, groups=out, bias=False)
        self.pointwise = ConvNorm(out, out, 1)

    def forward(self, x):
        return self.pointwise(self.depthwise(self.reduce(x)))


class EnhancedInception(nn.Module):
    """Branches of 1x1, 3x3, 5x5 and pooling side by side."""

    def __init__(self, cin, out):
        super().__init__()
        quarter = out // 4
        self.b1 = ConvNorm(cin, out - 3 * quarter, 1)
        self.b3 = Separable(cin, quarter, 3)
        self.b5 = Separable(cin, quarter, 5)
        self.pool = ConvNorm(cin, quarter, 1)

    def forward(self, x):
        mean = F.avg_pool2d(x, 3, 1, 1)
        return torch.cat([self.b1(x), self.b3(x), self.b5(x), self.pool(mean)], 1)


class CBAM(nn.Module):
    """Algorithm 1: channel attention, then spatial attention. Gives features and map."""

    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.spatial = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x):
        mean = F.relu(self.fc1(x.mean((2, 3))))
        peak = F.relu(self.fc1(x.amax((2, 3))))
        xc = x * torch.sigmoid(self.fc2(mean + peak))[:, :, None, None]
        planes = torch.cat([xc.mean(1, keepdim=True), xc.amax(1, keepdim=True)], 1)
        where = torch.sigmoid(self.spatial(planes))
        return xc * where, where


class MultiHeadSelfAttention(nn.Module):
    """Algorithm 2 over the positions. Gives features and the attention roll-out."""

    def __init__(self, channels, side, embed, heads):
        super().__init__()
        self.heads = heads
        self.position = nn.Parameter(0.02 * torch.randn(1, side * side, channels))
        self.query, self.key, self.value = (nn.Linear(channels, embed) for _ in range(3))
        self.out = nn.Linear(embed, embed)

    def forward(self, x):
        n, _, h, w = x.shape
        t = x.flatten(2).transpose(1, 2) + self.position
        q, k, v = (f(t).unflatten(2, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        attention = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
        y = self.out((attention @ v).transpose(1, 2).flatten(2))
        # Roll-out of one layer (Abnar and Zuidema 2020): half the residual path, half the heads' mean.
        flow = 0.5 * attention.mean(1) + 0.5 * torch.eye(h * w, dtype=x.dtype, device=x.device)
        return y.transpose(1, 2).unflatten(2, (h, w)), flow.mean(1).view(n, 1, h, w)


class SlotAttention(nn.Module):
    """Algorithm 3 over pooled cells. Gives the mean slot and each slot's map."""

    def __init__(self, channels, cells, slots, dim, iters):
        super().__init__()
        self.cells, self.iters = cells, iters
        self.norm = nn.LayerNorm(channels)
        self.key, self.value = nn.Linear(channels, dim), nn.Linear(channels, dim)
        self.start = nn.Parameter(torch.randn(1, slots, dim))
        self.slot_norm, self.query = nn.LayerNorm(dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        pooled = F.adaptive_avg_pool2d(x, self.cells)
        t = self.norm(pooled.flatten(2).transpose(1, 2))
        key, value = self.key(t), self.value(t)
        slots = self.start.expand(x.shape[0], -1, -1)
        for _ in range(self.iters):
            slots = self.slot_norm(slots)
            score = torch.einsum("bsd,bpd->bsp", self.query(slots), key) / key.shape[-1] ** 0.5
            attention = torch.softmax(score, 1)
            share = attention
            if self.cells > 1:
                share = attention / (attention.sum(2, keepdim=True) + 1e-5)
            slots = slots + self.mlp(torch.einsum("bsp,bpd->bsd", share, value))
        return slots.mean(1), attention.unflatten(2, (self.cells, self.cells))


class StenosisNet(nn.Module):
    """Grades of one crop. `forward` gives a dict of the logits, the attention maps
    on the crop's grid and, as "features", what the attentions read (for Grad-CAM)."""

    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.stem, self.inceptions, c = nn.ModuleList(), nn.ModuleList(), 1
        for i, width in enumerate(cfg.stem):
            self.stem.append(ConvNorm(c, width, 7, 2 if i == 0 else 1))
            c = width
        for width in cfg.inception:
            self.inceptions.append(EnhancedInception(c, width))
            c = width
        side, joined = cfg.size // (2 << len(cfg.inception)), 0
        if cfg.cbam:
            self.cbam, joined = CBAM(c, cfg.reduction), joined + c
        if cfg.self_attention:
            self.self_attention = MultiHeadSelfAttention(c, side, cfg.embed, cfg.heads)
            joined += cfg.embed
        if cfg.slot_attention:
            self.slot_attention = SlotAttention(c, cfg.slot_cells, cfg.slots, cfg.slot_dim, cfg.slot_iters)
            joined += cfg.slot_dim
        width = (joined or c) + cfg.conditions
        self.tail, self.tail_norm = nn.ModuleList(), nn.ModuleList()
        for out in cfg.tail:
            self.tail.append(nn.Linear(width, out))
            self.tail_norm.append(nn.LayerNorm(out))
            width = out
        self.logits = nn.Linear(width, cfg.grades)

    def head(self, image):
        x = image * PIXEL_SCALE
        for conv in self.stem:
            x = conv(x)
        for inception in self.inceptions:
            x = inception(F.max_pool2d(x, 2))
        return x

    def body(self, x, out):
        pooled, cfg = [], self.cfg
        grid = dict(size=(cfg.size, cfg.size), mode="bilinear", align_corners=False)
        if cfg.cbam:
            y, where = self.cbam(x)
            pooled.append(y.mean((2, 3)))
            out["cbam_map"] = F.interpolate(where, **grid)
        if cfg.self_attention:
            y, where = self.self_attention(x)
            pooled.append(y.mean((2, 3)))
            out["self_attention"] = F.interpolate(where, **grid)
        if cfg.slot_attention:
            y, where = self.slot_attention(x)
            pooled.append(y)
            out["slot_attention"] = F.interpolate(where, **grid)
        return torch.cat(pooled, 1) if pooled else x.mean((2, 3))

    def forward(self, image, condition, noise=None):
        """noise: for training, one tensor of uniform [0,1) numbers for each layer of
        the tail; without it dropout is torch's own."""
        out = {"features": self.head(image)}
        x = torch.cat([self.body(out["features"], out), condition], 1)
        for i, (fc, norm) in enumerate(zip(self.tail, self.tail_norm)):
            x = F.relu(norm(fc(x)))
            x = dropout(x, self.cfg.dropout, self.training, noise[i] if noise else None)
        out["logits"] = self.logits(x)
        return out


def dropout(x, share, training, noise):
    """Inverted dropout that keeps where the noise exceeds the share."""
    if noise is None or not training:
        return F.dropout(x, share, training)
    return x * (noise > share) / (1 - share)


def columna(net):
    """The tensors as export/nets/stenosisnet*.go names and lays them out."""
    cfg = net.cfg
    for i in range(len(cfg.stem)):
        yield from _conv_norm(f"head.conv{i}", f"stem.{i}")
    for i in range(len(cfg.inception)):
        go, here = f"head.inception{i}", f"inceptions.{i}"
        for branch in ("b1", "pool"):
            yield from _conv_norm(f"{go}.{branch}", f"{here}.{branch}")
        for branch in ("b3", "b5"):
            yield from _conv_norm(f"{go}.{branch}.reduce", f"{here}.{branch}.reduce")
            yield same(f"{go}.{branch}.depthwise", f"{here}.{branch}.depthwise.weight")
            yield from _conv_norm(f"{go}.{branch}.pointwise", f"{here}.{branch}.pointwise")
    if cfg.cbam:
        yield Entry("body.cbam.reduce", ("cbam.fc1.weight",), torch.t, lambda t: (t.t(),))
        yield same("body.cbam.reduce.bias", "cbam.fc1.bias")
        yield from dense("body.cbam.expand", "cbam.fc2")
        yield same("body.cbam.spatial", "cbam.spatial.weight")
    if cfg.self_attention:
        yield same("body.self.position", "self_attention.position")
        for name in ("query", "key", "value", "out"):
            yield from dense(f"body.self.{name}", f"self_attention.{name}")
    if cfg.slot_attention:
        yield from norm("body.slots.norm", "slot_attention.norm")
        for name in ("key", "value", "query"):
            yield from dense(f"body.slots.{name}", f"slot_attention.{name}")
        yield same("body.slots.start", "slot_attention.start")
        yield from dense("body.slots.mlp.0", "slot_attention.mlp.0")
        yield from dense("body.slots.mlp.1", "slot_attention.mlp.2")
        yield from norm("body.slots.slot", "slot_attention.slot_norm")
    for i in range(len(cfg.tail)):
        yield from dense(f"tail.fc{i}", f"tail.{i}")
        yield from norm(f"tail.fc{i}.norm", f"tail_norm.{i}")
    yield from dense("tail.logits", "logits")


def _conv_norm(name, module):
    yield same(name + ".conv", module + ".0.weight")
    yield from batch_norm(name + ".norm", module + ".1")
