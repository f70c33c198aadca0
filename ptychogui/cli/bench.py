"""`ptychogui bench`: measure how fast each engine is on a device, a line for each measurement."""

from __future__ import annotations

import json

import click

from ptychogui.backends import open_backend
from ptychogui.cli.shared_options import json_option
from ptychogui.cli.terminal import tell
from ptychogui.jobs.bench import BenchRow, run_bench
from ptychogui.params.click_words import Command
from ptychogui.params.model import device_name

_COLUMNS = "{:6}  {:7}  {:>4}  {:>5}  {:9}  {:>13}  {:>11}  {:>14}  {:>5}  {:>11}  {:>7}"

_HEAD = _COLUMNS.format(
    "engine", "device", "size", "modes", "sub-pixel", "FFTs/position", "positions/s", "bare FFTs only", "ratio",
    "kB/position", "of copy",
)  # fmt: skip


@click.command(cls=Command)
@click.option("--device", default="auto", metavar="NAME", help="As `ptychogui devices` lists them. [auto]")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Worker threads on the CPU. [all cores]")
@click.option("--size", "sizes", type=click.IntRange(min=16), multiple=True, default=(128, 256, 512), metavar="N",
              help="Rows and columns of the patterns; may be repeated. [128 256 512]")  # fmt: skip
@click.option("--modes", type=click.IntRange(min=1), multiple=True, default=(1, 4), metavar="M",
              help="Probe modes; may be repeated. [1 4]")  # fmt: skip
@json_option
def bench(device: str, threads: int | None, sizes: tuple[int, ...], modes: tuple[int, ...], as_json: bool) -> None:
    """Measure each engine's positions/s against the bare FFTs of the same work.

    `kB/position` is the memory that an engine asks for over the number of positions; `of copy` is, on a GPU, what its
    kernels read and write for positions in a second over what a copy in the GPU's memory does.
    """
    rows = []
    with open_backend(device_name(device), threads) as backend:
        if not as_json:
            tell(_HEAD)
        for row in run_bench(backend, sizes, modes):
            rows.append(row.as_dict())
            if not as_json:
                tell(_line(row))
    if as_json:
        tell(json.dumps(rows, indent=1))


def _line(row: BenchRow) -> str:
    return _COLUMNS.format(
        row.engine, row.device, row.n, row.modes, row.sub_pixel, row.ffts_per_position,
        f"{row.positions_per_s:.0f}", f"{row.fft_positions_per_s:.0f}", f"{row.ratio:.2f}",
        f"{row.memory_per_position_bytes / 1e3:.0f}",
        "-" if row.part_of_copy is None else f"{row.part_of_copy:.2f}",
    )  # fmt: skip
