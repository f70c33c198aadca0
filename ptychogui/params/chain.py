"""Chains of engines, each going on where the one before ended: "dm:50/2,lsqml:100"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator

from ptychogui.params.spec import TextForm

ENGINE_TITLES = {"epie": "ePIE", "dm": "DM", "raar": "RAAR", "lsqml": "LSQML"}
"""Every engine's name, and how it is written for the eye."""

ENGINE_NAMES = tuple(ENGINE_TITLES)

_STAGE = re.compile(r"([a-z]+)(?::(\d+))?(?:/(\d+))?")
_CROPS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Stage:
    """One engine's part of a reconstruction.

    `iterations` is None where those of the job apply; `crop` is what the patterns' size is divided by (1, 2, 4 or 8):
    the middle of each pattern alone gives a coarse object soon.
    """

    engine: str
    iterations: int | None = None
    crop: int = 1

    def __str__(self) -> str:
        count = "" if self.iterations is None else f":{self.iterations}"
        return f"{self.engine}{count}" + (f"/{self.crop}" if self.crop > 1 else "")


@lru_cache(maxsize=256)
def parse_chain(text: str) -> tuple[Stage, ...]:
    """Read engines separated by commas: NAME, NAME:ITERATIONS or NAME:ITERATIONS/CROP.

    Raises:
        ValueError: the text has another form, or names an engine that is not there.
    """
    return tuple(_stage(part.strip().casefold()) for part in text.split(","))


def engines_of(text: str) -> tuple[str, ...]:
    """Return the names of a chain's engines, each once, in their order."""
    return tuple(dict.fromkeys(stage.engine for stage in parse_chain(text)))


def titles(names: Sequence[str], joint: str = "and") -> str:
    """Write engines for the eye: "ePIE, DM and RAAR"."""
    *rest, last = (ENGINE_TITLES[name] for name in names)
    return f"{', '.join(rest)} {joint} {last}" if rest else last


def _stage(part: str) -> Stage:
    found = _STAGE.fullmatch(part)
    if not found:
        raise ValueError("must be an engine, or several as in dm:50,lsqml:100 or dm:50/2,lsqml")
    name, iterations, crop = found.groups()
    if name not in ENGINE_NAMES:
        alike = difflib.get_close_matches(name, ENGINE_NAMES, n=1)
        raise ValueError(
            f"must name engines of {', '.join(ENGINE_NAMES)}, not '{name}'"
            + (f"; did you mean '{alike[0]}'?" if alike else "")
        )
    if iterations == "0":
        raise ValueError(f"must give {name} one or more iterations, not 0")
    if crop and int(crop) not in _CROPS:
        raise ValueError(f"must divide the patterns' size by 1, 2, 4 or 8, not by {crop}")
    return Stage(name, int(iterations) if iterations else None, int(crop or 1))


def _to_text(value: Any) -> Any:
    return ",".join(map(str, parse_chain(value))) if isinstance(value, str) else value


ChainText = Annotated[str, BeforeValidator(_to_text), TextForm("ENGINE:N/CROP,...")]
"""A chain of engines as a parameter holds it: its text."""
