"""Preflight's findings as `ptychogui check` prints them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import click

from ptychogui.jobs.preflight import Level, Preflight
from ptychogui.texts import printable

_COLORS = {Level.GOOD: "green", Level.UNKNOWN: "cyan", Level.LOOK: "yellow", Level.STOP: "red"}
_WORDS = {Level.GOOD: "good", Level.UNKNOWN: "?", Level.LOOK: "look", Level.STOP: "stop"}
_INDENT = 6


def checklist(found: Preflight, width: int | None = None) -> Iterator[str]:
    """Yield the lines of all findings: level and title, reason, and the fix as options to type.

    Args:
        found: the findings.
        width: columns to wrap at; None does not.
    """
    for finding in found.findings:
        word = click.style(f"{_WORDS[finding.level]:{_INDENT}}", fg=_COLORS[finding.level], bold=True)
        yield word + printable(finding.title)
        yield from _indented(finding.reason, width)
        if finding.way_out:
            yield from _indented(f"fix: {finding.way_out}", width)
    yield _summary(found)


def checklist_json(found: Preflight) -> dict[str, Any]:
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
