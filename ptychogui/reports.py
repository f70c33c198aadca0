"""What the orientation doctor found, as `ptychogui orientation` prints it."""

from __future__ import annotations

from typing import Any

from ptychogui.jobs.verdict import Verdict
from ptychogui.jobs.wording import AS_IT_COMES, answer, remark, sign_lines
from ptychogui.terminal import table, wrapped


def verdict_text(verdict: Verdict, width: int | None) -> str:
    """Return the answer, its reasons, and a table of all cases."""
    head = [("curl", "error", "frames and scan", "")]
    rows = [(f"{case.curl:.2f}", f"{case.misfit:.4g}", case.options or AS_IT_COMES, remark(verdict, case, case.current))
            for case in verdict.ranking]  # fmt: skip
    return "\n".join([
        *(wrapped(line, width, 2) for line in (answer(verdict), *sign_lines(verdict))),
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
             "is_current": case.current, "remark": remark(verdict, case, case.current)}
            for case in verdict.ranking
        ],
    }  # fmt: skip


def _finite(error: float) -> float | None:
    """Return an error that JSON can hold; None where the fit diverged."""
    return error if error < float("inf") else None
