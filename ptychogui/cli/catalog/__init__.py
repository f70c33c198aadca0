"""`ptychogui catalog`: past results, looked through, searched, shown and marked."""

from __future__ import annotations

import click

from ptychogui.cli.lazy_group import LazyGroup

_COMMANDS = {
    "scan": "searching:scan_command",
    "find": "searching:find_command",
    "show": "show:show",
    "tag": "marking:tag",
    "star": "marking:star",
    "note": "marking:note",
    "forget": "searching:forget_command",
}


@click.group(cls=LazyGroup, places={name: f"ptychogui.cli.catalog.{place}" for name, place in _COMMANDS.items()})
def catalog() -> None:
    """Search past results, say how they were made, and mark them.

    The catalog has every result that this program has written, and those in the folders that `scan` was given, whoever
    wrote them. Tags, stars and notes lie beside the results, in RESULT.marks.json.
    """


__all__ = ["catalog"]
