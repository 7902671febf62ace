#!/usr/bin/python3
"""Writes what scikit-learn and SciPy say of small random answers, for the Go package
export/metrics: export/metrics/testdata/reference.json.

Gwet's coefficients and the RSNA 2024 score are in no library here: they are written
plainly from their definitions with NumPy, the log losses by scikit-learn.
"""
import json
import pathlib

import numpy as np
from scipy import stats
from sklearn import metrics

OUT = pathlib.Path(__file__).resolve().parents[1] / "export" / "metrics" / "testdata" / "reference.json"


def answers(rng, n, k):
    """Truths, and probabilities that know something of them; some scores are equal."""
    truth = rng.integers(0, k, n)
    truth[:k] = range(k)
    logits = rng.normal(0, 1, (n, k)) + 1.2 * np.eye(k)[truth]
    p = np.exp(logits)
    p = np.round(p / p.sum(1, keepdims=True), 2) + 1e-3
    return truth, p / p.sum(1, keepdims=True)


def gwet(table, w):
    n, k = table.sum(), len(table)
    share = (table.sum(0) + table.sum(1)) / (2 * n)
    agree = (w * table).sum() / n
    chance = w.sum() / (k * (k - 1)) * (share * (1 - share)).sum()
    return (agree - chance) / (1 - chance)


def ece(truth, p, bins):
    top, said = p.max(1), p.argmax(1)
    at = np.clip(np.ceil(top * bins) - 1, 0, bins - 1)
    total = 0
    for b in range(bins):
        m = at == b
        if m.any():
            total += m.sum() * abs(top[m].mean() - (said[m] == truth[m]).mean())
    return total / len(truth)


def rsna(study, group, truth, p):
    weight = 2.0 ** truth
    losses = [metrics.log_loss(truth[group == g], p[group == g], sample_weight=weight[group == g], labels=[0, 1, 2])
              for g in range(3)]
    canal = group == 0
    ids = np.unique(study[canal])
    rows = [canal & (study == i) for i in ids]
    label = [int(truth[r].max() == 2) for r in rows]
    chance = [p[r, 2].max() for r in rows]
    losses.append(metrics.log_loss(label, chance, sample_weight=[weight[r].max() for r in rows], labels=[0, 1]))
    return float(np.mean(losses))


def case(seed, n, k):
    rng = np.random.default_rng(seed)
    truth, p = answers(rng, n, k)
    said = p.argmax(1)
    table = metrics.confusion_matrix(truth, said, labels=range(k))
    quad = 1 - (np.subtract.outer(range(k), range(k)) / (k - 1)) ** 2
    fpr, tpr, _ = metrics.roc_curve(truth == 1, p[:, 1], drop_intermediate=False)
    x, y = np.round(rng.normal(0, 1, n), 1), rng.integers(1, 6, n).astype(float)
    study, group = rng.integers(0, 4, n), np.arange(n) % 3
    out = dict(
        truth=truth.tolist(), probability=p.tolist(), confusion=table.tolist(), x=x.tolist(), y=y.tolist(),
        study=study.tolist(), group=group.tolist(), roc=np.column_stack([fpr, tpr]).tolist())
    out["figures"] = dict(
        accuracy=metrics.accuracy_score(truth, said),
        sensitivity=metrics.recall_score(truth, said, average="macro", zero_division=0),
        precision=metrics.precision_score(truth, said, average="macro", zero_division=0),
        specificity=float(np.mean([metrics.recall_score(truth != c, said != c) for c in range(k)])),
        f1=metrics.f1_score(truth, said, average="macro"),
        auc=metrics.roc_auc_score(truth, p, multi_class="ovr"),
        top2=metrics.top_k_accuracy_score(truth, p + 1e-9 * np.eye(k)[truth], k=2),  # scikit-learn breaks ties by index
        cohen=metrics.cohen_kappa_score(truth, said),
        cohen_quadratic=metrics.cohen_kappa_score(truth, said, weights="quadratic"),
        cohen_linear=metrics.cohen_kappa_score(truth, said, weights="linear"),
        gwet_ac1=gwet(table, np.eye(k)), gwet_ac2=gwet(table, quad),
        ece=ece(truth, p, 10), spearman=stats.spearmanr(x, y)[0],
        median=float(np.quantile(x, 0.5)), high=float(np.quantile(x, 0.975)))
    if k == 3:
        out["figures"]["rsna"] = rsna(study, group, truth, p)
    out["figures"] = {a: float(b) for a, b in out["figures"].items()}
    return out


OUT.write_text(json.dumps([case(1, 40, 3), case(2, 17, 3), case(3, 60, 6), case(4, 300, 3)], separators=(",", ":")) + "\n")
