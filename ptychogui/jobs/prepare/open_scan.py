"""The scan of a job, opened: as it is or once its files are complete, with the values that a job can't do without."""

from __future__ import annotations

import logging

import numpy as np

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.notes import notes_about
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.job_values import NEEDED
from ptychogui.jobs.prepare.positions import matched
from ptychogui.jobs.prepare.waiting_for_files import open_settled
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Source
from ptychogui.physics.optics import job_pixel_m
from ptychogui.physics.simulation import recipe_of, simulate

_log = logging.getLogger(__name__)


def open_scan(job: Job) -> Dataset:
    """Open the scan file, or simulate a scan. What is known of it since the job was made is not read again."""
    options = ReadOptions.of(job.parameters)
    if job.source is not None and job.scan is not None and job.scan.options == options and job.scan.is_current:
        return job.scan.with_frames()
    if job.source is not None:
        return open_dataset(job.source, options)
    return dataset_of(simulate(recipe_of(job.parameters)))


def open_when_complete(job: Job, control: Control) -> tuple[Dataset, tuple[str, ...]]:
    """Open the scan, and wait for its raw files if that is asked for."""
    given = job.parameters.preprocessing
    if job.source is None or given.unfinished_files == "skip":
        return open_scan(job), ()
    return open_settled(
        lambda: open_scan(job), lambda dataset: _is_whole(dataset, job.parameters), given.wait_limit_s, control
    )


def _is_whole(dataset: Dataset, parameters: Parameters) -> bool:
    """Whether every position has its frame; raw files that don't fit the positions at all may still come."""
    try:
        _, kept, listed, _ = matched(dataset, parameters)
    except DataError as error:
        _log.debug("positions and frames don't go together yet: %s", error)
        return False
    return dataset.is_whole and listed is not None and len(kept) == np.count_nonzero(np.isfinite(listed).all(axis=1))


def completed(job: Job, dataset: Dataset) -> Parameters:
    """Fill in what a reconstruction can't do without from the scan; what the user took out stays out.

    Raises:
        ParameterError: the scan does not know it either; the message names the options.
    """
    missing = [path for path in NEEDED if job.parameters.get(path) is None]
    taken_out = [path for path in missing if path in job.origins and job.origins[path].source is Source.USER]
    unknown = [path for path in missing if path not in dataset.values and path not in taken_out]
    if unknown or taken_out:
        raise ParameterError(_missing_text(dataset, unknown, taken_out))
    return job.parameters.replace({path: dataset.values[path].value for path in missing})


def _missing_text(dataset: Dataset, unknown: list[str], taken_out: list[str]) -> str:
    """Say what is missing, why, and the options that give it."""
    whys = [f"{dataset.path} does not say {_titles(unknown, 'or')}"] if unknown else []
    whys += [f"{_titles(taken_out, 'and')} was set to none"] if taken_out else []
    params = [by_path()[path] for path in (*unknown, *taken_out)]
    options = " and ".join(f"{param.option} (in {param.unit})" for param in params)
    notes = "; ".join(notes_about(dataset.notes, unknown))
    return f"{' and '.join(whys)}: give {options}{f' ({notes})' if notes else ''}"


def _titles(paths: list[str], joint: str) -> str:
    return f" {joint} ".join(f"the {by_path()[path].title.lower()}" for path in paths)


def known_pixel_m(job: Job, dataset: Dataset, n: int) -> float:
    """Return the object's pixel, which only a jitter of positions needs; 0 where it is not known."""
    try:
        return job_pixel_m(completed(job, dataset), n)
    except ParameterError as error:
        _log.debug("the object's pixel is not known: %s", error)
        return 0.0
