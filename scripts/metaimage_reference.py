#!/usr/bin/env python3
"""Writes what ITK reads from MetaImage files: volume/metaimage/testdata/reference.json.

A file stands in the table itself, in base64, a file of voxels beside it under "raw", with
the affine (LPS+ mm, by rows) and the values (first index fastest) that ITK gives for it.
Files come from ITK's own writer and from headers as other programs write them. Needs
SimpleITK and NumPy, from PyPI.
"""
import base64
import json
import pathlib
import tempfile
import zlib

import numpy as np
import SimpleITK as sitk

TABLE = pathlib.Path(__file__).resolve().parents[1] / "volume" / "metaimage" / "testdata" / "reference.json"
ELEMENTS = {"u1": "MET_UCHAR", "i1": "MET_CHAR", "i2": "MET_SHORT", "u2": "MET_USHORT", "i4": "MET_INT", "u4": "MET_UINT",
            "i8": "MET_LONG_LONG", "u8": "MET_ULONG_LONG", "f4": "MET_FLOAT", "f8": "MET_DOUBLE"}
SHAPE = (4, 3, 2)


def directions():
    """i posterior, j inferior, k right, all tilted: columns are the axes."""
    a, b = 0.21, -0.13
    rot = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    rot = rot @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return rot @ np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float)


def values(kind):
    n = int(np.prod(SHAPE))
    t = np.dtype(kind)
    if t.kind == "f":
        x = np.linspace(-1234.567, 9876.54321, n)
        x[:3] = [0, -0.1, 1 / 3]
    else:
        info = np.iinfo(t)
        x = np.array([(7919 * k * k + 13 * k) % 101 for k in range(n)], t)
        x[:3] = [info.min, info.max, min(info.max, (1 << 24) + 1)]
    return x.astype(t)


def words(a):
    return " ".join(repr(float(x)) for x in np.ravel(a))


def text(kind="i2", **changes):
    """A header; a change of None takes a key away."""
    keys = {"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False", "CompressedData": "False",
            "TransformMatrix": words(directions().T), "Offset": "31.5 -120.25 410.125", "CenterOfRotation": "0 0 0",
            "ElementSpacing": "0.7 0.8 4.4", "DimSize": "4 3 2", "ElementType": ELEMENTS.get(kind, kind), "ElementDataFile": "LOCAL"}
    keys.update(changes)
    last = keys.pop("ElementDataFile")
    lines = [f"{k} = {v}" for k, v in keys.items() if v is not None]
    return ("\n".join(lines) + f"\nElementDataFile = {last}\n").encode()


def entry(name, raw, beside=None):
    """What ITK reads; beside is the name and the bytes of the file of voxels."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / ("a.mhd" if beside else "a.mha")
        path.write_bytes(raw)
        if beside:
            (pathlib.Path(folder) / beside[0]).write_bytes(beside[1])
        im = sitk.ReadImage(str(path))
    dims = im.GetDimension()
    steps = np.array(im.GetDirection()).reshape(dims, dims)[:3, :3] * np.array(im.GetSpacing())[:3]
    affine = np.column_stack([steps, np.array(im.GetOrigin())[:3]])
    row = {"name": name, "file": base64.b64encode(raw).decode(), "size": list(im.GetSize())[:3],
           "affine": affine.ravel().tolist(), "values": [float(v) for v in sitk.GetArrayFromImage(im).ravel()]}
    if beside:
        row |= {"raw": base64.b64encode(beside[1]).decode(), "raw_name": beside[0]}
    return row


def by_itk():
    """ITK's own writer."""
    for kind in ELEMENTS:
        for compressed in (False, True):
            im = sitk.GetImageFromArray(values(kind).reshape(SHAPE[::-1]))
            im.SetDirection(directions().ravel().tolist())
            im.SetSpacing((0.7, 0.8, 4.4))
            im.SetOrigin((31.5, -120.25, 410.125))
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "a.mha"
                sitk.WriteImage(im, str(path), compressed)
                yield entry(f"ITK {kind} compressed {compressed}", path.read_bytes())
    for compressed in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            sitk.WriteImage(im, f"{folder}/a.mhd", compressed)
            raw = next(p for p in pathlib.Path(folder).iterdir() if p.suffix != ".mhd")
            yield entry(f"ITK pair compressed {compressed}", (pathlib.Path(folder) / "a.mhd").read_bytes(), (raw.name, raw.read_bytes()))


def by_others():
    for kind in ELEMENTS:
        yield entry(f"big endian {kind}", text(kind, BinaryDataByteOrderMSB="True") + values(kind).astype(np.dtype(kind).newbyteorder(">")).tobytes())
    x = values("i2").tobytes()
    matrix, offset, spacing = words(directions().T), "31.5 -120.25 410.125", "0.7 0.8 4.4"
    for key in ("Rotation", "Orientation"):
        yield entry(key, text(TransformMatrix=None, **{key: matrix}) + x)
    for key in ("Position", "Origin"):
        yield entry(key, text(Offset=None, **{key: offset}) + x)
    yield entry("ElementSize", text(ElementSpacing=None, ElementSize=spacing) + x)
    yield entry("ElementSize beside ElementSpacing", text(ElementSize="9 9 9") + x)
    yield entry("CenterOfRotation", text(CenterOfRotation="5 6 7") + x)
    yield entry("AnatomicalOrientation", text(AnatomicalOrientation="RAI") + x)
    yield entry("ElementByteOrderMSB", text(BinaryDataByteOrderMSB=None, ElementByteOrderMSB="True") + values("i2").astype(">i2").tobytes())
    yield entry("MET_LONG", text("MET_LONG") + values("i4").tobytes())
    yield entry("MET_ULONG", text("MET_ULONG") + values("u4").tobytes())
    yield entry("four dimensions", text(NDims="4", DimSize="4 3 2 1", ElementSpacing="0.7 0.8 4.4 1", Offset=offset + " 0", CenterOfRotation="0 0 0 0",
                                        TransformMatrix=words(np.block([[directions().T, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))) + x)
    yield entry("slope of intensity", text(ElementToIntensityFunctionSlope="2", ElementToIntensityFunctionOffset="5") + x)
    yield entry("raw", text(ElementDataFile="a.raw"), ("a.raw", x))
    yield entry("HeaderSize", text(ElementDataFile="a.raw", HeaderSize="7"), ("a.raw", b"garbage" + x))
    yield entry("HeaderSize -1", text(ElementDataFile="a.raw", HeaderSize="-1"), ("a.raw", b"garbage" + x))
    z = zlib.compress(x)
    yield entry("zraw", text(ElementDataFile="a.zraw", CompressedData="True", CompressedDataSize=len(z)), ("a.zraw", z))
    yield entry("reflected", text(TransformMatrix=words((directions() * [1, 1, -1]).T)) + x)


if __name__ == "__main__":
    rows = [*by_itk(), *by_others()]
    TABLE.write_text("[\n" + ",\n".join(json.dumps(r, allow_nan=False) for r in rows) + "\n]\n")
    print(len(rows), "files,", TABLE.stat().st_size, "bytes")
