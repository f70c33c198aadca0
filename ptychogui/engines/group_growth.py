"""Growth of LSQML's groups: small ones as long as they bring something, then larger ones, at last the whole scan.

Small groups get away fastest from a wrong probe, but each leaves the noise of its few positions in object and probe,
and the more so the fewer photons it has. What they bring is had when the misfit has stopped falling, for what is left
in it is their noise, and the object moves no further than that noise: what varies slowly over it may still get better
below (engines.object_movement). How many iterations were asked for plays no part, so that a longer run goes through
the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptychogui.engines.state import EngineState

_FIRST_GROUPS = 40
"""Groups of the first iterations, where photons are plenty."""

_LEAST_PHOTONS = 5.0
"""Photons that a group brings to a pixel of the object, at least."""

_UNKNOWN = 1e2
"""Photons on a pixel of the object, from the whole scan, where a broken probe does not tell."""

_PARTS = (0.1, 0.25, 0.5, 1.0)
"""Parts of the scan that groups grow to, one after the other."""

_CAUTION = {0.09: 2.5, 0.2: 1.5}
"""Times the damping, by the part of the scan up to which groups have it: their noise would be stronger where the object
is weakly lit."""

_TRIAL = 4
"""Iterations that tell whether small groups still bring something where others went before: all of the scan but for
the second, and what they gave is known."""

_OVER, _FALL = 2, 0.01
"""The misfit has stopped falling if it fell by less than this part over so many iterations."""

_LONGEST = 100
"""Iterations that wait for the object at most."""

_FINISH = 3
"""Iterations at the end that take the whole scan, however early the end is."""


class GroupGrowth:
    """The sizes of one stage's groups, iteration by iteration."""

    def __init__(self, positions: int, first: int, photons: float, iterations: int, improved: bool) -> None:
        """Begin a stage.

        Args:
            positions: of the scan.
            first: most positions of the first groups; 0 for what suits the photons.
            photons: that all positions together bring to a pixel of the object.
            iterations: of the stage.
            improved: whether object and probe come from iterations before, so that small groups may do harm.
        """
        photons = _UNKNOWN if math.isnan(photons) else max(photons, 1 / positions)
        least = max(-(-positions // _FIRST_GROUPS), math.ceil(positions * _LEAST_PHOTONS / photons))
        first = min(positions, first or least)
        larger = (math.ceil(part * positions) for part in _PARTS)
        self._sizes = [first, *(size for size in larger if size > first)]
        self._iterations, self._level = iterations, 0
        self._trial = _TRIAL if improved else 0
        self._since = self._trial

    def size(self, done: int, errors: Sequence[float], goes_on: bool) -> int:
        """Return the most positions of a group in the next iteration.

        Args:
            done: iterations of the stage that are done.
            errors: of its iterations, in their order, as far as they are known on every device.
            goes_on: whether the object has moved further, lately, than by the noise of the first groups.
        """
        last = len(self._sizes) - 1
        if done < self._trial:
            return self._sizes[0 if done == 1 else last]
        waits = self._level == 0 and done < self._since + _LONGEST
        harmful = done == self._trial > 0 and not _fell(errors[:2])
        if harmful or done >= self._iterations - _FINISH:
            self._level = last
        elif self._level < last and self._has_had(errors) and not (waits and goes_on):
            self._level, self._since = self._level + 1, done
        return self._sizes[self._level]

    def wind_up(self, done: int) -> int:
        """Take the whole scan from now on; return how many more iterations should do so, after those that are done."""
        self._iterations = min(self._iterations, done)
        return _FINISH if self._level < len(self._sizes) - 1 else max(0, self._since + _FINISH - done)

    def state(self) -> EngineState:
        """Return how far groups have grown, and what that was seen by."""
        return {"iterations": self._iterations, "level": self._level, "since": self._since}

    def restore(self, state: EngineState) -> None:
        """Go on growing as one that gave this state."""
        self._iterations, self._level, self._since = state["iterations"], state["level"], state["since"]

    @property
    def steady_since(self) -> int | None:
        """Iterations of the stage that had been done when groups became the whole scan; None while they may grow."""
        return self._since if self._level == len(self._sizes) - 1 else None

    @property
    def asks(self) -> bool:
        """Whether sizes hang on how the object moves."""
        return self._level == 0 < len(self._sizes) - 1

    @property
    def first(self) -> int:
        """Most positions of the smallest groups."""
        return self._sizes[0]

    def caution(self, size: int) -> float:
        """Return how many times the damping groups of a size want."""
        part = size / self._sizes[-1]
        return next((times for most, times in _CAUTION.items() if part <= most), 1.0)

    def _has_had(self, errors: Sequence[float]) -> bool:
        """Whether the misfit tells that the present size has brought what it can."""
        known = errors[self._since :]
        return len(known) > _OVER and not _fell(known[-1 - _OVER :])


def _fell(errors: Sequence[float]) -> bool:
    """Whether the last error is lower than the first by more than what counts as standing still."""
    return errors[-1] < (1 - _FALL) * errors[0]
