"""`ptychogui presets`: list the beamline presets, or begin one of your own from a scan file."""

from __future__ import annotations

from pathlib import Path

import click

from ptychogui.cli.shared_options import PATH
from ptychogui.cli.terminal import error_console, say, tell
from ptychogui.errors import ParameterError
from ptychogui.io.mda.contents import write_skeleton
from ptychogui.io.mda.format import read_mda
from ptychogui.io.mda.presets import list_presets, preset_folder
from ptychogui.params.click_words import Command


@click.command(cls=Command)
@click.option("--new", metavar="NAME", help="Write a preset to begin with into your folder; needs --from.")
@click.option("--from", "source", type=PATH, metavar="SCAN.mda", help="A file of the beamline.")
def presets(new: str | None, source: Path | None) -> None:
    """List the beamline presets, where they lie, and what they only guess; or begin one of your own."""
    if new is None and source is None:
        _tell_presets()
    elif new is None or source is None:
        raise ParameterError("a new preset needs both: --new NAME --from SCAN.mda")
    else:
        tell(write_skeleton(new, source, read_mda(source)))


def _tell_presets() -> None:
    found, problems = list_presets()
    for named in found:
        guessed = ", ".join(named.preset.guesses)
        tell(f"{named.name}: {named.preset.title}\n  {named.path}" + (f"\n  guesses: {guessed}" if guessed else ""))
    for problem in problems:
        say(error_console(), f"warning: {problem}")
    tell(f"yours go into {preset_folder()}")
