#!/usr/bin/env python3
"""Hold exported reports and key images (DICOM SR, SC, KO) against other people's tools.

    scripts/check_sr.py [--columna BIN] [SEED...]           phantoms, made, read and exported here
    scripts/check_sr.py [--columna BIN] --db FILE CASE...   cases of a database; it is copied first

For each case, with the patient and (export --deid) without:

  dciodvfy   finds no error in report, captures, selection and segmentation
  dsrdump    reads report and selection, with as many content items as pydicom counts
  pydicom    the 25 findings: condition, level, side, grades, probabilities and places are
             those of Columna's own table (CSV), measurements those of its JSON; the pixel
             that a finding names lies, by the source image's own position, orientation and
             spacing, where the finding says in the patient; the patient's left is left
             of right; captures are RGB and say truly that no identity is burned in;
             whatever is referred to is there, among what was exported or imported
  Orthanc    stores the files through `columna pacs send` and gives each back byte for byte

Nothing is written but temporary files; Orthanc listens on this machine alone. Exit code
0 only if all agree. Debian: dicom3tools dcmtk orthanc orthanc-dicomweb python3-pydicom
python3-numpy.
"""

import argparse
import csv
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import pydicom

CONDITIONS = {
    ("76107001", None): "spinal_canal_stenosis",
    ("FORAMINAL", "7771000"): "left_neural_foraminal_narrowing",
    ("FORAMINAL", "24028007"): "right_neural_foraminal_narrowing",
    ("SUBARTICULAR", "7771000"): "left_subarticular_stenosis",
    ("SUBARTICULAR", "24028007"): "right_subarticular_stenosis",
}
GRADES = {"NORMAL_MILD": "normal_mild", "6736007": "moderate", "24484000": "severe", "NOT_GRADABLE": "not_gradable", "373121007": ""}
MEASURES = {"42798000": "canal_area_mm2", "CANAL_AP": "canal_ap_mm", "121207": "disc_height_mm"}
COMPREHENSIVE_3D, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.59"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

failed = []


def report(tool, ok, words):
    if not ok:
        failed.append(tool)
    print(f"{'ok  ' if ok else 'FAIL'} {tool}: {words}", flush=True)


def run(*command, check=True):
    p = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if check and p.returncode:
        raise SystemExit(f"{' '.join(command)}: {p.stderr.strip()}")
    return p.stdout + ("" if check else p.stderr)


# Content items.


def code(item):
    return item.ConceptNameCodeSequence[0].CodeValue if "ConceptNameCodeSequence" in item else ""


def children(item, name=None, kind=None):
    found = item.get("ContentSequence", [])
    return [c for c in found if (name is None or code(c) == name) and (kind is None or c.ValueType == kind)]


def value(item):
    return item.ConceptCodeSequence[0].CodeValue


def count(item):
    return 1 + sum(count(c) for c in item.get("ContentSequence", []))


def level_of(meaning):
    return meaning.replace(" disc", "").lower().replace("/", "_") if "/S" not in meaning else "l5_s1"


def references(ds):
    """Every object that a dataset refers to, without the purposes."""
    out = set()
    for e in ds.iterall():
        if e.keyword == "ReferencedSOPInstanceUID":
            out.add(e.value)
    return out


# The checks.


def rules(files):
    errors, warnings = 0, {}
    for name in files:
        for line in run("dciodvfy", "-new", name, check=False).splitlines():
            errors += line.startswith("Error")
            if line.startswith("Error"):
                print("    ", os.path.basename(name), line)
            if line.startswith("Warning"):
                words = re.sub(r"<[^>]*>|\(0x[^)]*\)|PN.*", "", line[10:])
                words = " ".join(words.replace("-", " ").split()).rstrip(" [=:")
                warnings[words] = warnings.get(words, 0) + 1
    report("dciodvfy", errors == 0, f"{errors} errors in {len(files)} files; warnings {warnings}")


def dumps(documents):
    items, bad = 0, []
    for name in documents:
        out = run("dsrdump", "-q", name, check=False)
        n, want = sum(line.lstrip().startswith("<") for line in out.splitlines()), count(pydicom.dcmread(name))
        items += n
        if n != want or any(line.startswith("E:") for line in out.splitlines()):
            bad.append(f"{os.path.basename(name)}: {n} of {want} items")
    report("dsrdump", not bad, "; ".join(bad) or f"{items} content items of {len(documents)} documents, as pydicom counts them")


