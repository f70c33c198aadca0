"""Origins of values: layers, the upper hiding the lower.

default < preset < file < last scan < user. The form edits only the user's layer, so 'go back' is to take a value
out of it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Any

from ptychogui.params.model import Parameters, by_path, defaults


class Source(IntEnum):
    """Kinds of origin, lowest first."""

    DEFAULT = 0
    PRESET = 1
    FILE = 2
    LAST = 3
    USER = 4


@dataclass(frozen=True)
class Origin:
    """A value's origin: its kind, and the place in it (HDF5 path, PV, option, preset name)."""

    source: Source
    place: str = ""

    def __str__(self) -> str:
        name = {Source.LAST: "last scan"}.get(self.source, self.source.name.lower())
        return f"{name}: {self.place}" if self.place else name


@cache
def _defaults() -> dict[str, Origin]:
    return {path: Origin(Source.DEFAULT) for path in by_path()}


@dataclass(frozen=True)
class Layers:
    """Values by layer; immutable: every change gives new Layers."""

    values: Mapping[Source, Mapping[str, tuple[Any, str]]] = field(default_factory=dict)

    def with_layer(self, source: Source, values: Mapping[str, tuple[Any, str]]) -> Layers:
        """Replace a whole layer: parameter path -> (value, place)."""
        return Layers({**self.values, source: dict(values)})

    def with_value(self, path: str, value: Any, source: Source = Source.USER, place: str = "") -> Layers:
        """Set one value in a layer (the user's, if not said otherwise)."""
        return self.with_layer(source, {**self.values.get(source, {}), path: (value, place)})

    def without(self, path: str, source: Source = Source.USER) -> Layers:
        """Take one value out of a layer, so that the one below shows again."""
        return self.with_layer(source, {k: v for k, v in self.values.get(source, {}).items() if k != path})

    def resolve(self) -> tuple[Parameters, dict[str, Origin]]:
        """Return the parameters as they stand and the origin of every one.

        Raises:
            ParameterError: a value does not fit its declaration.
        """
        chosen: dict[str, Any] = {}
        origins = dict(_defaults())
        for source in sorted(self.values):
            for path, (value, place) in self.values[source].items():
                chosen[path] = value
                origins[path] = Origin(source, place)
        return defaults().replace(chosen, origins), origins
