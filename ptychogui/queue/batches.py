"""Batches: from a list of scans to jobs of the queue, all looked at before any of them begins.

`look` plans the jobs and reads no frames: milliseconds a scan. `checked` looks at a few frames of one: half a second
where frames are large. Both write nothing, and say of each scan what is wrong with it. `add` puts those that can be
done into the queue.
"""

from __future__ import annotations

import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ptychogui.errors import ParameterError, PtychoError
from ptychogui.jobs.preflight import check_opened
from ptychogui.jobs.preflight.findings import Finding, Level
from ptychogui.jobs.prepare.open_scan import open_scan
from ptychogui.jobs.results.result_paths import free_in_folder, make_results_folder
from ptychogui.params.model import by_path, marked
from ptychogui.params.origins import Layers, Source
from ptychogui.queue.devices import check_devices, devices_to_use
from ptychogui.queue.planning import Plan, Values, lane_of, look_at, reserved
from ptychogui.queue.store.batch import Refused, add_batch
from ptychogui.queue.store.entry import UNDER_WAY, WAITING, Entry
from ptychogui.queue.store.store import ANY, NewJob, Store

_PART = 4
"""So many times fewer frames than before a single job: 16 tell what spoils a scan, in a third of the time."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """A job that a batch may have.

    Attributes:
        file: its scan, as it was given; None for a simulated one.
        plan: the job; None where none can be made.
        problem: why no job can be made, or can come to anything; "" if one can.
        findings: what its preflight has found that deserves a look, the worst of each check first.
    """

    file: Path | None
    plan: Plan | None = None
    problem: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether a job can be made of it."""
        return self.plan is not None and not self.problem

    @property
    def scan(self) -> str:
        """The scan in words."""
        return "simulated scan" if self.file is None else os.fspath(self.file)


@dataclass(frozen=True)
class Added:
    """What has come into the queue.

    Attributes:
        batch: number of the batch; None where nothing could be added.
        jobs: number by candidate's place in the list.
        refused: why the others could not be added, by their places.
    """

    batch: int
    jobs: Mapping[int, int] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)


def check_shared(scans: int, values: Values) -> None:
    """Refuse values that several scans can't share.

    Raises:
        ParameterError: one is given, and there are several scans.
    """
    for path in marked("names a scan") if scans > 1 else ():
        if path in values:
            raise ParameterError(
                f"{path} is for one scan, and these are {scans}; leave out {by_path()[path].option} (where each scan's "
                "frames lie is for a beamline preset to say)"
            )


def look(
    files: Iterable[Path | None], values: Values, sweep: Sequence[Values] = ({},), last: Values | None = None
) -> Iterator[Candidate]:
    """Plan the jobs of a batch, one after the other, reading no frames; each as soon as it is asked for.

    Args:
        files: scans, patterns of raw files, or results whose jobs are to be made again.
        values: the user's, for all.
        sweep: those in which the jobs of one scan differ; see params.sweep.combinations.
        last: those of another scan, which hold where a scan does not know better.
    """
    for file in files:
        group = uuid.uuid4().hex
        for swept in sweep:
            try:
                plan = look_at(file, values, group, swept, last)
                plan.job(free_in_folder(Path(), plan.name))
                yield Candidate(file, plan)
            except (PtychoError, OSError) as error:
                _log.info("%s can't be planned: %s", file, error)
                yield Candidate(file, problem=str(error))


def checked(candidate: Candidate) -> Candidate:
    """Look at a few frames of a candidate, and say what is wrong or doubtful; one that waits for its files is left."""
    plan = candidate.plan
    if plan is None or candidate.problem or (plan.source is not None and plan.scan is None):
        return candidate
    job = plan.job(free_in_folder(Path(), plan.name))
    if job.parameters.preprocessing.unfinished_files == "wait":
        return candidate
    try:
        with open_scan(job) as dataset:
            found = check_opened(job, dataset, _PART)
    except (PtychoError, OSError) as error:
        _log.info("%s can't be checked: %s", candidate.scan, error)
        return replace(candidate, problem=str(error))
    doubts = tuple(finding for finding in found if finding.level in (Level.LOOK, Level.STOP))
    fatal = [finding for finding in doubts if finding.level is Level.STOP and _ends(finding, plan)]
    return replace(candidate, findings=doubts, problem="; ".join(_reason(finding) for finding in fatal))


