"""An error as the user sees it, and the way from an exception to it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from ptychogui.errors import PtychoError
from ptychogui.params.form_words import in_form_words


@dataclass(frozen=True)
class ErrorMessage:
    """An error as the user sees it.

    Attributes:
        title: what failed.
        text: why, and what to do.
        details: of a bug the traceback.
        ends_with_edit: whether it is about values, and means nothing any more once one is changed.
    """

    title: str
    text: str
    details: str = ""
    ends_with_edit: bool = False


def explain(title: str, error: BaseException, hint: str = "") -> ErrorMessage:
    """Turn an error into what is shown, in the words of the form.

    One that is not the user's to mend is called a bug and keeps its traceback.
    """
    if isinstance(error, PtychoError):
        text = in_form_words(str(error))
        return ErrorMessage(title, f"{text}. {hint}" if hint else text)
    return explain_defect(title, error)


def explain_defect(title: str, error: BaseException) -> ErrorMessage:
    """Turn an error that nobody foresaw into what is shown, with its traceback to be reported."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    text = f"{type(error).__name__}: {error}. This is a defect of ptychogui; copy the details into a report."
    return ErrorMessage(title, text, trace)
