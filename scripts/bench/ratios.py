#!/usr/bin/env python3
"""Reads the JSON lines of `columna bench net/` and torch_reference.py from standard
input and prints, for each network, the best and the median over the rounds of both
and the ratio of Columna's to PyTorch's."""
import collections
import json
import statistics
import sys

# What is compared: PyTorch's key and the end of Columna's name, with the factor to
# its unit.
FIGURES = {
    "step": ("step_s", "/step/time", 1000),
    "inference": ("inference_s", "/inference/time", 1000),
    "peak MB": ("peak_mb", "/step/memory", 1),
}


def collect(lines):
    """Values by network, figure and side."""
    values = collections.defaultdict(list)
    for line in map(json.loads, lines):
        for r in line.get("bench", []):
            for figure, (_, end, _) in FIGURES.items():
                if r["name"].endswith(end):
                    values[r["name"].split("/")[1], figure, "columna"].append(r["value"])
        if "step_s" in line:
            for figure, (key, _, factor) in FIGURES.items():
                values[line["name"], figure, "torch"].append(line[key] * factor)
    return values


def main():
    values = collect(sys.stdin)
    print(f"{'network':18}{'':12}{'Columna best':>14}{'median':>10}{'PyTorch best':>14}{'median':>10}{'ratio best':>12}{'median':>9}")
    for net, figure in dict.fromkeys((n, f) for n, f, _ in values):
        ours, theirs = values[net, figure, "columna"], values[net, figure, "torch"]
        if not ours or not theirs:
            continue
        best, middle = (min(ours), min(theirs)), (statistics.median(ours), statistics.median(theirs))
        unit = "" if "MB" in figure else " ms"
        print(f"{net:18}{figure + unit:12}{best[0]:14.1f}{middle[0]:10.1f}{best[1]:14.1f}{middle[1]:10.1f}"
              f"{best[0] / best[1]:12.3f}{middle[0] / middle[1]:9.3f}")


if __name__ == "__main__":
    main()
