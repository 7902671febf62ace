"""GF-SSNet (Hong et al.) in PyTorch, written from the paper and its operators alone.

Parameters carry the names of the Go network (export/nets/gfssnet*.go) with "." for
"/", so that weights can be exchanged. All modules take (B, C, D, H, W).
"""
import torch
import torch.nn.functional as F
from torch import nn


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
        self.pad = [self.dilation * (k // 2) for k in size]

    def forward(self, x):
        return F.conv3d(x, self.w, padding=self.pad, dilation=self.dilation)


class Norm(nn.Module):
    """Instance normalisation with scale and shift."""

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))
        self.beta = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return F.instance_norm(x, weight=self.gamma, bias=self.beta, eps=1e-5)


def activate(x):
    return F.leaky_relu(x, 0.01)


def interpolate(x, size):
    return F.interpolate(x, size=tuple(size), mode="trilinear", align_corners=False)


class DAPU(nn.Module):
    """Depth-aware progressive upsampling (section 2.2.3): depth attention, boundary
    branch, upsampling, fusion, skip, structure-preserving convolution."""

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
