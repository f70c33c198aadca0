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
from ptychogui.backends.base import Backend
from ptychogui.errors import ParameterError
from ptychogui.io.atomic import check_writable
from ptychogui.io.dataset import Dataset
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import Result, read_result
from ptychogui.io.series import scan_name
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.layers import job_layers, make_job, scan_source
from ptychogui.jobs.outputs import result_path
from ptychogui.jobs.runner import run_job
from ptychogui.params.commandline import parse_text
from ptychogui.params.model import describe
from ptychogui.params.spec import Param

__all__ = [
    "Control", "Dataset", "Progress", "Result", "list_devices", "open_dataset", "read_result", "reconstruct",
]  # fmt: skip


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
        source: the scan's file, or the scan; None with file_pattern="..." or simulate=True.
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
    values = dict(_given(name, value) for name, value in options.items())
    given = source.path if isinstance(source, Dataset) else Path(source) if source is not None else None
    file = scan_source(given, values)
    layers = job_layers(source if isinstance(source, Dataset) else file, values)
    job_id, _ = values.get("output.job_id", ("", ""))
    path = Path(output) if output is not None else result_path(file, _file_name(job_id, file))
    job = make_job(layers, file, path, "ptychogui.api.reconstruct")
    check_writable(path)
    devices = job.parameters.devices
    return _run(job, open_backend(devices.device, devices.threads), control, wants_picture)


def _run(
    job: Job, backend: Backend, control: Control | None, wants_picture: Callable[[int], bool] | None
) -> Generator[Progress, None, None]:
    with backend:
        yield from run_job(job, backend, control, wants_picture)


def _file_name(job_id: str, file: Path | None) -> str:
    return (job_id or (scan_name(file) if file else "simulated")).replace("/", "_")


def _given(name: str, value: Any) -> tuple[str, tuple[Any, str]]:
    """Return the path of a parameter, and its value with the place it comes from."""
    params: dict[str, Param] = {param.name: param for param in describe()}
    if name not in params:
        raise ParameterError(f"no parameter is called '{name}'; docs/parameters.md lists all")
    return params[name].path, (parse_text(params[name], value) if isinstance(value, str) else value, "script")
