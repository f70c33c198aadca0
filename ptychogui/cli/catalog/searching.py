"""`ptychogui catalog scan`, `find` and `forget`: what is in the catalog."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ptychogui.catalog.catalog import find, forget, look_through
from ptychogui.catalog.entry import Entry
from ptychogui.catalog.folders import name_folders, named_folders
from ptychogui.cli.shared_options import PATH, json_option
from ptychogui.cli.terminal import error_console, say, stdout_width, table, tell
from ptychogui.params.click_words import Command
from ptychogui.params.units import format_quantity
from ptychogui.texts import counted

_HEAD = ("made", "scan", "engine", "modes", "iterations", "error", "pixel", "stars", "tags", "result")


@click.command("scan", cls=Command)
@click.argument("folders", nargs=-1, type=PATH, metavar="[FOLDER...]")
@json_option
def scan_command(folders: tuple[Path, ...], as_json: bool) -> None:
    """Take FOLDERs into the catalog, and look through all of its folders: what is new, changed, moved or gone.

    Only files that are new or have changed are read. Without FOLDER those are looked through that are there already.
    """
    everywhere = name_folders(folders) if folders else named_folders()
    report = look_through()
    for note in report.notes:
        say(error_console(), f"note: {note}")
    if as_json:
        tell(json.dumps({
            "folders": [str(folder) for folder in everywhere], "new": _texts(report.new),
            "changed": _texts(report.changed), "moved": [_texts(pair) for pair in report.moved],
            "gone": _texts(report.gone), "same": report.same, "notes": report.notes,
        }, indent=1))  # fmt: skip
        return
    there = report.same + len(report.new) + len(report.changed) + len(report.moved)
    tell(
        f"{counted(there, 'result')}: {len(report.new)} new, {len(report.changed)} changed, "
        f"{len(report.moved)} moved, {len(report.gone)} gone"
    )


@click.command("find", cls=Command)
@click.argument("query", nargs=-1)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="No more than the latest N.")
@json_option
def find_command(query: tuple[str, ...], limit: int | None, as_json: bool) -> None:
    """List the results that QUERY asks for, the latest first: all, if there is none.

    QUERY is words and fields, such as: star scan:12-40 engine:lsqml "modes>2" date:today starred. docs/catalog.md has
    all fields; any parameter may be one. Put > and < in quotes, or the shell takes them.
    """
    entries = find(" ".join(query), -1 if limit is None else limit)
    if as_json:
        lines = ",\n".join(json.dumps(told(entry)) for entry in entries)
        tell(f"[\n{lines}\n]" if entries else "[]")
    elif entries:
        tell(table([_HEAD, *map(_line, entries)], stdout_width()))


@click.command("forget", cls=Command)
@click.argument("folders", nargs=-1, type=PATH, metavar="FOLDER...", required=True)
def forget_command(folders: tuple[Path, ...]) -> None:
    """Take FOLDERs out of the catalog; their files stay as they are."""
    forget(folders)


def told(entry: Entry) -> dict[str, Any]:
    """Return what is told of a result by name."""
    values = {name: value for name, value in entry._asdict().items() if name not in ("id", "name", "made_s", "tags")}
    return {"path": str(entry.path), **values, "made": entry.made, "tags": list(entry.tag_words)}


def _line(entry: Entry) -> tuple[str, ...]:
    return (
        entry.made[:16].replace("T", " "), "" if entry.scan is None else str(entry.scan), entry.engine or entry.program,
        str(entry.modes), str(entry.iterations), "" if entry.error is None else f"{entry.error:.4g}",
        "" if entry.pixel_m is None else format_quantity(float(f"{entry.pixel_m:.3g}"), "m"), "*" * entry.stars,
        " ".join(entry.tag_words), str(entry.path),
    )  # fmt: skip


def _texts(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]
