"""The script API: open a scan, reconstruct it, read the result.

for progress in reconstruct("scan.cxi", "result.cxi", iterations=50, probe_modes=3):
    print(progress.iteration, progress.error)
result = read_result("result.cxi")
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from ptychogui.backends import list_devices, open_backend
from ptychogui.errors import ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import Result, read_result
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.layers import job_layers, make_job
from ptychogui.jobs.runner import run_job
from ptychogui.params.model import describe

__all__ = [
    "Control", "Dataset", "Progress", "Result", "list_devices", "open_dataset", "read_result", "reconstruct",
]  # fmt: skip


def reconstruct(
    source: Path | str | Dataset | None,
    output: Path | str,
    *,
    control: Control | None = None,
    wants_picture: Callable[[int], bool] | None = None,
    **options: Any,
) -> Generator[Progress, None, None]:
    """Reconstruct a scan and write the result file; yields as it goes on, see `jobs.runner.run_job`.

    Args:
        source: the scan's file, or the scan; None with simulate=True.
        output: path of the result file.
        control: how another thread stops early, with the result kept.
        wants_picture: asked for each iteration whether its Progress shall have an estimate; only the last one has
            by default.
        options: parameters by name, in SI units (energy_eV=8800.0, probe_modes=3, device="cpu"); see
            docs/parameters.md.

    Raises:
        PtychoError: at once, where a parameter or the scan is no good; while it goes on, where the job can't be done.
    """
    values = {_path(name): (value, "script") for name, value in options.items()}
    file = source.path if isinstance(source, Dataset) else Path(source) if source is not None else None
    layers = job_layers(source if isinstance(source, Dataset) else file, values)
    return _run(make_job(layers, file, Path(output), "ptychogui.api.reconstruct"), control, wants_picture)


def _run(
    job: Job, control: Control | None, wants_picture: Callable[[int], bool] | None
) -> Generator[Progress, None, None]:
    devices = job.parameters.devices
    with open_backend(devices.device, devices.threads) as backend:
        yield from run_job(job, backend, control, wants_picture)


def _path(name: str) -> str:
    paths = {param.name: param.path for param in describe()}
    if name not in paths:
        raise ParameterError(f"no parameter is called '{name}'; docs/parameters.md lists all")
    return paths[name]
