"""U-Net, UNet3+ and TransUNet in PyTorch: the twins that hold export/nets/segmenter*.go,
unet.go, unet3plus.go and transunet.go.

Written from the papers (Ronneberger et al. 2015, Çiçek et al. 2016, Huang et al. 2020,
Chen et al. 2021) and the documented choices of the Go networks. Tensors have the Go
network's names, "." for "/". Convolutions are in two or three dimensions.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

CONV = {2: F.conv2d, 3: F.conv3d}
UP = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
POOL = {2: F.max_pool2d, 3: F.max_pool3d}
LINEAR = {2: "bilinear", 3: "trilinear"}


def empty(*shape):
    return nn.Parameter(torch.zeros(*shape))


class Norm(nn.Module):
    """Instance or group normalisation, with the names gamma and beta."""

    def __init__(self, cfg, c):
        super().__init__()
        self.groups = 32 if cfg["norm"] == "group" else c
        wide = (1, c) + (1,) * cfg["dims"] if cfg["norm"] == "group" else (c,)
        self.gamma, self.beta = empty(*wide), empty(*wide)

    def forward(self, x):
        return F.group_norm(x, self.groups, self.gamma.flatten(), self.beta.flatten(), 1e-5)


class BatchNorm(nn.Module):
    """Batch normalisation that trains: `next` holds the running statistics of after."""

    def __init__(self, c):
        super().__init__()
        self.scale, self.shift = empty(c), empty(c)
        self.register_buffer("mean", torch.zeros(c))
        self.register_buffer("variance", torch.ones(c))

    def forward(self, x):
        self.next = {"mean": self.mean.clone(), "variance": self.variance.clone()}
        return F.batch_norm(x, self.next["mean"], self.next["variance"], self.scale, self.shift, True, 0.1, 1e-5)


def norm(cfg, c):
    if cfg["norm"] == "none":
        return nn.Identity()
    return BatchNorm(c) if cfg["norm"] == "batch" else Norm(cfg, c)


class Conv(nn.Module):
    def __init__(self, cfg, cin, out, k, stride=(1, 1, 1), bias=False):
        super().__init__()
        self.dims, self.stride = cfg["dims"], stride[3 - cfg["dims"]:]
        k = k[3 - self.dims:]
        self.pad = [n // 2 for n in k]
        self.w = empty(out, cin, *k)
        self.b = empty(out) if bias else None

    def forward(self, x):
        return CONV[self.dims](x, self.w, self.b, self.stride, self.pad)


class Block(Conv):
    """Convolution, normalisation, rectifier."""

    def __init__(self, cfg, cin, out, k, stride=(1, 1, 1)):
        super().__init__(cfg, cin, out, k, stride, cfg["norm"] == "none")
        self.norm, self.leak = norm(cfg, out), cfg["leak"]

    def forward(self, x, shift=0.0):
        return F.leaky_relu(self.norm(super().forward(x)) + shift, self.leak)


class Up(nn.Module):
    """A transposed convolution; the Go network keeps its kernel as (out*cells, in, 1..)."""

    def __init__(self, cfg, cin, out, stride):
        super().__init__()
        self.dims, self.out, self.stride = cfg["dims"], out, stride[3 - cfg["dims"]:]
        self.w = empty(out * math.prod(self.stride), cin, *[1] * self.dims)

    def forward(self, x):
        w = self.w.reshape(self.out, math.prod(self.stride), -1).permute(2, 0, 1)
        return UP[self.dims](x, w.reshape(-1, self.out, *self.stride), stride=self.stride)


class Twice(nn.Module):
    def __init__(self, cfg, cin, widths, level):
        super().__init__()
        self.conv1 = Block(cfg, cin, widths[0], kernel(cfg, level))
        self.conv2 = Block(cfg, widths[0], widths[1], kernel(cfg, level))

    def forward(self, x, shift=0.0):
        return self.conv2(self.conv1(x, shift))


def kernel(cfg, level):
    return (1, 3, 3) if level < cfg["flat"] else (3, 3, 3)


class Segmenter(nn.Module):
    """Input, heads and slicing that the three networks share. A subclass has
    `features(x, shift)`, the decoder's, the finest first, and `width` of them."""

    wide, deep = False, False

    def __init__(self, cfg):
        super().__init__()
        self.cfg, self.dims = cfg, cfg["dims"]
        self.channels = len(cfg["sequences"]) or cfg["channels"]

    def heads(self, widths):
        cfg, one = self.cfg, (1, 1, 1)
        k = (lambda level: kernel(cfg, level)) if self.wide else (lambda level: one)
        self.semantic = Conv(cfg, widths[0], cfg["semantic"], k(0), bias=True)
        if self.deep:
            for i, w in enumerate(widths[1:], 1):
                self.add_module(f"aux{i}", Conv(cfg, w, cfg["semantic"], k(i), bias=True))
        if cfg["nodes"]:
            self.level = Conv(cfg, widths[1], cfg["nodes"], one, bias=True)

    def shift(self, present, table, slices):
        """What the absent sequences add to each channel of the first block."""
        if present is None:
            return 0.0
        s = ((1 - present) @ table).repeat_interleave(slices, 0)
        return s.reshape(*s.shape, *[1] * self.dims)

    def scale(self, triple):
        return triple[3 - self.dims:]

    def pool(self, x, stride):
        return POOL[self.dims](x, self.scale(stride), self.scale(stride))

    def enlarge(self, x, stride):
        return F.interpolate(x, scale_factor=self.scale(stride), mode=LINEAR[self.dims], align_corners=False)

    def forward(self, *inputs):
        present, slices = None, 1
        x = inputs[0]
        if self.cfg["sequences"]:
            present = inputs[-1]
            x = torch.cat([t * present[:, i].reshape(-1, 1, 1, 1, 1) for i, t in enumerate(inputs[:-1])], 1)
        batch, stacked = len(x), self.dims == 2 and x.dim() == 5
        if stacked:
            slices = x.shape[2]
            x = x.transpose(1, 2).flatten(0, 1)
        features = self.features(x, self.shift(present, self.table(), slices))
        out = {"semantic": self.semantic(features[0])}
        if self.deep:
            out.update({f"_aux{i}": self.get_submodule(f"aux{i}")(f) for i, f in enumerate(features[1:], 1)})
        if self.cfg["nodes"]:
            out["_level_aux1"] = self.level(features[1])
            out["level"] = self.enlarge(out["_level_aux1"], self.cfg["strides"][0])
        if stacked:
            out = {n: v.reshape(batch, slices, *v.shape[1:]).transpose(1, 2) for n, v in out.items()}
        return out


