"""From a file and the user's values to a job of the queue: its values, the path of its result, its place."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.raw.file_series import is_pattern
from ptychogui.io.result_header import ResultHeader, read_header
from ptychogui.jobs.again import layers_of, source_and_layers
from ptychogui.jobs.job import Job, Sweep
from ptychogui.jobs.job_checks import check_job
from ptychogui.jobs.job_values import heeded_layers, heeded_values, make_job, planned_layers, scan_source
from ptychogui.jobs.results.owners import Owner
from ptychogui.jobs.results.reservations import Reservation
from ptychogui.jobs.results.result_paths import as_given, beside_scan, in_folder, job_name
from ptychogui.params.chain import engines_of
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Layers, Origin, Source
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.reserved import owner_of
from ptychogui.queue.store.store import ANY, NewJob, Store

Values: TypeAlias = Mapping[str, tuple[Any, str]]
"""Parameter path -> (value, the option that gave it)."""

_DEVICE = "devices.device"
_PATHS_AS_TEXT = ("preprocessing.file_pattern",)
"""Parameters that are paths though their kind is a text."""


@dataclass(frozen=True)
class Plan:
    """A job that has no path for its result yet: its scan was looked at, and nothing is written.

    Attributes:
        source: the scan; None for a simulated one.
        layers: all values.
        scan: what is known of the scan, without frames; None where nothing is, as of one that is waited for.
        sweep: the group that the job is one of.
    """

    source: Path | None
    layers: Layers
    scan: Dataset | None
    sweep: Sweep | None = None

    @cached_property
    def resolved(self) -> tuple[Parameters, dict[str, Origin]]:
        """All parameters, and the origin of each.

        Raises:
            ParameterError: a value does not fit its declaration.
        """
        return self.layers.resolve()

    @property
    def parameters(self) -> Parameters:
        """All parameters; as `resolved`."""
        return self.resolved[0]

    @property
    def name(self) -> str:
        """What the job and its result are called."""
        return job_name(self.source, self.parameters.output.job_id)

    def job(self, output: Path, command: str = "", uid: str = "") -> Job:
        """Make the job; with a new id, where none is given.

        Raises:
            ParameterError: a value does not fit its declaration, or has no effect.
            OutputError: the result would take the place of a file that is no result.
        """
        parameters, origins = self.resolved
        job = Job(
            uid or uuid.uuid4().hex, self.source, parameters, output, origins, command, scan=self.scan,
            sweep=self.sweep,
        )  # fmt: skip
        check_job(job)
        return job


def look_at(
    file: Path | None, values: Values, group: str = "", swept: Values | None = None, last: Values | None = None
) -> Plan:
    """Look at a scan, or at a result whose job is to be made again, and plan the job; nothing is written.

    Args:
        file: the scan, the pattern of its raw files, or a result; None for a simulated scan or a file pattern.
        values: the user's.
        group: of the jobs that differ in what is swept.
        swept: the values in which this job differs from others of the group.
        last: those of another scan, which hold where the scan does not know better.

    Raises:
        PtychoError: the job can't be made.
    """
    swept = swept or {}
    values = _absolute({**values, **swept})
    source, layers, scan = _planned(None if file is None else Path(os.path.abspath(file)), values)
    known = layers.values.get(Source.FILE, {})
    carried = {path: value for path, value in _absolute(last or {}).items() if path not in known}
    layers = layers.with_layer(Source.LAST, carried) if carried else layers
    sweep = Sweep(group, {path: values[path][0] for path in swept}) if swept else None
    return Plan(source, layers, scan, sweep)


@contextlib.contextmanager
def reserved(
    store: Store, plan: Plan, output: Path | None, command: str, versions: Mapping[str, str]
) -> Iterator[NewJob]:
    """Make a job as it was planned, its result's path reserved, which is given back if the block fails.

    Args:
        store: the queue that the job is for.
        plan: of the job.
        output: the result, or a folder for it; the working folder if None.
        command: what the user asked for, in words.
        versions: of the programs that make it.

    Raises:
        PtychoError: the job can't be made, or its result not be written.
    """
    uid = uuid.uuid4().hex
    with _reserved(output, plan.name, owner_of(store.folder, uid)).released_on_error() as path:
        yield _new_job(plan, path, uid, command, versions)


def plan_of(source: Path | None, layers: Layers, scan: Dataset | None) -> Plan:
    """Plan the job of a scan that was read before, with all values that its engines heed.

    Args:
        source: the scan; None for a simulated one.
        layers: all values.
        scan: what is known of the scan.

    Raises:
        ParameterError: a value does not fit its declaration.
    """
    values = heeded_layers(layers).values
    source = None if source is None else Path(os.path.abspath(source))
    return Plan(source, Layers({layer: _absolute(found) for layer, found in values.items()}), scan)


@contextlib.contextmanager
def reserved_beside(store: Store, plan: Plan, command: str, versions: Mapping[str, str]) -> Iterator[NewJob]:
    """Make a job as it was planned, as `reserved` does, its result beside the scan."""
    uid = uuid.uuid4().hex
    name = plan.name if plan.source is not None else plan.parameters.output.job_id or "simulated-scan"
    with beside_scan(plan.source, name, owner=owner_of(store.folder, uid)).released_on_error() as path:
        yield _new_job(plan, path, uid, command, versions)


def _new_job(plan: Plan, path: Path, uid: str, command: str, versions: Mapping[str, str]) -> NewJob:
    job = plan.job(path, command, uid)
    return NewJob(JobText.of(job, versions), lane_of(job.parameters))


@contextlib.contextmanager
def continued(store: Store, job_id: int, values: Values, command: str, versions: Mapping[str, str]) -> Iterator[NewJob]:
    """Make a job that goes on from the result of another one, with other values where some are given.

    Args:
        store: the queue.
        job_id: of the job whose result is there.
        values: the user's; the others are those of that job, as far as the engines that are to run heed them.
        command: what the user asked for, in words.
        versions: of the programs that make it.

    Raises:
        PtychoError: there is no result, or the job can't be made.
    """
    entry, before = store.entry(job_id), store.text(job_id).job
    values, result = _absolute(values), Path(entry.result)
    if not result.exists():
        raise ParameterError(f"job {job_id} is {entry.state} and has left no result to go on from; retry it")
    layers = _over(layers_of(before.parameters, before.origins), {**_from_result(before, result), **values}, values)
    uid = uuid.uuid4().hex
    name = job_name(before.source, before.parameters.output.job_id)
    with in_folder(result.parent, name, owner_of(store.folder, uid)).released_on_error() as path:
        job = replace(make_job(layers, before.source, path, command), id=uid)
        yield NewJob(JobText.of(job, versions), lane_of(job.parameters), entry.priority)


def lane_of(parameters: Parameters) -> str:
    """Return the device that a job is for, ANY where it says "any" or "auto"."""
    named = parameters.devices.device
    return ANY if named in (ANY, "auto") else named


def on_device(job: Job, device: str) -> Job:
    """Return a job as the lane of a device does it."""
    return replace(job, parameters=job.parameters.replace({_DEVICE: device}))


def _planned(file: Path | None, values: Values) -> tuple[Path | None, Layers, Dataset | None]:
    """Return the source, all layers of values, and what is known of the scan."""
    source = scan_source(file, values)
    try:
        return source, *planned_layers(source, values)
    except DataError:
        header = _header(file)
        if header is None:
            raise
        source, layers = source_and_layers(header, file or "")
        return source, _over(layers, values, values), None


def _header(file: Path | None) -> ResultHeader | None:
    if file is not None and not is_pattern(file):
        with contextlib.suppress(DataError):
            return read_header(file)
    return None


def _over(layers: Layers, values: Values, given: Values) -> Layers:
    """Lay values over others, of which those stay that the engines heed which are to run."""
    engine = values.get("reconstruction.engine") or (layers.resolve()[0].reconstruction.engine, "")
    engines = engines_of(engine[0])
    kept = Layers({source: heeded_values(found, engines) for source, found in layers.values.items()})
    old = {path: value for path, value in kept.values.get(Source.USER, {}).items() if path not in given}
    return kept.with_layer(Source.USER, {**old, **values})


def _from_result(before: Job, result: Path) -> dict[str, tuple[Any, str]]:
    """Return the values with which a job begins at a result: its object, its probe, and its positions."""
    place = f"result of {before.title}"
    start: dict[str, tuple[Any, str]] = {
        "reconstruction.object_guess": (result, place), "reconstruction.probe_guess": (result, place),
    }  # fmt: skip
    if before.source is not None and before.parameters.experiment.scan_pattern == "listed":
        start["experiment.positions_file"] = (result, place)
    return start


def _reserved(output: Path | None, name: str, owner: Owner) -> Reservation:
    """Reserve the path of a result: as it is given, or a new one in a folder."""
    if output is not None and not output.is_dir():
        return as_given(Path(os.path.abspath(output)), owner)
    return in_folder(Path(os.path.abspath(output or "")), name, owner)


def _absolute(values: Values) -> Values:
    """Return values whose paths hold in any working folder."""
    return {path: (_of_anywhere(path, value), place) for path, (value, place) in values.items()}


def _of_anywhere(path: str, value: Any) -> Any:
    is_path = by_path()[path].kind is Path or path in _PATHS_AS_TEXT
    make: Callable[[str], Any] = Path if by_path()[path].kind is Path else str
    return make(os.path.abspath(value)) if is_path and value else value
