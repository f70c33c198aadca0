"""Checks of a job when it is made: what it would ignore, and whether it would replace a file that is no result."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.export import table_names
from ptychogui.io.readers import takes_series
from ptychogui.io.result import check_replaceable
from ptychogui.jobs.job import Job
from ptychogui.jobs.stages import planned_stages, total_iterations
from ptychogui.params.chain import engines_of, titles
from ptychogui.params.commandline import format_text
from ptychogui.params.model import Parameters, by_path, changed, marked
from ptychogui.params.spec import Param


def check_job(job: Job) -> None:
    """Refuse what would be ignored, and what would take the place of a file that is no result.

    Raises:
        ParameterError: a parameter awaits a later version or has no effect in the engines that run, or there is nothing
            to reconstruct.
        OutputError: the result, or what is written beside it, would replace a file that the job reads or any other
            that is no result.
    """
    check_honored(job)
    sources = job.sources
    for target in _targets(job):
        for source in sources:
            if _is_same(target, source):
                raise OutputError(f"{target} would overwrite {source}, which the job reads; choose another name")
    check_replaceable(job.output)


def check_honored(job: Job) -> None:
    """Refuse what would be ignored.

    Raises:
        ParameterError: a parameter awaits a later version or has no effect in the engines that run, or there is nothing
            to reconstruct.
    """
    others = changed(job.parameters)
    _check_awaited(job.parameters, others)
    _check_heeded(job.parameters, others)
    planned_stages(job.parameters.reconstruction)
    simulate = job.parameters.experiment.simulate
    if job.source is None and not simulate and not job.in_memory:
        raise ParameterError("there is no scan to reconstruct: give a scan file, or --simulate")
    if job.source is not None and simulate:
        raise ParameterError(f"experiment.simulate takes no scan file: leave out {job.source}, or --simulate")
    if job.in_memory and simulate:
        raise ParameterError("experiment.simulate takes no scan: leave out the arrays, or simulate")
    _check_ignored(job.parameters)
    _check_series(job)


def _targets(job: Job) -> list[Path]:
    """Return all files that a job writes; of those that it numbers on the way the ones that are there already."""
    wanted = job.parameters.output
    ends = [end for end, is_wanted in (("csv", wanted.csv), ("bin", wanted.binary)) if is_wanted]
    names = [name for end in ends for name in table_names(job.output.stem, end)]
    return [job.output, *map(job.output.with_name, names), *_numbered(job, ends)]


def _numbered(job: Job, ends: list[str]) -> list[Path]:
    """Return the files in the output's folder that the job's checkpoints will replace."""
    every = job.parameters.output.save_every
    if every is None or not ends:
        return []
    last = (total_iterations(job.parameters.reconstruction) - 1) // every
    shape = re.compile(rf"{re.escape(job.output.stem)}_(?:object|probes)_([1-9]\d*)\.(?:{'|'.join(ends)})")
    with contextlib.suppress(OSError):
        files = list(job.output.parent.iterdir())
        return [file for file in files if (match := shape.fullmatch(file.name)) and int(match[1]) <= last]
    return []


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file, by whatever links."""
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _check_ignored(parameters: Parameters) -> None:
    """Refuse values that others make meaningless."""
    experiment = parameters.experiment
    for param in map(by_path().__getitem__, marked("of measured scans")):
        if experiment.simulate and parameters.get(param.path) != param.default:
            raise ParameterError(f"{param.path} has no effect on a simulated scan; leave out {param.option}")
    if experiment.positions_file is not None and experiment.scan_pattern != "listed":
        raise ParameterError(
            "experiment.positions_file has no effect with a computed scan pattern; leave out --positions-file or "
            "--scan-pattern"
        )
    if parameters.preprocessing.subtract_threshold and not parameters.preprocessing.threshold_counts:
        raise ParameterError(
            "preprocessing.subtract_threshold has no effect without a threshold; give --threshold, or leave out "
            "--subtract-threshold"
        )


def _check_series(job: Job) -> None:
    """Refuse a first file where there is no series."""
    given = job.parameters.preprocessing
    if given.first_file and not given.file_pattern and job.source is not None and not takes_series(job.source):
        raise ParameterError(
            "preprocessing.first_file has no effect without a series of raw files; give --file-pattern, or leave out "
            "--first-file"
        )


def _check_heeded(parameters: Parameters, others: Sequence[Param]) -> None:
    """Refuse values that none of the engines heeds."""
    engines = engines_of(parameters.reconstruction.engine)
    for param in others:
        if not param.heeded_by(engines):
            value = parameters.get(param.path)
            heeding = " or ".join(param.engines)
            raise ParameterError(
                f"{param.path} = {format_text(param, value)} has no effect in {titles(engines, 'or')}, only in "
                f"{titles(param.engines)}; leave {param.option} out, or give --engine {heeding}"
            )


def _check_awaited(parameters: Parameters, others: Sequence[Param]) -> None:
    for param in others:
        if param.awaits:
            value = parameters.get(param.path)
            raise ParameterError(
                f"{param.path} = {value} has no effect in this version: needs {param.awaits}; leave {param.option} out"
            )
