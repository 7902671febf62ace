#!/usr/bin/env python3
"""Writes the cases of GF-SSNet: export/nets/testdata/twins/gfssnet_*.json.gz."""
from common import Case
from gfssnet import DAPU


def dapu():
    for name, light in (("gfssnet_dapu", False), ("gfssnet_dapu_light", True)):
        case = Case(name, "DAPU stage")
        x = case.input("x", (1, 5, 4, 4, 3))
        skip = case.input("skip", (1, 3, 4, 8, 6))
        net = DAPU(5, 3, 6, (1, 2, 2), light)
        case.fill(net)
        case.write({"y": net(x, skip)}, "export/nets")


if __name__ == "__main__":
    dapu()
