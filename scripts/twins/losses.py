"""The training losses in PyTorch: the twins that hold export/loss.

Written from the papers (see networks.md sections 1, 2 and 4) with torch's own losses
where it has them. Truths g are one-hot or shares, shaped like p: (N, C, spatial...).
"""
import torch
import torch.nn.functional as F


def over_positions(x):
    """The axes of batch and space."""
    return [0, *range(2, x.dim())]


def column(values, like, otherwise=1.0):
    """One number per class; None stands for `otherwise` of every class."""
    c = like.shape[1]
    values = [otherwise] * c if values is None else values
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).expand(c)


def tversky_index(p, g, alpha, beta, eps=1.0):
    """TI of every class, over all samples and positions."""
    axes = over_positions(p)
    hit, false_pos, false_neg = (p * g).sum(axes), (p * (1 - g)).sum(axes), ((1 - p) * g).sum(axes)
    return (hit + eps) / (hit + column(alpha, p) * false_pos + column(beta, p) * false_neg + eps)


def tversky(p, g, alpha=(0.25,), beta=(0.75,), weights=None):
    """L_T = (1/C) sum_c w_c (1 - TI_c)."""
    return (column(weights, p) * (1 - tversky_index(p, g, alpha, beta))).mean()


def dice(p, g, weights=None):
    """1 - soft Dice, the mean over classes."""
    axes = over_positions(p)
    score = (2 * (p * g).sum(axes) + 2) / (p.sum(axes) + g.sum(axes) + 2)
    return (column(weights, p) * (1 - score)).mean()


def cross_entropy(logits, g, weights=None, mask=None):
    """torch's own for a one-hot truth; positions with a mask of 0 are ignored."""
    target = g.argmax(1)
    if mask is not None:
        target = target.masked_fill(mask[:, 0] == 0, -100)
    return F.cross_entropy(logits, target, weight=column(weights, logits))


def soft_cross_entropy(logits, g, weights=None):
    """Cross entropy with shares as truth; a position weighs what its classes weigh."""
    logp = (g * torch.log_softmax(logits, 1)).sum(1)
    w = torch.einsum("nc...,c->n...", g, column(weights, logits))
    return -(w * logp).sum() / w.sum()


def focal(logits, g, gamma=2.0, weights=None, mask=None):
    """Cross entropy times (1-p)^gamma (Lin et al. 2017)."""
    each = F.cross_entropy(logits, g.argmax(1), reduction="none")
    w = column(weights, logits)[g.argmax(1)]
    if mask is not None:
        w = w * mask[:, 0]
    return (w * (1 - torch.exp(-each)) ** gamma * each).sum() / w.sum()


def steepness(x):
    """The mean over the axes of the absolute forward difference, 0 at the far edge."""
    axes = range(2, x.dim())
    total = 0
    for a in axes:
        last = x.narrow(a, x.shape[a] - 1, 1)
        total = total + torch.diff(x, dim=a, append=last).abs()
    return total / len(axes)


def frequency(p, g):
    """L_Freq, the frequency-domain gradient term, of one class."""
    return (steepness(p) - steepness(g)).abs().mean()


def fd_tversky(p, g, alpha=0.25, beta=0.75, omega=0.07, weight=1.2, vertebra=1):
    """L_FDT: the Tversky loss of the vertebra and omega L_Freq."""
    pv, gv = p[:, vertebra:vertebra + 1], g[:, vertebra:vertebra + 1]
    return tversky(pv, gv, [alpha], [beta], [weight]) + omega * frequency(pv, gv)


def hfd_tversky(p, g, alpha=0.25, beta=0.75, omega=0.07, lam=0.55, weights=(0.2, 1.2, 1.6), vertebra=1, disc=2):
    """lambda L_T + (1 - lambda) L_FDT with the paper's best setting; beta of the disc
    class is raised by a fifth."""
    betas = [beta * (1.2 if c == disc else 1) for c in range(p.shape[1])]
    part = fd_tversky(p, g, alpha, beta, omega, weights[vertebra], vertebra)
    return lam * tversky(p, g, [alpha], betas, weights) + (1 - lam) * part


def spectral_correlation(p, g):
    """1 - Pearson's correlation of the magnitude spectra, the mean over the classes
    that the truth of the sample contains."""
    axes = tuple(range(2, p.dim()))
    a, b = (torch.fft.fftn(x, dim=axes).abs().flatten(2) for x in (p, g))
    corr = F.cosine_similarity(a - a.mean(2, keepdim=True), b - b.mean(2, keepdim=True), dim=2)
    there = (g.sum(axes) > 0).to(p.dtype)
    return (there * (1 - corr)).sum() / there.sum().clamp(min=1)


NAMED = {
    "dice": lambda x, g: dice(torch.softmax(x, 1), g),
    "cross-entropy": cross_entropy,
    "focal": focal,
    "tversky": lambda x, g: hfd_tversky(torch.softmax(x, 1), g, lam=1.0),
    "fd-tversky": lambda x, g: fd_tversky(torch.softmax(x, 1), g, omega=1.0),
    "hfd-tversky": lambda x, g: hfd_tversky(torch.softmax(x, 1), g),
}


def segmentation(name, lam=0.1):
    """A loss of logits by its name; "+spectral" adds lam times the spectral term."""
    spatial, _, spectral = name.partition("+")
    if not spectral:
        return NAMED[spatial]
    return lambda x, g: NAMED[spatial](x, g) + lam * spectral_correlation(torch.softmax(x, 1), g)


def class_cross_entropy(logits, target, smoothing=0.0, class_weights=None):
    """Cross entropy of a classification head; rows of zeros are samples without a
    label. A sample weighs what its true class weighs."""
    known = target.sum(1) > 0
    if not known.any():
        return logits.sum() * 0
    each = F.cross_entropy(logits[known], target[known].argmax(1), reduction="none", label_smoothing=smoothing)
    w = column(class_weights, logits)[target[known].argmax(1)]
    return (w * each).sum() / w.sum()


def desamba(out, head, target, **options):
    """Equation 5: cross entropy + 0.5 self + 0.5 cross reconstruction."""
    total = class_cross_entropy(out[head], target, **options)
    for name in ("self", "cross"):
        if name in out:
            total = total + 0.5 * out[name]
    return total


def deep_supervision_weight(epoch):
    """0.4, times 0.8 every 30 epochs."""
    return 0.4 * 0.8 ** (epoch // 30)


def deep_supervision(main, aux, epoch):
    """main + weight(epoch) times the mean of the auxiliary losses."""
    return main + deep_supervision_weight(epoch) * torch.stack(aux).mean()
