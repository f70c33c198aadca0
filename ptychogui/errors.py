"""Errors a user can act on. Each message names the thing, its value and the way out.

They are raised below, shown once at the top: one line on stderr and exit status 2 from the
command line, one dialog or a failed job in the window. Everything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class PtychoError(Exception):
    """Base of every error that bad input or a poor environment can cause.

    One that has more than its message hands all to the base, the message first: so it can be pickled.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class DataError(PtychoError):
    """A file can't be read as what it should be: truncated, incomplete or inconsistent."""


@dataclass(frozen=True)
class Alternative:
    """One of several ways to understand a scan.

    Attributes:
        values: parameter path -> value; with them set, this way is meant, and can be drawn.
        options: the same as options of the command line: "--first-file 1".
        text: what it means, in words: "file 20 is missing".
    """

    values: Mapping[str, Any]
    options: str
    text: str


class AmbiguousPairingError(DataError):
    """Positions and frames can meet in several ways that explain the files equally well; the user has to say which.

    Attributes:
        alternatives: the ways.
    """

    def __init__(self, message: str, alternatives: tuple[Alternative, ...]) -> None:
        super().__init__(message, alternatives)
        self.alternatives = alternatives


class ParameterError(PtychoError):
    """A parameter is missing, out of range or contradicts another one."""


class DeviceError(PtychoError):
    """A device can't be used, or a kernel can't be compiled for it."""


class DeviceBusyError(DeviceError):
    """A device is there, but other processes have it, or it is closed to all."""


class DeviceLostError(DeviceError):
    """A device failed so that this process can do nothing more with it; a new process may."""


class MemoryBudgetError(DeviceError):
    """A job does not fit in the memory of its device."""


class DivergedError(PtychoError):
    """A reconstruction came to nothing, with smaller steps as well."""


class OutputError(PtychoError):
    """A result can't be written: no permission, no space, no such folder."""
