"""The command line: `ptychogui [gui|demo|simulate|info|reconstruct|export|devices|bench]`.

Results go to stdout, everything else to stderr. Exit status: 0 done, 2 bad input or a poor environment (one line says
what), 130 interrupted.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ptychogui import __version__
from ptychogui.backends import Device, list_devices, open_backend
from ptychogui.display import missing_display
from ptychogui.errors import DataError, DeviceError, OutputError, PtychoError
from ptychogui.inspection import inspect_file
from ptychogui.io import export
from ptychogui.io.atomic import check_writable
from ptychogui.io.result import read_result
from ptychogui.io.simulated import truth_path, write_scan
from ptychogui.jobs.bench import run_bench
from ptychogui.jobs.job import Control
from ptychogui.jobs.layers import job_layers, make_job
from ptychogui.jobs.runner import run_job
from ptychogui.params.commandline import read_command
from ptychogui.params.model import describe
from ptychogui.params.options import given_values, options
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.recipes import given_recipe, recipe_params
from ptychogui.terminal import interruptible, say, shown_progress, table

BAD_INPUT = 2
INTERRUPTED = 130

_EXPORTS: dict[str, Callable[..., tuple[Path, ...]]] = {
    "csv": export.export_csv,
    "tiff": export.export_tiff,
    "tiff8": export.export_tiff8,
    "png": export.export_png,
}

_DEMO_VALUES = {"reconstruction.iterations": (60, "demo"), "output.job_id": ("demo", "demo")}

_Values = Mapping[str, tuple[Any, str]]
"""Parameter path -> (value, the option or flag that gave it)."""

_path = click.Path(path_type=Path)
_quiet = click.option("--quiet", is_flag=True, help="Print only the path of the result.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Program(click.Group):
    """A group whose default command is `gui`, and whose errors are one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `gui` in front of arguments that name no command."""
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "--version")):
            args = ["gui", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of this file, the usual ones first."""
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run the program and exit: bad input is one line on stderr and status 2, never a traceback."""
        extra |= {"prog_name": "ptychogui", "standalone_mode": False}
        try:
            status = super().main(args, **extra)
        except click.ClickException as error:
            status = _refuse(error.format_message())
        except PtychoError as error:
            status = _refuse(str(error))
        except (KeyboardInterrupt, click.Abort):
            status = INTERRUPTED
        sys.exit(status)


@click.group(cls=Program)
@click.version_option(__version__)
def main() -> None:
    """X-ray ptychography: from a scan file to a picture of the sample.

    Without a command the window opens. Values may have units: 8.8keV, 50nm, 1.95m.
    """
    warnings.showwarning = lambda message, *_, **__: say(_stderr(), f"warning: {message}")


@main.command()
@click.argument("files", nargs=-1, type=_path)
def gui(files: tuple[Path, ...]) -> int:
    """Open the window, with scans or results if FILES are given."""
    for file in files:
        if not file.exists():
            raise DataError(f"there is no file and no command '{file}'; {_commands_like(str(file))}")
    missing = "" if os.environ.get("QT_QPA_PLATFORM") else missing_display()
    if missing:
        raise DeviceError(f"{missing}, so no window can open; 'ptychogui reconstruct' works without one")
    return _open_window(files)


@main.command()
@click.option("--headless", is_flag=True, help="No window: progress on the terminal, then the path of the result.")
@click.option("-o", "--output", type=_path, default="demo", metavar="DIR", help="Where scan and result go. [demo]")
@_quiet
def demo(headless: bool, output: Path, quiet: bool) -> int:
    """Reconstruct a simulated scan while you watch."""
    missing = "" if headless else missing_display()
    if not headless and not missing:
        return _open_window((), demo=True, folder=output)
    if missing and not quiet:
        say(_stderr(), f"{missing}, so the demo runs without a window")
    scan, result = output / "demo.cxi", output / "demo-result.cxi"
    check_writable(scan)
    write_scan(scan, simulate(Recipe()))
    status = _run(scan, _DEMO_VALUES, result, quiet)
    export.export_png(read_result(result), output, result.stem)
    return status


@main.command("simulate")
@click.argument("out", type=_path, metavar="OUT.cxi")
@options(recipe_params())
@click.pass_context
def simulate_command(context: click.Context, /, out: Path, **_recipe: Any) -> None:
    """Write a simulated scan, and the truth beside it as OUT-truth.cxi."""
    recipe = given_recipe(context)
    check_writable(out)
    check_writable(truth_path(out))
    for path in write_scan(out, simulate(recipe)):
        click.echo(path)


@main.command()
@click.argument("file", type=_path)
@click.option("--dataset-path", default="", metavar="PATH", help="HDF5 path of the frames; found when not given.")
@_json
def info(file: Path, dataset_path: str, as_json: bool) -> None:
    """Say what is in a scan or a result: every value, its unit and its origin."""
    entries, notes = inspect_file(file, dataset_path)
    if as_json:
        values = [asdict(entry) for entry in entries]
        click.echo(json.dumps({"file": str(file), "values": values, "notes": notes}, indent=1))
        return
    click.echo(table([(entry.name, entry.text, entry.origin) for entry in entries]))
    for note in notes:
        click.echo(f"note: {note}")


@main.command()
@click.argument("file", required=False, type=_path)
@click.option(
    "-o",
    "--output",
    type=_path,
    metavar="RESULT.cxi",
    help="The result file; named after the job or scan if not given.",
)
@click.option("--command", default="", metavar="TEXT", help="ptychopy command string; options are stronger.")
@_quiet
@options(describe())
@click.pass_context
def reconstruct(
    context: click.Context, /, file: Path | None, output: Path | None, command: str, quiet: bool, **_parameters: Any
) -> int:
    """Reconstruct a scan FILE and print the path of the result.

    Values come from the options, then from --command, then from the file, then from the defaults. Ctrl-C stops
    after the iteration under way and keeps the result.
    """
    told = read_command(command)
    for note in () if quiet else told.notes:
        say(_stderr(), f"note: {note}")
    from_command = {path: (value, told.flags[path]) for path, value in told.values.items()}
    values = from_command | given_values(context, describe())
    return _run(file, values, output or _result_path(file, values), quiet)


@main.command("export")
@click.argument("result", type=_path, metavar="RESULT.cxi")
@click.option("--csv", is_flag=True, help="Object and probe as text, 9 digits.")
@click.option("--tiff", is_flag=True, help="Phase and magnitude, 32-bit.")
@click.option("--tiff8", is_flag=True, help="Phase and magnitude, 8-bit.")
@click.option("--png", is_flag=True, help="Phase with scale bar, and probe; the default.")
@click.option("-o", "--output", type=_path, metavar="DIR", help="Where to write; beside the result when not given.")
def export_command(result: Path, output: Path | None, **kinds: bool) -> None:
    """Write a result in other formats and print the paths."""
    content = read_result(result)
    for kind in [kind for kind, wanted in kinds.items() if wanted] or ["png"]:
        for path in _EXPORTS[kind](content, output or result.parent, result.stem):
            click.echo(path)


@main.command()
@_json
def devices(as_json: bool) -> None:
    """List every device of this machine, and why one can't be used."""
    found = list_devices()
    if as_json:
        click.echo(json.dumps([asdict(device) for device in found], indent=1))
        return
    click.echo(table([_device_row(device) for device in found]))


