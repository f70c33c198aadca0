"""`ptychogui info`: what is in a scan or a result."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ptychogui.cli.shared_options import PATH, json_option
from ptychogui.cli.terminal import stdout_width, table, tell, wrapped
from ptychogui.io.mda.contents import items_of
from ptychogui.io.mda.format import read_mda
from ptychogui.io.read_options import OF_THE_FILES, ReadOptions
from ptychogui.jobs.inspection import inspect_file
from ptychogui.params.click_words import Command
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.options import given_values, options

_ACCESS = [by_path()[path] for path in OF_THE_FILES]
"""Parameters that say how the files are read."""


@click.command(cls=Command)
@click.argument("file", type=PATH)
@json_option
@click.option("--pvs", is_flag=True, help="List all PVs and columns of an MDA file instead.")
@options(_ACCESS)
@click.pass_context
def info(context: click.Context, /, file: Path, as_json: bool, pvs: bool, **_options: Any) -> None:
    """Say what is in a scan or a result: every value, its unit and its origin."""
    if pvs:
        _tell_items(file, as_json)
        return
    values = {path: value for path, (value, _) in given_values(context, _ACCESS).items()}
    entries, notes = inspect_file(file, ReadOptions.of(Parameters().replace(values)))
    if as_json:
        rows = [asdict(entry) for entry in entries]
        tell(json.dumps({"file": str(file), "values": rows, "notes": notes}, indent=1))
        return
    width = stdout_width()
    tell(table([(entry.name, entry.text, entry.origin) for entry in entries], width))
    for note in notes:
        tell(wrapped(f"note: {note}", width))


def _tell_items(file: Path, as_json: bool) -> None:
    """Print every PV and column of an MDA file."""
    mda = read_mda(file)
    if as_json:
        tell(json.dumps({"file": str(file), "items": [asdict(item) for item in items_of(mda)], "notes": mda.notes}))
        return
    tell(table([(item.place, item.name, item.value, item.unit, item.description) for item in items_of(mda)]))
    for note in mda.notes:
        tell(f"note: {note}")
