"""`ptychogui check`: what preflight finds wrong with a scan, why, and the options that mend it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ptychogui.cli.one_job import name_of
from ptychogui.cli.shared_options import PATH, json_option
from ptychogui.cli.terminal import stdout_width, tell
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import planned_layers
from ptychogui.jobs.preflight import Checker, Level, Preflight
from ptychogui.jobs.results.result_paths import free_in_folder
from ptychogui.params.click_words import Command
from ptychogui.params.model import describe
from ptychogui.params.options import given_values, options
from ptychogui.texts import printable

STOP = 1
"""Exit status where a finding says stop."""

_COLORS = {Level.GOOD: "green", Level.UNKNOWN: "cyan", Level.LOOK: "yellow", Level.STOP: "red"}
_WORDS = {Level.GOOD: "good", Level.UNKNOWN: "?", Level.LOOK: "look", Level.STOP: "stop"}
_INDENT = 6


@click.command(cls=Command)
@click.argument("file", type=PATH)
@json_option
@options(describe())
@click.pass_context
def check(context: click.Context, /, file: Path, as_json: bool, **_values: Any) -> int:
    """Look at a scan before a run: what would go wrong, why, and the options that mend it.

    Takes the options of `reconstruct`. Exit status 1 where a finding says stop.
    """
    values = given_values(context, describe())
    layers, scan = planned_layers(file, values)
    parameters, origins = layers.resolve()
    with Checker() as checker:
        output = free_in_folder(Path(), name_of(file, values))
        found = checker.check(Job("check", file, parameters, output, origins, scan=scan))
    if as_json:
        tell(json.dumps({"file": str(file), **_findings_json(found)}, indent=1))
    else:
        tell("\n".join(_lines(found, stdout_width())), is_styled=True)
    return STOP if found.level is Level.STOP else 0


def _lines(found: Preflight, width: int | None) -> Iterator[str]:
    """Yield the lines of all findings: level and title, reason, and the fix as options to type."""
    for finding in found.findings:
        word = click.style(f"{_WORDS[finding.level]:{_INDENT}}", fg=_COLORS[finding.level], bold=True)
        yield word + printable(finding.title)
        yield from _indented(finding.reason, width)
        if finding.way_out:
            yield from _indented(f"fix: {finding.way_out}", width)
    yield _summary(found)


def _findings_json(found: Preflight) -> dict[str, Any]:
    """Return all findings for JSON."""
    findings = [finding.as_dict() for finding in found.findings]
    return {"level": found.level.value, "sampled": found.sampled, "seconds": round(found.seconds, 3),
            "findings": findings}  # fmt: skip


def _indented(text: str, width: int | None) -> list[str]:
    blank, text = " " * _INDENT, printable(text)
    if width is None:
        return [blank + text]
    return textwrap.wrap(text, max(width, 4 * _INDENT), initial_indent=blank, subsequent_indent=blank,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _summary(found: Preflight) -> str:
    counts = {level: sum(finding.level is level for finding in found.findings) for level in reversed(Level)}
    said = (f"{count} {_WORDS[level]}" if level is not Level.UNKNOWN else f"{count} not checked"
            for level, count in counts.items() if count)  # fmt: skip
    return f"{', '.join(said)}; looked at {found.sampled} in {found.seconds:.1f} s"
