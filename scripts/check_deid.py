#!/usr/bin/env python3
"""Checks de-identified files against their sources, sharing nothing with Columna.

    columna deid IN --out OUT --mapping MAP.csv
    scripts/check_deid.py MAP.csv OUT [--dciodvfy]

Every value of the source that the result no longer has under its tag is searched in
the result's bytes: names also by their parts. Pixel data must be the same bytes,
pydicom and gdcm must read the file, and with --dciodvfy no new error may appear.
Counts go to standard output; exit code 1 if a value survives or anything breaks.
"""
import csv, hashlib, pathlib, re, subprocess, sys, zipfile
from collections import Counter

import pydicom
from pydicom.datadict import dictionary_has_tag

pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
TEXT = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT", "UN", "OB"}


def walk(ds):
    for e in ds:
        if e.VR == "SQ":
            for item in e.value or []:
                yield from walk(item)
        elif e.tag != 0x7FE00010:
            yield e


def texts(e):
    """The values of an element as bytes and, where it has a character set, as text."""
    v = e.value
    if v is None or e.VR not in TEXT:
        return
    for one in v if isinstance(v, (list, pydicom.multival.MultiValue)) else [v]:
        if isinstance(one, bytes):
            for run in re.findall(rb"[ -~]{6,64}", one[:65536]):
                yield run.decode().strip()
        else:
            yield str(one).strip(" \0")
            if e.VR == "PN":
                yield from re.split(r"[\^= ,.]+", str(one))


def technical(v):
    """Numbers and what the standard defines name nobody."""
    return re.fullmatch(r"[-+0-9.eE/:\\ ]{0,7}|[-+]?\d{1,4}\.\d+(e[-+]?\d+)?|0*[.:0]*|1\.2\.840\.10008(\.\d{1,4})*", v) is not None


def leaks(src, out, raw):
    """Values of the source that are gone from their tags, and those of them that the result still has."""
    kept = {(e.tag, v) for e in walk(out) for v in texts(e)}
    held = {v for _, v in kept}
    gone, found = set(), []
    standard = {v for e in walk(src) if not e.tag.is_private and dictionary_has_tag(e.tag) for v in texts(e) if (e.tag, v) in kept}
    elements = list(walk(src)) + list(src.file_meta if hasattr(src, "file_meta") else [])
    for e in elements:
        least = 3 if e.VR == "PN" else 4
        for v in texts(e):
            if len(v) < least or technical(v) or (e.tag, v) in kept or (v in standard and e.VR != "PN") or (e.tag, v) in gone:
                continue
            gone.add((e.tag, v))
            if survives(v, held, raw):
                found.append((str(e.tag), e.VR, e.keyword, v))
    return gone, found


def survives(v, held, raw):
    if len(v) < 6:
        return any(re.search(rf"(?<!\w){re.escape(v)}(?!\w)", h) for h in held if h)
    forms = {v.encode("utf-8")}
    for charset in ("latin-1", "iso8859-5", "iso2022_jp", "gb18030", "euc_kr", "cp1253"):
        try:
            forms.add(v.encode(charset))
        except UnicodeEncodeError:
            pass
    return any(re.search(rb"(?<!\d)" + re.escape(f) if v.isdigit() else re.escape(f), raw) for f in forms)


def without_pixels(path):
    raw = path.read_bytes()
    at = raw.find(b"\xe0\x7f\x10\x00O")
    return raw if at < 0 else raw[:at]


def pixels(ds):
    return hashlib.sha256(ds.get("PixelData", b"") or b"").hexdigest()


def same_pixels(src, out):
    """Byte for byte, but for byte order, padding and bytes after the last frame."""
    a, b = src.get("PixelData"), out.get("PixelData")
    if a is None or b is None:
        return a is None and b is None
    if src.file_meta.get("TransferSyntaxUID") == pydicom.uid.ExplicitVRBigEndian and src["PixelData"].VR == "OW":
        return bool((src.pixel_array == out.pixel_array).all())
    return pixels(src) == pixels(out) or a[: len(b)] == b or a == b[: len(a)]


def same_by_gdcm(*paths):
    """Where pydicom does not read the source's pixels."""
    import gdcm

    decoded = []
    for path in paths:
        r = gdcm.ImageReader()
        r.SetFileName(str(path))
        if not r.Read():
            return False
        decoded.append(r.GetImage().GetBuffer())
    return decoded[0] == decoded[1]


def errors(path):
    r = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace")
    return Counter(re.sub(r"[0-9.]{3,}|\(0x\w+,0x\w+\)", "", l).strip() for l in (r.stdout + r.stderr).splitlines() if l.startswith("Error"))


def gdcm_reads(path):
    import gdcm

    r = gdcm.Reader()
    r.SetFileName(str(path))
    return r.Read()


def main():
    mapping, out = sys.argv[1], pathlib.Path(sys.argv[2])
    n = Counter()
    for row in csv.DictReader(open(mapping, newline="")):
        name, path = row["source"], out / row["file"]
        if "!" in name and not pathlib.Path(name).exists():
            archive, entry = name.split("!", 1)
            src = pydicom.dcmread(zipfile.ZipFile(archive).open(entry), force=True)
        else:
            src = pydicom.dcmread(name, force=True)
        dst = pydicom.dcmread(path)
        gone, found = leaks(src, dst, without_pixels(path))
        n["files"] += 1
        n["values searched"] += len(gone)
        n["values found"] += len(found)
        for f in found:
            print("LEAK", name, path, *f)
        for label, ok in (("pixels differ", same_pixels(src, dst) or same_by_gdcm(name, path)), ("gdcm cannot read", gdcm_reads(path) or not gdcm_reads(name)), ("private left", not any(e.tag.is_private for e in walk(dst)))):
            if not ok:
                n[label] += 1
                print(label, name, path)
        if "--dciodvfy" in sys.argv:
            before, after = errors(name), errors(path)
            n["clean before"] += not before
            n["clean after"] += not after
            new = after - before
            n["files with new errors"] += bool(new)
            if new:
                print("NEW ERRORS", "(clean before)" if not before else "", name, path, dict(new))
    for k, v in n.items():
        print(f"{v:8d} {k}")
    sys.exit(bool(n["values found"] or n["pixels differ"] or n["gdcm cannot read"] or n["private left"]))


main()