def lines(grades):
    """The grades of analyze's JSON as lines of the table, with all their decimals."""
    for g in grades:
        p, at = g["probabilities"] or {}, g["point"] or {}
        xyz = at.get("lps_mm", ("", "", ""))
        yield {"condition": g["condition"], "level": g["level"], "ai_grade": g["grade"], "reader_grade": "", "sop_uid": at.get("sop_uid", ""),
               "ai_normal_mild": p.get("normal_mild", ""), "ai_moderate": p.get("moderate", ""), "ai_severe": p.get("severe", ""),
               "x_px": at.get("x_px", ""), "y_px": at.get("y_px", ""), "x_lps_mm": xyz[0], "y_lps_mm": xyz[1], "z_lps_mm": xyz[2]}


def findings(sr, name, table, near, measures, images, same=True):
    """Each measurement group against a table of the app's and the geometry of the images;
    near is what the table's decimals allow, not same where it has other UIDs."""
    groups = [g for m in children(sr, "126010") for g in children(m, "125007")]
    rows, wrong, pixels, off_px, off_mm, seen, got = {}, [], 0, 0.0, 0.0, set(), {}
    for r in table:
        rows[r["condition"], r["level"]] = r
    for g in groups:
        kind = value(children(g, "121071", "CODE")[0])
        if kind == "52988006":  # a lesion is in no table
            continue
        site = children(g, "363698007", "CODE")[0]
        side = [value(c) for c in children(site, "272741003")]
        cell = CONDITIONS[kind, side[0] if side else None], level_of(site.ConceptCodeSequence[0].CodeMeaning)
        seen.add(cell)
        wrong += [f"{cell} {w}" for w in differs(g, rows[cell], near)]
        for number in children(g, kind="NUM"):
            if code(number) in MEASURES:
                v = number.MeasuredValueSequence[0]
                got.setdefault(cell[1], {})[MEASURES[code(number)]] = float(v.NumericValue)
        point, where = placed(g)
        if where is None:
            wrong += [f"{cell}: no place"] if rows[cell]["x_lps_mm"] != "" else []
            continue
        row = np.array([float(rows[cell][a]) for a in ("x_lps_mm", "y_lps_mm", "z_lps_mm")])
        off_mm = max(off_mm, np.abs(where - row).max())
        if point is not None:
            pixels += 1
            at, uid = point
            off_px = max(off_px, abs(at[0] - 0.5 - float(rows[cell]["x_px"])), abs(at[1] - 0.5 - float(rows[cell]["y_px"])))
            wrong += [f"{cell}: another image"] if same and uid != rows[cell]["sop_uid"] else []
            wrong += [f"{cell}: {w}" for w in strays(images, uid, at, where)]
    as_json = measures is None or all(matches(got.get(m["level"], {}), m) for m in measures) and len(got) == len(measures)
    words = f", {sum(len(m) for m in got.values())} measurements {'the same' if as_json else 'NOT the same'}" if measures is not None else ""
    report("pydicom", not wrong and as_json and len(seen) == 25 and off_px < near and off_mm < near,
           f"{len(seen)} findings as in the {name}, {pixels} pixels within {off_px:.5f} px and places within {off_mm:.5f} mm{words}" + "".join("; " + w for w in wrong[:5]))


def differs(g, row, near):
    """In what a group differs from its line of the table."""
    severity, ai = children(g, "246112005"), children(g, "AI_SEVERITY")
    grade = GRADES[value(severity[0])]
    if grade != (row["reader_grade"] or row["ai_grade"]):
        yield f"grade {grade}"
    if (GRADES[value(ai[0])] if ai else "") != row["ai_grade"]:
        yield "the algorithm's grade"
    reader = [c for c in children(severity[0], "121005") if value(c) == "121006"]
    if bool(reader) != bool(row["reader_grade"]):
        yield "who graded"
    for name, column in (("P_NORMAL_MILD", "ai_normal_mild"), ("P_MODERATE", "ai_moderate"), ("P_SEVERE", "ai_severe")):
        p = [float(c.MeasuredValueSequence[0].NumericValue) for c in children(g, name)]
        if (len(p) == 1) != (row[column] != "") or p and abs(p[0] - float(row[column])) > near / 50:
            yield column


