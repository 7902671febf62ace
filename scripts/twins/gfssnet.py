"""GF-SSNet (Hong et al.) in PyTorch, written from the paper and its operators alone.

Parameters carry the names of the Go network (export/nets/gfssnet*.go) with "." for
"/", so that weights can be exchanged. Features are (B, C, D, H, W); triples are in
the order D, H, W. Where the paper is silent the choices are those of the Go network.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

# Edges between a vertebra and its discs: 0 background, 1-5 L1..L5, 6-9 discs
# L1/L2..L4/L5; then disc L5/S1 (10), S1 (11), T12 (12), disc T12/L1 (13), above (14).
PAPER_EDGES = [(1, 6), (2, 6), (2, 7), (3, 7), (3, 8), (4, 8), (4, 9), (5, 9)]
EDGES = PAPER_EDGES + [(5, 10), (10, 11), (12, 13), (13, 1), (14, 12)]


@dataclasses.dataclass
class Config:
    """Sizes and switches. The defaults are the compact preset."""

    size: tuple = (16, 192, 128)
    whole: tuple = None  # the grid that size is a crop of
    semantic: int = 6
    nodes: int = 15
    edges: tuple = tuple(EDGES)
    stem: tuple = (1, 2, 2)
    down: tuple = ((1, 2, 2), (2, 2, 2), (1, 2, 2))
    channels: tuple = (8, 16, 32, 48)
    head: int = 6
    kernels: int = 4
    inner: tuple = (8, 8, 12, 16)
    state: tuple = (4, 4, 6, 8)
    scan_kernel: tuple = (3, 3, 5, 5)
    scan_pool: tuple = ((1, 4, 4), (1, 2, 2), (1, 1, 1), (1, 1, 1))
    node_features: int = 128
    fdconv: bool = True
    mamba: str = "three"  # "none", "sagittal" or "three"
    gcn: bool = True
    dapu: bool = True

    def strides(self):
        return [self.stem, *self.down]

    def grid(self, size):
        """The bottleneck's grid for an input of that size."""
        for stride in self.strides():
            size = tuple(n // s for n, s in zip(size, stride))
        return size


def fan_in(name, shape):
    """How many numbers each output of a kernel or matrix sums."""
    if name.endswith("kernels"):  # (count, width * width * 27)
        return 27 * math.isqrt(shape[1] // 27)
    return shape[0] if len(shape) == 2 else math.prod(shape[1:])


# Layers.


class Linear(nn.Module):
    """Maps the last axis; w is (in, out)."""

    def __init__(self, inside, outside):
        super().__init__()
        self.w = nn.Parameter(torch.empty(inside, outside))
        self.b = nn.Parameter(torch.empty(outside))

    def forward(self, x):
        return F.linear(x, self.w.t(), self.b)


class Pointwise(nn.Module):
    """1x1x1 convolution with bias."""

    def __init__(self, inside, outside):
        super().__init__()
        self.w = nn.Parameter(torch.empty(outside, inside, 1, 1, 1))
        self.b = nn.Parameter(torch.empty(outside))

    def forward(self, x):
        return F.conv3d(x, self.w, self.b)


class Kernel(nn.Module):
    """"Same" convolution without bias."""

    def __init__(self, inside, outside, size, dilation=1):
        super().__init__()
        self.w = nn.Parameter(torch.empty(outside, inside, *size))
        self.dilation = dilation
        self.pad = [dilation * (k // 2) for k in size]

    def forward(self, x):
        return F.conv3d(x, self.w, padding=self.pad, dilation=self.dilation)


class Depthwise(nn.Module):
    """"Same" convolution of each channel by itself, with bias."""

    def __init__(self, width, size):
        super().__init__()
        self.w = nn.Parameter(torch.empty(width, 1, *size))
        self.b = nn.Parameter(torch.empty(width))
        self.pad = [k // 2 for k in size]

    def forward(self, x):
        return F.conv3d(x, self.w, self.b, padding=self.pad, groups=x.shape[1])


class Norm(nn.Module):
    """Instance normalisation with scale and shift."""

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))
        self.beta = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return F.instance_norm(x, weight=self.gamma, bias=self.beta, eps=1e-5)


class Patches(nn.Module):
    """Embeds non-overlapping patches."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.w = nn.Parameter(torch.empty(outside, inside, *stride))
        self.norm = Norm(outside)
        self.stride = stride

    def forward(self, x):
        return self.norm(F.conv3d(x, self.w, stride=self.stride))


def activate(x):
    return F.leaky_relu(x, 0.01)


def interpolate(x, size):
    if x.shape[2:] == torch.Size(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="trilinear", align_corners=False)


# Spatial Enhancement Encoder (section 2.2.1).


class FDConv(nn.Module):
    """Frequency dynamic convolution: the kernels, each convolved with the modulated
    features, weighed by attention. The bias is the shift of the normalisation after it."""

    def __init__(self, width, count):
        super().__init__()
        self.width, self.count = width, count
        hidden = max(width // 4, 4)
        self.squeeze = Linear(width, hidden)
        self.excite = Linear(hidden, count)
        self.modulate = Depthwise(width, (3, 3, 3))
        self.kernels = nn.Parameter(torch.empty(count, width * width * 27))
        self.norm = Norm(width)

    def attention(self, x):
        pooled = x.mean(dim=(2, 3, 4))
        return F.softmax(self.excite(F.relu(self.squeeze(pooled))), dim=1)

    def convolve(self, x):
        alpha = self.attention(x)
        modulated = x * torch.sigmoid(self.modulate(x))
        if x.shape[0] == 1:  # one kernel for the one sample
            w = (alpha.reshape(-1, 1) * self.kernels).sum(0).reshape(self.width, self.width, 3, 3, 3)
            return F.conv3d(modulated, w, padding=1)
        w = self.kernels.reshape(self.count, self.width, self.width, 3, 3, 3)
        return sum(alpha[:, i].reshape(-1, 1, 1, 1, 1) * F.conv3d(modulated, w[i], padding=1) for i in range(self.count))

    def forward(self, x):
        return activate(self.norm(self.convolve(x)))


def selective_scan(u, delta, a, b, c, d):
    """Mamba's recurrence. u, delta (N, L, E); a (E, S); b, c (N, L, S); d (E)."""
    decay = torch.exp(delta.unsqueeze(-1) * a)
    drive = (delta * u).unsqueeze(-1) * b.unsqueeze(2)
    state = torch.zeros_like(decay[:, 0])
    outputs = []
    for decay_t, drive_t, c_t in zip(decay.unbind(1), drive.unbind(1), c.unbind(1)):
        state = decay_t * state + drive_t
        outputs.append((state * c_t.unsqueeze(1)).sum(-1))
    return torch.stack(outputs, dim=1) + u * d


class Scan(nn.Module):
    """The selective state space along one axis, forward and backward summed."""

    def __init__(self, width, state, kernel, axis):
        super().__init__()
        self.axis, self.width, self.state = axis, width, state
        size = [1, 1, 1]
        size[axis - 2] = kernel
        self.conv = Depthwise(width, size)
        self.project = nn.Parameter(torch.empty(width, width + 2 * state))
        self.delta = nn.Parameter(torch.empty(width))
        self.a_log = nn.Parameter(torch.empty(width, state))
        self.d = nn.Parameter(torch.ones(width))

    def run(self, u):
        delta, b, c = (u @ self.project).split([self.width, self.state, self.state], dim=2)
        return selective_scan(u, F.softplus(delta + self.delta), -torch.exp(self.a_log), b, c, self.d)

    def lines(self, u):
        """u (lines, L, E), read in both directions at once."""
        ahead, back = self.run(torch.cat([u, u.flip(1)])).chunk(2)
        return ahead + back.flip(1)

    def forward(self, x):
        u = F.silu(self.conv(x)).movedim(1, -1).movedim(self.axis - 1, -2)
        y = self.lines(u.reshape(-1, *u.shape[-2:])).reshape(u.shape)
        return y.movedim(-2, self.axis - 1).movedim(-1, 1)


class Mamba(nn.Module):
    """TD-Mamba: narrowed features scanned along each direction, gated, concatenated
    and fused; on a pooled grid where pool says so."""

    def __init__(self, cfg, stage, width):
        super().__init__()
        axes = [2] if cfg.mamba == "sagittal" else [2, 3, 4]
        inner = cfg.inner[stage]
        self.pool, self.inner = tuple(cfg.scan_pool[stage]), inner
        self.add_module("in", Pointwise(width, inner * (1 + len(axes))))
        self.names = ["scan_" + "dhw"[a - 2] for a in axes]
        for a, name in zip(axes, self.names):
            self.add_module(name, Scan(inner, cfg.state[stage], cfg.scan_kernel[stage], a))
        self.out = Pointwise(inner * len(axes), width)

    def forward(self, x):
        h = F.avg_pool3d(x, self.pool) if self.pool != (1, 1, 1) else x
        h = getattr(self, "in")(h)
        scanned, gate = h[:, :self.inner], h[:, self.inner:]
        y = torch.cat([getattr(self, name)(scanned) for name in self.names], dim=1)
        return interpolate(self.out(y * F.silu(gate)), x.shape[2:])


class SEEStage(nn.Module):
    """Down-sampling, then FDConv and TD-Mamba in parallel, fused, with a residual."""

    def __init__(self, cfg, stage, inside):
        super().__init__()
        width = cfg.channels[stage]
        self.down = Patches(inside, width, cfg.strides()[stage])
        if cfg.fdconv:
            self.fdconv = FDConv(width, cfg.kernels)
        else:
            self.conv, self.fdconv = Kernel(width, width, (3, 3, 3)), nn.ModuleDict({"norm": Norm(width)})
        self.with_fdconv, self.with_mamba = cfg.fdconv, cfg.mamba != "none"
        if self.with_mamba:
            self.mamba = Mamba(cfg, stage, width)
        self.fuse = Pointwise(2 * width if self.with_mamba else width, width)
        self.fuse.norm = Norm(width)
        self.absent = nn.Parameter(torch.empty(1, width, 1, 1, 1))

    def local(self, x):
        return self.fdconv(x) if self.with_fdconv else activate(self.fdconv["norm"](self.conv(x)))

    def enhance(self, x):
        paths = [self.local(x)] + ([self.mamba(x)] if self.with_mamba else [])
        return activate(x + self.fuse.norm(self.fuse(torch.cat(paths, dim=1))))

    def forward(self, x):
        return self.enhance(self.down(x))

    def where_present(self, x, present):
        """The learned embedding stands for the features of an absent sequence."""
        return present * x + (1 - present) * self.absent


class Encoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        inside = 1
        for s in range(4):
            self.add_module(f"stage{s + 1}", SEEStage(cfg, s, inside))
            inside = cfg.channels[s]

    def forward(self, x, present):
        outputs = []
        for s in range(4):
            stage = getattr(self, f"stage{s + 1}")
            x = stage(x)
            outputs.append(stage.where_present(x, present))
        return outputs


# Feature co-learning (section 2.2.2).


class Rotational(Mamba):
    """F' = F * sigmoid(W_g F_rot) + F."""

    def __init__(self, cfg):
        super().__init__(cfg, 3, cfg.channels[3])
        self.gate = Pointwise(cfg.channels[3], cfg.channels[3])

    def forward(self, x):
        return x * torch.sigmoid(self.gate(super().forward(x))) + x


class Pair(nn.Module):
    """Channel c of both sequences becomes one channel: a grouped 1x1x1 convolution."""

    def __init__(self, width):
        super().__init__()
        self.t1 = nn.Parameter(torch.empty(1, width, 1, 1, 1))
        self.t2 = nn.Parameter(torch.empty(1, width, 1, 1, 1))
        self.b = nn.Parameter(torch.empty(1, width, 1, 1, 1))

    def forward(self, t1, t2):
        width = t1.shape[1]
        paired = torch.stack([t1, t2], dim=2).flatten(1, 2)
        w = torch.stack([self.t1, self.t2], dim=2).reshape(width, 2, 1, 1, 1)
        return F.conv3d(paired, w, self.b.flatten(), groups=width)


class PositionAttention(nn.Module):
    """Enhanced Position Attention: self-attention over positions with learned
    embeddings of the place, read out as one weight for each position."""

    def __init__(self, cfg):
        super().__init__()
        width = cfg.channels[3]
        self.key = max(width // 2, 4)
        self.grid, whole = cfg.grid(cfg.size), cfg.grid(cfg.whole or cfg.size)
        for a, n in enumerate(whole):
            shape = [1, width, 1, 1, 1]
            shape[2 + a] = n
            self.register_parameter("position_" + "dhw"[a], nn.Parameter(torch.empty(shape)))
        self.qkv = Linear(width, 3 * self.key)
        self.weight = Linear(self.key, 1)

    def place(self, a):
        """A crop reads the middle of the whole grid's table."""
        table = getattr(self, "position_" + "dhw"[a])
        return table.narrow(2 + a, (table.shape[2 + a] - self.grid[a]) // 2, self.grid[a])

    def forward(self, x):
        tokens = (x + self.place(0) + self.place(1) + self.place(2)).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).chunk(3, dim=2)
        attention = F.softmax(q @ k.transpose(1, 2) / self.key**0.5, dim=2)
        weight = torch.sigmoid(self.weight(attention @ v)).transpose(1, 2)
        return x + x * weight.unflatten(2, x.shape[2:])


class PAAF(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.rotate = cfg.mamba != "none"
        if self.rotate:
            self.t1, self.t2 = Rotational(cfg), Rotational(cfg)
        self.pair = Pair(cfg.channels[3])
        self.epa = PositionAttention(cfg)

    def forward(self, t1, t2):
        if self.rotate:
            t1, t2 = self.t1(t1), self.t2(t2)
        return self.epa(self.pair(t1, t2))


class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))
        self.beta = nn.Parameter(torch.empty(width))


class GCN(nn.Module):
    """Three graph convolutions over the anatomical graph; also gives the node
    assignment, which is the level logits."""

    def __init__(self, cfg):
        super().__init__()
        width, features = cfg.channels[3], cfg.node_features
        self.assign = Pointwise(width, cfg.nodes)
        self.feature_to_graph = nn.Parameter(torch.empty(width, features))
        self.node = Scale(features)
        for name in ("layer1", "layer2", "layer3"):
            self.register_parameter(name, nn.Parameter(torch.empty(features, features)))
        self.graph_to_feature = Linear(features, width)
        a = torch.eye(cfg.nodes)
        for i, j in cfg.edges:
            a[i, j] = a[j, i] = 1
        root = a.sum(1).rsqrt()
        self.register_buffer("adjacency", root[:, None] * a * root[None, :], persistent=False)

    def forward(self, x):
        logits = self.assign(x)
        share = F.softmax(logits, dim=1)
        pooled = torch.einsum("bkdhw,bcdhw->bkc", share, x) / x[0, 0].numel()  # GAP of P_k * X
        n = pooled @ self.feature_to_graph
        n = F.layer_norm(n, n.shape[-1:], self.node.gamma, self.node.beta, 1e-8)
        for w in (self.layer1, self.layer2, self.layer3):
            n = F.relu(self.adjacency.to(n) @ n @ w)
        back = torch.einsum("bkdhw,bkc->bcdhw", share, self.graph_to_feature(n))
        return x + back, logits


# Decoder (section 2.2.3).


class DAPU(nn.Module):
    """Depth-aware progressive upsampling: depth attention, boundary branch,
    upsampling, fusion, skip, structure-preserving convolution."""

    def __init__(self, inside, skip, outside, up, light):
        super().__init__()
        self.up = up
        kernel = (1, 3, 3) if light else (3, 3, 3)
        edge = max(outside // 4, 2)
        self.depth = nn.ModuleDict({
            "squeeze": Pointwise(inside, max(inside // 4, 2)),
            "excite": Pointwise(max(inside // 4, 2), inside),
        })
        for d in (1, 2, 3):
            setattr(self, f"boundary{d}", Kernel(inside, edge, kernel, d))
        self.boundary = nn.ModuleDict({"norm": Norm(3 * edge)})
        self.fuse = Pointwise(inside + 3 * edge, outside)
        self.fuse.norm = Norm(outside)
        self.structure = Kernel(outside + skip, outside, kernel)
        self.structure.norm = Norm(outside)

    def forward(self, x, skip):
        pooled = F.adaptive_avg_pool3d(x, (x.shape[2], 1, 1))
        attention = torch.sigmoid(self.depth["excite"](F.relu(self.depth["squeeze"](pooled))))
        edges = torch.cat([getattr(self, f"boundary{d}")(x) for d in (1, 2, 3)], dim=1)
        edges = activate(self.boundary["norm"](edges))
        size = [n * u for n, u in zip(x.shape[2:], self.up)]
        # As the paper orders it: both branches are enlarged, then concatenated and convolved.
        large = torch.cat([interpolate(x * attention, size), interpolate(edges, size)], dim=1)
        fused = activate(self.fuse.norm(self.fuse(large)))
        return activate(self.structure.norm(self.structure(torch.cat([fused, skip], dim=1))))


class FullScale(nn.Module):
    """The baseline's stage, in the manner of UNet3+: own skip, stage below,
    bottleneck and finer skips on one grid, and one convolution. At the input's
    resolution only the own skip and the stage below."""

    def __init__(self, s, below, bottleneck, skips, outside):
        super().__init__()
        self.below = Pointwise(below, outside)
        self.with_bottleneck = 0 < s < 3
        if self.with_bottleneck:
            self.bottleneck = Pointwise(bottleneck, outside)
        self.finer = list(range(1, s))
        for f in self.finer:
            setattr(self, f"finer{f}", Pointwise(skips[f], outside))
        width = skips[s] + outside * (1 + self.with_bottleneck + len(self.finer))
        self.conv = Kernel(width, outside, (1, 3, 3) if s == 0 else (3, 3, 3))
        self.conv.norm = Norm(outside)
        self.s = s

    def forward(self, x, bottleneck, skips):
        size = skips[self.s].shape[2:]
        parts = [skips[self.s], interpolate(self.below(x), size)]
        if self.with_bottleneck:
            parts.append(interpolate(self.bottleneck(bottleneck), size))
        for f in self.finer:
            pooled = F.adaptive_avg_pool3d(skips[f], size)
            parts.append(getattr(self, f"finer{f}")(pooled))
        return activate(self.conv.norm(self.conv(torch.cat(parts, dim=1))))


class Decoder(nn.Module):
    """One decoder stage with its heads: level logits on the way, aux logits for
    deep supervision."""

    def __init__(self, cfg, s, below, skips):
        super().__init__()
        width = (cfg.head, *cfg.channels)[s]
        self.s, self.up, self.full = s, cfg.strides()[s], not cfg.dapu
        if cfg.dapu:
            self.merge(DAPU(below, skips[s], width, self.up, s == 0))
        else:
            self.merge(FullScale(s, below, cfg.channels[3], skips, width))
        if s > 0:
            self.level = Pointwise(width, cfg.nodes)
            self.aux = Pointwise(width, cfg.semantic)

    def merge(self, stage):
        """The stage's parameters go by the decoder's name."""
        for name, module in stage.named_children():
            self.add_module(name, module)
        self.stage = [stage]  # in a list, so that it is not registered twice

    def forward(self, x, bottleneck, skips, level):
        stage = self.stage[0]
        x = stage(x, bottleneck, skips) if self.full else stage(x, skips[self.s])
        if level is not None:
            level = interpolate(level, [n * u for n, u in zip(level.shape[2:], self.up)])
        if self.s > 0:
            seen = self.level(x)
            level = seen if level is None else level + seen
        return x, level


class GFSSNet(nn.Module):
    """forward(t1, t2, present), the sequences (B, 1, D, H, W) and present (B, 2), gives a
    dict: "semantic" and "level" logits, "_aux1".. and "_level_aux1".. for deep
    supervision, and "_cam", the features for Grad-CAM."""

    def __init__(self, cfg=None):
        super().__init__()
        cfg = self.cfg = cfg or Config()
        self.see = nn.ModuleDict({"t1": Encoder(cfg), "t2": Encoder(cfg)})
        skips = [2, *cfg.channels[:3]]
        for s in (1, 2, 3):
            skip = Pointwise(2 * cfg.channels[s - 1], cfg.channels[s - 1])
            skip.norm = Norm(cfg.channels[s - 1])
            self.add_module(f"skip{s}", skip)
        self.paaf = PAAF(cfg)
        if cfg.gcn:
            self.gcn = GCN(cfg)
        below = cfg.channels[3]
        for s in (3, 2, 1, 0):
            self.add_module(f"decoder{s}", Decoder(cfg, s, below, skips))
            below = (cfg.head, *cfg.channels)[s]
        self.semantic = Pointwise(cfg.head, cfg.semantic)
        self.reset()

    def reset(self):
        """Fresh weights with the variances of He and Xavier."""
        for name, p in self.named_parameters():
            last = name.rsplit(".", 1)[-1]
            if last == "gamma" or last == "d":
                nn.init.ones_(p)
            elif last == "a_log":
                p.data.copy_(torch.log(torch.arange(1.0, p.shape[1] + 1)).expand_as(p))
            elif last == "delta":
                p.data.fill_(-4.0)
            elif last in ("t1", "t2"):
                nn.init.constant_(p, 0.5)
            elif p.dim() < 2 or name.startswith("paaf.pair"):
                nn.init.zeros_(p)
            else:
                nn.init.normal_(p, std=(2 / fan_in(name, p.shape)) ** 0.5)

    def forward(self, t1, t2, present):
        here = [present[:, i].reshape(-1, 1, 1, 1, 1) for i in (0, 1)]
        first, second = self.see["t1"](t1, here[0]), self.see["t2"](t2, here[1])
        skips = [torch.cat([t1 * here[0], t2 * here[1]], dim=1)]
        for s in (1, 2, 3):
            skip = getattr(self, f"skip{s}")
            skips.append(activate(skip.norm(skip(torch.cat([first[s - 1], second[s - 1]], dim=1)))))
        out, level = {}, None
        bottleneck = self.paaf(first[3], second[3])
        if self.cfg.gcn:
            bottleneck, level = self.gcn(bottleneck)
            out["_level_aux4"] = level
        x = bottleneck
        for s in (3, 2, 1, 0):
            decoder = getattr(self, f"decoder{s}")
            x, level = decoder(x, bottleneck, skips, level)
            if s > 0:
                out[f"_aux{s}"], out[f"_level_aux{s}"] = decoder.aux(x), level
            if s == 2:
                out["_cam"] = x
        out["semantic"], out["level"] = self.semantic(x), level
        return out
