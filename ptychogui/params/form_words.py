"""Messages in the words of the form: what the command line calls --distance is 'Detector distance' there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.spec import Param

_OPTION = re.compile(r"(?<![\w-])--(no-)?([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
_PATH = re.compile(r"\b[a-z]+\.[a-z]\w*\b")


def in_form_words(text: str) -> str:
    """Return a message with the titles of parameters in place of their options and names; other words stay.

    "give --distance (in m)" becomes "give 'Detector distance' (in m)".
    """
    return _PATH.sub(_title_of_path, _OPTION.sub(_title_of_option, text))


def _title_of_option(match: re.Match[str]) -> str:
    param = _by_option().get(f"--{match[2]}")
    if param is None:
        return match[0]
    return f"'{param.title}' off" if match[1] else f"'{param.title}'"


def values_text(values: Mapping[str, Any]) -> str:
    """Say what parameters are set to, a line each: "Pattern center: 64 px, 71 px"."""
    return "\n".join(
        f"{by_path()[path].title}: {format_text(by_path()[path], value)}" for path, value in values.items()
    )


def _title_of_path(match: re.Match[str]) -> str:
    param = by_path().get(match[0])
    return match[0] if param is None else f"'{param.title}'"


@cache
def _by_option() -> dict[str, Param]:
    return {param.option: param for param in by_path().values()}
