"""`ptychogui export`: write results as PNG, TIFF, CSV and NPY, and a sheet of what they were made with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ptychogui.cli.shared_options import PATH
from ptychogui.cli.terminal import tell
from ptychogui.io.export_many import FORMATS, PATTERN, export_results
from ptychogui.params.click_words import Command

_NAMES = "Names of the files: {name} of the result, {title}, {engine}, {iterations}, {number}.  [{name}]"


def _format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each format."""
    for key, kind in reversed(tuple(FORMATS.items())):
        end = "; the default." if key == "png" else "."
        command = click.option(f"--{key}", is_flag=True, help=f"{kind.help}{end}")(command)
    return command


@click.command("export", cls=Command)
@click.argument("results", type=PATH, nargs=-1, required=True, metavar="RESULT...")
@_format_options
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Where to write; beside each result when not given.")
@click.option("--name", "pattern", default=PATTERN, metavar="PATTERN", help=_NAMES)
@click.option("--sheet", type=PATH, metavar="FILE.csv", help="A table of what the results were made with.")
def export_command(
    results: tuple[Path, ...], output: Path | None, pattern: str, sheet: Path | None, **kinds: bool
) -> None:
    """Write results, also those of other programs, in other formats and print the paths."""
    wanted = [kind for kind, is_wanted in kinds.items() if is_wanted]
    formats = wanted or ([] if sheet is not None else ["png"])
    export_results(results, formats, output, pattern, sheet, tell)
