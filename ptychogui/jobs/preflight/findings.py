"""Findings of preflight: each with a level, a reason in numbers, and a fix that can be applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ptychogui.errors import Alternative, AmbiguousPairingError, DeviceError, PtychoError
from ptychogui.params.commandline import as_options
from ptychogui.params.units import format_quantity

TITLES = {
    "values": "Values", "pairing": "Pairing", "overlap": "Overlap", "object": "Object size", "center": "Beam center",
    "sampling": "Sampling", "saturation": "Saturation", "pixels": "Bad pixels", "mask": "Mask", "photons": "Photons",
    "memory": "Memory", "time": "Time",
}  # fmt: skip
"""Every check by name, in the order in which they are shown."""


class Level(str, Enum):
    """How much a finding matters."""

    GOOD = "good"
    UNKNOWN = "unknown"
    """It can't be checked; the reason says what is missing."""
    LOOK = "look"
    STOP = "stop"
    """The run would fail, or come to nothing."""

    @property
    def rank(self) -> int:
        """From 0, good, to 3, stop."""
        return list(Level).index(self)


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        check: its name in TITLES.
        level: how much it matters.
        title: what, in a few words.
        reason: why, with numbers; a sentence.
        fix: parameter path -> value, which mends it when set; None where no parameter does.
        fix_text: what to do, in words; "" where nothing is to be done.
        error: what a run is refused with, since nothing can come of it; where something can't be checked, what is wrong
            with the device; None else.
        is_noted: whether the reason is among the notes of a run in any case, so that it need not be said twice.
    """

    check: str
    level: Level
    title: str
    reason: str
    fix: Mapping[str, Any] | None = None
    fix_text: str = ""
    error: PtychoError | None = field(default=None, compare=False)
    is_noted: bool = False

    @property
    def way_out(self) -> str:
        """What to do, and the options that do it; "" where nothing is to be done."""
        return ": ".join(part for part in (self.fix_text, self.options) if part)

    @property
    def text(self) -> str:
        """All of it as one sentence: "the beam is off center: ...; crop about (64, 71): --center 64,71"."""
        what = f"{self.title[:1].lower()}{self.title[1:]}: {self.reason}"
        return f"{what}; {self.way_out}" if self.way_out else what

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Ways to understand the scan, one of which the user has to choose."""
        return self.error.alternatives if isinstance(self.error, AmbiguousPairingError) else ()

    @property
    def options(self) -> str:
        """The fix as options of the command line: "--center 64,71"; "" where there is none."""
        return as_options(self.fix or {})

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        fix = None if self.fix is None else {path: _plain(value) for path, value in self.fix.items()}
        others = [{"options": one.options, "text": one.text} for one in self.alternatives]
        return {"check": self.check, "level": self.level.value, "title": self.title, "reason": self.reason,
                "fix": fix, "fix_text": self.fix_text, "options": self.options, "alternatives": others}  # fmt: skip


@dataclass(frozen=True)
class Preflight:
    """All findings before a run, at least one of every check.

    Attributes:
        findings: in the order of TITLES, the worst of a check first.
        sampled: what was looked at, in words.
        seconds: how long it took.
    """

    findings: tuple[Finding, ...]
    sampled: str = ""
    seconds: float = 0.0

    @property
    def level(self) -> Level:
        """The worst of all."""
        return max((finding.level for finding in self.findings), key=lambda level: level.rank, default=Level.GOOD)

    @property
    def device_error(self) -> DeviceError | None:
        """What was wrong with the device, on which something could therefore not be checked; None if nothing was."""
        errors = (finding.error for finding in self.findings)
        return next((error for error in errors if isinstance(error, DeviceError)), None)

    def of(self, check: str) -> tuple[Finding, ...]:
        """Return the findings of a check, the worst first."""
        return tuple(finding for finding in self.findings if finding.check == check)


def quantity(value: float, unit: str) -> str:
    """Write a quantity with three digits and a readable unit."""
    return format_quantity(float(f"{value:.3g}"), unit)


def share_text(share: float) -> str:
    """Write a part of 1 in percent, with as many digits as say something."""
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"


def count_text(count: float) -> str:
    """Write a mean or large number of counts with three digits: "458,000", "0.0278"."""
    rounded = float(f"{count:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
