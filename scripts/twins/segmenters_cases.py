#!/usr/bin/env python3
"""Writes the cases of the reference networks: export/nets/testdata/twins/segmenter_*.json.gz."""
from common import Case, default_rule
from segmenters import BatchNorm, TransUNet, UNet, UNet3Plus

PACKAGE = "export/nets"


def spine(dims):
    """The tiny spine task of the Go tests."""
    return dict(dims=dims, size=(4, 16, 16), sequences=("t1", "t2"), semantic=3, nodes=15, norm="instance",
                leak=0.01, flat=1, strides=[(1, 2, 2), (1 if dims == 2 else 2, 2, 2)])


def image(dims, norm):
    """One image of two channels, as the paper presets have it."""
    cfg = {**spine(dims), "sequences": (), "channels": 2, "nodes": 0, "norm": norm, "leak": 0.0}
    return {**cfg, "size": (1, 16, 16)} if dims == 2 else cfg


def trans(cfg, root=2, encoder_norm="instance"):
    last = (1 if cfg["dims"] == 2 else 2, 2, 2)
    cfg = {**cfg, "strides": [(1, 2, 2), (1, 2, 2), last, (1, 1, 1)]}
    return TransUNet(cfg, root, (1, 1, 1), 4, 2, 2, 6, (4, 4, 3, 3, 2), encoder_norm)


def rule(name, shape):
    """As by default, but the names of all scales are near one."""
    if name.endswith((".gamma", ".scale", ".variance")):
        return 0.2, 1.0
    if name.endswith((".beta", ".shift", ".mean", ".b", ".bias", "absent", "position")):
        return 0.3, 0.0
    return default_rule(name, shape)


def write(name, module, net, batch):
    case, cfg = Case("segmenter_" + name, module), net.cfg
    net = net.double()
    case.fill(net, rule)
    if cfg["sequences"]:
        inputs = [case.input(s, (batch, 1) + cfg["size"]) for s in cfg["sequences"]]
        inputs.append(case.given("present", [[1, 0], [0.75, 0.5]][:batch], grad=True))
    else:
        inputs = [case.input("image", (batch, cfg["channels"]) + cfg["size"][3 - cfg["dims"]:])]
    out = net(*inputs)
    for prefix, m in net.named_modules():
        if isinstance(m, BatchNorm):
            out.update({f"next {prefix}.{k}": v for k, v in m.next.items()})
    case.write(out, PACKAGE)


if __name__ == "__main__":
    for dims in (2, 3):
        cfg, widths = spine(dims), [(2, 3), (3, 4), (4, 4)]
        write(f"unet_{dims}d", "U-Net", UNet(cfg, widths), 2)
        write(f"unet3plus_{dims}d", "UNet3+", UNet3Plus(cfg, [3, 4, 4], 2), 2)
        write(f"transunet_{dims}d", "TransUNet", trans(cfg), 2)
    write("paper_unet3d", "3D U-Net, training", UNet(image(3, "batch"), widths, keep_up=True), 2)
    write("paper_unet", "U-Net without normalisation", UNet(image(2, "none"), widths), 2)
    write("paper_unet3plus", "UNet3+, training", UNet3Plus(image(2, "batch"), [3, 4, 4], 2), 2)
    write("paper_transunet", "TransUNet, training", trans(image(2, "batch"), 32, "group"), 2)
