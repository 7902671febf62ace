#!/usr/bin/env python3
"""Writes the cases of single operators: export/graph/testdata/twins/*.json.gz, and of the
Fourier transform of export/nets."""
import gfssnet
import torch
import torch.nn.functional as F
from common import Case

GRAPH = "export/graph"


def case(name, module, shapes, f, scale=1.0, offset=0.0):
    """Inputs x0, x1, .. of the shapes; the output y."""
    c = Case(name, module)
    x = [c.input(f"x{i}", s, scale, offset) for i, s in enumerate(shapes)]
    c.write({"y": f(*x)}, GRAPH)


CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def conv(name, module, x, w, **options):
    """Default padding keeps the size of an odd kernel at stride 1."""
    dims = len(x) - 2
    d = options.get("dilation", 1)
    options.setdefault("padding", [d * (k // 2) for k in w[2:]])
    case(name, module, (x, w, w[:1]), lambda a, b, c: CONVS[dims](a, b, c, **options))


def convolutions():
    conv("conv_1d", "Conv", (2, 3, 9), (4, 3, 5))
    conv("conv_2d", "Conv", (2, 3, 6, 5), (4, 3, 3, 3))
    conv("conv_3d", "Conv", (2, 5, 5, 6, 7), (4, 5, 3, 3, 3))
    conv("conv_3d_wide", "Conv", (1, 12, 8, 9, 10), (10, 12, 3, 3, 3))
    conv("conv_3d_one_channel", "Conv", (2, 1, 4, 5, 6), (3, 1, 3, 3, 3))
    conv("conv_pointwise", "Conv", (2, 6, 3, 4, 2), (5, 6, 1, 1, 1))
    conv("conv_within_slices", "Conv", (1, 6, 3, 6, 5), (4, 6, 1, 3, 3))
    conv("conv_unpadded", "Conv", (1, 3, 5, 6), (2, 3, 3, 3), padding=0)
    conv("conv_strided_2d", "Conv, strided", (2, 3, 11, 10), (4, 3, 7, 7), stride=2)
    conv("conv_strided_3d", "Conv, strided", (1, 3, 5, 8, 7), (4, 3, 3, 3, 3), stride=2)
    conv("conv_strided_axes", "Conv, strided", (1, 3, 4, 8, 6), (4, 3, 3, 3, 3), stride=(1, 2, 2))
    conv("conv_patches", "Conv, strided", (2, 3, 2, 6, 8), (4, 3, 1, 2, 4), stride=(1, 2, 4), padding=0)
    conv("conv_dilated_2d", "Conv, dilated", (1, 3, 8, 9), (2, 3, 3, 3), dilation=2)
    for d in (2, 3):
        conv(f"conv_dilated_3d_{d}", "Conv, dilated", (1, 6, 5, 7, 6), (4, 6, 3, 3, 3), dilation=d)
    conv("conv_depthwise_2d", "Conv, depthwise", (2, 4, 7, 6), (4, 1, 5, 5), groups=4)
    conv("conv_depthwise_3d", "Conv, depthwise", (2, 4, 5, 6, 4), (4, 1, 3, 3, 3), groups=4)
    conv("conv_depthwise_large", "Conv, depthwise", (1, 3, 4, 8, 8), (3, 1, 7, 7, 7), groups=3)
    conv("conv_depthwise_line", "Conv, depthwise", (1, 3, 3, 6, 4), (3, 1, 1, 5, 1), groups=3)
    conv("conv_depthwise_strided", "Conv, depthwise", (1, 3, 4, 6, 6), (3, 1, 3, 3, 3), groups=3, stride=(1, 2, 2))
    conv("conv_grouped", "Conv, grouped", (2, 6, 5, 4), (4, 3, 3, 3), groups=2)
    conv("conv_grouped_strided", "Conv, grouped", (1, 4, 6, 8), (6, 2, 3, 3), groups=2, stride=2)

    def dynamic(x, w):
        return torch.stack([F.conv3d(a[None], b, padding=1)[0] for a, b in zip(x, w)])

    for n in (1, 2):
        case(f"dynamic_conv_{n}", "DynamicConv", ((n, 5, 4, 5, 6), (n, 4, 5, 3, 3, 3)), dynamic)


def norms():
    for name, x in (("2d", (2, 3, 5, 4)), ("3d", (1, 4, 3, 4, 5))):
        case("instance_norm_" + name, "InstanceNorm", (x, x[1:2], x[1:2]),
             lambda a, g, b: F.instance_norm(a, weight=g, bias=b, eps=1e-5))
    for name, x in (("rows", (2, 7, 6)), ("one", (3, 5))):
        case("layer_norm_" + name, "LayerNorm", (x, x[-1:], x[-1:]),
             lambda a, g, b: F.layer_norm(a, a.shape[-1:], g, b, 1e-5))
    for training in (True, False):
        word = "training" if training else "inference"
        c = Case("batch_norm_" + word, "BatchNorm, " + word)
        x, gamma, beta = c.input("x0", (3, 4, 5, 3)), c.param("gamma", (4,), 0.3, 1), c.param("beta", (4,))
        mean, var = c.param("mean", (4,), grad=False), c.param("var", (4,), 0.5, 1, grad=False)
        out = {"y": F.batch_norm(x, mean, var, gamma, beta, training, 0.1, 1e-5)}
        if training:  # the running statistics after the step, which PyTorch writes in place
            out["next"] = torch.cat([mean, var])
        c.write(out, GRAPH)


def grids():
    case("max_pool_2d", "MaxPool", ((2, 3, 6, 7),), lambda x: F.max_pool2d(x, 2))
    case("max_pool_3d", "MaxPool", ((1, 3, 3, 4, 6),), lambda x: F.max_pool3d(x, (1, 2, 2)))
    case("avg_pool_2d", "AvgPool", ((2, 3, 6, 7),), lambda x: F.avg_pool2d(x, 2))
    case("avg_pool_3d", "AvgPool", ((1, 3, 4, 4, 6),), lambda x: F.avg_pool3d(x, (2, 2, 3)))
    case("global_avg_pool", "AvgPool", ((2, 3, 2, 4, 3),), lambda x: F.adaptive_avg_pool3d(x, 1).flatten(1))
    case("upsample_linear_2d", "linear interpolation", ((1, 2, 4, 3),),
         lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear", align_corners=False))
    case("upsample_linear_3d", "linear interpolation", ((1, 2, 3, 4, 2),),
         lambda x: F.interpolate(x, scale_factor=(1, 2, 4), mode="trilinear", align_corners=False))
    case("resize_linear", "linear interpolation", ((2, 2, 3, 5, 7),),
         lambda x: F.interpolate(x, size=(4, 3, 10), mode="trilinear", align_corners=False))
    case("upsample_nearest", "nearest interpolation", ((1, 2, 2, 3, 4),),
         lambda x: F.interpolate(x, scale_factor=(2, 1, 3), mode="nearest"))


def pointwise():
    for name, f in (("gelu", F.gelu), ("silu", F.silu), ("softplus", F.softplus), ("sigmoid", torch.sigmoid),
                    ("tanh", torch.tanh), ("erf", torch.erf), ("relu", F.relu)):
        case(name, "activations", ((4, 25),), f, scale=5.0)
    case("leaky_relu", "activations", ((4, 25),), lambda x: F.leaky_relu(x, 0.01), scale=5.0)
    for axis in (1, 2):
        case(f"softmax_{axis}", "Softmax", ((2, 5, 7),), lambda x: F.softmax(x, dim=axis), scale=6.0)
        case(f"log_softmax_{axis}", "LogSoftmax", ((2, 5, 7),), lambda x: F.log_softmax(x, dim=axis), scale=6.0)
    case("matmul", "MatMul", ((2, 3, 5, 4), (3, 4, 6)), torch.matmul)
    case("linear", "Linear", ((2, 3, 5), (5, 4), (4,)), lambda x, w, b: F.linear(x, w.t(), b))


def scans():
    shapes = ((3, 6, 4), (3, 6, 4), (4, 3), (3, 6, 3), (3, 6, 3), (4,))

    def scan(u, delta, a, b, c, d):
        return gfssnet.selective_scan(u, F.softplus(delta), -torch.exp(a), b, c, d)

    def back(u, delta, a, b, c, d):
        return scan(u.flip(1), delta.flip(1), a, b.flip(1), c.flip(1), d).flip(1)

    case("selective_scan", "SelectiveScan", shapes, scan)
    case("selective_scan_reverse", "SelectiveScan, reverse", shapes, back)


def fourier():
    for grid in ((4, 6, 8), (3, 5, 7), (1, 4, 5)):
        size = "%dx%dx%d" % grid
        c = Case("fourier_" + size, "Fourier transform pair")
        x = c.input("x", (2, 3, *grid))
        half = (2, 3, grid[0] * grid[1] * (grid[2] // 2 + 1))
        re, im = c.input("re", half), c.input("im", half)
        spectrum = torch.fft.rfftn(x, dim=(2, 3, 4), norm="ortho").flatten(2)
        given = torch.complex(re, im).reshape(2, 3, grid[0], grid[1], -1)
        image = torch.fft.irfftn(given, s=grid, dim=(2, 3, 4), norm="ortho")
        c.write({"re_x": spectrum.real, "im_x": spectrum.imag, "image": image}, "export/nets")


if __name__ == "__main__":
    convolutions()
    norms()
    grids()
    pointwise()
    scans()
    fourier()
