"""Numbered series of files by a pattern: '#' and a width in place of the number, as ptychopy writes it."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io.fingerprint import listed

_FIELD = re.compile(r"#(0?)(\d{0,2})[di]")
_NUMBER = re.compile(r"[_.-]*#0?\d{0,2}[di]")


def is_pattern(path: Path | str) -> bool:
    """Whether a path is the pattern of a series, and no file of just this name."""
    return _FIELD.search(os.fspath(path)) is not None and not os.path.exists(path)


def scan_name(path: Path) -> str:
    """Return what a scan is called after its file, or after the pattern of its files without the number."""
    return _NUMBER.sub("", path.stem).strip("_- .") or path.parent.name or "scan"


def series_in(folder: Path) -> Path | None:
    """Return the pattern of the longest numbered series of files in a folder; None where no two files are one.

    Raises:
        DataError: the folder can't be read.
    """
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise DataError(f"can't read the folder {folder}: {(error.strerror or str(error)).lower()}") from error
    numbers: dict[tuple[str, str], list[str]] = {}
    for match in filter(None, map(_LAST_NUMBER.fullmatch, names)):
        numbers.setdefault((match[1], match[3]), []).append(match[2])
    (before, after), found = max(numbers.items(), key=lambda item: len(item[1]), default=(("", ""), []))
    if len(found) < 2:
        return None
    widths = {len(number) for number in found}
    field = f"#0{widths.pop()}d" if len(widths) == 1 else "#d"
    return folder / f"{before}{field}{after}"


_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*\.[A-Za-z]\w*)")
"""A file's name: what is before its last number, the number, and the rest with the suffix."""


@dataclass(frozen=True)
class Pattern:
    """A path with a number in it: before, after, and how the number is written ("%04d")."""

    before: str
    number: str
    after: str

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read "raw/scan012_#04d.h5": file 7 is "raw/scan012_0007.h5".

        Raises:
            DataError: there is no such '#', or more than one.
        """
        fields = list(_FIELD.finditer(text))
        if len(fields) != 1:
            raise DataError(
                f"'{text}' is not the pattern of a series of files: it needs one '#' with a width and 'd' in place of "
                "the number, such as scan012_#04d.h5"
            )
        zero, width = fields[0].groups()
        return cls(text[: fields[0].start()], f"%{zero}{width}d", text[fields[0].end() :])

    @property
    def text(self) -> str:
        """The pattern as it was given."""
        return f"{self.before}{self.number.replace('%', '#')}{self.after}"

    def path(self, number: int) -> Path:
        """Return the path of a file."""
        return Path(f"{self.before}{self.number % number}{self.after}")

    def numbers(self) -> list[int]:
        """List the numbers of the files that are there, in order.

        Raises:
            DataError: there is no such folder.
        """
        folder, start = os.path.split(self.before)
        end, _, rest = self.after.partition(os.sep)
        listed(f"{glob.escape(self.before)}*{glob.escape(self.after)}")
        shape = re.compile(rf"{re.escape(start)}( *\d+){re.escape(end)}")
        try:
            with os.scandir(folder or ".") as entries:
                matches = [match for entry in entries if (match := shape.fullmatch(entry.name))]
        except OSError as error:
            raise DataError(
                f"can't look for {self.text}: {folder}: {(error.strerror or str(error)).lower()}"
            ) from error
        numbers = sorted({int(match[1]) for match in matches if self.number % int(match[1]) == match[1]})
        return [number for number in numbers if os.path.exists(self.path(number))] if rest else numbers
