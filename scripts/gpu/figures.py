"""What a step finds out, written as it is found: a step that is ended early leaves what it had."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class SkippedError(Exception):
    """A step can't be done here; its words say why."""


class FoundWrongError(Exception):
    """A step found something wrong; its words say what."""


class Figures:
    """Figures of one step, in a file with a line of JSON for each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, name: str, value: Any) -> None:
        """Add a figure: what JSON knows, with None for what can't be known here."""
        line = json.dumps({"name": name, "value": value})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def tell_or_why(self, name: str, figure: Callable[[], Any]) -> None:
        """Add a figure, or why there is none: one that can't be had leaves the others."""
        try:
            value = figure()
        except Exception as error:
            value = f"not known ({type(error).__name__}: {error})"[:300]
        self.tell(name, value)

    def read(self) -> dict[str, Any]:
        """Return all figures by name; a line that is not whole is left out."""
        if not self._path.exists():
            return {}
        whole = [line for line in self._path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1:] == "\n"]
        lines = [json.loads(line) for line in whole]
        return {line["name"]: line["value"] for line in lines}
