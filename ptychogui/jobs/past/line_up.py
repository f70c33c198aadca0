"""Several past results lined up: in the order of the parameter in which they differ most plainly, with their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.errors import PtychoError
from ptychogui.io.foreign import read_any_header
from ptychogui.io.result_header import ResultHeader
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.storage import from_json

_NOT_SWEPT = ("output.", "devices.")
"""How paths of parameters begin that change no picture."""


@dataclass(frozen=True)
class Member:
    """One of several results.

    Attributes:
        path: its file.
        texts: values of the parameters in which the results differ, as text, that by which they are ordered first.
        error: the last one; None if not known.
        thumbnail: uint8 (rows, columns, 3), or None.
    """

    path: Path
    texts: tuple[str, ...]
    error: float | None
    thumbnail: np.ndarray | None


@dataclass(frozen=True)
class LineUp:
    """Several results in order.

    Attributes:
        titles: of the parameters in which they differ.
        members: in the order of the first of them; as they were given where there is none.
    """

    titles: tuple[str, ...]
    members: tuple[Member, ...]


def line_up(_tell: Callable[[Any], None], paths: Sequence[Path]) -> LineUp:
    """Read the headers of several results, and put them in order.

    Raises:
        DataError: one of them can't be read.
    """
    headers = [read_any_header(path) for path in paths]
    values = [_values(header) for header in headers]
    differing = sorted(_differing(values), key=lambda path: not _is_number(values, path))
    order = list(range(len(paths)))
    if differing:
        order.sort(key=lambda place: _rank(values[place].get(differing[0])))
    members = (_member(paths[place], headers[place], values[place], differing) for place in order)
    return LineUp(tuple(by_path()[path].title for path in differing), tuple(members))


def _values(header: ResultHeader) -> Mapping[str, Any]:
    """Return the values of all parameters by path; none where the file does not say them."""
    try:
        parameters, _ = from_json(header.parameters)
    except PtychoError:
        return {}
    return {path: parameters.get(path) for path in by_path()}


def _differing(values: Sequence[Mapping[str, Any]]) -> list[str]:
    first = values[0]
    return [path for path in by_path() if not path.startswith(_NOT_SWEPT)
            and any(other.get(path) != first.get(path) for other in values)]  # fmt: skip


def _is_number(values: Sequence[Mapping[str, Any]], path: str) -> bool:
    return all(isinstance(one.get(path), int | float) and not isinstance(one.get(path), bool) for one in values)


def _rank(value: Any) -> tuple[int, float, str]:
    """Return what orders values: numbers by size, then texts, then what is not known."""
    if value is None:
        return 2, 0.0, ""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))


def _member(path: Path, header: ResultHeader, values: Mapping[str, Any], differing: Sequence[str]) -> Member:
    texts = tuple(format_text(by_path()[name], values[name]) if name in values else "not known" for name in differing)
    known = header.errors[np.isfinite(header.errors)]
    return Member(path, texts, float(known[-1]) if len(known) else None, header.thumbnail)
