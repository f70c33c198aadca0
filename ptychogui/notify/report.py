"""A report: what is told of a job or a batch that has ended, by mail, to a webhook or on the desktop; kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class JobLine:
    """One job of a batch in a report.

    Attributes:
        title: of the job.
        state: how it ended: "done".
        cause: why, where that needs saying.
        result: path of its result; "" if there is none.
    """

    title: str
    state: str
    cause: str = ""
    result: str = ""


@dataclass(frozen=True)
class Report:
    """What is told of a job or a batch that has ended.

    Attributes:
        uid: names this report and no other, so that a receiver can tell one that comes twice.
        title: of the job or batch.
        state: how it ended: "done", "failed"; of a batch "done" where all jobs are, else "failed" where one is.
        to: addresses of the mail, ", " between them; "" for none.
        job: its number in the queue; 0 where it was in none.
        cause: why it ended so, where that needs saying.
        source: the scan.
        result: path of the result; "" if there is none.
        log: path of the job's log; "" if it has none.
        device: what it ran on.
        iteration, iterations: how far it came.
        error: the last one known, in photon-noise units.
        started, ended: dates, ISO 8601; "" if not known.
        parameters: what is no default: name -> value and where it comes from.
        noticed: what has gone wrong on the way, a sentence each.
        jobs: of a batch, in order; () for a single job.
    """

    uid: str
    title: str
    state: str
    to: str = ""
    job: int = 0
    cause: str = ""
    source: str = ""
    result: str = ""
    log: str = ""
    device: str = ""
    iteration: int = 0
    iterations: int = 0
    error: float | None = None
    started: str = ""
    ended: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    noticed: tuple[str, ...] = ()
    jobs: tuple[JobLine, ...] = ()

    def to_json(self) -> str:
        """Write it as JSON that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote, in this version or another; what that did not know has its default."""
        told = json.loads(text)
        jobs = tuple(JobLine(**_known(line, JobLine)) for line in told.get("jobs", ()))
        return cls(**{**_known(told, cls), "noticed": tuple(told.get("noticed", ())), "jobs": jobs})


def _known(told: Mapping[str, Any], kind: type) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in told.items() if name in names}
