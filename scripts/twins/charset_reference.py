"""Writes how pydicom decodes texts in every character set of DICOM, for the Go
package dicom/dataset, which must decode them alike.

    python3 scripts/twins/charset_reference.py > dicom/dataset/testdata/charsets.json

Each case has the values of SpecificCharacterSet, whether the text is a person
name, its bytes in hexadecimal, and pydicom's text.
"""
import json
import logging
import warnings

from pydicom import charset
from pydicom.valuerep import PersonName

warnings.simplefilter("ignore")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

# Every printable high byte of the single-byte sets that the set has.
SINGLE = {
    "ISO_IR 100": "iso8859_1", "ISO_IR 101": "iso8859_2", "ISO_IR 109": "iso8859_3", "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7", "ISO_IR 127": "iso8859_6", "ISO_IR 138": "iso8859_8", "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9", "ISO_IR 166": "iso8859_11", "ISO_IR 13": "shift_jis",
}


def all_of(codec):
    """The letters from A0 on, without the no-break space and soft hyphen, which are not printed."""
    out = bytearray()
    for byte in range(0xA1, 0x100):
        try:
            text = bytes([byte]).decode(codec)
        except UnicodeDecodeError:
            continue
        if text.isprintable() and not text.isspace():
            out.append(byte)
    return bytes(out)


# The examples of PS3.5 annexes H, I, J and K, and texts with code extensions.
NAMES = [
    (["", "ISO 2022 IR 87"], b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"),
    (["ISO 2022 IR 13", "ISO 2022 IR 87"],
     b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"),
    (["", "ISO 2022 IR 149"], b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"),
    (["", "ISO 2022 IR 58"], b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"),
    (["", "ISO 2022 IR 87", "ISO 2022 IR 159"], b"A^B=\x1b$(D\x30\x21\x30\x22\x1b(B^\x1b$B;3\x1b(B"),
    (["ISO_IR 192"], "Wang^XiaoDong=王^小東".encode()),
    (["GB18030"], "Wang^XiaoDong=王^小东".encode("gb18030")),
    (["GBK"], "Wang^XiaoDong=王^小东".encode("gbk")),
    (["ISO 2022 IR 6", "ISO 2022 IR 100"], b"Buc^J\x1b-A\xe9r\xf4me"),
    (["ISO 2022 IR 100", "ISO 2022 IR 144"], b"M\xfcller^\x1b-L\xb8\xd2\xd0\xdd"),
]
TEXTS = [
    (["", "ISO 2022 IR 87"], b"\x1b$B%W%m%H%3%k\x1b(B T2"),
    (["", "ISO 2022 IR 149"], b"\x1b$)C\xbf\xe4\xc3\xdf MRI"),
    (["GB18030"], "腰椎 T2 矢状位".encode("gb18030")),
    (["GB18030"], "丂乗".encode("gb18030")),  # trail bytes that are ASCII letters, the value separator among them
    (["ISO_IR 192"], "腰椎 – поясница".encode()),
    (["ISO-IR 100"], b"M\xfcller"),
    (["ISO_IR_144"], b"\xb8\xd2\xd0\xdd"),
    (["ISO IR 192"], "Jürgen".encode()),
]


def cases():
    for name, codec in SINGLE.items():
        yield [name], False, all_of(codec)
        yield [name.replace("ISO_IR", "ISO 2022 IR")], False, all_of(codec)
    for sets, raw in NAMES:
        yield sets, True, raw
    for sets, raw in TEXTS:
        yield sets, False, raw


def decode(sets, is_name, raw):
    codecs = charset.convert_encodings(sets)
    if is_name:
        return str(PersonName(raw, codecs)).replace("\x1b$)A", "")  # which pydicom 2.3 leaves in
    return charset.decode_bytes(raw, codecs, {0x5C, 0x0D, 0x0A, 0x0C, 0x09})


rows = [{"sets": s, "name": n, "bytes": r.hex(), "text": decode(s, n, r)} for s, n, r in cases()]
print("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]")
