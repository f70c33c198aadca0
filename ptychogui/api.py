"""The script API: open a scan, reconstruct it, read the result; or step a reconstruction and go on as it turns out.

for progress in reconstruct("scan.cxi", "result.cxi", iterations=50, probe_modes=3):
    print(progress.iteration, progress.error)
result = read_result("result.cxi")

with Reconstruction("scan.cxi", probe_modes=3) as r:
    for progress in r.run(50, engine="dm"):
        print(progress.iteration, progress.error)
    for progress in r.run(100, engine="lsqml"):
        print(progress.iteration, progress.error)
    r.save("result.cxi")
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ptychogui.backends import list_devices, open_backend
from ptychogui.backends.base import Backend
from ptychogui.catalog.catalog import find as find_results
from ptychogui.catalog.compared import compare_results
from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.array_files import as_object, as_probe
from ptychogui.io.atomic import check_writable
from ptychogui.io.dataset import Dataset
from ptychogui.io.in_memory import scan_of
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import Result, read_result
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.job_checks import check_job
from ptychogui.jobs.job_values import heeded_values, job_layers, make_job, plan_job, scan_source
from ptychogui.jobs.prepare.prepared_job import InMemory
from ptychogui.jobs.results.reservations import Reservation
from ptychogui.jobs.results.result_paths import as_given, beside_scan, job_name
from ptychogui.jobs.runner import run_job
from ptychogui.jobs.stepped_job import SteppedJob
from ptychogui.params.chain import engines_of
from ptychogui.params.commandline import format_text, parse_text
from ptychogui.params.model import by_path, describe, marked, refines_positions
from ptychogui.params.reconstruction import Reconstruction as Settings
from ptychogui.params.spec import Param
from ptychogui.queue.post import word_of

__all__ = [
    "Control", "Dataset", "Progress", "Reconstruction", "Result", "compare_results", "find_results", "list_devices",
    "open_dataset", "read_result", "reconstruct", "scan_of",
]  # fmt: skip

_Values = Mapping[str, tuple[Any, str]]
"""Parameter path -> value, and where it comes from."""


def reconstruct(
    source: Path | str | Dataset | None,
    output: Path | str | None = None,
    *,
    control: Control | None = None,
    wants_picture: Callable[[int], bool] | None = None,
    **options: Any,
) -> Generator[Progress, None, None]:
    """Reconstruct a scan and write the result file; yields as it goes on, see `jobs.runner.run_job`.

    Args:
        source: the scan's file, or the scan, such as scan_of makes of arrays; None with file_pattern="..." or
            simulate=True.
        output: path of the result file; beside the scan, "NAME-001.cxi" and up, when None.
        control: how another thread stops early, with the result kept.
        wants_picture: asked for each iteration whether its Progress shall have an estimate; only the last one has
            by default.
        options: parameters by name, in SI units or as text with a unit, as on the command line (energy_eV=8800.0 or
            "8.8 keV", probe_modes=3, device="cpu"); see docs/parameters.md.

    Raises:
        PtychoError: at once, where a parameter, the scan, the device or the output is no good; while it goes on, where
            the job can't be done.
    """
    values = _given_values(options)
    reserved = _reserved(source, output, values)
    with reserved.released_on_error() as path:
        job = _job(source, path, values, "ptychogui.api.reconstruct")
        check_writable(job.output)
        devices, given = job.parameters.devices, InMemory(scan=_in_memory(source))
        return _run(reserved, job, open_backend(devices.device, devices.threads), control, wants_picture, given)


def _run(  # noqa: PLR0913 - what run_job takes, and what it is done with
    reserved: Reservation,
    job: Job,
    backend: Backend,
    control: Control | None,
    wants_picture: Callable[[int], bool] | None,
    given: InMemory,
) -> Generator[Progress, None, None]:
    with word_of(job) as hear, reserved, backend:
        for progress in run_job(job, backend, control, wants_picture, given):
            hear(progress)
            yield progress


class Reconstruction:
    """A reconstruction that a script runs piece by piece, looks at, and continues as it likes.

    A context manager: leaving it frees the device, and what was not saved is lost. Runs one after the other give what a
    chain of engines gives: run(50, engine="dm") and run(100, engine="lsqml") is engine="dm:50,lsqml:100".

    Args:
        source: as in `reconstruct`.
        probe: complex (N, N) or (modes, N, N), the first probe; guessed when None.
        object: complex (rows, columns), the first object; empty space when None.
        room_to_move: whether the object is laid so that later runs may refine positions, also where the engine of the
            options does not. A chain whose engines all keep positions has no such room, and gives a smaller object.
        options: parameters by name, as in `reconstruct`.

    Raises:
        PtychoError: a parameter, the scan or the device is no good.
    """

    def __init__(
        self,
        source: Path | str | Dataset | None,
        *,
        probe: ArrayLike | None = None,
        object: ArrayLike | None = None,  # noqa: A002 - it is the object of ptychography
        room_to_move: bool = True,
        **options: Any,
    ) -> None:
        self._values: _Values = _given_values(options)
        _check_for_pieces(self._values)
        self._reserved = _reserved(source, None, self._values)
        with self._reserved.released_on_error() as path:
            self._job = _job(source, path, self._values, "ptychogui.api.Reconstruction")
            given = InMemory(
                scan=_in_memory(source),
                probe=None if probe is None else as_probe(np.asarray(probe), "the given probe"),
                object=None if object is None else as_object(np.asarray(object), "the given object"),
                room_to_move=room_to_move,
            )
        self._stop = threading.Event()
        self._room_to_move = room_to_move or refines_positions(self._job.parameters.reconstruction)
        self._stepped = SteppedJob(self._job, given, reserved=self._reserved)

    def __enter__(self) -> Reconstruction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the device; nothing can be run or read any more."""
        self._stepped.close()

    def run(self, iterations: int | None = None, **options: Any) -> Iterator[Progress]:
        """Go on from where the reconstruction is; each iteration is done when it is asked for.

        Leaving the loop early keeps what was done; the next run goes on from there.

        Args:
            iterations: of every engine whose own number is not given; the option's when None.
            options: parameters of the reconstruction that change, by name, and stay so for later runs.

        Raises:
            PtychoError: at once, where an option is no good or comes too late; in the loop, where the reconstruction
                diverges or the memory is used up.
        """
        new = _given_values(options | ({} if iterations is None else {"iterations": iterations}))
        _check_in_time(new)
        values = heeded_values(self._values, engines_of(self._engine(new))) | new
        job = self._with(values)
        check_job(job)
        self._check_room(job.parameters.reconstruction)
        self._stop.clear()
        return self._iterations(job, values, _changes_text(new))

    def stop(self) -> None:
        """Have the run under way end after its iteration; safe from any thread."""
        self._stop.set()

    @property
    def object(self) -> np.ndarray:
        """complex64 (rows, columns), as it stands."""
        return self._stepped.estimate().object

    @property
    def probe(self) -> np.ndarray:
        """complex64 (modes, N, N), centered at [N // 2, N // 2], as it stands."""
        return self._stepped.estimate().probe

    @property
    def positions_m(self) -> np.ndarray:
        """float64 (positions, 2): row and column of the probe on the object, as refined."""
        return self._stepped.positions_m

    @property
    def errors(self) -> np.ndarray:
        """float64 (iterations,), in photon-noise units; a run that was left early may not know its last one yet."""
        return self._stepped.run.errors

    @property
    def free_errors(self) -> np.ndarray:
        """float64 (iterations,), those of the pixels that are held out; NaN where there are none."""
        return self._stepped.run.free_errors

    def save(self, path: Path | str | None = None) -> Path:
        """Write the result as it stands, and CSV or raw binary beside it if those options are set.

        Args:
            path: of the result file; beside the scan, "NAME-001.cxi" and up, when None.

        Returns:
            the path.

        Raises:
            OutputError: it can't be written, or would replace a file that is no result.
        """
        with self._reserved_for(path) as reserved:
            job = replace(self._job, output=reserved.path)
            check_job(job)
            check_writable(job.output)
            problems = self._stepped.save(job.output)
        if problems:
            raise OutputError(f"{job.output} is written, but not all beside it: {'; '.join(problems)}")
        return job.output

    def _reserved_for(self, path: Path | str | None) -> AbstractContextManager[Reservation]:
        """Return the path to save to, reserved at least while that is done: by default its own, used once."""
        own = self._reserved.path
        if path is None and os.path.lexists(own):
            return _reserved(self._job.source, None, self._values)
        if path is None or os.path.realpath(path) == os.path.realpath(own):
            return nullcontext(self._reserved)
        return as_given(Path(path))

    def _check_room(self, settings: Settings) -> None:
        """Refuse to refine positions in an object that was not laid for it."""
        if refines_positions(settings) and not self._room_to_move:
            raise ParameterError(
                "positions have no room to move in this object; give position_correction='never', or leave "
                "room_to_move=False out of Reconstruction(...)"
            )

    def _engine(self, new: _Values) -> str:
        parameters = self._with({**self._values, **new}).parameters
        return parameters.reconstruction.engine

    def _with(self, values: _Values) -> Job:
        """Return the job with other values of the user."""
        chosen = {path: value for path, (value, _) in values.items() if path.startswith("reconstruction.")}
        untold = {path: by_path()[path].default for path in self._values if path.startswith("reconstruction.")}
        return replace(self._job, parameters=self._job.parameters.replace({**untold, **chosen}))

    def _iterations(self, job: Job, values: _Values, note: str) -> Iterator[Progress]:
        settings, stepped = job.parameters.reconstruction, self._stepped
        if stepped.run.iteration:
            settings = settings.model_copy(update={"coarse_levels": 0})
        stepped.extend(settings, note)
        self._values = values
        while not (stepped.run.done or self._stop.is_set()):
            yield stepped.step()


