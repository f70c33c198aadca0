"""The way back of edits: what the user's own values were before each of them, and after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ptychogui.params.origins import Layers, Source

OWN = (Source.LAST, Source.USER)
"""Layers that the user changes."""

_MOST = 200
"""Steps that can be undone."""


def with_own_of(layers: Layers, other: Layers) -> Layers:
    """Return layers with the user's own values of others."""
    for source in OWN:
        layers = layers.with_layer(source, other.values.get(source, {}))
    return layers


def own_of(layers: Layers) -> dict[Source, dict[str, Any]]:
    """Return the layers that the user changes."""
    return {source: dict(layers.values.get(source, {})) for source in OWN}


def without_own(layers: Layers) -> Layers:
    """Return layers without the user's own values."""
    return Layers({source: values for source, values in layers.values.items() if source not in OWN})


def without_value(layers: Layers, path: str) -> Layers:
    """Return layers without the user's own value of a parameter."""
    for source in OWN:
        layers = layers.without(path, source)
    return layers


@dataclass
class EditHistory:
    """Steps that can be undone and redone, each with what it has changed, in words.

    Attributes:
        undo, redo: the layers that a step leads to, and its words; the next step is the last.
    """

    undo: list[tuple[Layers, str]] = field(default_factory=list)
    redo: list[tuple[Layers, str]] = field(default_factory=list)

    def note(self, before: Layers, what: str) -> None:
        """Take that the user has changed something; what was undone before can't be redone any more."""
        self.undo = [*self.undo[1 - _MOST :], (before, what)]
        self.redo = []

    def back(self, now: Layers) -> Layers:
        """Return the layers before the last step."""
        before, what = self.undo.pop()
        self.redo.append((now, what))
        return with_own_of(now, before)

    def forth(self, now: Layers) -> Layers:
        """Return the layers after the step that was undone last."""
        after, what = self.redo.pop()
        self.undo.append((now, what))
        return with_own_of(now, after)

    @property
    def words(self) -> tuple[str, str]:
        """What would be undone and redone; "" for nothing."""
        return tuple(steps[-1][1] if steps else "" for steps in (self.undo, self.redo))  # type: ignore[return-value]
