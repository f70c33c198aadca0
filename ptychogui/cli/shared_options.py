"""Options and types of arguments that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

IS_IMPLIED = "ptychogui.is_implied"
"""Key of click's notes: nobody wrote the word `gui`."""
PATH = click.Path(path_type=Path)
quiet_option = click.option("--quiet", is_flag=True, help="Print only the path of the result.")
resume_option = click.option(
    "--resume/--no-resume", default=True,
    help="Go on from the checkpoint that the same job has left when it was killed. --no-resume begins anew.  [resume]",
)  # fmt: skip
sweep_option = click.option(
    "--sweep", "sweeps", multiple=True, metavar="NAME=VALUES",
    help="A job for each value of a parameter: probe_modes=1,3,5, or energy_eV=8.7keV:8.9keV:5 (start, stop, count). "
    "Given several times, for all combinations.",
)  # fmt: skip
watch_option = click.option(
    "--watch", type=PATH, metavar="FOLDER",
    help="Add the scans of a folder as they are finished, each once, those that are there already as well. One is "
    "finished when all that was planned is there, or when nothing of it has grown for --wait-limit (60 s).",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
