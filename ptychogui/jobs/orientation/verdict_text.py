"""A verdict on a scan's orientation, in words."""

from __future__ import annotations

from ptychogui.jobs.orientation.cases import Case
from ptychogui.jobs.orientation.verdict import Certainty, Verdict

AS_IT_COMES = "(no option)"


def answer(verdict: Verdict) -> str:
    """Say which case it is, and how sure that is."""
    if verdict.sure is Certainty.UNKNOWN:
        return "can't tell which way detector and scan face"
    taken = f"take {verdict.options or 'none of the orientation options'}"
    return f"{verdict.sure.value}: {taken if verdict.values else 'it is right as it is'}"


def sign_lines(verdict: Verdict) -> list[str]:
    """Say how sure the phase's sign is, and what can't be known at all."""
    if verdict.sure is Certainty.UNKNOWN:
        return []
    sign = "can't be told" if verdict.sign is Certainty.UNKNOWN else verdict.sign.value
    twins = " or ".join(case.options or AS_IT_COMES for case in verdict.mirrored)
    mirror = f"whether the object is mirrored no measurement tells: {twins} gives its mirror image"
    return [f"the sign of the phase: {sign}", *([mirror] if twins else [])]


def remark(verdict: Verdict, case: Case, is_current: bool) -> str:
    """Say what is special about one of the cases."""
    marks = ["as it is now"] if is_current else []
    if verdict.sure is not Certainty.UNKNOWN:
        marks += ["to be taken"] if case is verdict.chosen and not is_current else []
        marks += ["the same, object mirrored"] if case in verdict.mirrored else []
        marks += ["phase of the other sign"] if case in verdict.conjugated else []
    return ", ".join(marks)
