"""Options and types of arguments that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)
quiet_option = click.option("--quiet", is_flag=True, help="Print only the path of the result.")
resume_option = click.option(
    "--resume/--no-resume", default=True,
    help="Go on from the checkpoint that the same job has left when it was killed. --no-resume begins anew.  [resume]",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
