"""One thing that goes wrong with a scan file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.jobs.spoiled.ingredients import Ingredients

BEAM, DETECTED, WRITTEN, SCALED, FILED = range(5)
"""When a spoiling comes: the beam on the detector, what the detector does, what is read out, its scale, the file."""


@dataclass(frozen=True)
class Spoiling:
    """One thing that goes wrong.

    Attributes:
        name: what, in a few words.
        spoil: does it to the ingredients.
        words: of which one at least is in every warning about it.
        when: BEAM to FILED; the earlier of two is done first, whichever is asked for first.
        takes: what no two spoilings can have at once.
        hopeless: whether nothing can come of such a file, so that it has to be refused.
    """

    name: str
    spoil: Callable[[Ingredients], Any]
    words: tuple[str, ...]
    when: int
    takes: frozenset[str]
    hopeless: bool = False

    def goes_with(self, other: Spoiling) -> bool:
        """Whether a file can have both."""
        return not self.takes & other.takes


def add(  # noqa: PLR0913 - a line of a table
    shelf: list[Spoiling], name: str, words: str, when: int, takes: str, spoil: Callable[..., Any], /,
    hopeless: bool = False, **how: Any,
) -> None:  # fmt: skip
    """Add a spoiling; words and what it takes are separated by '|', `how` is what `spoil` is told besides."""
    taken = frozenset(takes.split("|"))
    shelf.append(Spoiling(name, partial(spoil, **how), tuple(words.split("|")), when, taken, hopeless))
