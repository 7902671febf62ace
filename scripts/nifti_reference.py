#!/usr/bin/python3
"""Writes what nibabel reads from NIfTI files, for the Go package volume/nifti.

    scripts/nifti_reference.py                 the small files: volume/nifti/testdata/reference.json
    scripts/nifti_reference.py real DIR FILE.. files of a folder: volume/nifti/testdata/real.json

A small file stands in the table itself, in base64, with the affine (RAS+ mm, by rows) and
the values (first index fastest) that nibabel gives for it. nibabel knows no units of
length, so its affine is multiplied by the unit here. A real file is told by its size, its
affine and the SHA-256 of its values as little-endian float32. Needs nibabel and NumPy.
"""
import base64
import hashlib
import json
import pathlib
import sys

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Image
from nibabel.nifti2 import Nifti2Image

TESTDATA = pathlib.Path(__file__).resolve().parents[1] / "volume" / "nifti" / "testdata"
TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
ORDERS = {"little": "<", "big": ">"}
UNIT = {0: 1, 1: 1000, 2: 1, 3: 1e-3}


def oblique():
    """A lumbar-like sagittal affine, axes at odd angles, RAS+."""
    a, b = 0.21, -0.13
    rot = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    rot = rot @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    axes = rot @ np.array([[0, 0, -1], [-1, 0, 0], [0, -1, 0]], float)  # i posterior, j inferior, k left
    out = np.eye(4)
    out[:3, :3] = axes * [0.7, 0.8, 4.4]
    out[:3, 3] = [31.5, -120.25, 410.125]
    return out


def other():
    out = np.diag([-1.5, 2.0, 2.5, 1.0])
    out[:3, 3] = [5, 6, 7]
    return out


def values(kind, shape):
    """Extremes and ordinary numbers of a type."""
    n = int(np.prod(shape))
    t = np.dtype(kind)
    if t.kind == "f":
        x = np.linspace(-1234.567, 9876.54321, n)
        x[:3] = [0, -0.1, 1 / 3][:n]
    else:
        info = np.iinfo(t)
        x = np.array([(7919 * k * k + 13 * k) % 101 for k in range(n)], t)
        x[:3] = [info.min, info.max, min(info.max, (1 << 24) + 1)][:n]
    return x.astype(t).reshape(shape, order="F")


def header(image, kind, order, shape=(4, 3, 2)):
    h = image.header_class(endianness=ORDERS[order])
    h.set_data_dtype(np.dtype(kind).newbyteorder(ORDERS[order]))
    h.set_data_shape(shape)
    h["xyzt_units"] = 2
    h["scl_slope"], h["scl_inter"] = np.nan, np.nan
    h["vox_offset"] = h.single_vox_offset
    return h


def content(h, kind, order, shape=(4, 3, 2)):
    gap = int(h["vox_offset"]) - h.sizeof_hdr
    x = values(kind, shape).astype(np.dtype(kind).newbyteorder(ORDERS[order]))
    return h.binaryblock + b"\0" * gap + x.tobytes(order="F")


def entry(name, image, raw):
    im = image.from_bytes(raw)
    unit = UNIT[int(im.header["xyzt_units"]) & 7]
    affine = im.affine.copy()
    affine[:3] *= unit
    data = im.get_fdata(caching="unchanged").ravel(order="F")
    placed = int(im.header["sform_code"]) > 0 or int(im.header["qform_code"]) > 0
    return {
        "name": name, "file": base64.b64encode(raw).decode(), "placed": placed,
        "size": (list(im.shape) + [1])[:3], "affine": affine[:3].ravel().tolist(),
        "values": [float(v) if np.isfinite(v) else None for v in data],
    }


def types():
    for image in (Nifti1Image, Nifti2Image):
        for order in ORDERS:
            for kind in TYPES:
                h = header(image, kind, order)
                h.set_sform(oblique(), 1)
                yield entry(f"{image.__name__} {order} {kind}", image, content(h, kind, order))


def sform(h):
    h.set_sform(oblique(), 1)


def qform(h):
    h.set_qform(oblique(), 1)


def both(h):
    h.set_qform(other(), 2)
    h.set_sform(oblique(), 4)


def neither(h):
    h.set_zooms((0.7, 0.8, 4.4))
    h["qform_code"], h["sform_code"] = 0, 0


