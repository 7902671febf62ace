"""Times Columna, GDCM or DCMTK, and pydicom on the files of scripts/bench/dicom.sh.

Programs are timed from their start to their end. Columna is given without its
start too, since pydicom's start is left out. dcmdump +W reads the pixel data of
all files in one process and writes them raw, to memory; no other tool of DCMTK
takes many files at once.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import pydicom

folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
columna = str(folder / "dicom")
TAGS = ["0010,0010", "0020,000d", "0020,000e", "0020,0032", "0020,0037", "0018,0080", "0018,0081", "0028,0030"]


def program(*words):
    start = time.perf_counter()
    out = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return (time.perf_counter() - start) * 1000, out


def columna_runs(verb, path):
    whole, out = program(columna, verb, str(path))
    return {"columna, whole process": whole, "columna": float(out)}


def gdcm(path):
    words = [word for tag in TAGS for word in ("-t", tag)]
    return {"gdcmscanner, whole process": program("gdcmscanner", "-d", str(path), "-r", *words)[0]}


def dcmtk(path):
    raw = tempfile.mkdtemp(dir="/dev/shm")
    try:
        return {"dcmdump +W, whole process": program("dcmdump", "-q", "+sd", "+r", "+W", raw, str(path))[0]}
    finally:
        shutil.rmtree(raw)


def timed(name, call):
    start = time.perf_counter()
    call()
    return {name: (time.perf_counter() - start) * 1000}


def headers(path):
    for name in path.rglob("*.dcm"):
        ds = pydicom.dcmread(name, stop_before_pixels=True)
        for tag in TAGS:
            ds.get(tuple(int(part, 16) for part in tag.split(",")))


def arrays(path):
    return [pydicom.dcmread(name).pixel_array for name in path.rglob("*.dcm")]


def volumes(path):
    study = []
    for series in sorted(path.iterdir()):
        slices = [pydicom.dcmread(name) for name in series.glob("*.dcm")]
        normal = np.cross(slices[0].ImageOrientationPatient[:3], slices[0].ImageOrientationPatient[3:])
        slices.sort(key=lambda ds: np.dot(ds.ImagePositionPatient, normal))
        out = np.empty((len(slices), *slices[0].pixel_array.shape), np.float32)
        for n, ds in enumerate(slices):
            out[n] = ds.pixel_array * float(getattr(ds, "RescaleSlope", 1)) + float(getattr(ds, "RescaleIntercept", 0))
        study.append(out)
    return study


def compare(title, runs, pairs):
    best = {}
    for _ in range(rounds):
        for run in runs:
            for name, ms in run().items():
                best[name] = min(ms, best.get(name, ms))
    print(title)
    for name, ms in best.items():
        print(f"  {name:32} {ms:8.1f} ms")
    for ours, theirs in pairs:
        print(f"  {ours} / {theirs}: {best[ours] / best[theirs]:.2f}")


many, study = folder / "headers", folder / "study"
compare("headers of 500 files",
        [lambda: columna_runs("scan", many), lambda: gdcm(many), lambda: timed("pydicom", lambda: headers(many))],
        [("columna, whole process", "gdcmscanner, whole process"), ("columna", "pydicom")])
compare("three series of 20 slices of 512x512 to volumes",
        [lambda: columna_runs("load", study), lambda: dcmtk(study),
         lambda: timed("pydicom pixel_array", lambda: arrays(study)), lambda: timed("pydicom to volumes", lambda: volumes(study))],
        [("columna, whole process", "dcmdump +W, whole process"), ("columna", "pydicom pixel_array"), ("columna", "pydicom to volumes")])