class Contracting(Segmenter):
    """The encoder of U-Net and UNet3+."""

    def encoder(self, widths):
        for i, w in enumerate(widths):
            self.add_module(f"encoder{i}", Twice(self.cfg, self.channels if i == 0 else widths[i - 1][1], w, i))
        if self.cfg["sequences"]:
            self.encoder0.register_parameter("absent", empty(self.channels, widths[0][0]))

    def table(self):
        return getattr(self.encoder0, "absent", None)

    def contract(self, x, shift):
        features = [self.encoder0(x, shift)]
        for i, stride in enumerate(self.cfg["strides"], 1):
            features.append(self.get_submodule(f"encoder{i}")(self.pool(features[-1], stride)))
        return features


class Decoder(nn.Module):
    def __init__(self, cfg, below, across, up, level):
        super().__init__()
        self.up = Up(cfg, below, up, cfg["strides"][level])
        twice = Twice(cfg, up + across, (across, across), level)
        self.conv1, self.conv2 = twice.conv1, twice.conv2

    def forward(self, across, below):
        return self.conv2(self.conv1(torch.cat([across, self.up(below)], 1)))


class UNet(Contracting):
    def __init__(self, cfg, widths, keep_up=False):
        super().__init__(cfg)
        self.encoder(widths)
        last = [w[1] for w in widths]
        for i in range(len(last) - 1):
            up = last[i + 1] if keep_up else last[i]
            self.add_module(f"decoder{i}", Decoder(cfg, last[i + 1], last[i], up, i))
        self.heads(last)

    def features(self, x, shift):
        f = self.contract(x, shift)
        for i in reversed(range(len(f) - 1)):
            f[i] = self.get_submodule(f"decoder{i}")(f[i], f[i + 1])
        return f


class UNet3Plus(Contracting):
    wide, deep = True, True

    def __init__(self, cfg, widths, skip):
        super().__init__(cfg)
        self.encoder([(w, w) for w in widths])
        n = len(widths)
        for i in range(n - 1):
            stage = nn.Module()
            for j in range(n):
                cin = widths[j] if j <= i or j == n - 1 else skip * n
                stage.add_module(f"from{j}", Block(cfg, cin, skip, kernel(cfg, i)))
            stage.join = Block(cfg, skip * n, skip * n, kernel(cfg, i))
            self.add_module(f"decoder{i}", stage)
        self.heads([skip * n] * (n - 1) + [widths[-1]])

    def features(self, x, shift):
        f = self.contract(x, shift)
        for i in reversed(range(len(f) - 1)):
            stage, parts = self.get_submodule(f"decoder{i}"), []
            for j, y in enumerate(f):
                for stride in self.cfg["strides"][j:i]:
                    y = self.pool(y, stride)
                if j > i:
                    y = self.enlarge(y, [math.prod(s) for s in zip(*self.cfg["strides"][i:j])])
                parts.append(stage.get_submodule(f"from{j}")(y))
            f[i] = stage.join(torch.cat(parts, 1))
        return f


