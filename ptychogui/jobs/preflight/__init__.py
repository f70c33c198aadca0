"""Preflight: checks of a job before it runs, by its values, a few frames of its scan, and its device."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ptychogui.backends import list_devices, open_backend
from ptychogui.backends.base import Backend
from ptychogui.backends.host_memory import memory_in_words
from ptychogui.errors import DeviceBusyError, DeviceError, PtychoError
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight.cost_checks import Speeds, check_run_memory, check_time
from ptychogui.jobs.preflight.detector_checks import (
    check_center,
    check_photons,
    check_pixels,
    check_sampling,
    check_saturation,
)
from ptychogui.jobs.preflight.findings import TITLES, Finding, Level, Preflight
from ptychogui.jobs.preflight.mask_checks import check_mask
from ptychogui.jobs.preflight.position_checks import check_object, check_overlap, check_pairing
from ptychogui.jobs.preflight.sampled_scan import FrameSample, SampledScan, read_sample
from ptychogui.jobs.preflight.value_checks import check_values
from ptychogui.jobs.prepare.open_scan import open_scan
from ptychogui.notify.log import TOLD

_log = logging.getLogger(__name__)

__all__ = ["TITLES", "Checker", "Finding", "Level", "Preflight", "check_opened", "preflight"]

_Check = Callable[[SampledScan], Iterator[Finding]]

_CHECKS: dict[str, _Check] = {
    "values": check_values, "pairing": check_pairing, "overlap": check_overlap, "object": check_object,
    "center": check_center, "sampling": check_sampling, "saturation": check_saturation, "pixels": check_pixels,
    "mask": check_mask, "photons": check_photons,
}  # fmt: skip
"""Those that need no device."""


def preflight(job: Job, backend: Backend | None = None, speeds: Speeds | None = None) -> Preflight:
    """Check a job before it runs. Reads at most 64 frames or 256 MB of its scan.

    Args:
        job: what is to be done; nothing of it is done.
        backend: the open device; None leaves memory and time unchecked.
        speeds: remembers what was measured, for the next time.

    Returns:
        at least one finding of every check; what can't be checked is a finding that says why.

    Raises:
        DataError: the scan can't be opened or read at all.
        ParameterError: a scan to be simulated can't be.
    """
    start = time.perf_counter()
    with open_scan(job) as dataset:
        return _checked(SampledScan(job, dataset, read_sample(dataset)), backend, speeds or Speeds(), start)


def check_opened(job: Job, dataset: Dataset, part: int = 1) -> tuple[Finding, ...]:
    """Check a job by a few frames of its open scan, without a device; as `preflight`, with the same errors.

    With `part` it looks at so many times fewer frames.
    """
    return _checked(SampledScan(job, dataset, read_sample(dataset, part)), None, Speeds(), 0.0).findings


def _checked(scan: SampledScan, backend: Backend | None, speeds: Speeds, start: float) -> Preflight:
    checks = dict(_CHECKS)
    if backend is not None:
        checks["memory"] = _worded(partial(check_run_memory, backend=backend), backend)
        checks["time"] = _worded(partial(check_time, backend=backend, speeds=speeds), backend)
    findings = (finding for name in TITLES if name in checks for finding in _kept(name, checks[name], scan))
    return Preflight(tuple(findings), scan.sampled, time.perf_counter() - start)


def _worded(check: _Check, backend: Backend) -> _Check:
    """Return a check whose device fails in words."""

    def worded(scan: SampledScan) -> Iterator[Finding]:
        with backend.in_words():
            yield from check(scan)

    return worded


def _kept(name: str, check: _Check, scan: SampledScan) -> list[Finding]:
    """Return a check's findings, the worst first: what is good only where nothing else is."""
    found: list[Finding] = []
    try:
        with memory_in_words("this computer"):
            found.extend(check(scan))
    except PtychoError as error:
        _log.info("%s can't be checked: %s", name, error)
        found.append(_unchecked(name, str(error), error))
    except Exception as error:  # noqa: BLE001 - one check that fails must not hide what the others found
        _log.error("the check of %s failed", name, exc_info=True, extra=TOLD)
        found.append(_unchecked(name, f"{type(error).__name__}: {error} (a defect of ptychogui)"))
    found.sort(key=lambda finding: -finding.level.rank)
    return [finding for finding in found if finding.level is not Level.GOOD] or found


def _unchecked(name: str, reason: str, error: PtychoError | None = None) -> Finding:
    of_device = type(error)(str(error)) if isinstance(error, DeviceError) else None  # without what its traceback holds
    return Finding(name, Level.UNKNOWN, f"Can't check: {TITLES[name].lower()}", reason, error=of_device)


@dataclass
class Checker:
    """Checks jobs one after the other, and keeps what the next one can use: device, sample and speeds.

    A context manager: leaving it closes the device.
    """

    speeds: Speeds = field(default_factory=Speeds)
    _sampled: tuple[Any, FrameSample] | None = None
    _opened: tuple[Any, Backend] | None = None

    def __enter__(self) -> Checker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def check(self, job: Job) -> Preflight:
        """Check a job on the device that it names; one that can't be used, or fails, is a finding.

        A device that failed is opened anew for the next job.

        Raises:
            DataError: the scan can't be opened or read at all.
            ParameterError: a scan to be simulated can't be.
        """
        start = time.perf_counter()
        with open_scan(job) as dataset:
            scan = SampledScan(job, dataset, self._sample(job, dataset))
            try:
                backend = self._backend(job)
            except DeviceError as error:
                _log.info("checked without a device: %s", error)
                done = _checked(scan, None, self.speeds, start)
                return Preflight((*done.findings, *_no_device(job, error)), done.sampled, done.seconds)
            done = _checked(scan, backend, self.speeds, start)
            if done.device_error is not None:
                _log.info("%s is opened anew for the next check: %s", backend.name, done.device_error)
                self._close()
            return done

    def _sample(self, job: Job, dataset: Dataset) -> FrameSample:
        key = _identity(job, dataset)
        if self._sampled is None or self._sampled[0] != key or job.source is None:
            self._sampled = key, read_sample(dataset)
        return self._sampled[1]

    def _backend(self, job: Job) -> Backend:
        devices = job.parameters.devices
        key = devices.device, devices.threads
        if self._opened is None or self._opened[0] != key:
            self._close()
            self._opened = key, open_backend(*key).__enter__()
        return self._opened[1]

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with contextlib.suppress(DeviceError):  # it may have failed: that was said where it did
                opened[1].__exit__(None, None, None)


def _identity(job: Job, dataset: Dataset) -> Any:
    """Return what tells one stack of frames from another."""
    if not dataset.seen.is_current():
        return object()
    return dataset.path, dataset.seen, dataset.frames.shape, job.parameters.preprocessing


def _no_device(job: Job, error: DeviceError) -> Iterator[Finding]:
    if isinstance(error, DeviceBusyError):  # such as this program's own, which has it open for runs
        yield from (_unchecked(name, str(error), error) for name in ("memory", "time"))
        return
    usable = next((device.name for device in list_devices() if device.usable), "auto")
    fix = {"devices.device": "auto"} if job.parameters.devices.device != "auto" else None
    text = f"take the best device that works: {usable}" if fix else ""
    yield Finding("memory", Level.STOP, "The device can't be used", str(error), fix, text)
    yield _unchecked("time", "there is no device to measure it on", error)
