"""`ptychogui export`: write a result as CSV, TIFF and PNG."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from ptychogui.cli.shared_options import PATH
from ptychogui.cli.terminal import tell
from ptychogui.errors import OutputError
from ptychogui.io import export
from ptychogui.io.result import read_result
from ptychogui.params.click_words import Command

_EXPORTS: dict[str, Callable[..., tuple[Path, ...]]] = {
    "csv": export.export_csv,
    "tiff": export.export_tiff,
    "tiff8": export.export_tiff8,
    "png": export.export_png,
}


@click.command("export", cls=Command)
@click.argument("result", type=PATH, metavar="RESULT.cxi")
@click.option("--csv", is_flag=True, help="Object and probe as text, 9 digits.")
@click.option("--tiff", is_flag=True, help="Phase and magnitude, 32-bit.")
@click.option("--tiff8", is_flag=True, help="Phase and magnitude, 8-bit.")
@click.option("--png", is_flag=True, help="Phase with scale bar, and probe; the default.")
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Where to write; beside the result when not given.")
def export_command(result: Path, output: Path | None, **kinds: bool) -> None:
    """Write a result in other formats and print the paths."""
    content = read_result(result)
    if output is not None and os.path.exists(output) and not os.path.isdir(output):
        raise OutputError(f"{output} is a file; give a folder with -o")
    for kind in [kind for kind, wanted in kinds.items() if wanted] or ["png"]:
        for path in _EXPORTS[kind](content, output or result.parent, result.stem):
            tell(path)
