"""`ptychogui catalog show`: all that is known of a result, and how it is made again."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ptychogui.catalog.entry import content_of
from ptychogui.catalog.marks import read_marks
from ptychogui.cli.shared_options import PATH, json_option
from ptychogui.cli.terminal import error_console, say, stdout_width, table, tell, wrapped
from ptychogui.errors import PtychoError
from ptychogui.io.foreign import read_any_header
from ptychogui.io.result_header import ResultHeader
from ptychogui.jobs.again import as_command, as_python
from ptychogui.params.click_words import Command
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.origins import Source
from ptychogui.params.storage import from_json
from ptychogui.states import State

_STARTS = ("reconstruction.object_guess", "reconstruction.probe_guess", "experiment.positions_file")
"""Parameters that name what a job went on from."""
_HIDDEN = ("said", "made_s", "title", "source")


@click.command(cls=Command)
@click.argument("result", type=PATH)
@json_option
@click.option("--as-command", "command", is_flag=True, help="Print only the command line that makes it again.")
@click.option("--as-python", "python", is_flag=True, help="Print only the Python script that makes it again.")
def show(result: Path, as_json: bool, command: bool, python: bool) -> None:
    """Say what is known of RESULT: figures, marks, values and their origins, and how it is made again.

    The same version on the same machine makes the same picture of the same files again.
    """
    header = read_any_header(result)
    if command or python:
        for note in _doubts(header):
            say(error_console(), f"note: {note}")
        tell((as_python if python else as_command)(header, result).rstrip("\n"))
        return
    told = _told(result, header)
    if as_json:
        tell(json.dumps(told, indent=1))
        return
    _print(told)


def _told(result: Path, header: ResultHeader) -> dict[str, Any]:
    """Return all that is told of a result by name."""
    content = content_of(result, header, result.stat().st_mtime_ns)
    figures = {name: value for name, value in content.values.items() if name not in _HIDDEN}
    values = _values(header)
    return {
        "path": str(result), "title": header.title, "made": header.finished or header.made, **figures,
        **asdict(read_marks(result)), "sources": [source.path for source in header.sources],
        "continued_from": {path: values[path][0] for path in _STARTS if path in values},
        "sweep": json.loads(header.sweep) if header.sweep else None,
        "parameters": {path: {"value": value, "origin": origin} for path, (value, origin) in values.items()},
        "notes": list(header.notes), "again": _again(result, header), "doubts": list(_doubts(header)),
    }  # fmt: skip


def _values(header: ResultHeader) -> dict[str, tuple[str, str]]:
    """Return the values that are no defaults, as text, with their origins."""
    try:
        parameters, origins = from_json(header.parameters)
    except PtychoError:
        return {}
    return {path: (format_text(by_path()[path], parameters.get(path)), str(origin))
            for path, origin in origins.items() if origin.source is not Source.DEFAULT}  # fmt: skip


def _again(result: Path, header: ResultHeader) -> dict[str, str]:
    """Return the ways to make a result again by name; none where it does not say how it was made."""
    try:
        return {
            "command": as_command(header, result), "python": as_python(header, result),
            "job": f"ptychogui queue add {shlex.quote(str(result))}",
        }  # fmt: skip
    except PtychoError as error:
        return {"none": str(error)}


def _doubts(header: ResultHeader) -> tuple[str, ...]:
    """Say why making a result again may give another one."""
    if header.state in (State.STOPPED, State.CHECKPOINT):
        return (f"it was ended early, after {len(header.errors)} iterations; made again, all are done",)
    return ()


def _print(told: dict[str, Any]) -> None:
    width = stdout_width()
    lists = ("parameters", "again", "notes", "doubts", "sources", "tags", "continued_from", "sweep")
    rows = [(name, _cell(value)) for name, value in told.items() if name not in lists]
    rows += [("tags", " ".join(told["tags"])), *(("source", path) for path in told["sources"])]
    rows += [("continued from", f"{path}: {value}") for path, value in told["continued_from"].items()]
    if told["sweep"]:
        rows += [(f"one of the sweep {told['sweep']['group']}", ", ".join(told["sweep"]["values"]))]
    tell(table(rows, width))
    if told["parameters"]:
        tell(table([(path, said["value"], said["origin"]) for path, said in told["parameters"].items()], width))
    for note in (*told["notes"], *told["doubts"]):
        tell(wrapped(f"note: {note}", width))
    for kind in ("command", "job", "none"):
        if kind in told["again"]:
            tell(f"{'not to be made again' if kind == 'none' else 'again'}: {told['again'][kind]}")


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