def qfac(h):
    flipped = oblique()
    flipped[:3, 2] *= -1
    h.set_qform(flipped, 1)
    assert h["pixdim"][0] * np.linalg.det(oblique()[:3, :3]) < 0


def changed(first, **fields):
    def change(h):
        first(h)
        for name, value in fields.items():
            if name.startswith("pixdim"):
                h["pixdim"][int(name[6:])] = value
            else:
                h[name] = value
    return change


def sheared(h):
    a = oblique()
    a[:3, 2] += 0.3 * a[:3, 0]
    h.set_sform(a, 1)


CASES = {
    "sform": sform, "qform": qform, "both, they differ": both, "neither": neither, "qfac -1": qfac,
    "sheared": sheared, "qfac 0": changed(qform, pixdim0=0), "negative pixdim": changed(qform, pixdim2=-0.8),
    "neither, negative pixdim": changed(neither, pixdim1=-0.7), "neither, no pixdim": changed(neither, pixdim3=0),
    "metres": changed(sform, xyzt_units=1), "microns": changed(qform, xyzt_units=3), "no units": changed(sform, xyzt_units=0),
    "millimetres and seconds": changed(sform, xyzt_units=10),
    "slope 0": changed(sform, scl_slope=0, scl_inter=7), "slope": changed(sform, scl_slope=0.37, scl_inter=-11.5),
    "slope NaN": changed(sform, scl_slope=np.nan, scl_inter=3), "slope infinite": changed(sform, scl_slope=np.inf, scl_inter=3),
    "negative slope": changed(qform, scl_slope=-2, scl_inter=0), "qform code unknown": changed(qform, qform_code=77),
    "sform code negative": changed(both, sform_code=-1),
    "half turn": changed(qform, quatern_b=1, quatern_c=0, quatern_d=0),
    "third turn": changed(qform, quatern_b=0.5, quatern_c=0.5, quatern_d=-0.5),
}


def places():
    for image in (Nifti1Image, Nifti2Image):
        for order in ORDERS:
            for name, change in CASES.items():
                h = header(image, "i2", order)
                change(h)
                yield entry(f"{image.__name__} {order} {name}", image, content(h, "i2", order))


def shapes():
    for order in ORDERS:
        for shape in [(4, 3), (4, 3, 2, 1), (4, 3, 2, 1, 1), (1, 1, 1), (5, 1, 2)]:
            for form in (sform, qform, neither):
                h = header(Nifti1Image, "u2", order, shape)
                if form is neither:
                    h["pixdim"][1:4] = [0.7, 0.8, 4.4]
                else:
                    form(h)
                if len(shape) == 2 and form is neither:
                    h["pixdim"][3] = 9  # must not count
                yield entry(f"{order} {shape} {form.__name__}", Nifti1Image, content(h, "u2", order, shape))
    h = header(Nifti1Image, "f4", "little")
    sform(h)
    h["vox_offset"] = 352 + 64
    yield entry("extension skipped", Nifti1Image, content(h, "f4", "little"))
    raw = bytearray(content(header_with_sform(), "f4", "little"))
    raw[-8:] = np.array([np.nan, np.inf], "<f4").tobytes()
    yield entry("values that are no numbers", Nifti1Image, bytes(raw))


def header_with_sform():
    h = header(Nifti1Image, "f4", "little")
    sform(h)
    return h


def real(root, names):
    for name in names:
        im = nib.load(pathlib.Path(root) / name)
        data = im.get_fdata(caching="unchanged").astype("<f4")
        yield {"name": name, "size": list(im.shape), "affine": im.affine[:3].ravel().tolist(),
               "sha256": hashlib.sha256(data.tobytes(order="F")).hexdigest()}


def write(name, rows):
    lines = ",\n".join(json.dumps(r, allow_nan=False) for r in rows)
    (TESTDATA / name).write_text("[\n" + lines + "\n]\n")
    print(name, len(rows), "files,", (TESTDATA / name).stat().st_size, "bytes")


if __name__ == "__main__":
    nib.imageglobals.logger.setLevel("CRITICAL")
    if sys.argv[1:2] == ["real"]:
        write("real.json", list(real(sys.argv[2], sys.argv[3:])))
    else:
        write("reference.json", [*types(), *places(), *shapes()])
