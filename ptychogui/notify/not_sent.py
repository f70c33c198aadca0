"""Errors of sending word: whether the way is closed for all, or one report is refused."""

from __future__ import annotations

from ptychogui.errors import PtychoError


class UnreachableError(PtychoError):
    """Nothing can be sent this way now: no server, no connection, no password. All reports wait."""


class RefusedError(PtychoError):
    """The other side does not take this report.

    Attributes:
        is_final: whether it will not take it later either.
    """

    def __init__(self, message: str, is_final: bool) -> None:
        super().__init__(message, is_final)
        self.is_final = is_final
