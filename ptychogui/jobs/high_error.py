"""Notes on a run whose error stays far above what photon noise explains: likely causes, and what to try."""

from __future__ import annotations

import shlex

from ptychogui.jobs.job import Job

_FAR_ABOVE = 3.0
"""Errors in photon-noise units from which on it is said. Sound scans end near 1, measured ones with many counts at up
to 2; a wrong distance, orientation or pairing leaves 5 and more even at 1e5 photons a pattern."""

_ENOUGH_ITERATIONS = 20
"""Before so many a high error only means that the run is short."""


def high_error_notes(job: Job, iterations: int, error: float) -> tuple[str, ...]:
    """Say what may be wrong where a run ends with a high error; nothing where it does not.

    Args:
        job: what was done.
        iterations: how many were done.
        error: of the last one, in photon-noise units; NaN where it is not known.
    """
    if iterations < _ENOUGH_ITERATIONS or not error > _FAR_ABOVE:
        return ()
    turned = "the frames are turned against the scan"
    if job.source is not None:
        turned += f" (ptychogui orientation {shlex.quote(str(job.source))} finds out)"
    return (
        f"the error is still {error:.3g} after {iterations} iterations, where 1 is what photon noise explains. If the "
        f"object shows nothing of the sample, most likely {turned}, frames and positions are paired wrongly "
        "(--first-file, --patterns-per-file, --scan-dims), or the detector distance, the energy or the unit of the "
        "positions is wrong. If it does show the sample, more iterations, --probe-modes, --position-correction or "
        "--find-bad-pixels may bring it down",
    )
