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
