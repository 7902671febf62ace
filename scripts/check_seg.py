#!/usr/bin/env python3
"""Hold an exported DICOM segmentation against other people's tools.

    columna export CASE --format seg,nifti --out DIR
    scripts/check_seg.py DIR/case-N.seg.dcm DIR/case-N.nii.gz SOURCE-DICOM-FOLDER

Each line is one tool's word on the segmentation: dciodvfy and dcentvfy (the standard's
rules, and one patient and study with the images), dcmdump and gdcminfo (it reads),
pydicom (each frame's pixels are the mask's at the frame's place), highdicom where it is
installed (the same through its own reader), dcm2niix (it reads) and Orthanc (it stores
the file and gives it back byte for byte). Nothing is written but temporary files; Orthanc
listens on this machine alone. Exit code 0 only if all that are installed agree.

Needs: dicom3tools, dcmtk, libgdcm-tools, dcm2niix, orthanc, python3-pydicom,
python3-nibabel, python3-numpy.
"""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import nibabel
import numpy as np
import pydicom

failed = []


def report(tool, ok, words):
    if not ok:
        failed.append(tool)
    print(f"{'ok  ' if ok else 'FAIL'} {tool}: {words}")


def run(*command):
    if not shutil.which(command[0]):
        return None
    p = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return p.returncode, p.stdout + p.stderr


def rules(seg, images):
    out = run("dciodvfy", "-new", seg)
    if out:
        lines = [l for l in out[1].splitlines() if l.startswith(("Error", "Warning"))]
        errors = [l for l in lines if l.startswith("Error")]
        report("dciodvfy", not errors, f"{len(errors)} errors, {len(lines) - len(errors)} warnings; " + "; ".join(lines[:4]))
    out = run("dcentvfy", *images, seg)
    if out:
        report("dcentvfy", not out[1].strip(), out[1].strip()[:300] or "one patient, study and frame of reference")


def readers(seg):
    for tool in (["dcmdump", "-q"], ["gdcminfo"]):
        out = run(*tool, seg)
        if out:
            report(tool[0], out[0] == 0 and "E:" not in out[1], f"exit {out[0]}")
    with tempfile.TemporaryDirectory() as d:
        out = run("dcm2niix", "-o", d, os.path.dirname(os.path.abspath(seg)))
        if out:
            made = glob.glob(d + "/*.nii")
            report("dcm2niix", out[0] == 0, f"exit {out[0]}, {len(made)} volumes; " + " ".join(out[1].split("\n")[-3:])[:120])


def item(groups, name):
    for g in groups:
        if name in g:
            return g[name][0]
    raise SystemExit(f"no {name}")


def place(ds, frame):
    """LPS of voxel (0,0) and the steps along a row and down a column."""
    groups = [ds.PerFrameFunctionalGroupsSequence[frame], ds.SharedFunctionalGroupsSequence[0]]
    o = np.array(item(groups, "PlanePositionSequence").ImagePositionPatient, float)
    d = np.array(item(groups, "PlaneOrientationSequence").ImageOrientationPatient, float)
    s = item(groups, "PixelMeasuresSequence").PixelSpacing
    return o, d[:3] * float(s[1]), d[3:] * float(s[0])


def slice_of(mask, affine, ds, frame):
    """The mask's slice that lies at a frame, as rows of columns, and how far off it is."""
    lps = np.diag([-1, -1, 1, 1]) @ affine
    o, u, v = place(ds, frame)
    to_voxel = np.linalg.inv(lps)
    at = lambda p: (to_voxel @ np.append(p, 1))[:3]
    corner, far = at(o), at(o + u * (ds.Columns - 1) + v * (ds.Rows - 1))
    k, origin, other = round(corner[2]), np.round(corner), np.round(far)
    off = max(np.linalg.norm((lps @ np.append(origin, 1))[:3] - o), np.linalg.norm((lps @ np.append(other, 1))[:3] - o - u * (ds.Columns - 1) - v * (ds.Rows - 1)))
    plane = mask[:, :, k]
    step = np.round(at(o + u) - corner).astype(int)
    if abs(step[1]) == 1:  # the row runs along j
        plane = plane.T
    if at(o + u)[np.argmax(np.abs(step))] < corner[np.argmax(np.abs(step))]:
        plane = plane[::-1]
    down = np.round(at(o + v) - corner).astype(int)
    if down[np.argmax(np.abs(down))] < 0:
        plane = plane[:, ::-1]
    return plane.T, off


