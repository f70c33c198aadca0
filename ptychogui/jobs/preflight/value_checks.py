"""Checks of a job's values: that they are complete, plausible, and do what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ptychogui.errors import ParameterError
from ptychogui.jobs.job_checks import check_honored
from ptychogui.jobs.job_values import NEEDED
from ptychogui.jobs.preflight.findings import Finding, Level, quantity
from ptychogui.jobs.preflight.sampled_scan import SampledScan
from ptychogui.params.chain import engines_of
from ptychogui.params.model import Parameters, by_path, describe, usual_range

_SLIPS = {
    "experiment.energy_eV": {1e3: "keV"}, "experiment.distance_m": {1e-3: "mm", 1e-2: "cm"},
    "experiment.detector_pixel_m": {1e-6: "µm", 1e-3: "mm"},
}  # fmt: skip
"""Units in which a value may have been typed without saying so, as factors."""


def check_values(scan: SampledScan) -> Iterator[Finding]:
    """Look for values that are missing, of a wrong unit, or without effect."""
    yield from _missing(scan)
    for path in NEEDED:
        value = scan.job.parameters.get(path)
        if value is not None and not _is_plausible(path, value):
            yield _implausible(path, value)
    yield from _refused(scan)
    yield Finding("values", Level.GOOD, "Values go together", _values_text(scan))


def _missing(scan: SampledScan) -> Iterator[Finding]:
    try:
        _ = scan.parameters
    except ParameterError as error:
        yield Finding(
            "values", Level.STOP, "A value is missing", str(error), fix_text="give the missing value", error=error
        )


def implausible_values(parameters: Parameters) -> list[str]:
    """Name what is known but outside of the usual: "photon energy"."""
    known = ((path, parameters.get(path)) for path in NEEDED)
    return [
        by_path()[path].title.lower() for path, value in known if value is not None and not _is_plausible(path, value)
    ]


def _is_plausible(path: str, value: float) -> bool:
    low, high = usual_range(path)
    return low <= value <= high


def _implausible(path: str, value: float) -> Finding:
    param = by_path()[path]
    low, high = usual_range(path)
    reason = (f"{quantity(value, param.unit)} is outside of the usual {quantity(low, param.unit)} to "
              f"{quantity(high, param.unit)}")  # fmt: skip
    for factor, unit in _SLIPS[path].items():
        meant = float(f"{value * factor:.12g}")
        if _is_plausible(path, meant):
            text = f"if {unit} was meant, make it {quantity(meant, param.unit)}"
            return Finding("values", Level.STOP, f"{param.title} is unusual", reason, {path: meant}, text)
    return Finding("values", Level.STOP, f"{param.title} is unusual", reason, None, "check the value and its unit")


def _refused(scan: SampledScan) -> Iterator[Finding]:
    """Tell what the job would be refused for; values that no engine heeds go back to their defaults."""
    try:
        check_honored(scan.job)
    except ParameterError as error:
        fix = _defaults_of_idle(scan)
        text = "set it back to its default" if fix else "change the values as it says"
        yield Finding("values", Level.STOP, "A value can't be used", str(error), fix or None, text, error)


def _defaults_of_idle(scan: SampledScan) -> Mapping[str, Any]:
    parameters = scan.job.parameters
    engines = engines_of(parameters.reconstruction.engine)
    idle = (param for param in describe() if param.awaits or not param.heeded_by(engines))
    return {param.path: param.default for param in idle if parameters.get(param.path) != param.default}


def _values_text(scan: SampledScan) -> str:
    experiment = scan.parameters.experiment
    return (
        f"{quantity(experiment.energy_eV or math.nan, 'eV')}, {quantity(experiment.distance_m or math.nan, 'm')} and "
        f"pixels of {quantity(experiment.detector_pixel_m or math.nan, 'm')} give an object pixel of "
        f"{quantity(scan.pixel_m, 'm')} with patterns of {scan.n} x {scan.n}"
    )
