"""Writes which tags pydicom finds in every file of a folder, for the Go package
dicom/dataset, whose parser must find the same.

    python3 scripts/twins/dicom_tags.py FOLDER > dicom/dataset/testdata/pydicom_tags.json

Each file is read with dcmread(force=True). Its tags, those of sequence items
indented below theirs, are counted and hashed. A file that pydicom cannot read has
its error instead.
"""
import hashlib
import json
import logging
import pathlib
import sys
import warnings

import pydicom

warnings.simplefilter("ignore")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def tags(dataset, depth=0):
    for element in dataset:
        yield f"{' ' * depth}{element.tag.group:04x}{element.tag.element:04x}"
        if element.VR == "SQ":
            for item in element.value:
                yield f"{' ' * depth}-"
                yield from tags(item, depth + 1)


def entry(path):
    try:
        lines = list(tags(pydicom.dcmread(path, force=True)))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:120]}
    text = "".join(line + "\n" for line in lines)
    return {"tags": len(lines), "sha256": hashlib.sha256(text.encode()).hexdigest()[:16]}


root = pathlib.Path(sys.argv[1])
names = sorted(p for p in root.rglob("*") if p.is_file() and p.suffix not in (".json", ".md", ".nii", ".gz", ".txt", ".py") and p.name != "LICENSE")
out = {str(p.relative_to(root)): entry(p) for p in names}
print("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in out.items()) + "\n}")
