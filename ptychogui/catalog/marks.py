"""What a user says of a result: tags, stars and a note, in a small JSON file beside it that survives any index."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.atomic import output_error, replacing

END = ".marks.json"
"""Of the name of the file, after that of the result."""

MOST_STARS = 5
_TAG = re.compile(r"[^\s,;:\"]+")


@dataclass(frozen=True)
class Marks:
    """What is said of a result.

    Attributes:
        stars: 1 to 5; 0 if none were given.
        tags: words, sorted.
        note: any text.
    """

    stars: int = 0
    tags: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.stars <= MOST_STARS:
            raise ParameterError(f"{self.stars} stars can't be given: from 1 to {MOST_STARS}, or 0 to take them away")
        for tag in self.tags:
            if not _TAG.fullmatch(tag):
                raise ParameterError(f"'{tag}' is no tag: one word without blanks, commas, colons and quotes")


def marks_file(result: Path) -> Path:
    """Return the path of a result's marks, whether they are there or not."""
    return result.with_name(result.name + END)


def read_marks(result: Path) -> Marks:
    """Read what is said of a result; nothing is said where there is no such file.

    Raises:
        DataError: the file can't be read, or says something else.
    """
    path = marks_file(result)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Marks(int(told["stars"]), tuple(sorted(map(str, told["tags"]))), str(told["note"]))
    except FileNotFoundError:
        return Marks()
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, KeyError, TypeError, ParameterError) as error:
        raise DataError(f"{path} holds no stars, tags and note ({error}): repair it, or delete it") from error


def write_marks(result: Path, marks: Marks) -> None:
    """Write what is said of a result, whole or not at all; nothing said leaves no file.

    Raises:
        DataError: there is no such result.
        OutputError: it can't be written.
    """
    if not result.is_file():
        raise DataError(f"can't open {result}: there is no such file")
    path = marks_file(result)
    if marks == Marks():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(path, error) from error
        return
    with replacing(path) as file:
        file.write(json.dumps(asdict(marks), indent=1, ensure_ascii=False).encode("utf-8", "surrogateescape"))
