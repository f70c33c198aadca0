"""What is measured and found, as `ptychogui orientation`, `devices` and `bench` print it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptychogui.backends import Device
from ptychogui.jobs.bench import BenchRow
from ptychogui.jobs.orientation.verdict import Verdict
from ptychogui.jobs.orientation.wording import AS_IT_COMES, answer, remark, sign_lines
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


def devices_text(devices: Sequence[Device], width: int | None) -> str:
    """Return a line for each device, with what can't be done with it or how much memory it has."""
    return table([(device.name, device.title, _state(device)) for device in devices], width)


def _state(device: Device) -> str:
    if not device.usable:
        return f"can't be used: {device.reason}"
    return f"usable, {device.memory_free_bytes / 1e9:.1f} of {device.memory_total_bytes / 1e9:.1f} GB free"


_BENCH = "{:6}  {:7}  {:>4}  {:>5}  {:9}  {:>13}  {:>11}  {:>14}  {:>5}  {:>11}  {:>7}"

BENCH_HEAD = _BENCH.format(
    "engine", "device", "size", "modes", "sub-pixel", "FFTs/position", "positions/s", "bare FFTs only", "ratio",
    "kB/position", "of copy",
)  # fmt: skip
"""What stands above the columns of `bench_text`."""


def bench_text(row: BenchRow) -> str:
    """Return a line of what was measured."""
    return _BENCH.format(
        row.engine, row.device, row.n, row.modes, row.sub_pixel, row.ffts_per_position,
        f"{row.positions_per_s:.0f}", f"{row.fft_positions_per_s:.0f}", f"{row.ratio:.2f}",
        f"{row.memory_per_position_bytes / 1e3:.0f}",
        "-" if row.part_of_copy is None else f"{row.part_of_copy:.2f}",
    )  # fmt: skip