class Unit(nn.Module):
    """A bottleneck unit."""

    def __init__(self, cfg, cin, width, stride, level):
        super().__init__()
        one = (1, 1, 1)
        self.leak = cfg["leak"]
        self.conv1, self.norm1 = Conv(cfg, cin, width, one), norm(cfg, width)
        self.conv2, self.norm2 = Conv(cfg, width, width, kernel(cfg, level), stride), norm(cfg, width)
        self.conv3, self.norm3 = Conv(cfg, width, 4 * width, one), norm(cfg, 4 * width)
        if tuple(stride) != one or cin != 4 * width:
            self.project = Conv(cfg, cin, 4 * width, one, stride)
            self.project.norm = norm(cfg, 4 * width)

    def forward(self, x):
        y = F.leaky_relu(self.norm1(self.conv1(x)), self.leak)
        y = F.leaky_relu(self.norm2(self.conv2(y)), self.leak)
        y = self.norm3(self.conv3(y))
        if hasattr(self, "project"):
            x = self.project.norm(self.project(x))
        return F.leaky_relu(x + y, self.leak)


class Dense(nn.Module):
    def __init__(self, cin, out):
        super().__init__()
        self.weight, self.bias = empty(cin, out), empty(out)

    def forward(self, x):
        return x @ self.weight + self.bias


class LayerNorm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.scale, self.shift = empty(c), empty(c)

    def forward(self, x):
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, 1e-5)


class Layer(nn.Module):
    def __init__(self, hidden, heads, mlp):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = LayerNorm(hidden), LayerNorm(hidden)
        self.query, self.key, self.value, self.out = [Dense(hidden, hidden) for _ in range(4)]
        self.mlp1, self.mlp2 = Dense(hidden, mlp), Dense(mlp, hidden)

    def forward(self, t):
        h = self.norm1(t)
        n, count, hidden = h.shape
        q, k, v = (f(h).reshape(n, count, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(hidden // self.heads), -1)
        t = t + self.out((a @ v).transpose(1, 2).reshape(n, count, hidden))
        return t + self.mlp2(F.gelu(self.mlp1(self.norm2(t))))


class Transformer(nn.Module):
    def __init__(self, cfg, cin, hidden, layers, heads, mlp, tokens):
        super().__init__()
        self.embed = Conv(cfg, cin, hidden, (1, 1, 1), bias=True)
        self.position = empty(1, hidden, *tokens)
        for i in range(layers):
            self.add_module(f"layer{i}", Layer(hidden, heads, mlp))
        self.layers, self.norm = layers, LayerNorm(hidden)

    def forward(self, x):
        x = self.embed(x) + self.position
        t = x.flatten(2).transpose(1, 2)
        for i in range(self.layers):
            t = self.get_submodule(f"layer{i}")(t)
        return self.norm(t).transpose(1, 2).reshape(x.shape)


class TransUNet(Segmenter):
    wide = True

    def __init__(self, cfg, root, units, hidden, layers, heads, mlp, decoder, encoder_norm):
        super().__init__(cfg)
        inner = {**cfg, "norm": encoder_norm}
        strides, size = cfg["strides"], cfg["size"]
        self.root = Block(inner, self.channels, root, (1 if cfg["flat"] else 7, 7, 7), strides[0])
        if cfg["sequences"]:
            self.absent = empty(self.channels, root)
        cin, skips = root, [root]
        for s, n in enumerate(units):
            if s > 0:
                skips.append(cin)
            stage = nn.Module()
            for u in range(n):
                stride = strides[s + 1] if s > 0 and u == 0 else (1, 1, 1)
                stage.add_module(f"unit{u + 1}", Unit(inner, cin, root << s, stride, s + 2))
                cin = 4 * (root << s)
            self.add_module(f"stage{s + 1}", stage)
        tokens = [n // math.prod(s) for n, s in zip(size, zip(*strides))]
        self.transformer = Transformer(cfg, cin, hidden, layers, heads, mlp, self.scale(tokens))
        self.decoder4 = Block(cfg, hidden, decoder[0], kernel(cfg, 4))
        for i in range(4):
            across = skips[i - 1] if i > 0 else 0
            self.add_module(f"decoder{i}", Twice(cfg, decoder[3 - i] + across, [decoder[4 - i]] * 2, i))
        self.heads(decoder[::-1])

    def table(self):
        return getattr(self, "absent", None)

    def features(self, x, shift):
        strides = self.cfg["strides"]
        x = self.root(x, shift)
        skips = [x]
        x = self.pool(x, strides[1])
        for s in (1, 2, 3):
            if s > 1:
                skips.append(x)
            for unit in self.get_submodule(f"stage{s}").children():
                x = unit(x)
        x = self.decoder4(self.transformer(x))
        f = [x]
        for i in (3, 2, 1, 0):
            x = self.enlarge(x, strides[i])
            if i > 0:
                x = torch.cat([x, skips[i - 1]], 1)
            x = self.get_submodule(f"decoder{i}")(x)
            f.insert(0, x)
        return f