def placed(g):
    """The pixel with its image, and the patient point, of a group."""
    flat = [c for c in children(g, "111030") if c.ValueType == "SCOORD"]
    deep = [c for c in children(g, "111030") if c.ValueType == "SCOORD3D"]
    where = np.array(deep[0].GraphicData, float) if deep else None
    if not flat:
        return None, where
    return (np.array(flat[0].GraphicData, float), flat[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID), where


def strays(images, uid, at, where):
    """Whether a pixel of an image lies elsewhere than the patient point, by the image's header."""
    d = images.get(uid)
    if d is None:
        return ["an image that was not imported"]
    o, s = np.array(d.ImageOrientationPatient, float), [float(x) for x in d.PixelSpacing]
    x = np.array(d.ImagePositionPatient, float) + o[:3] * s[1] * (at[0] - 0.5) + o[3:] * s[0] * (at[1] - 0.5)
    normal = np.cross(o[:3], o[3:])
    off = where - x
    across, along = abs(off @ normal), np.linalg.norm(off - (off @ normal) * normal)
    thick = float(d.get("SpacingBetweenSlices", d.SliceThickness))
    return [] if along < 0.02 and across < thick / 2 + 0.02 else [f"the pixel lies {along:.2f} mm off in the image, {across:.2f} mm across it"]


def matches(got, want):
    keys = [k for k in MEASURES.values() if want[k] is not None]
    return set(got) == set(keys) and all(abs(got[k] - want[k]) < 1e-6 * max(1, abs(want[k])) for k in keys)


def sides(sr):
    """The patient's left has the greater x, level by level."""
    x = {}
    for m in children(sr, "126010"):
        for g in children(m, "125007"):
            site = children(g, "363698007", "CODE")
            side = [value(c) for s in site for c in children(s, "272741003")]
            where = placed(g)[1]
            if side and where is not None:
                x[value(children(g, "121071", "CODE")[0]), value(site[0]), side[0]] = where[0]
    pairs = [(x[k], x[k[0], k[1], "24028007"]) for k in x if k[2] == "7771000" and (k[0], k[1], "24028007") in x]
    report("sides", bool(pairs) and all(l > r for l, r in pairs), f"{len(pairs)} pairs, left lies {min((l - r for l, r in pairs), default=0):.1f} mm or more to the left of right")


def captures(files, images):
    sc = [pydicom.dcmread(f) for f in files if f.endswith(".sc.dcm")]
    ko = [pydicom.dcmread(f) for f in files if f.endswith(".ko.dcm")]
    good = bool(sc) and len(ko) == 1
    for d in sc:
        p = d.pixel_array
        good = good and d.SOPClassUID == CAPTURE and p.shape[2:] == (3,) and p.std() > 5 and d.BurnedInAnnotation == "NO"
        good = good and d.SourceImageSequence[0].ReferencedSOPInstanceUID in images and len(d.PatientOrientation) == 2
    named = [c.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for c in children(ko[0], kind="IMAGE")]
    listed = references(ko[0].CurrentRequestedProcedureEvidenceSequence[0])
    want = [u for d in sc for u in (d.SOPInstanceUID, d.SourceImageSequence[0].ReferencedSOPInstanceUID)]
    good = good and named == want and listed == set(want) and ko[0].StudyInstanceUID == sc[0].StudyInstanceUID
    report("key images", good, f"{len(sc)} captures of {sc[0].Columns}x{sc[0].Rows}, the selection names them and {len(want) - len(sc)} source images")


def resolved(files, images):
    """What is referred to is there."""
    here = {pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in files} | set(images)
    lost = {os.path.basename(f): references(pydicom.dcmread(f, stop_before_pixels=True)) - here for f in files}
    total = sum(len(references(pydicom.dcmread(f, stop_before_pixels=True))) for f in files)
    report("references", not any(lost.values()), f"{total} objects are referred to, {sum(map(len, lost.values()))} are not there")


def secret(files, source):
    words = {source.PatientID, source.StudyInstanceUID, source.SeriesInstanceUID, source.FrameOfReferenceUID, source.SOPInstanceUID, source.StudyDate}
    words |= {w for w in str(source.PatientName).replace("^", " ").split() if len(w) > 4}
    told = []
    for f in files:
        with open(f, "rb") as b:
            data = b.read()
        told += [f"{os.path.basename(f)} holds {w}" for w in words if w and w.encode() in data]
    report("identity", not told, "; ".join(told) or f"none of {len(words)} words of the patient's stands in {len(files)} files")


class Orthanc:
    """An archive on this machine, with nothing in it."""

    def __enter__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url, self.dir = f"http://127.0.0.1:{port}", tempfile.mkdtemp()
        config = os.path.join(self.dir, "o.json")
        with open(config, "w") as f:
            json.dump({"StorageDirectory": self.dir, "IndexDirectory": self.dir, "HttpPort": port, "RemoteAccessAllowed": False, "DicomServerEnabled": False,
                       "AuthenticationEnabled": False, "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"], "DicomWeb": {"Enable": True}}, f)
        self.process = subprocess.Popen([shutil.which("Orthanc") or "/usr/sbin/Orthanc", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(150):
            try:
                urllib.request.urlopen(self.url + "/system").close()
                return self
            except OSError:
                time.sleep(0.2)
        raise SystemExit("Orthanc does not answer")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir)

    def ask(self, path, data=None):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data)) as r:
            return r.read()

    def keeps(self, files, columna):
        columna("pacs", "send", "check", *files)
        different = []
        for name in files:
            uid = str(pydicom.dcmread(name, stop_before_pixels=True).SOPInstanceUID)
            at = [x["Path"] for x in json.loads(self.ask("/tools/lookup", uid.encode())) if x["Type"] == "Instance"]
            with open(name, "rb") as f:
                if not at or self.ask(at[0] + "/file") != f.read():
                    different.append(os.path.basename(name))
        report("Orthanc", not different, f"{len(files)} files sent over DICOMweb, {len(files) - len(different)} come back byte for byte" + "".join("; not " + d for d in different))


