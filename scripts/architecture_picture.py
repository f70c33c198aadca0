"""The picture of docs/architecture.md: packages, their first words and layers, read from the code and drawn as SVG.

`python -m scripts.architecture_picture`, a part of `make docs`, writes docs/images/architecture.svg.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any
from xml.sax.saxutils import escape

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

_PACKAGE = "ptychogui"
_NO_PYTHON = {
    "kernels": "CUDA C++ in one portable dialect: compiled for the GPU and, as it is, for the CPU.",
    "resources": "Icons, the window's style sheet, presets of beamlines.",
}
"""Folders below the packages, which have no docstring."""

_WIDTH, _MARGIN, _ARROW, _GAP, _PAD = 960.0, 16.0, 28.0, 6.0, 9.0
_NAME_PX, _WORDS_PX, _LINE = 12.5, 11.5, 14.5
_BOLD, _PLAIN = 0.62, 0.56
"""Width of a character, of its height; wide enough for the fonts that browsers take."""
_NARROWEST = 138.0
"""For a room with words."""

_STYLE = """\
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
@media (prefers-color-scheme: dark) {
.back { fill: #15181d } .room { fill: #1d2127; stroke: #4a5361 } .inner { fill: #2a303a; stroke: #2a303a }
.name { fill: #e6e9ee } .words { fill: #aab4c3 } .note { fill: #7aa7ff } .arrow { stroke: #98a2b3; fill: #98a2b3 }
}"""
"""Colors of a dark page; those of a light one are attributes, which any program that shows SVG understands."""


@dataclass(frozen=True)
class Room:
    """A package, a module or a folder.

    Attributes:
        name: as on disk: "jobs/", "app.py".
        words: what it is, in a sentence; "" where the name has to do.
        count: how many modules or files are in it, None for a module.
        note: what it alone may import, "" for nothing.
        rows: the rooms in it, those of a row beside each other.
    """

    name: str
    words: str
    count: int | None = None
    note: str = ""
    rows: tuple[tuple[Room, ...], ...] = ()


def read_house(root: Path = ROOT) -> tuple[tuple[Room, ...], ...]:
    """Read the rooms of a source tree, a row for each layer, the uppermost first.

    Raises:
        ValueError: the layers name a room that is neither a package nor a module, and not one to come.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = {
        container: _rows(contract["layers"])
        for contract in contracts
        if contract["type"] == "layers"
        for container in contract["containers"]
    }
    notes = _notes(contracts)
    rows = (
        tuple(_read(root / _PACKAGE, name, layers, notes) for name in row if _is_there(root / _PACKAGE, name))
        for row in layers[_PACKAGE]
    )
    below = tuple(_folder(root / name, words) for name, words in _NO_PYTHON.items())
    return (*(row for row in rows if row), below)


def _rows(layers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Split layers as import-linter has them: "views | controllers", "(api)" for one that may be missing."""
    return tuple(tuple(name.strip() for name in layer.split("|")) for layer in layers)


def _is_there(folder: Path, name: str) -> bool:
    """Whether there is such a room; one in brackets need not be."""
    bare = name.strip("()")
    there = (folder / f"{bare}.py").is_file() or (folder / bare / "__init__.py").is_file()
    if not there and bare == name:
        raise ValueError(f"no package or module {name} in {folder}, but pyproject.toml has it among the layers")
    return there


def _notes(contracts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what rooms may import that others must not."""
    notes = {}
    for contract in contracts:
        for line in contract.get("ignore_imports", ()) if contract["type"] == "forbidden" else ():
            room, *inside = [part for part in line.split(" -> ")[0].split(".")[1:] if part != "**"]
            where = f" in {'/'.join(inside)}.py" if inside else ""
            notes[room] = f"may import {', '.join(contract['forbidden_modules'])}{where}"
    return notes


def _read(
    folder: Path,
    name: str,
    layers: Mapping[str, tuple[tuple[str, ...], ...]],
    notes: Mapping[str, str],
    is_inner: bool = False,
) -> Room:
    """Read a room, and the rooms in it; of a module that is in another room the name has to do."""
    bare = name.strip("()")
    path = folder / bare
    if not path.is_dir():
        if is_inner:
            return Room(bare, "")
        return Room(f"{bare}.py", _first_words(path.with_suffix(".py")), note=notes.get(bare, ""))
    count = sum(module.name != "__init__.py" for module in path.rglob("*.py"))
    rows = () if is_inner else layers.get(f"{_PACKAGE}.{bare}", (tuple(_packages(path)),))
    inside = tuple(
        tuple(_read(path, one, {}, {}, is_inner=True) for one in row if _is_there(path, one)) for row in rows if row
    )
    words = _first_words(path / "__init__.py")
    return Room(f"{bare}/", words, count, notes.get(bare, ""), inside)


def _packages(folder: Path) -> list[str]:
    return sorted(init.parent.name for init in folder.glob("*/__init__.py"))


def _folder(path: Path, words: str) -> Room:
    count = sum(file.is_file() and not file.name.startswith(".") for file in path.rglob("*"))
    return Room(f"{path.name}/", words, count)


def _first_words(path: Path) -> str:
    """Return the first sentence of a module's docstring, from its first line."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence, end, _ = docstring.partition("\n")[0].partition(". ")
    return (sentence + end.strip()).replace("`", "")


@dataclass(frozen=True)
class _Box:
    """A room as it is drawn: where, how large, and whether it is in another."""

    room: Room
    x: float
    width: float
    is_inner: bool

    @property
    def beside(self) -> bool:
        """Whether the words have room behind the name."""
        room, free = self.room, self.width - 2 * _PAD
        title = _text_px(room.name, _NAME_PX, _BOLD) + _text_px(f"  {room.words}  999", _WORDS_PX, _PLAIN)
        return title < free

    @property
    def lines(self) -> list[str]:
        """What stands below the name."""
        room, characters = self.room, int((self.width - 2 * _PAD) / (_PLAIN * _WORDS_PX))
        return wrap("" if self.beside else room.words, characters)

    @property
    def note_lines(self) -> list[str]:
        """The note, below the words."""
        return wrap(self.room.note, int((self.width - 2 * _PAD) / (_PLAIN * _WORDS_PX)))

    @property
    def rows(self) -> list[list[_Box]]:
        """The rooms inside."""
        left, free = self.x + _PAD, self.width - 2 * _PAD
        return [line for row in self.room.rows for line in _flow(row, left, free, is_inner=True)]

    @property
    def height(self) -> float:
        """As much as is needed."""
        inside = sum(_height(line) + _GAP for line in self.rows)
        lines = len(self.lines) + len(self.note_lines)
        return (25 if self.room.words else 20) + _LINE * lines + (inside and inside + 2)

    @property
    def _base(self) -> float:
        """From the upper edge to the foot of the name."""
        return 17 if self.room.words else 14.5

    def draw(self, y: float, height: float) -> list[str]:
        """Draw the room with all in it."""
        kind, fill, stroke = ("inner", "#e9eef6", "#e9eef6") if self.is_inner else ("room", "#ffffff", "#b9c2cf")
        drawn = [
            f'<rect class="{kind}" x="{self.x:.1f}" y="{y:.1f}" width="{self.width:.1f}" height="{height:.1f}" rx="6" '
            f'fill="{fill}" stroke="{stroke}"/>',
            self._title(y + self._base),
        ]
        y += self._base
        for kind, color, lines in (("words", "#566072", self.lines), ("note", "#1d4fb3", self.note_lines)):
            for line in lines:
                y += _LINE
                drawn.append(_text(self.x + _PAD, y, kind, color, _WORDS_PX, line))
        y += 10
        for boxes in self.rows:
            drawn += _draw_line(boxes, y)
            y += _height(boxes) + _GAP
        return drawn

    def _title(self, y: float) -> str:
        room = self.room
        left, right = self.x + _PAD, self.x + self.width - _PAD
        behind = left + _text_px(room.name, _NAME_PX, _BOLD) + 6
        drawn = _text(left, y, "name", "#1b2330", _NAME_PX, room.name, ' font-weight="600"')
        if self.beside and room.words:
            drawn += _text(behind, y, "words", "#566072", _WORDS_PX, room.words)
        if room.count is not None:
            drawn += _text(right, y, "words", "#566072", _WORDS_PX, str(room.count), ' text-anchor="end"')
        return drawn


def _text_px(text: str, size_px: float, width: float) -> float:
    return len(text) * size_px * width


def _text(x: float, y: float, kind: str, color: str, size_px: float, text: str, more: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{kind}" {place} font-size="{size_px}" fill="{color}"{more}>{escape(text)}</text>'


def _least_px(room: Room) -> float:
    """Return the width that a room needs."""
    if room.rows:
        return max(sum(_least_px(inner) + _GAP for inner in row) for row in room.rows) - _GAP + 2 * _PAD
    return _NARROWEST if room.words else _text_px(room.name, _NAME_PX, _BOLD) + 2 * _PAD


def _flow(rooms: Sequence[Room], left: float, width: float, is_inner: bool = False) -> list[list[_Box]]:
    """Place rooms beside each other, on as many lines as it takes, each line as wide as all."""
    lines: list[list[Room]] = [[]]
    for room in rooms:
        if lines[-1] and sum(_least_px(one) + _GAP for one in (*lines[-1], room)) - _GAP > width:
            lines.append([])
        lines[-1].append(room)
    return [_stretched(line, left, width, is_inner) for line in lines]


def _stretched(rooms: Sequence[Room], left: float, width: float, is_inner: bool) -> list[_Box]:
    least = [_least_px(room) for room in rooms]
    factor = (width - _GAP * (len(rooms) - 1)) / sum(least)
    boxes = []
    for room, needed in zip(rooms, least, strict=True):
        boxes.append(_Box(room, left, needed * factor, is_inner))
        left += needed * factor + _GAP
    return boxes


def _height(boxes: Sequence[_Box]) -> float:
    return max(box.height for box in boxes)


def _draw_line(boxes: Sequence[_Box], y: float) -> list[str]:
    height = _height(boxes)
    return [element for box in boxes for element in box.draw(y, height)]


def draw_house(house: Sequence[Sequence[Room]]) -> str:
    """Return the picture as SVG; it reads on light pages and on dark ones."""
    left, y, drawn = _MARGIN + _ARROW, _MARGIN, []
    for row in house:
        for boxes in _flow(row, left, _WIDTH - left - _MARGIN):
            drawn += _draw_line(boxes, y)
            y += _height(boxes) + _GAP
    height = y - _GAP + _MARGIN
    back = f'<rect class="back" width="{_WIDTH:.0f}" height="{height:.0f}" rx="8" fill="#f3f4f7"/>'
    parts = ("<title>The rooms of ptychogui; imports point down</title>", f"<style>{_STYLE}</style>", back)
    size = f'width="{_WIDTH:.0f}" height="{height:.0f}" viewBox="0 0 {_WIDTH:.0f} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join((head, *parts, *_draw_arrow(height), *drawn, "</svg>\n"))


def _draw_arrow(height: float) -> tuple[str, ...]:
    """Draw the arrow beside the rooms: which way imports point."""
    x, top, end = _MARGIN + 16, _MARGIN + 4, height - _MARGIN - 4
    turned = f'transform="rotate(-90 {_MARGIN + 8:.0f} {height / 2:.0f})"'
    label = (
        f'<text class="words" x="{_MARGIN + 8:.0f}" y="{height / 2:.0f}" {turned} text-anchor="middle" font-size="12" '
    )
    return (
        f'<path class="arrow" d="M{x:.0f} {top:.0f}V{end:.0f}m-4 -8l4 8l4 -8z" stroke="#667085" fill="#667085"/>',
        f'{label}fill="#566072">imports point down only: a room may import those below it</text>',
    )


if __name__ == "__main__":
    PICTURE.write_text(draw_house(read_house()), encoding="utf-8")
    print(PICTURE)
