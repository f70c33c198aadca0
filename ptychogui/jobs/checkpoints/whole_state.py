"""Checkpoints of the whole state of a job: when one is due, how it is kept, and whether one that was left is its own.

A job that goes on from a checkpoint ends with the bits of one that was never interrupted. So a checkpoint of other
parameters, of files that have changed, or of another program is refused. It is a hidden file of ours beside the
result, and goes when that is written.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ptychogui import __version__
from ptychogui.backends import list_devices
from ptychogui.backends.base import Backend
from ptychogui.backends.compiler import sources_digest
from ptychogui.engines.state import EngineState
from ptychogui.errors import DataError, DivergedError, OutputError
from ptychogui.io.atomic import check_writable
from ptychogui.io.result_header import SourceFile
from ptychogui.jobs.checkpoints.state_file import (
    part_of_state_file,
    read_about,
    read_arrays,
    size_bytes,
    write_state_file,
)
from ptychogui.jobs.job import Job
from ptychogui.jobs.provenance import now
from ptychogui.params.model import Parameters

_log = logging.getLogger(__name__)

_FORMAT = 1
"""Raised when a name in a state changes its meaning."""

_MOST_OF_THE_TIME = 0.1
"""Part of a job's time that checkpoints may take: where one takes long, the next is later."""

_OF_NO_MATTER = ("devices", "output", "reconstruction.time_limit_s", "reconstruction.cuda_graphs")
"""Parameters, and groups of them, that no bit of a state depends on."""


