"""State of an engine: all that its next iterations depend on besides the problem and the settings it was made for.

It is a flat mapping of names to arrays and to values that JSON can hold. Whoever owns a part of it gives that part
(`state`) and takes it back (`restore`), in names of its own; whoever owns the owner puts a prefix before them. What
follows from other parts by the same arithmetic, to the bit, is left out. Arrays in it are the owners' own, as they are
until the next step: who keeps them longer copies them, see `kept`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count, takewhile
from typing import Any, Protocol, TypeAlias

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.errors import DataError

EngineState: TypeAlias = dict[str, Any]
"""Name -> array of the device or the host, or a value for JSON."""


class Owner(Protocol):
    """Whoever owns a part of a state."""

    def state(self) -> EngineState:
        """Return the part."""

    def restore(self, state: EngineState) -> None:
        """Take a part that one like this has given."""


def collected(owners: Mapping[str, Owner]) -> EngineState:
    """Return the parts of all owners, each behind its owner's name and a dot."""
    return joined(**{name: owner.state() for name, owner in owners.items()})


def handed_out(state: Mapping[str, Any], owners: Mapping[str, Owner]) -> None:
    """Give every owner its part back, in order."""
    for name, owner in owners.items():
        owner.restore(part_of(state, name))


def joined(**parts: Mapping[str, Any]) -> EngineState:
    """Return several parts as one state, each behind its name and a dot."""
    return {f"{owner}.{name}": value for owner, part in parts.items() for name, value in part.items()}


def part_of(state: Mapping[str, Any], owner: str) -> EngineState:
    """Return one part of what was joined; empty where it is not there."""
    before = f"{owner}."
    return {name.removeprefix(before): value for name, value in state.items() if name.startswith(before)}


def numbered(values: Iterable[Any]) -> EngineState:
    """Return a list as a state."""
    return {str(number): value for number, value in enumerate(values)}


def in_order(state: Mapping[str, Any]) -> list[Any]:
    """Return the list that `numbered` was given."""
    return [state[name] for name in takewhile(state.__contains__, map(str, count()))]


def put(arrays: Mapping[str, Array], state: Mapping[str, Any], backend: Backend) -> None:
    """Write a state's arrays into an owner's own, which stay where kernels know them.

    Args:
        arrays: of the backend, contiguous, by their names in the state.
        state: with these names; its arrays are of the host, or of the backend.
        backend: where the owner's are.

    Raises:
        DataError: one is missing, or of another shape or dtype.
    """
    for name, array in arrays.items():
        value = state.get(name)
        found = None if value is None else (value.shape, value.dtype)
        if found != (array.shape, array.dtype):
            raise DataError(
                f"the state does not fit: '{name}' is {_text(found)}, not {_text((array.shape, array.dtype))}"
            )
        if isinstance(value, np.ndarray):
            backend.write(array, value)
        else:
            array[...] = value


def taken(value: Array, backend: Backend) -> Array:
    """Return a new array of the backend with the values of one in a state."""
    return backend.asarray(np.array(value)) if isinstance(value, np.ndarray) else value.copy()


def kept(state: Mapping[str, Any]) -> EngineState:
    """Return a copy of a state that steps of its engine leave as it is; arrays stay on the device they are on."""
    return {name: value.copy() if hasattr(value, "shape") else value for name, value in state.items()}


def _text(found: tuple[tuple[int, ...], Any] | None) -> str:
    return "not there" if found is None else f"{found[1]} {found[0]}"