def sources(folders):
    """The images that were imported, by UID."""
    out = {}
    for folder in folders:
        for name in glob.glob(os.path.join(folder, "**", "*"), recursive=True):
            if os.path.isfile(name):
                try:
                    d = pydicom.dcmread(name, stop_before_pixels=True)
                    out[str(d.SOPInstanceUID)] = d
                except Exception:
                    pass
    return out


def check(columna, archive, case, said, folders, work):
    """One case, whole and without the patient."""
    images = sources(folders)
    for hide in (False, True):
        out = os.path.join(work, f"case{case}-{'hidden' if hide else 'whole'}")
        columna("export", case, "--format", "seg,sr,key,csv", "--out", out, *(["--deid"] if hide else []))
        files = sorted(glob.glob(out + "/*.dcm"))
        print(f"case {case}, {'without the patient' if hide else 'whole'}: {len(files)} DICOM files")
        if hide and images:
            again = os.path.join(work, f"case{case}-images")
            columna("deid", *folders, "--out", again)
            told, images = next(iter(images.values())), sources([again])
        with open(glob.glob(out + "/*.csv")[0], newline="") as f:
            table = list(csv.DictReader(f))
        sr = pydicom.dcmread(glob.glob(out + "/*.sr.dcm")[0])
        if sr.SOPClassUID != COMPREHENSIVE_3D:
            report("SOP class", False, sr.SOPClassUID)
        rules(files)
        dumps([f for f in files if f.endswith((".sr.dcm", ".ko.dcm"))])
        findings(sr, "CSV", table, 0.006, None, images)
        if said:
            findings(sr, "JSON", lines(said["grades"]), 1e-4, said["measures"], images, same=not hide)
        sides(sr)
        captures(files, images)
        resolved(files, images)
        if hide and images:
            secret(files, told)
        archive.keeps(files, columna)


def main():
    p = argparse.ArgumentParser(description="Hold exported reports and key images against other tools.")
    p.add_argument("--columna", default="columna")
    p.add_argument("--db")
    p.add_argument("--images", action="append", default=[], help="with --db: folders of the cases' images")
    p.add_argument("what", nargs="*")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as work, Orthanc() as archive:
        db = os.path.join(work, "c.db")
        columna = lambda *words: run(a.columna, *map(str, words), "--db", db)
        if a.db:
            run(a.columna, "backup", db, "--db", a.db)
        columna("pacs", "add", "check", archive.url + "/dicom-web")
        if a.db:
            for case in a.what:
                check(columna, archive, case, None, a.images, work)
        for seed in [] if a.db else a.what or ["11", "12", "13"]:
            dicom = os.path.join(work, "d" + seed)
            columna("phantom", "--seed", seed, "--count", 1, "--out", dicom)
            case = json.loads(columna("import", dicom, "--json"))["cases"][0]["id"]
            said = json.loads(columna("analyze", case, "--json"))
            columna("key", case, "--add", "T2,sagittal", "--add", "T2,axial", "--add", "T1,sagittal")
            check(columna, archive, case, said, [dicom], work)
    print(f"{len(failed)} checks failed" + "".join("; " + f for f in failed) if failed else "all agree")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