_UNFIT = (DataError, KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading and restoring something else than a checkpoint of this job raises."""


class _GivenUpError(Exception):
    """The job is to stop: what is being written would not be needed."""


class Checkpoints:
    """The checkpoint of one job: one file, of which the last one written is kept."""

    def __init__(self, job: Job, sources: tuple[SourceFile, ...], backend: Backend) -> None:
        """Make ready to write one, and to read one that was left.

        Args:
            job: whose they are.
            sources: the files that it has read, as they are now.
            backend: where its state is.
        """
        self._job, self._backend, self._path = job, backend, job.checkpoint_file
        self._identity: dict[str, Any] = {
            "format": _FORMAT, "version": __version__, "kernels": sources_digest(),
            "parameters": _identifying(job.parameters), "sources": [asdict(source) for source in sources],
        }  # fmt: skip
        self._every_s = job.parameters.output.checkpoint_every_s
        self._clock_s, self._took_s = time.monotonic(), 0.0
        self._fails = False

    @property
    def is_due(self) -> bool:
        """Whether the last one, or the job's first iteration, is so long ago."""
        wait_s = max(self._every_s, self._took_s / _MOST_OF_THE_TIME)
        return self._every_s > 0 and time.monotonic() - self._clock_s >= wait_s

    def write(self, state: EngineState, is_wanted: Callable[[], bool] = lambda: True) -> tuple[str, ...]:
        """Put a state in the place of the one before, which stays where that does not work: the job goes on.

        Args:
            state: of the job.
            is_wanted: asked on the way; it takes a while where there are many exit waves.

        Returns:
            why it can't be written, the first time.
        """
        began_s = time.monotonic()
        arrays = {name: value for name, value in state.items() if hasattr(value, "shape")}
        rest = {name: value for name, value in state.items() if name not in arrays}
        about = {**self._identity, "device": _device(self._backend), "written": now(), "state": rest}
        try:
            check_writable(self._path, size_bytes(arrays))
            write_state_file(self._path, about, arrays, lambda piece: self._fetched(piece, is_wanted))
        except OutputError as error:
            return self._failed(error)
        except _GivenUpError:
            _log.info("%s: the checkpoint is given up, as the job is to end", self._job.title)
        finally:
            self._clock_s = time.monotonic()
            self._took_s = self._clock_s - began_s
        self._fails = False
        return ()

    def _fetched(self, piece: Any, is_wanted: Callable[[], bool]) -> np.ndarray:
        if not is_wanted():
            raise _GivenUpError
        return piece if isinstance(piece, np.ndarray) else self._backend.to_numpy(piece)

    def _failed(self, error: OutputError) -> tuple[str, ...]:
        was, self._fails = self._fails, True
        _log.info("%s: no checkpoint: %s", self._job.title, error)
        return () if was else (f"no checkpoint, so a crash would cost more of this job: {error}",)

    def go_on(self, restore: Callable[[EngineState], object]) -> tuple[str, ...]:
        """Restore what an earlier process has left of this job, if it left something.

        Args:
            restore: takes the state, whose arrays stay in the file until they are used; where it raises, the job
                stands at its beginning.

        Returns:
            where the job goes on, or why it does not: the file then stays until there is a new one.
        """
        if not self._path.exists() or not (self._job.resume or self._job.first_try):
            return ()
        try:
            about = self._fitting(read_about(self._path))
            restore(about["state"] | read_arrays(self._path))
        except _UNFIT as error:
            why = str(error) if isinstance(error, DataError) else f"it has not what a checkpoint has ({error!r})"
            _log.info("%s: %s is not used: %s", self._job.title, self._path, why)
            return (f"there is a checkpoint, {self._path}, but the job begins anew: {why}",)
        here = _device(self._backend)
        moved = "" if about["device"] == here else (
            f", which is of another device ({about['device']}): the last digits are not those of one whole run"
        )  # fmt: skip
        return (f"going on from the checkpoint of {about['written']}{moved}",)

    def _fitting(self, about: dict[str, Any]) -> dict[str, Any]:
        """Return what is to be known of a checkpoint, if it is of this job.

        Raises:
            DataError: it is of another.
        """
        reason = _difference(about, json.loads(json.dumps(self._identity)))
        if reason:
            raise DataError(reason)
        return about


def discard_checkpoint(job: Job) -> None:
    """Remove the checkpoint of a job that will not go on, and what a killed process has left of one."""
    for path in (job.checkpoint_file, part_of_state_file(job.checkpoint_file)):
        with contextlib.suppress(OSError):
            path.unlink()
            _log.info("%s is not needed any more", path)


@contextlib.contextmanager
def told_of_checkpoint(job: Job, saved: int | None) -> Iterator[None]:
    """Add what is left of its work to the error of a job that diverges for good.

    Its whole state goes: from there it would diverge again.

    Args:
        job: under way.
        saved: iteration of the result file that it has written on its way; None where it has written none.
    """
    try:
        yield
    except DivergedError as error:
        discard_checkpoint(job)
        if saved is None:
            raise
        raise DivergedError(f"{error}; the checkpoint of iteration {saved} is kept in {job.output}") from error


def _identifying(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters that a state depends on, by their paths."""
    return {
        f"{group}.{name}": value
        for group, values in json.loads(json.dumps(parameters.model_dump(), default=str)).items()
        for name, value in values.items()
        if group not in _OF_NO_MATTER and f"{group}.{name}" not in _OF_NO_MATTER
    }


def _device(backend: Backend) -> str:
    """Say what the bits of a result depend on; halves of a CPU are as good as the whole."""
    kind = backend.name if backend.name.startswith("cuda") else backend.name.partition(":")[0]
    titles = {device.name: device.title for device in list_devices()}
    return titles.get(kind, kind)


def _difference(about: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say why a checkpoint is not of a job; "" if it is."""
    if about.get("format") != wanted["format"] or about.get("version") != wanted["version"]:
        return f"it was written by version {about.get('version')} of ptychogui, this is {wanted['version']}"
    if about["kernels"] != wanted["kernels"]:
        return "the kernels have changed since it was written"
    old, new = about["parameters"], wanted["parameters"]
    changed = [f"{path} was {old.get(path)}, and is {value}" for path, value in new.items() if old.get(path) != value]
    if changed:
        return "; ".join(changed[:3])
    files = [source["path"] for source in wanted["sources"] if source not in about["sources"]]
    if files or len(about["sources"]) != len(wanted["sources"]):
        return f"{files[0]} has changed since it was written" if files else "files of the scan have gone since"
    return ""
