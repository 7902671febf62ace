#!/usr/bin/env python3
"""Times the reference networks in PyTorch, for comparison with `columna bench`.

Prints one JSON object a line: {"name", "threads", "variant", "step_s", "inference_s",
"peak_mb", ...}. step_s and inference_s are the best of n, step_median_s and
inference_median_s the medians; load_average is the machine's while it ran. Every
network runs in a child process of its own, so peak_mb (which holds Python and torch
too) is its own. Of the variants (memory layout, Adam's loop) only the fastest is
printed unless --all is given: a fair reference is the best that PyTorch can do.

    python3 scripts/bench/torch_reference.py --threads 2 unet-wide unet-small
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

WIDTHS = {"unet-wide": (32, 64, 128), "unet-mid": (16, 32, 64), "unet-small": (8, 16, 32)}
NAMES = [*WIDTHS, "gfssnet-compact"]
SIZE = (16, 96, 96)
CLASSES = 3
VARIANTS = ["contiguous", "contiguous foreach", "channels_last foreach"]


def unet(widths):
    """3D U-Net: two 3x3x3 convolutions a level, each with instance normalisation
    and leaky ReLU, max-pooling by 2, transposed convolutions (kernel = stride = 2)
    and skip connections."""
    import torch
    from torch import nn

    def block(cin, cout):
        return nn.Sequential(
            nn.Conv3d(cin, cout, 3, padding=1, bias=False), nn.InstanceNorm3d(cout, affine=True), nn.LeakyReLU(0.01),
            nn.Conv3d(cout, cout, 3, padding=1, bias=False), nn.InstanceNorm3d(cout, affine=True), nn.LeakyReLU(0.01))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList(block(a, b) for a, b in zip((1, *widths[:-1]), widths))
            pairs = list(zip(widths[::-1], widths[-2::-1]))
            self.up = nn.ModuleList(nn.ConvTranspose3d(a, b, 2, 2, bias=False) for a, b in pairs)
            self.join = nn.ModuleList(block(2 * b, b) for _, b in pairs)
            self.head = nn.Conv3d(widths[0], CLASSES, 1)

        def forward(self, x):
            skips = []
            for i, level in enumerate(self.down):
                x = level(x if i == 0 else nn.functional.max_pool3d(x, 2))
                skips.append(x)
            for up, join, skip in zip(self.up, self.join, skips[-2::-1]):
                x = join(torch.cat([skip, up(x)], 1))
            return self.head(x)

    return UNet()


def soft_dice(logits, truth):
    """1 - the mean over classes of the soft Dice overlap."""
    p = logits.softmax(1)
    both = (p * truth).sum((0, 2, 3, 4))
    return 1 - ((2 * both + 2) / (p.sum((0, 2, 3, 4)) + truth.sum((0, 2, 3, 4)) + 2)).mean()


def shrink(truth, logits):
    """The truth on the grid of coarser logits, as shares of its classes."""
    if truth.shape == logits.shape:
        return truth
    from torch.nn import functional

    return functional.avg_pool3d(truth, [t // n for t, n in zip(truth.shape[2:], logits.shape[2:])])


def one_hot(classes, size):
    import torch

    label = torch.randint(0, classes, (1, *size))
    return torch.nn.functional.one_hot(label, classes).permute(0, 4, 1, 2, 3).float().contiguous()


def make_unet(name):
    """The network, its inputs and its loss."""
    import torch

    truth = one_hot(CLASSES, SIZE)
    return unet(WIDTHS[name]), [torch.randn(1, 1, *SIZE)], lambda out: soft_dice(out, truth)


def make_gfssnet(_):
    """The twin, with the loss of `columna bench`: soft Dice of the classes at every
    stage, cross entropy of the levels."""
    import pathlib
    import torch

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "twins"))
    import gfssnet

    net = gfssnet.GFSSNet()
    size = net.cfg.size
    inputs = [torch.randn(1, 1, *size), torch.randn(1, 1, *size), torch.ones(1, 2)]
    truth = one_hot(net.cfg.semantic, size)
    level = one_hot(net.cfg.nodes, [n // s for n, s in zip(size, net.cfg.stem)])

    def loss(out):
        total = sum(soft_dice(out[k], shrink(truth, out[k])) for k in ("semantic", "_aux1", "_aux2", "_aux3"))
        for k in ("_level_aux1", "_level_aux4"):
            total = total - (shrink(level, out[k]) * out[k].log_softmax(1)).sum(1).mean()
        return total

    return net, inputs, loss


def timed(call, rounds):
    """Seconds of every round after two warm-up calls."""
    call(), call()
    out = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        out.append(time.perf_counter() - start)
    return out


def measure(name, threads, rounds, variant):
    """One network in one variant, in this process."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    net, inputs, loss = (make_gfssnet if name.startswith("gfssnet") else make_unet)(name)
    if "channels_last" in variant:
        net = net.to(memory_format=torch.channels_last_3d)
        inputs = [x.contiguous(memory_format=torch.channels_last_3d) if x.dim() == 5 else x for x in inputs]
    adam = torch.optim.Adam(net.parameters(), 1e-3, foreach="foreach" in variant)

    def step():
        adam.zero_grad(set_to_none=True)
        loss(net(*inputs)).backward()
        adam.step()

    steps = timed(step, rounds)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    net.eval()
    with torch.inference_mode():
        runs = timed(lambda: net(*inputs), rounds)
    return {"name": name, "threads": threads, "variant": variant,
            "step_s": min(steps), "step_median_s": statistics.median(steps),
            "inference_s": min(runs), "inference_median_s": statistics.median(runs),
            "peak_mb": round(peak_mb), "parameters": sum(p.numel() for p in net.parameters()),
            "load_average": os.getloadavg()[0], "torch": torch.__version__}


def in_child(name, args, variant):
    """measure in a child process."""
    command = [sys.executable, __file__, name, "--threads", str(args.threads), "--rounds", str(args.rounds),
               "--variant", variant]
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout)


def fastest(results):
    """The best step and the best inference over the variants, as one result."""
    best = dict(min(results, key=lambda r: r["step_s"]))
    quick = min(results, key=lambda r: r["inference_s"])
    best.update(inference_s=quick["inference_s"], inference_median_s=quick["inference_median_s"],
                inference_variant=quick["variant"])
    return best


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", default=NAMES, help="networks: " + ", ".join(NAMES))
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--all", action="store_true", help="print every variant")
    p.add_argument("--variant", help="measure this variant alone, in this process")
    args = p.parse_args()
    for name in args.names:
        if args.variant:
            print(json.dumps(measure(name, args.threads, args.rounds, args.variant)), flush=True)
            continue
        results = [in_child(name, args, v) for v in VARIANTS]
        for r in results if args.all else [fastest(results)]:
            print(json.dumps(r), flush=True)


if __name__ == "__main__":
    main()