def labels(ds):
    """The label of each segment by the order of spine.Structures."""
    names = ["L1", "L2", "L3", "L4", "L5", "disc L1/L2", "disc L2/L3", "disc L3/L4", "disc L4/L5", "disc L5/S1", "S1",
             "spinal canal", "posterior elements", "T12", "disc T12/L1", "vertebra above T12", "disc above T12"]
    return {s.SegmentNumber: names.index(s.SegmentLabel) + 1 for s in ds.SegmentSequence}


def pixels(seg, nifti):
    ds, image = pydicom.dcmread(seg), nibabel.load(nifti)
    mask, label = np.asarray(image.dataobj).astype(np.uint8), labels(ds)
    frames = ds.pixel_array.reshape(-1, ds.Rows, ds.Columns)
    wrong, worst, seen = 0, 0.0, 0
    for n, g in enumerate(ds.PerFrameFunctionalGroupsSequence):
        plane, off = slice_of(mask, image.affine, ds, n)
        worst = max(worst, off)
        want = plane == label[g.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        wrong, seen = wrong + int((want != frames[n].astype(bool)).sum()), seen + int(frames[n].sum())
    total = int((mask > 0).sum())
    # NIfTI keeps its affine in single precision, which is good for a thousandth of a millimetre.
    report("pydicom", wrong == 0 and seen == total and worst < 2e-3,
           f"{len(frames)} frames of {ds.Columns}x{ds.Rows}, {seen} of {total} voxels, {wrong} differ, places within {worst:.5f} mm")
    types = {}
    for s in ds.SegmentSequence:
        types[s.SegmentAlgorithmType] = types.get(s.SegmentAlgorithmType, 0) + 1
    print("     segments:", types)


def sources(seg, images):
    """Each frame refers to the image that lies where it does."""
    ds = pydicom.dcmread(seg)
    at = {}
    for name in images:
        d = pydicom.dcmread(name, stop_before_pixels=True)
        if "ImagePositionPatient" in d:
            at[d.SOPInstanceUID] = np.array(d.ImagePositionPatient, float)
    far = 0.0
    for n, g in enumerate(ds.PerFrameFunctionalGroupsSequence):
        for derivation in g.DerivationImageSequence:
            for source in derivation.SourceImageSequence:
                far = max(far, np.linalg.norm(at[source.ReferencedSOPInstanceUID] - place(ds, n)[0]))
    report("references", far < 1e-3, f"each frame lies within {far:.6f} mm of the image it refers to")


def highdicom(seg):
    try:
        import highdicom as hd
    except ImportError:
        return
    s = hd.seg.segread(seg)
    n = len(s.segment_numbers)
    volume = s.get_volume(combine_segments=True, skip_overlap_checks=False) if hasattr(s, "get_volume") else None
    shape = volume.array.shape if volume is not None else None
    report("highdicom", n == len(s.SegmentSequence), f"{n} segments, volume {shape}")


def orthanc(seg):
    binary = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
    if not os.path.exists(binary):
        return
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with tempfile.TemporaryDirectory() as d:
        config = os.path.join(d, "o.json")
        with open(config, "w") as f:
            json.dump({"StorageDirectory": d, "IndexDirectory": d, "HttpPort": port, "RemoteAccessAllowed": False,
                       "DicomServerEnabled": False, "Plugins": []}, f)
        p = subprocess.Popen([binary, config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            store(seg, f"http://127.0.0.1:{port}")
        finally:
            p.kill()
            p.wait()


def store(seg, url):
    with open(seg, "rb") as f:
        data = f.read()
    for attempt in range(100):
        try:
            with urllib.request.urlopen(urllib.request.Request(url + "/instances", data, {"Content-Type": "application/dicom"})) as r:
                answer = json.load(r)
            break
        except OSError:
            time.sleep(0.2)
    else:
        report("Orthanc", False, "does not answer")
        return
    with urllib.request.urlopen(f"{url}/instances/{answer['ID']}/file") as r:
        back = r.read()
    report("Orthanc", answer["Status"] == "Success" and back == data, f"{answer['Status']}, {len(back)} bytes come back")


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    seg, nifti, folder = sys.argv[1:]
    study = pydicom.dcmread(seg, stop_before_pixels=True).StudyInstanceUID
    images = []
    for name in glob.glob(folder + "/**/*.dcm", recursive=True):
        if pydicom.dcmread(name, stop_before_pixels=True).StudyInstanceUID == study:
            images.append(name)
    rules(seg, images)
    readers(seg)
    pixels(seg, nifti)
    sources(seg, images)
    highdicom(seg)
    orthanc(seg)
    raise SystemExit(1 if failed else 0)


main()