@main.command()
@click.option("--device", default="auto", metavar="NAME", help="As `ptychogui devices` lists them. [auto]")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Worker threads on the CPU. [all cores]")
@click.option("--size", "sizes", type=click.IntRange(min=16), multiple=True, default=(128, 256, 512), metavar="N",
              help="Rows and columns of the patterns; may be repeated. [128 256 512]")  # fmt: skip
@click.option("--modes", type=click.IntRange(min=1), multiple=True, default=(1, 4), metavar="M",
              help="Probe modes; may be repeated. [1 4]")  # fmt: skip
@_json
def bench(device: str, threads: int | None, sizes: tuple[int, ...], modes: tuple[int, ...], as_json: bool) -> None:
    """Measure each engine's positions/s against the bare FFTs of the same work."""
    rows = []
    with open_backend(device, threads) as backend:
        for row in run_bench(backend, sizes, modes):
            rows.append(row.as_dict())
            if not as_json:
                click.echo(
                    f"{row.engine:6} {row.device:7} N={row.n:<4} modes={row.modes:<2} {row.sub_pixel:8} "
                    f"{row.positions_per_s:9.0f} positions/s  {row.fft_positions_per_s:9.0f} bare FFTs  "
                    f"ratio {row.ratio:.2f}"
                )
    if as_json:
        click.echo(json.dumps(rows, indent=1))


def _result_path(file: Path | None, values: _Values) -> Path:
    """Name the result after the job or the scan, in the working folder."""
    job_id, _ = values.get("output.job_id", ("", ""))
    name = job_id or (file.stem if file else "simulated")
    return Path(f"{name.replace(os.sep, '_')}-result.cxi")


def _run(source: Path | None, values: _Values, output: Path, quiet: bool) -> int:
    """Run one job to its end or to Ctrl-C, print the result's path, and return the exit status."""
    job = make_job(job_layers(source, values), source, output, shlex.join(["ptychogui", *sys.argv[1:]]))
    if source is not None and output.exists() and output.samefile(source):
        raise OutputError(f"the result would overwrite the scan {source}; choose another name with -o")
    check_writable(output)
    control, console = Control(), _stderr()
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        backend = open_backend(job.parameters.devices.device, job.parameters.devices.threads)
    with backend, interruptible(control, console), shown_progress(console, quiet) as show:
        for progress in run_job(job, backend, control):
            show(progress)
    click.echo(output)
    return INTERRUPTED if control.stop_asked else 0


def _device_row(device: Device) -> tuple[str, ...]:
    memory = f"{device.memory_free_bytes / 1e9:.1f} of {device.memory_total_bytes / 1e9:.1f} GB free"
    return device.name, device.title, memory, "usable" if device.usable else f"can't be used: {device.reason}"


def _open_window(files: Sequence[Path], demo: bool = False, folder: Path | None = None) -> int:
    from ptychogui import app

    return app.main(list(files), demo=demo, folder=folder)


def _commands_like(word: str) -> str:
    alike = difflib.get_close_matches(word, main.commands, n=1)
    return f"did you mean '{alike[0]}'?" if alike else f"the commands are {', '.join(main.commands)}"


def _refuse(message: str) -> int:
    say(_stderr(), f"ptychogui: {' '.join(message.split())}")
    return BAD_INPUT


def _stderr() -> Console:
    return Console(stderr=True)
