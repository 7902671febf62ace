#!/usr/bin/env python3
"""Writes dicom/deid/table.csv: the Basic Profile column of PS3.15 Table E.1-1.

The rows are the standard's. They are read from a package that lists the table per
edition, and held against two other lists where those are installed:

    pip download --no-deps dicom-anonymizer==2.1.0 && unzip -d anonymizer dicom_anonymizer-*.whl
    pip download --no-deps idiscore==1.2.0 && unzip -d idiscore idiscore-*.whl
    scripts/deid-table.py anonymizer [idiscore] > dicom/deid/table.csv

Counts and disagreements go to standard error.
"""
import pathlib, re, sys

EDITION = "2026c"
LISTS = {"D_TAGS": "D", "Z_TAGS": "Z", "X_TAGS": "X", "U_TAGS": "U", "Z_D_TAGS": "Z/D", "X_Z_TAGS": "X/Z",
         "X_D_TAGS": "X/D", "X_Z_D_TAGS": "X/Z/D", "X_Z_U_STAR_TAGS": "X/Z/U*"}
CODES = {"EMPTY": "Z", "REMOVE": "X", "DUMMY": "D", "UID": "U", "REMOVE_OR_EMPTY": "X/Z", "REMOVE_OR_DUMMY": "X/D",
         "EMPTY_OR_DUMMY": "Z/D", "REMOVE_OR_EMPTY_OR_DUMMY": "X/Z/D"}


def rows(folder):
    """Tag, attribute name and action of each single tag; repeating groups are a rule in Go."""
    text = next(pathlib.Path(folder).rglob(f"dicomfields_{EDITION}.py")).read_text()
    for name, body in re.findall(r"^(\w+_TAGS) = \[\n(.*?)^\]", text, re.S | re.M):
        for group, element, rest in re.findall(r"\(\s*0x(\w{4}),\s*0x(\w{4}),?\s*\),?\s*(?:# (.*))?", body):
            yield (group + element).upper(), rest.strip(), LISTS[name]


def other(folder):
    text = next(pathlib.Path(folder).rglob("_public_dicom.py")).read_text()
    text = text.split("basic_profile = ")[1].split("RawNemaRuleSet(")[1]
    found = re.findall(r'SingleTag\(\s*"(\w{8})"\s*\),\s*ActionCodes\.(\w+)', text)
    return {tag.upper(): CODES.get(code, code) for tag, code in found}


def check(table, folders):
    say = lambda *words: print(*words, file=sys.stderr)
    say(len(table), "single tags in edition", EDITION)
    for folder in folders:
        second = other(folder)
        say("second list:", len(second), "missing here:", sorted(set(second) - set(table)),
            "other action:", [t for t in second if table.get(t, second[t]) != second[t] and "*" not in table[t]])
    try:
        import gdcm
        old = gdcm.Anonymizer.GetBasicApplicationLevelConfidentialityProfileAttributes()
        tags = {f"{t.GetGroup():04X}{t.GetElement():04X}" for t in old}
        say("gdcm (2008):", len(tags), "missing here:", sorted(tags - set(table)))
    except ImportError:
        say("gdcm is not installed")


def main():
    lines = sorted(rows(sys.argv[1]))
    check({tag: action for tag, _, action in lines}, sys.argv[2:])
    for tag, name, action in lines:
        print(f'{tag},{action},{name.replace(",", "")}')


main()
