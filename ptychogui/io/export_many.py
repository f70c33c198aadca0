"""Exports of many results: in several formats, under names by a pattern, with one sheet of what they were made with."""

from __future__ import annotations

import csv
import io
import json
import string
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io import export
from ptychogui.io.atomic import replacing
from ptychogui.io.foreign import read_any_result
from ptychogui.io.result import Result

PATTERN = "{name}"
"""The name of the result's file, without its end."""


class Format(NamedTuple):
    """A format: what it is called, what is in it, and who writes it: (result, folder, name) -> paths."""

    title: str
    help: str
    write: Callable[..., tuple[Path, ...]]


FORMATS: Mapping[str, Format] = {
    "png": Format("PNG", "Phase with scale bar, and probe", export.export_png),
    "tiff": Format("TIFF, 32-bit", "Phase and magnitude, 32-bit", export.export_tiff),
    "tiff16": Format("TIFF, 16-bit", "Phase and magnitude, 16-bit", export.export_tiff16),
    "tiff8": Format("TIFF, 8-bit", "Phase and magnitude, 8-bit", export.export_tiff8),
    "csv": Format("CSV", "Object and probe as text, 9 digits", export.export_csv),
    "npy": Format("NPY", "Object and probe as arrays of numpy", export.export_npy),
}
"""By the name of the option."""


def export_results(  # noqa: PLR0913 - what there is to say of it
    results: Sequence[Path],
    formats: Collection[str],
    folder: Path | None = None,
    pattern: str = PATTERN,
    sheet: Path | None = None,
    tell: Callable[[Path], None] = lambda _written: None,
) -> tuple[Path, ...]:
    """Write results, whoever wrote them, in other formats; return all that was written.

    Args:
        results: their files.
        formats: keys of FORMATS.
        folder: where to write, made if absent; beside each result when None.
        pattern: of names, with {name}, {title}, {engine}, {iterations}, {number} (of the result, from 1); two that get
            the same name are numbered.
        sheet: a CSV file with a line for each result.
        tell: hears of each file once it is written.

    Raises:
        ParameterError: the pattern can't be understood.
        DataError: one of them can't be read.
        OutputError: something can't be written.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder")
    check_pattern(pattern)
    written: list[Path] = []
    lines: list[dict[str, Any]] = []
    taken: set[Path] = set()
    for number, path in enumerate(results, start=1):
        result = read_any_result(path)
        lines.append(_line(path, result))
        place = _free(folder or path.parent, _name(pattern, path, result, number), taken)
        for key in formats:
            for one in FORMATS[key].write(result, place.parent, place.name):
                written.append(one)
                tell(one)
    if sheet is not None:
        _write_sheet(sheet, lines)
        written.append(sheet)
        tell(sheet)
    return tuple(written)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern of names that can't be understood.

    Raises:
        ParameterError: it has an unknown field, or gives no name of a file.
    """
    known = ("name", "title", "engine", "iterations", "number")
    try:
        named = {field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None}
    except ValueError as error:
        raise ParameterError(f"the pattern {pattern} can't be understood: {error}") from error
    if not named <= set(known) or not pattern.strip() or "/" in pattern:
        fields = ", ".join(f"{{{field}}}" for field in known)
        raise ParameterError(f"the pattern {pattern} can't be used: give a file's name with any of {fields}")


def _name(pattern: str, path: Path, result: Result, number: int) -> str:
    values = {"name": path.stem, "title": result.title or path.stem, "engine": _engine(result) or "result",
              "iterations": len(result.errors), "number": number}  # fmt: skip
    try:
        return pattern.format_map(values).replace("/", "-")
    except (ValueError, IndexError) as error:
        raise ParameterError(f"the pattern {pattern} can't be used: {error}") from error


def _free(folder: Path, name: str, taken: set[Path]) -> Path:
    """Return a place that no result before this one has."""
    place, number = folder / name, 2
    while place in taken:
        place, number = folder / f"{name}_{number}", number + 1
    taken.add(place)
    return place


def _line(path: Path, result: Result) -> dict[str, Any]:
    """Return what the sheet says of a result, by column."""
    rows, columns = result.object.shape[-2:]
    program, version = next(iter(result.versions.items()), ("", ""))
    facts = {
        "file": str(path), "title": result.title, "finished": result.finished,
        "program": f"{program} {version}".strip(), "state": str(result.state or ""),
        "iterations": len(result.errors), "error": _last(result.errors),
        "free_error": _last(result.free_errors), "rows": rows, "columns": columns, "modes": len(result.probe),
        "positions": len(result.positions_m), "object_pixel_m": result.object_pixel_m or "",
        "energy_eV": result.energy_eV or "", "distance_m": result.distance_m or "", "device": result.device,
        "source": result.sources[0].path if result.sources else "",
    }  # fmt: skip
    return facts | _parameters(result)


def _parameters(result: Result) -> dict[str, Any]:
    """Return the values of all parameters by path; none where the file does not say them."""
    try:
        groups = json.loads(result.parameters or "{}").get("parameters", {})
        return {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
    except (ValueError, AttributeError):
        return {}


def _engine(result: Result) -> str:
    return str(_parameters(result).get("reconstruction.engine", ""))


def _last(errors: Any) -> Any:
    return float(errors[-1]) if len(errors) else ""


def _write_sheet(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a table with a line for each result, and a column for all that any of them says."""
    lines = list(lines)
    columns = list(dict.fromkeys(column for line in lines for column in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in line.items()} for line in lines)
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
