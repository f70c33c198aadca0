"""Numbers in CSV files, real and complex: written as ptychopy does, read as anyone writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ptychogui.errors import DataError

_IMAGINARY_I = re.compile(r"i(?=[)\s,;]|$)")
_SEPARATORS = re.compile(r"[,;]")
_GAPS = ("", "-", "--", "---", "null", "none", "na", "n/a", "#n/a", "nil", "missing")
"""What stands for a number that is not known, beside "nan"."""
_BLANKS = re.compile(r"\s+")


def write_complex_csv(file: BinaryIO, array: np.ndarray) -> None:
    """Write a complex array (rows, columns) as lines of "a+bj, a-bj": 9 digits, which give complex64 back exactly."""
    for row in array:
        line = ", ".join(map(_complex_text, row.tolist()))
        file.write(f"{line}\n".encode("ascii"))


def _complex_text(value: complex) -> str:
    """Write a number so that ptychopy reads it, too: it takes the first exponent in it for that of the real part."""
    real, imaginary = f"{value.real:.9g}", f"{value.imag:+.9g}"
    if "e" in imaginary and "e" not in real:
        real = f"{value.real:.8e}"
    return f"{real}{imaginary}j"


def read_complex_csv(path: Path) -> np.ndarray:
    """Read a table of complex numbers: complex64 (rows, columns).

    Takes a+bj, (a+bj), a+-bj, i for j and plain real numbers, separated by commas, semicolons or blanks; empty
    lines and lines that start with # are left out.

    Raises:
        DataError: the file can't be read, a word is no number, or rows differ in length.
    """
    rows = {line: [_number(path, line, word) for word in words] for line, words in _lines(path)}
    return _table(path, rows).astype(np.complex64)


def read_real_csv(path: Path, with_gaps: bool = False) -> np.ndarray:
    """Read a table of real numbers: float64 (rows, columns); a first line without any number is taken as titles.

    Args:
        path: the file.
        with_gaps: whether nothing, or a word such as "null" or "-", may stand for a number; it becomes NaN.

    Raises:
        DataError: the file can't be read, a word is no number, or rows differ in length.
    """
    lines = list(_lines(path, with_gaps))
    if with_gaps:
        lines = [(line, ["nan" if word.casefold() in _GAPS else word for word in words]) for line, words in lines]
    if lines and not any(_is_real(word) for word in lines[0][1]):
        lines = lines[1:]
    return _table(path, {line: [_real(path, line, word) for word in words] for line, words in lines})


def _lines(path: Path, with_gaps: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Give the number and the words of each line that holds some."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error
    if b"\0" in content:
        raise DataError(f"{path} is not a text file")
    text = content.decode("utf-8-sig", "replace")  # titles and remarks may be of an older encoding, numbers are ASCII
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, _words(line, with_gaps)


def _words(line: str, with_gaps: bool) -> list[str]:
    if not _SEPARATORS.search(line):
        return line.split()
    ended = line if with_gaps and len(_SEPARATORS.findall(line)) == 1 else line.rstrip(",;")
    return [_BLANKS.sub("", word) for word in _SEPARATORS.split(ended)]


def _number(path: Path, line: int, word: str) -> complex:
    try:
        return complex(_IMAGINARY_I.sub("j", word.replace("+-", "-")))
    except ValueError:
        raise DataError(f"{path}, line {line}: '{word[:40]}' is not a complex number such as 0.12-3.4e-05j") from None


def _real(path: Path, line: int, word: str) -> float:
    if not _is_real(word):
        raise DataError(f"{path}, line {line}: '{word[:40]}' is not a number")
    return float(word)


def _is_real(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _table(path: Path, rows: Mapping[int, Sequence[complex]]) -> np.ndarray:
    """Make an array of the numbers on each line."""
    if not rows:
        raise DataError(f"{path} holds no numbers")
    first, *others = rows
    odd = next((line for line in others if len(rows[line]) != len(rows[first])), None)
    if odd is not None:
        raise DataError(f"{path}, line {odd}: {len(rows[odd])} numbers, but line {first} has {len(rows[first])}")
    return np.array(list(rows.values()))
