"""`ptychogui catalog tag`, `star` and `note`: what users say of results."""

from __future__ import annotations

from pathlib import Path

import click

from ptychogui.catalog.catalog import mark
from ptychogui.catalog.marks import MOST_STARS, read_marks
from ptychogui.cli.shared_options import PATH
from ptychogui.cli.terminal import tell
from ptychogui.params.click_words import Command


@click.command(cls=Command)
@click.argument("result", type=PATH)
@click.argument("tags", nargs=-1)
@click.option("--remove", is_flag=True, help="Take these tags away.")
def tag(result: Path, tags: tuple[str, ...], remove: bool) -> None:
    """Give RESULT tags, and print all that it has; without TAGS only print them."""
    before = set(read_marks(result).tags)
    if tags:
        before = before - {*tags} if remove else before | {*tags}
        mark(result, tags=tuple(sorted(before)))
    if before:
        tell(" ".join(sorted(before)))


@click.command(cls=Command)
@click.argument("result", type=PATH)
@click.argument("stars", type=click.IntRange(0, MOST_STARS))
def star(result: Path, stars: int) -> None:
    """Give RESULT 1 to 5 STARS; 0 takes them away."""
    mark(result, stars=stars)


@click.command(cls=Command)
@click.argument("result", type=PATH)
@click.argument("text", nargs=-1)
@click.option("--remove", is_flag=True, help="Take the note away.")
def note(result: Path, text: tuple[str, ...], remove: bool) -> None:
    """Write TEXT as the note of RESULT in place of the one before; without TEXT print it."""
    if text or remove:
        mark(result, note=" ".join(text))
    elif said := read_marks(result).note:
        tell(said)
