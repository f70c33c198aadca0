"""How work on a device is broken off between batches, where whoever waits for it does not want its end any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BrokenOffError(Exception):
    """Work was broken off; what it would have changed in the end is as it was."""


class Breakable:
    """The part of a Backend that lets work be broken off where the work says that it can be."""

    _is_unwanted: Callable[[], bool] = staticmethod(lambda: False)

    @contextmanager
    def breakable(self, is_unwanted: Callable[[], bool]) -> Iterator[None]:
        """Have work in the block broken off as soon as `is_unwanted` says so."""
        self._is_unwanted, before = is_unwanted, self._is_unwanted
        try:
            yield
        finally:
            self._is_unwanted = before

    def break_point(self) -> None:
        """Say that the work under way may be broken off here.

        Raises:
            BrokenOffError: it is to be.
        """
        if self._is_unwanted():
            raise BrokenOffError
