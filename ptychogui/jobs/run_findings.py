"""Findings about a run under way: what goes wrong, in numbers, and values that may mend it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ptychogui.params.commandline import as_options

TITLES = {
    "not a number": "Values that are not numbers", "divergence": "The run diverged", "rise": "The error rises",
    "stagnation": "The error stands still", "oscillation": "The error goes up and down",
    "probe drift": "The probe drifts away", "probe power": "The probe loses its power",
    "positions": "Positions run away",
}  # fmt: skip
"""Every kind of finding, and what it is called."""


@dataclass(frozen=True)
class RunFinding:
    """One thing that goes wrong with a run.

    Attributes:
        kind: one of TITLES.
        iteration: at which it was seen.
        reason: how it shows, with numbers; a sentence without a full stop.
        fix: parameter path -> value, which may mend it when set.
        advice: what to try, in words.
    """

    kind: str
    iteration: int
    reason: str
    fix: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""

    @property
    def options(self) -> str:
        """The fix as options of the command line: "--object-step 0.5"; "" where there is none."""
        return as_options(self.fix)

    @property
    def text(self) -> str:
        """All of it as one sentence."""
        way_out = ": ".join(part for part in (self.advice, self.options) if part)
        return f"{self.reason}; try {way_out}" if way_out else self.reason

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {"kind": self.kind, "title": TITLES[self.kind], "iteration": self.iteration, "reason": self.reason,
                "fix": dict(self.fix), "advice": self.advice, "options": self.options}  # fmt: skip


def from_dicts(told: Iterable[Mapping[str, Any]]) -> tuple[RunFinding, ...]:
    """Read what `as_dict` has made of findings; of kinds that this version does not know there are none."""
    names = ("kind", "iteration", "reason", "fix", "advice")
    return tuple(RunFinding(**{name: one[name] for name in names}) for one in told if one["kind"] in TITLES)


def to_json(findings: Iterable[RunFinding]) -> str:
    """Write findings as JSON; "" where there are none."""
    told = [finding.as_dict() for finding in findings]
    return json.dumps(told) if told else ""