def _job(source: Path | str | Dataset | None, output: Path, values: _Values, command: str) -> Job:
    """Make the job of a script."""
    file = _file(source, values)
    if not isinstance(source, Dataset):
        return plan_job(file, values, output, command)
    known = None if source.in_memory else source.without_frames()
    return make_job(job_layers(source, values), file, output, command, source.in_memory, known)


def _file(source: Path | str | Dataset | None, values: _Values) -> Path | None:
    """Return the scan's file, or the pattern of its raw files; None where there is neither."""
    if _in_memory(source) is not None:
        return None
    path = source.path if isinstance(source, Dataset) else Path(source) if source is not None else None
    return scan_source(path, values)


def _in_memory(source: Path | str | Dataset | None) -> Dataset | None:
    return source if isinstance(source, Dataset) and source.in_memory else None


def _reserved(source: Path | str | Dataset | None, output: Path | str | None, values: _Values) -> Reservation:
    """Reserve the path of a result: the given one, or one beside the scan."""
    if output is not None:
        return as_given(Path(output))
    file = _file(source, values)
    return beside_scan(file, job_name(file, values.get("output.job_id", ("", ""))[0]))


def _check_for_pieces(values: _Values) -> None:
    """Refuse what has no effect where only the script knows the end."""
    for path in (path for path in ("output.email", "output.email_on") if path in values):
        name = path.partition(".")[2]
        raise ParameterError(f"{path} has no effect in Reconstruction, whose end the script alone knows; leave {name} "
                             "out, or use reconstruct(...)")  # fmt: skip


def _check_in_time(new: _Values) -> None:
    """Refuse what a reconstruction can't change once it has begun."""
    for path in new:
        group, _, name = path.partition(".")
        if group != "reconstruction" or path in marked("of the start"):
            raise ParameterError(f"{path} can't change in a run; give {name} to Reconstruction(...)")


def _changes_text(new: _Values) -> str:
    """Say which values a run was given."""
    given = (f"{path.partition('.')[2]}={format_text(by_path()[path], value)}" for path, (value, _) in new.items())
    return f"run({', '.join(given)})" if new else ""


def _given_values(options: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    return dict(_given(name, value) for name, value in options.items())


def _given(name: str, value: Any) -> tuple[str, tuple[Any, str]]:
    """Return the path of a parameter, and its value with the place it comes from."""
    params: dict[str, Param] = {param.name: param for param in describe()}
    if name not in params:
        raise ParameterError(f"no parameter is called '{name}'; docs/parameters.md lists all")
    return params[name].path, (parse_text(params[name], value) if isinstance(value, str) else value, "script")
