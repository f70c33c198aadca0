"""The history of a run in pictures: small ones of some iterations, fewer of them the longer it goes on."""

from __future__ import annotations

from ptychogui.pictures.live_picture import Shot

_KEPT_PX = 512
"""Longest side of an object that is kept."""
_KEPT_BYTES = 96_000_000
"""Memory for all that are kept."""


class History:
    """Shots of one run in the order of their iterations: its first, and others at about equal distances."""

    def __init__(self, limit_bytes: int = _KEPT_BYTES) -> None:
        self._limit_bytes, self._least_gap = limit_bytes, 1
        self._shots: list[Shot] = []

    @property
    def iterations(self) -> tuple[int, ...]:
        """After which iterations there is a shot, rising."""
        return tuple(shot.iteration for shot in self._shots)

    def add(self, shot: Shot) -> bool:
        """Keep a small copy, unless one of almost the same iteration is there; say whether.

        Later ones go: an engine that diverged goes on from an earlier iteration.
        """
        self._shots = [kept for kept in self._shots if kept.iteration < shot.iteration]
        if shot.iteration < 0 or (self._shots and shot.iteration - self._shots[-1].iteration < self._least_gap):
            return False
        self._shots.append(shot.smaller(_KEPT_PX))
        while len(self._shots) > 1 and sum(kept.bytes for kept in self._shots) > self._limit_bytes:
            self._shots, self._least_gap = self._shots[::2], 2 * self._least_gap
        return True

    def at(self, iteration: int) -> Shot | None:
        """Return the shot after an iteration, or the last one before it; None where there is none."""
        before = [shot for shot in self._shots if shot.iteration <= iteration]
        return before[-1] if before else None
