"""What the orientation doctor found, as `ptychogui orientation` prints it."""

from __future__ import annotations

from typing import Any

from ptychogui.jobs.cases import Case
from ptychogui.jobs.verdict import Certainty, Verdict
from ptychogui.terminal import table, wrapped

AS_IT_COMES = "(no option)"

_MARKS = {"mirrored": "the same, object mirrored", "conjugated": "phase of the other sign"}


def verdict_text(verdict: Verdict, width: int | None) -> str:
    """Return the answer, its reasons, and a table of all cases."""
    head = [("curl", "error", "frames and scan", "")]
    rows = [(f"{case.curl:.2f}", f"{case.misfit:.4g}", case.options or AS_IT_COMES, _mark(verdict, case))
            for case in verdict.ranking]  # fmt: skip
    return "\n".join([
        *(wrapped(line, width, 2) for line in (_answer(verdict), *_sign(verdict))),
        *(wrapped(f"- {reason}", width, 2) for reason in verdict.why),
        "",
        table([*head, *rows], width),
    ])  # fmt: skip


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return all that a verdict says, for JSON."""
    return {
        "sure": verdict.sure.value,
        "phase_sign": verdict.sign.value,
        "options": verdict.options,
        "change": dict(verdict.values),
        "why": list(verdict.why),
        "ranking": [
            {"options": case.options, "error": _finite(case.misfit), "curl": case.curl, "values": case.values,
             "is_current": case.current, "remark": _mark(verdict, case)}
            for case in verdict.ranking
        ],
    }  # fmt: skip


def _answer(verdict: Verdict) -> str:
    if verdict.sure is Certainty.UNKNOWN:
        return "can't tell which way detector and scan face"
    options = verdict.options
    taken = "it is right as it is" if not verdict.values else f"take {options or 'none of the orientation options'}"
    return f"{verdict.sure.value}: {taken}"


def _sign(verdict: Verdict) -> list[str]:
    """Say how sure the phase's sign is, and what can't be known at all."""
    if verdict.sure is Certainty.UNKNOWN:
        return []
    sign = "can't be told" if verdict.sign is Certainty.UNKNOWN else verdict.sign.value
    twins = " or ".join(case.options or AS_IT_COMES for case in verdict.mirrored)
    mirror = f"whether the object is mirrored no measurement tells: {twins} gives its mirror image"
    return [f"the sign of the phase: {sign}", *([mirror] if twins else [])]


def _mark(verdict: Verdict, case: Case) -> str:
    marks = ["as it is now"] if case.current else []
    if verdict.sure is not Certainty.UNKNOWN:
        marks += ["to be taken"] if case is verdict.chosen and not case.current else []
        marks += [_MARKS["mirrored"]] if case in verdict.mirrored else []
        marks += [_MARKS["conjugated"]] if case in verdict.conjugated else []
    return ", ".join(marks)


def _finite(error: float) -> float | None:
    """Return an error that JSON can hold; None where the fit diverged."""
    return error if error < float("inf") else None
