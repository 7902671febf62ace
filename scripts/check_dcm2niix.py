#!/usr/bin/env python3
"""Holds Columna's volumes against dcm2niix's: where each voxel lies, and what it holds.

    scripts/check_dcm2niix.py COLUMNA FOLDER...

Every folder below those named that holds DICOM is converted by both. Each volume
of Columna is laid over the volume of dcm2niix that covers the same places: the
greatest distance between the two homes of one voxel, and whether all values are
equal. A folder with copies of one image is converted file by file. dcm2niix runs
with -p n, which leaves out Philips' private scaling, as the standard's rescale does.

Needs dcm2niix and Debian's python3-pydicom, python3-nibabel. Exit code 1 if a
volume that both read lies elsewhere by more than 0.001 mm or differs in a value.
"""
import itertools
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy
import pydicom

LIMIT_MM = 1e-3


def dicom_files(folder):
    out = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            continue
        try:
            head = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID", "Modality"])
        except Exception:
            continue
        if head.get("Modality", "MR") == "MR":
            out[path] = head.get("SOPInstanceUID")
    return out


def jobs(roots):
    for root in roots:
        for folder, _, _ in sorted(os.walk(root)):
            files = dicom_files(folder)
            if len(set(files.values())) < len(files):
                yield from ([f] for f in files)
            elif files:
                yield list(files)


def by_columna(columna, folder, out):
    run = subprocess.run([columna, "convert", folder, out + "/", "--json"], capture_output=True, text=True)
    refused = ""
    try:
        said = json.loads(run.stdout)
        refused = "; ".join(sorted({r["reason"] for r in said.get("refused") or []}))
        names = [w["out"] for w in said.get("written") or []]
    except ValueError:
        names, refused = [], run.stderr.strip()
    return [(os.path.basename(n), nibabel.load(n)) for n in names], refused


def by_dcm2niix(folder, out):
    subprocess.run(["dcm2niix", "-z", "n", "-b", "n", "-p", "n", "-o", out, "-f", "%s_%e_%u", folder], capture_output=True)
    volumes = []
    for name in sorted(os.listdir(out)):
        if name.endswith(".nii"):
            image = nibabel.load(os.path.join(out, name))
            data = numpy.asarray(image.dataobj)
            if data.dtype.fields:
                continue  # colour
            while data.ndim > 4:
                data = data.reshape(data.shape[:3] + (-1,))
            for t in range(data.shape[3] if data.ndim == 4 else 1):
                one = data[..., t] if data.ndim == 4 else data
                volumes.append((name, image.affine, one.reshape((one.shape + (1, 1))[:3])))
    return volumes


def overlay(mine, theirs):
    """The greatest distance between the homes of one voxel and the other volume's
    data in this one's order; None where the lattices are not one."""
    _, affine, data = theirs
    home = numpy.array(mine.affine)
    if mine.shape[2] == 1 and data.shape[2] == 1:  # the step across a single slice leads nowhere
        home[:, 2] = affine[:, 2]
    steps = numpy.linalg.inv(affine) @ home
    turn = numpy.rint(steps[:3, :3])
    if not all(sorted(abs(row)) == [0, 0, 1] for row in turn):
        return None
    order = [int(numpy.argmax(abs(turn[:, a]))) for a in range(3)]
    if sorted(order) != [0, 1, 2] or tuple(data.shape[o] for o in order) != mine.shape[:3]:
        return None
    flipped = [turn[order[a], a] < 0 for a in range(3)]
    turned = data.transpose(order)
    for a in range(3):
        if flipped[a]:
            turned = numpy.flip(turned, a)
    worst = 0
    for corner in itertools.product(*[(0, n - 1) for n in mine.shape[:3]]):
        index = numpy.ones(4)
        for a in range(3):
            index[order[a]] = data.shape[order[a]] - 1 - corner[a] if flipped[a] else corner[a]
        worst = max(worst, numpy.linalg.norm(((home @ [*corner, 1]) - affine @ index)[:3]))
    return worst, turned


def compare(mine, others):
    best = None
    for other in others:
        laid = overlay(mine, other)
        if laid is None:
            continue
        distance, data = laid
        difference = numpy.abs(numpy.asarray(mine.dataobj, dtype=float) - data.astype(float)).max()
        found = (round(distance, 4) > LIMIT_MM, difference > 1e-6 * max(1, numpy.abs(data).max()), distance, difference, other[0])
        best = min(best, found) if best else found
    return best


def check(columna, files, scratch):
    folder, a, b = (os.path.join(scratch, n) for n in ("in", "columna", "dcm2niix"))
    for d in (folder, a, b):
        os.makedirs(d)
    for n, f in enumerate(files):
        os.symlink(os.path.abspath(f), os.path.join(folder, "%04d_%s" % (n, os.path.basename(f))))
    mine, refused = by_columna(columna, folder, a)
    theirs = by_dcm2niix(folder, b)
    where = files[0] if len(files) == 1 else os.path.dirname(files[0])
    bad = 0
    if not mine:
        print("%-58s  %-34s  not read: %s (dcm2niix: %d volumes)" % (where[-58:], "-", refused[:110], len(theirs)))
    for name, image in mine:
        found = compare(image, theirs)
        if found is None:
            print("%-58s  %-34s  dcm2niix has no volume on this lattice (%d volumes)" % (where[-58:], name, len(theirs)))
            bad += bool(theirs)
            continue
        off, differs, mm, value, other = found
        bad += off or differs
        print("%-58s  %-34s  %.5f mm  %s" % (where[-58:], name, mm, "values differ by up to %g" % value if differs else "equal"))
    return bad


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    bad = 0
    for files in jobs(sys.argv[2:]):
        with tempfile.TemporaryDirectory() as scratch:
            bad += check(os.path.abspath(sys.argv[1]), files, scratch)
    print("%d volumes lie elsewhere, differ or stand alone" % bad)
    sys.exit(bool(bad))


main()
