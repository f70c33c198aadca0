"""An engine's child whose GPU is lost to an index out of range: what is said, and whether the next job runs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

from ptychogui.backends.base import Backend
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.processes.engine import EngineProcess
from ptychogui.jobs.processes.messages import Died, Event, Failed, Finished
from ptychogui.jobs.runner import run_job
from ptychogui.params.model import Parameters
from ptychogui.states import State
from scripts.gpu.figures import Figures, FoundWrongError
from scripts.gpu.pretended import is_pretended, lose_pretended, pretend_if_asked, smaller
from scripts.gpu.work.here import DEVICE
from tests.kernels.cases import Size, random_launch

_SPOILED = "spoiled"
_WAIT_S = smaller(14.0, 140.0)

pretend_if_asked()  # in the child, which imports this module before it opens the GPU


def lose(figures: Figures) -> None:
    """Tell what comes of a job that loses its GPU the first time, and of the next one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineProcess(DEVICE, run="scripts.gpu.work.lost_child:run") as process,
    ):
        for name in (_SPOILED, "next"):
            process.submit(_job(name, Path(folder)))
            notes, pids, end = _follow(process, name)
            figures.tell(name, {"notes": notes, "pids": pids, "end": _words(end)})
            if not isinstance(end, Finished) or end.state is not State.DONE:
                raise FoundWrongError(f"job '{name}' ended so: {_words(end)}")
            if name == _SPOILED and (len(pids) < 2 or not any(DEVICE in note for note in notes)):
                raise FoundWrongError(f"a lost GPU was not replaced: {notes}")


def run(
    job: Job, backend: Backend, control: Control, wants_picture: Callable[[int], bool]
) -> Generator[Progress, None, None]:
    """Do a job as the runner does; the spoiled one has the GPU read far behind the end of an array, once."""
    for progress in run_job(job, backend, control, wants_picture):
        yield progress
        if job.id == _SPOILED and progress.iteration == 1 and not (mark := job.output.with_suffix(".lost")).exists():
            mark.touch()
            spoil(backend)


def spoil(backend: Backend) -> None:
    """Launch a kernel that reads 8 GB behind the end of an array; what is queued next fails."""
    if is_pretended():
        lose_pretended()
        return
    launch = random_launch(SIGNATURES["exit_wave"], Size(16, 1, 4, False))
    launch.arrays["order"][:] = 1 << 30
    arrays = {name: backend.asarray(array) for name, array in launch.arrays.items()}
    backend.bind("exit_wave", **arrays)(*launch.scalars)


def _job(name: str, folder: Path) -> Job:
    values = {
        "experiment.simulate": True, "experiment.scan_dims": (3, 4), "preprocessing.size_px": 64,
        "experiment.detector_pixel_m": 150e-6, "experiment.probe_diameter_m": 0.8e-6, "devices.device": DEVICE,
        "reconstruction.iterations": 5,
    }  # fmt: skip
    return Job(name, None, Parameters().replace(values), folder / f"{name}.cxi")


def _follow(process: EngineProcess, name: str) -> tuple[list[str], list[int], Event | None]:
    """Wait for the end of a job; return what was noted, the children that had it, and the end, None if none came."""
    notes: list[str] = []
    pids: list[int] = []
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        for event in process.messages(0.5):
            if isinstance(event, Progress):
                notes += [note for note in event.notes if note not in notes]
            if isinstance(event, Finished | Failed | Died) and event.job_id == name:
                return notes, pids, event
        if process.pid not in (None, *pids):
            pids.append(int(process.pid or 0))
    return notes, pids, None


def _words(event: Event | None) -> str:
    if isinstance(event, Failed):
        return f"{event.kind}: {event.message}"
    if isinstance(event, Died):
        return event.cause
    return str(event.state.name) if isinstance(event, Finished) else "nothing came in time"
