"""`ptychogui orientation`: which way the detector and the scan face, how sure that is, and the options that say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ptychogui.backends import open_backend
from ptychogui.cli.one_job import name_of
from ptychogui.cli.shared_options import PATH, json_option
from ptychogui.cli.terminal import error_console, say, stdout_width, table, tell, wrapped
from ptychogui.jobs.job_values import plan_job, scan_source
from ptychogui.jobs.orientation.doctor import find_orientation
from ptychogui.jobs.orientation.verdict import Verdict
from ptychogui.jobs.orientation.verdict_text import AS_IT_COMES, answer, remark, sign_lines
from ptychogui.jobs.results.result_paths import free_in_folder
from ptychogui.params.click_words import Command
from ptychogui.params.model import describe
from ptychogui.params.options import given_values, options


@click.command(cls=Command)
@click.argument("file", required=False, type=PATH)
@json_option
@options(describe())
@click.pass_context
def orientation(context: click.Context, /, file: Path | None, as_json: bool, **_values: Any) -> None:
    """Find out which way the detector and the scan of FILE face, and print the options that say so.

    A part of the scan is reconstructed in every arrangement that patterns can tell apart: seconds, not minutes.
    """
    values = given_values(context, describe())
    source = scan_source(file, values)
    job = plan_job(source, values, free_in_folder(Path(), name_of(source, values)))
    console = error_console()
    with open_backend(job.parameters.devices.device, job.parameters.devices.threads) as backend:
        verdict = find_orientation(
            job, backend, lambda progress: say(console, f"{progress.done}/{progress.total} {progress.text}")
        )
    assert verdict is not None
    tell(json.dumps(_verdict_json(verdict), indent=1) if as_json else _verdict_text(verdict, stdout_width()))


def _verdict_text(verdict: Verdict, width: int | None) -> str:
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


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
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
