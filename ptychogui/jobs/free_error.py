"""Notes on the free error, that of the held-out pixels: whether it can tell anything, and when it rises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptychogui.engines.state import EngineState
from ptychogui.physics.held_out import HeldOut

_STRETCH = 10
"""Iterations whose mean errors are compared, so that the steps of single ones do not count."""

_RISE = 1.005
"""Times its lowest that a free error must be before it is said: less can't be seen in the picture."""

_CERTAIN = 3.0
"""Standard deviations of a rise."""

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


class FreeErrorWatch:
    """Sees in a job's errors when they fall and free errors rise, and says so once."""

    def __init__(self) -> None:
        self._said = False
        self.begin(None, 0)

    def begin(self, held_out: HeldOut | None, iteration: int) -> None:
        """Begin a stage: what other patterns were misfitted by says nothing about it.

        Args:
            held_out: what is held out of its patterns.
            iteration: those done before it.
        """
        self._expected = 0.0 if held_out is None else held_out.expected
        self._begin = iteration
        self._means: list[np.ndarray] = []

    def state(self) -> EngineState:
        """Return what it has seen of the stage, and whether it has spoken."""
        return {"said": self._said, "begin": self._begin, "means": np.reshape(self._means, (-1, 2))}

    def restore(self, state: EngineState) -> None:
        """Go on as one that gave this state and began with the same pixels."""
        self._said, self._begin, self._means = state["said"], state["begin"], [*np.array(state["means"])]

    def look(self, errors: Sequence[float], free_errors: Sequence[float]) -> tuple[str, ...]:
        """Return a note where the free error has risen; nothing where that was said.

        Args:
            errors: of all iterations of the job that are known.
            free_errors: of the same.
        """
        whole = max(len(errors) - self._begin, 0) // _STRETCH
        if self._said or not self._expected or whole == len(self._means):
            return ()
        del self._means[whole:]
        for first in range(self._begin + len(self._means) * _STRETCH, self._begin + whole * _STRETCH, _STRETCH):
            chosen = slice(first, first + _STRETCH)
            self._means.append(np.mean([errors[chosen], free_errors[chosen]], axis=1))
        note = self._note()
        self._said = bool(note)
        return note

    def _note(self) -> tuple[str, ...]:
        """Compare the last two stretches with the one whose free error was the lowest."""
        if len(self._means) < 3:
            return ()
        errors, free = np.transpose(self._means)
        lowest = int(free[:-2].argmin())
        now = float(free[-2:].min())
        certain = now**2 - free[lowest] ** 2 > _CERTAIN**2 / self._expected
        if not (certain and now > _RISE * free[lowest] and errors[-1] < errors[lowest]):
            return ()
        return (
            f"since about iteration {self._begin + (lowest + 1) * _STRETCH} the error falls ({errors[lowest]:.4g} -> "
            f"{errors[-1]:.4g}) and the free error, that of the held-out pixels, rises ({free[lowest]:.4g} -> "
            f"{free[-1]:.4g}): noise is being fitted, and the picture gets no better by it. Try fewer --iterations, "
            "fewer --probe-modes or --opr-modes, or no --intensity-correction",
        )