def _ends(finding: Finding, plan: Plan) -> bool:
    """Whether a run would be refused for what was found."""
    return finding.error is not None or plan.parameters.preprocessing.strict


def _reason(finding: Finding) -> str:
    return finding.text if finding.error is None else str(finding.error)


def lanes_of(store: Store, values: Values, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the devices that a batch runs on where nobody runs the queue: those that it names, or those of the queue.

    Raises:
        DeviceError: one that it names does not exist or can't be used.
        ParameterError: it names one together with a part of it.
    """
    plans = (found.plan for found in candidates if found.is_ready)
    lanes = [lane_of(plan.parameters) for plan in plans if plan is not None]
    lanes.append(lane_of(Layers().with_layer(Source.USER, values).resolve()[0]))
    named = tuple(dict.fromkeys(lane for lane in lanes if lane != ANY))
    if not named:
        return devices_to_use(store, "")
    check_devices(named)
    return named


def add(  # noqa: PLR0913 - what a batch is made of
    store: Store,
    candidates: Sequence[Candidate],
    output: Path,
    command: str,
    versions: Mapping[str, str],
    change: Callable[[NewJob], NewJob] = lambda job: job,
    resume: bool = False,
    watched: Path | None = None,
) -> Added:
    """Put the jobs of a batch into the queue, all in one go, with what is wrong with the others.

    Where it resumes, jobs of the queue that are the same and not over are taken into the batch, and not made again.

    Args:
        store: the queue.
        candidates: all of the batch.
        output: folder of the results, made if absent.
        command: what the user asked for, in words.
        versions: of the programs that make it.
        change: what else is to be said of each job: its priority, whether it is held.
        resume: whether to take over what an earlier batch has left.
        watched: a folder whose scans will come into it; it then stays open.

    Raises:
        OutputError: the folder can't be made, or the store not be written.
    """
    make_results_folder(output)
    jobs: dict[int, NewJob] = {}
    refused = {place: found.problem for place, found in enumerate(candidates) if not found.is_ready}
    left = _left(store, candidates, output) if resume else {}
    with contextlib.ExitStack() as paths:
        for place, found in enumerate(candidates):
            if place in refused or place in left or found.plan is None:
                continue
            try:
                jobs[place] = change(paths.enter_context(reserved(store, found.plan, output, command, versions)))
            except (PtychoError, OSError) as error:
                refused[place] = str(error)
        told = [Refused(os.path.abspath(candidates[place].scan), refused[place]) for place in sorted(refused)]
        title = title_of(candidates) if watched is None else f"scans of {watched.resolve().name}"
        is_open = watched is not None
        number, ids = add_batch(store, title, command, [*jobs.values()], told, [*left.values()], is_open)
    return Added(number, {**left, **dict(zip(jobs, ids, strict=True))}, refused)


def _left(store: Store, candidates: Sequence[Candidate], output: Path) -> dict[int, int]:
    """Return, by candidate's place, the jobs of earlier batches that are the same and not over."""
    folder = os.path.abspath(output)
    unfinished = [
        job for job in store.entries()
        if job.batch is not None and job.state in (*WAITING, *UNDER_WAY) and os.path.dirname(job.result) == folder
    ]  # fmt: skip
    by_source: dict[str | None, list[Entry]] = {}
    for job in unfinished:
        by_source.setdefault(job.source, []).append(job)
    left: dict[int, int] = {}
    for place, found in enumerate(candidates):
        if found.plan is not None and found.is_ready:
            source = None if found.plan.source is None else os.fspath(found.plan.source)
            wanted = found.plan.parameters
            for job in by_source.get(source, ()):
                if job.id not in left.values() and store.text(job.id).job.parameters == wanted:
                    left[place] = job.id
                    break
    return left


def title_of(candidates: Sequence[Candidate]) -> str:
    """Call a batch after its scans: "fly_0001 and 49 others"."""
    names = list(dict.fromkeys(found.file for found in candidates))
    first = "simulated" if not names or names[0] is None else names[0].stem
    return first if len(names) < 2 else f"{first} and {len(names) - 1} other{'s' * (len(names) > 2)}"
