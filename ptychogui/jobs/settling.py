"""When a run that may end has come to its end: what it still gains is noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptychogui.engines.constraints import TRADE_EVERY

_STRETCH = 10
"""Iterations whose mean errors are compared."""

_NOISE = 0.5
"""Part of the free error's relative rise below which the error's fall counts as fitted noise."""

_STANDING = 3e-5
"""Relative fall of the error within a stretch that counts as none."""

_DARK = 25.0
"""Photons on a pixel of the object, from the whole scan, below which every iteration adds more noise than picture once
all positions are taken at once."""


def has_settled(
    errors: Sequence[float], free_errors: Sequence[float], since: int, iteration: int, photons: float
) -> bool:
    """Whether a run may end after an iteration: the error stands still, or falls by less than noise fitted would do.

    An end is where object and probe have just traded what the data leave free on a lattice.

    Args:
        errors: of all iterations of the job, of which the last may not be known yet.
        free_errors: of the same; NaN where there are none.
        since: the iteration since which all have done the same.
        iteration: the last one done.
        photons: that all positions together bring to a pixel of the object.
    """
    if iteration % TRADE_EVERY or iteration <= since:
        return False
    if photons < _DARK:
        return True
    known = min(len(errors), len(free_errors))
    if known < since + 2 * _STRETCH:
        return False
    fall, rise = -_change(errors[:known]), _change(free_errors[:known])
    return fall < max(_STANDING, _NOISE * rise) if np.isfinite(rise) else fall < _STANDING


def settling_notes(settled: bool | None, done: bool, iteration: int, is_auto: bool = True) -> tuple[str, ...]:
    """Say why a run that may end does, or that it had to.

    Args:
        settled: what `has_settled` found; None where it can't be told.
        done: whether no iterations are left.
        iteration: the last one done.
        is_auto: whether the program chose how many there are at most.
    """
    if settled:
        return (f"ended after {iteration} iterations: what they still bring is mostly noise",)
    if done and settled is not None:
        most = ", the most that 'auto' does" if is_auto else ""
        return (f"the error still falls after {iteration} iterations{most}: go on from the result",)
    return ()


def _change(errors: Sequence[float]) -> float:
    """Return by how much the last stretch's mean is above that of the one before, as a part of it."""
    before, last = np.reshape(errors[-2 * _STRETCH :], (2, _STRETCH)).mean(axis=1)
    return float(last / before - 1)
