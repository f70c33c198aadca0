"""Lost positions: those that are no numbers, far away by orders of magnitude, or readings that stand still.

A lost position costs its own frame. So a position is called lost only where it can't be meant: in doubt it stays.
"""

from __future__ import annotations

import numpy as np

_FAR = 100.0
"""Distance from the middle of the scan, in median distances of all positions from there, that none of it can have."""

_STANDING = 3
"""Readings in a row, the same to the last bit in a scan where hardly any are, that show that one stands still."""

_MOST = 0.5
"""Part of the positions that may be far away or stand still; where more seem to, the rule is wrong and they stay. Any
number of positions may have been left unwritten."""


def lost_positions(positions_m: np.ndarray) -> np.ndarray:
    """Tell which positions can't be meant: bool (positions,).

    Args:
        positions_m: float64 (positions, 2), in the order of the scan; what is not a number is lost in any case.
    """
    lost = np.asarray(~np.isfinite(positions_m).all(axis=1))
    for odd in (_unwritten, _far, _standing):
        left = np.flatnonzero(~lost)
        if len(left) > 2:
            found = left[odd(positions_m[left])]
            if odd is _unwritten or len(found) < _MOST * len(left):
                lost[found] = True
    return lost


def all_lost_text(positions_m: np.ndarray) -> str:
    """Say that every position is lost.

    Args:
        positions_m: float64 (positions, 2), one at least.
    """
    count = len(positions_m)
    return f"{count} of {count} positions are not numbers, the first is position 0 {tuple(positions_m[0].tolist())}"


def lost_note(lost: np.ndarray) -> str:
    """Say which positions are lost.

    Args:
        lost: bool (positions,), one at least.
    """
    count, first = np.count_nonzero(lost), np.flatnonzero(lost)[0]
    are, which = ("is", f"position {first}") if count == 1 else ("are", f"the first is position {first}")
    why = "no number, far off, or a reading that stands still"
    return f"{count} of {len(lost)} positions {are} lost ({why}) and left out, {which}"


def _unwritten(positions_m: np.ndarray) -> np.ndarray:
    """Tell which positions are (0, 0) because nothing was written there: bool (positions,).

    They come several times where others come once, or once amid others that have no zero in either axis. The first
    position of a scan may be (0, 0), since many measure from there.
    """
    zero = (positions_m == 0).all(axis=1)
    if zero.all() or not zero.any():
        return np.zeros_like(zero)
    _, times = np.unique(positions_m[~zero], axis=0, return_counts=True)
    if np.count_nonzero(zero) > max(1, np.median(times)):
        return np.asarray(zero)
    alone = np.count_nonzero(zero) == 1 and not zero[0] and not (positions_m[~zero] == 0).any()
    return np.asarray(zero & alone)


def _far(positions_m: np.ndarray) -> np.ndarray:
    """Tell which positions are farther away than the scan reaches, by orders of magnitude: bool (positions,)."""
    with np.errstate(over="ignore"):
        away = np.abs(positions_m - np.median(positions_m, axis=0)).max(axis=1)
    return np.asarray(away > _FAR * np.median(away)) if np.median(away) > 0 else np.zeros(len(away), np.bool_)


def _standing(positions_m: np.ndarray) -> np.ndarray:
    """Tell which positions repeat the one before, where a reading stood still: bool (positions,)."""
    same = np.zeros(len(positions_m), np.bool_)
    same[1:] = (np.diff(positions_m, axis=0) == 0).all(axis=1)
    start = np.flatnonzero(~same)
    lengths = np.diff([*start, len(same)])
    if np.median(lengths) > 1:
        return np.zeros_like(same)
    return np.asarray(same & np.repeat(lengths >= _STANDING, lengths))
