"""A file's bytes as UTF-8 text: gzip, byte order marks, UTF-16 without one, the code pages of older exports."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
from charset_normalizer import from_bytes

from connectors.errors import TallyrankError

TABLES = (".csv", ".tsv", ".txt")
LARGEST = 2 << 30
_SAMPLE = 1 << 15
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe\0\0": "utf-32-le", b"\0\0\xfe\xff": "utf-32-be"} | {
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
# Code pages that exports are written in; without this list a short file is Baltic or Ancient Cyrillic.
_CODE_PAGES = """
    cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 koi8_r cp932 euc_jp gb18030 big5 euc_kr iso8859_2
"""
_FOREIGN = {
    b"PK\x03\x04": "is an Excel workbook or a ZIP archive: save the sheet as CSV, or name a file in it (a.zip/b.csv)",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: save the sheet as CSV",
    b"%PDF": "is a PDF: export the table as CSV",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


def file_bytes(path: Path) -> bytes:
    """All of a file that is there, can be read and is not empty; `archive.zip/file.csv` is a file in an archive."""
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    try:
        raw = _member(archive, path.relative_to(archive).as_posix()) if archive else path.read_bytes()
    except IsADirectoryError:
        raise TallyrankError(f"{path} is a folder: name one file in it") from None
    except FileNotFoundError:
        raise TallyrankError(f"{path} does not exist: check the name") from None
    except (OSError, ValueError) as error:
        raise TallyrankError(f"{path} cannot be read ({error}): check its permissions") from None
    if _is_blank(raw):
        raise TallyrankError(f"{path} is empty: export it again")
    return raw


def members(path: Path) -> list[Path]:
    """The tables in a ZIP archive, as paths below it; none where the file is no archive of tables."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return []
    is_workbook = "[Content_Types].xml" in names
    return [path / n for n in names if n.lower().endswith(TABLES) and not is_workbook and ".." not in n]


def _member(archive: Path, name: str) -> bytes:
    """A file of an archive, unless it is unreasonably large."""
    try:
        with zipfile.ZipFile(archive) as file:
            if file.getinfo(name).file_size > LARGEST:
                raise TallyrankError(f"{archive / name} is larger than {LARGEST >> 30} GiB: unpack it yourself")
            return file.read(name)
    except KeyError:
        raise FileNotFoundError(name) from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):  # damaged, or with a password
        raise TallyrankError(f"{archive} cannot be unpacked: download it again, or unpack it yourself") from None


def _is_blank(text: str | bytes) -> bool:
    return not text or text.isspace()


def unzipped(path: Path, raw: bytes) -> bytes:
    """What a gzip file holds; anything else as it is."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        data = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        raise TallyrankError(f"{path} is a damaged gzip file: download it again") from None
    if _is_blank(data):
        raise TallyrankError(f"{path} holds an empty file: export it again")
    return data


def utf8(path: Path, data: bytes) -> tuple[bytes, list[str]]:
    """The text in UTF-8, without byte order mark, and what its reader should know about the encoding it had."""
    for magic, advice in _FOREIGN.items():
        if data.startswith(magic):
            raise TallyrankError(f"{path} {advice}")
    encoding, mark = _encoding(data)
    text = data[mark:].decode(encoding, "replace")
    head = text[:_SAMPLE]
    n_rubbish = len(_CONTROL.findall(head)) + head.count("\ufffd")
    if _is_blank(text):
        raise TallyrankError(f"{path} is empty: export it again")
    if "\0" in head or n_rubbish > len(head) / 20:
        raise TallyrankError(f"{path} is no table of text: give a CSV, TSV or Parquet file")
    notes = [f"read as {encoding}"] if encoding != "utf-8" else []
    n_broken = 0 if text.isascii() else text.count("\ufffd")
    notes += [f"{n_broken} characters are broken: they are not {encoding}"] if n_broken else []
    return text.encode(), notes


def _encoding(data: bytes) -> tuple[str, int]:
    """The encoding and the length of the byte order mark."""
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return encoding, len(mark)
    head = data[: 1 << 12]
    even, odd = head[::2].count(0), head[1::2].count(0)
    # Text is mostly ASCII here: its high bytes are NUL, its low bytes never
    if max(even, odd) > len(head) / 20 and min(even, odd) * 10 <= max(even, odd):
        return ("utf-16-le" if odd > even else "utf-16-be"), 0
    return ("utf-8" if _is_utf8(data) else _code_page(data)), 0


def _is_utf8(data: bytes) -> bool:
    """True also where a few bytes among many good ones are broken, as in a file that was cut off."""
    try:
        data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        n_other = len(text) - sum(map(len, re.findall(r"[\x00-\x7f]+", text)))
        return n_other > 20 * text.count("\ufffd")
    return True


def _code_page(data: bytes) -> str:
    lines = [line for line in data.splitlines() if not line.isascii()]
    sizes = np.cumsum([len(line) for line in lines])
    sample = b"\n".join(lines[: 1 + int(np.searchsorted(sizes, _SAMPLE))])  # whole lines: no letter is cut in two
    found = from_bytes(sample * (1 + 256 // len(sample)), cp_isolation=_CODE_PAGES.split())
    best = found.best()
    if best is None:
        return "cp1252"
    # Neighbours of cp1252 read its words as other words; it is by far the most frequent
    is_western = any("cp1252" in m.could_be_from_charset and m.chaos <= best.chaos + 0.1 for m in found)
    return "cp1252" if is_western else best.encoding
