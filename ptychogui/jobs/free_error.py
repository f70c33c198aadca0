"""Notes on the free error, that of the held-out pixels: whether it can tell anything, and when it rises."""

from __future__ import annotations

from ptychogui.physics.held_out import HeldOut

_VAGUE = 0.2
"""Relative uncertainty of a free error from which on it is said."""


def held_out_notes(held_out: HeldOut | None, share: float) -> tuple[str, ...]:
    """Say where the held-out pixels tell nothing, or little.

    Args:
        held_out: what is held out of a job's patterns.
        share: what was asked for.
    """
    if held_out is None:
        return ("no pixel is held out, so there is no free error: the patterns have too few",) if share else ()
    uncertain = relative_noise(held_out)
    if uncertain < _VAGUE:
        return ()
    return (
        f"{held_out.count} pixels are held out, few of them with counts: the free error is uncertain by "
        f"{uncertain:.0%}; --held-out takes more",
    )


def relative_noise(held_out: HeldOut) -> float:
    """Return the relative uncertainty of a free error: a pixel of many counts is one measurement, of variance 1/4."""
    return float((8 * max(held_out.expected, 1 / 8)) ** -0.5)
