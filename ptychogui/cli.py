"""The command line: `ptychogui` and its commands, `gui` where none is named.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 where `check` says stop or a scan of a `batch`
failed, 2 bad input or a poor environment (one line says what), 130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP.
"""

from __future__ import annotations

import difflib
import errno
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ptychogui import __version__
from ptychogui.backends import list_devices, open_backend
from ptychogui.checklist import checklist, checklist_json
from ptychogui.display import missing_display
from ptychogui.errors import DataError, DeviceError, OutputError, ParameterError, PtychoError
from ptychogui.io import export
from ptychogui.io.access import OF_THE_FILES, Access
from ptychogui.io.atomic import check_writable
from ptychogui.io.mda.contents import items_of, write_skeleton
from ptychogui.io.mda.format import read_mda
from ptychogui.io.mda.presets import list_presets, preset_folder
from ptychogui.io.raw.series import is_pattern
from ptychogui.io.result import read_result
from ptychogui.io.simulated import check_scan_replaceable, truth_path, write_scan
from ptychogui.jobs.bench import run_bench
from ptychogui.jobs.inspection import inspect_file
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import job_layers, make_job, scan_source
from ptychogui.jobs.orientation.doctor import find_orientation
from ptychogui.jobs.preflight import Checker, Level
from ptychogui.jobs.scanlist import scan_list
from ptychogui.params.commandline import COMMAND_DEFAULTS, read_command
from ptychogui.params.model import Parameters, by_path, describe, device_name
from ptychogui.params.options import given_values, options
from ptychogui.params.words import Command
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.recipes import check_memory, given_recipe, recipe_params
from ptychogui.reports import BENCH_HEAD, bench_text, devices_text, verdict_json, verdict_text
from ptychogui.running import result_path, run_batch, run_one
from ptychogui.terminal import error_console, say, stdout_width, table, tell, wrapped

STOP = 1
BAD_INPUT = 2
INTERRUPTED = 130
_UNPRINTABLE = (errno.ENOSPC, errno.EBADF, errno.EIO)
"""What a full or closed stdout is to click, when it prints help."""

_EXPORTS: dict[str, Callable[..., tuple[Path, ...]]] = {
    "csv": export.export_csv,
    "tiff": export.export_tiff,
    "tiff8": export.export_tiff8,
    "png": export.export_png,
}

_DEMO_VALUES = {"reconstruction.iterations": (60, "demo"), "output.job_id": ("demo", "demo")}

_ACCESS = [by_path()[path] for path in OF_THE_FILES]
_IMPLIED = "ptychogui.implied"
"""Key of click's notes: nobody wrote the word `gui`."""

_path = click.Path(path_type=Path)
_quiet = click.option("--quiet", is_flag=True, help="Print only the path of the result.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Program(click.Group):
    """A group whose default command is `gui`, and whose errors are one line."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `gui` in front of arguments that name no command."""
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "--version")):
            args = ["gui", *args]
            ctx.meta[_IMPLIED] = True
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
        except MemoryError as error:
            status = _refuse(f"the memory is used up ({error}); choose smaller sizes or end other programs")
        except OSError as error:
            if error.errno not in _UNPRINTABLE or error.filename is not None:
                raise
            status = _refuse(f"can't print to the standard output: {error.strerror}")
        except (KeyboardInterrupt, click.Abort):
            status = INTERRUPTED
        sys.exit(status)


@click.group(cls=Program)
@click.version_option(__version__)
def main() -> None:
    """X-ray ptychography: from a scan file to a picture of the sample.

    Without a command the window opens. Values may have units: 8.8keV, 50nm, 1.95m.
    """
    warnings.showwarning = lambda message, *_, **__: say(error_console(), f"warning: {message}")


@main.command()
@click.argument("files", nargs=-1, type=_path)
@click.pass_context
def gui(context: click.Context, files: tuple[Path, ...]) -> int:
    """Open the window, with scans or results if FILES are given."""
    for place, file in enumerate(files):
        if not os.path.exists(file) and not is_pattern(file):
            raise DataError(_no_file(str(file), maybe_command=place == 0 and _IMPLIED in context.meta))
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
        say(error_console(), f"{missing}, so the demo runs without a window")
    scan, result = output / "demo.cxi", output / "demo-result.cxi"
    check_writable(scan)
    write_scan(scan, simulate(Recipe()))
    status = run_one(scan, _DEMO_VALUES, result, quiet)
    if result.exists():
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
    check_scan_replaceable(out)
    check_memory(recipe)
    for path in write_scan(out, simulate(recipe)):
        tell(path)


@main.command()
@click.argument("file", type=_path)
@_json
@click.option("--pvs", is_flag=True, help="List all PVs and columns of an MDA file instead.")
@options(_ACCESS)
@click.pass_context
def info(context: click.Context, /, file: Path, as_json: bool, pvs: bool, **_access: Any) -> None:
    """Say what is in a scan or a result: every value, its unit and its origin."""
    if pvs:
        _tell_items(file, as_json)
        return
    values = {path: value for path, (value, _) in given_values(context, _ACCESS).items()}
    entries, notes = inspect_file(file, Access.of(Parameters().replace(values)))
    if as_json:
        rows = [asdict(entry) for entry in entries]
        tell(json.dumps({"file": str(file), "values": rows, "notes": notes}, indent=1))
        return
    width = stdout_width()
    tell(table([(entry.name, entry.text, entry.origin) for entry in entries], width))
    for note in notes:
        tell(wrapped(f"note: {note}", width))


def _tell_items(file: Path, as_json: bool) -> None:
    """Print every PV and column of an MDA file."""
    mda = read_mda(file)
    if as_json:
        tell(json.dumps({"file": str(file), "items": [asdict(item) for item in items_of(mda)], "notes": mda.notes}))
        return
    tell(table([(item.place, item.name, item.value, item.unit, item.description) for item in items_of(mda)]))
    for note in mda.notes:
        tell(f"note: {note}")


@main.command()
@click.option("--new", metavar="NAME", help="Write a preset to begin with into your folder; needs --from.")
@click.option("--from", "source", type=_path, metavar="SCAN.mda", help="A file of the beamline.")
def presets(new: str | None, source: Path | None) -> None:
    """List the beamline presets, where they lie, and what they only guess; or begin one of your own."""
    if new is None and source is None:
        found, problems = list_presets()
        for named in found:
            guessed = ", ".join(named.preset.guesses)
            tell(f"{named.name}: {named.preset.title}\n  {named.path}" + (f"\n  guesses: {guessed}" if guessed else ""))
        for problem in problems:
            say(error_console(), f"warning: {problem}")
        tell(f"yours go into {preset_folder()}")
        return
    if new is None or source is None:
        raise ParameterError("a new preset needs both: --new NAME --from SCAN.mda")
    tell(write_skeleton(new, source, read_mda(source)))


@main.command()
@click.argument("file", type=_path)
@_json
@options(describe())
@click.pass_context
def check(context: click.Context, /, file: Path, as_json: bool, **_values: Any) -> int:
    """Look at a scan before a run: what would go wrong, why, and the options that mend it.

    Takes the options of `reconstruct`. Exit status 1 where a finding says stop.
    """
    values = given_values(context, describe())
    parameters, origins = job_layers(file, values).resolve()
    with Checker() as checker:
        found = checker.check(Job("check", file, parameters, result_path(file, values), origins))
    if as_json:
        tell(json.dumps({"file": str(file), **checklist_json(found)}, indent=1))
    else:
        tell("\n".join(checklist(found, stdout_width())), is_styled=True)
    return STOP if found.level is Level.STOP else 0


@main.command()
@click.argument("file", required=False, type=_path)
@_json
@options(describe())
@click.pass_context
def orientation(context: click.Context, /, file: Path | None, as_json: bool, **_values: Any) -> None:
    """Find out which way the detector and the scan of FILE face, and print the options that say so.

    A part of the scan is reconstructed in every arrangement that patterns can tell apart: seconds, not minutes.
    """
    values = given_values(context, describe())
    source = scan_source(file, values)
    job = make_job(job_layers(source, values), source, result_path(source, values))
    console = error_console()
    with open_backend(job.parameters.devices.device, job.parameters.devices.threads) as backend:
        verdict = find_orientation(job, backend, lambda look: say(console, f"{look.done}/{look.total} {look.text}"))
    assert verdict is not None
    tell(json.dumps(verdict_json(verdict), indent=1) if as_json else verdict_text(verdict, stdout_width()))


@main.command()
@click.argument("file", required=False, type=_path)
@click.option(
    "-o",
    "--output",
    type=_path,
    metavar="RESULT.cxi",
    help="The result file; when not given a new one, named after the job or scan, in the working folder.",
)
@click.option("--command", metavar="TEXT", help="ptychopy command string; options are stronger.")
@_quiet
@options(describe())
@click.pass_context
def reconstruct(
    context: click.Context, /, file: Path | None, output: Path | None, command: str | None, quiet: bool, **_values: Any
) -> int:
    """Reconstruct a scan FILE, or the raw files of --file-pattern, and print the path of the result.

    Values come from the options, then from --command, then from the file, then from the defaults. Ctrl-C stops
    after the iteration under way and keeps the result, and so do SIGTERM and SIGHUP.
    """
    told = read_command(command or "")
    if command is not None and not told.values and not told.notes:
        raise ParameterError(f"--command '{command}': the command has no parameters; give it as './ptycho -i=100 ...'")
    for note in () if quiet else told.notes:
        say(error_console(), f"note: {note}")
    unsaid = {path: (value, "--command") for path, value in COMMAND_DEFAULTS.items() if command is not None}
    from_command = unsaid | {path: (value, told.flags[path]) for path, value in told.values.items()}
    values = from_command | given_values(context, describe())
    source = scan_source(file, values)
    return run_one(source, values, output or result_path(source, values), quiet)


@main.command()
@click.argument("scans", nargs=-1, required=True, metavar="LIST...")
@click.option(
    "-o", "--output", type=_path, default=".", metavar="DIR", help="Folder of the results; made if absent. [.]"
)
@click.option("--scans", "numbered", default="", metavar="PATTERN", help="What numbers stand for: mda/scan_#04d.mda.")
@click.option("--skip-done", is_flag=True, help="Leave out scans of which DIR has a complete result.")
@_quiet
@options(describe())
@click.pass_context
def batch(
    context: click.Context, /, scans: tuple[str, ...], output: Path, numbered: str, skip_done: bool, quiet: bool,
    **_values: Any,
) -> int:  # fmt: skip
    """Reconstruct many scans, one after the other, and print the paths of the results.

    LIST is scan files, globs, numbers (12-40,55, with --scans), and text files (.txt) of such items, one a line. The
    options of `reconstruct` hold for every scan. Where a scan can't be reconstructed, the reason is said and the next
    one begins; exit status 1 then. Ctrl-C keeps the result under way and ends the batch.
    """
    values = given_values(context, describe())
    return run_batch(scan_list(scans, numbered), values, output, skip_done, quiet)


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
    if output is not None and os.path.exists(output) and not os.path.isdir(output):
        raise OutputError(f"{output} is a file; give a folder with -o")
    for kind in [kind for kind, wanted in kinds.items() if wanted] or ["png"]:
        for path in _EXPORTS[kind](content, output or result.parent, result.stem):
            tell(path)


@main.command()
@_json
def devices(as_json: bool) -> None:
    """List every device of this machine, and why one can't be used."""
    found = list_devices()
    if as_json:
        tell(json.dumps([asdict(device) for device in found], indent=1))
        return
    tell(devices_text(found, stdout_width()))


@main.command()
@click.option("--device", default="auto", metavar="NAME", help="As `ptychogui devices` lists them. [auto]")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Worker threads on the CPU. [all cores]")
@click.option("--size", "sizes", type=click.IntRange(min=16), multiple=True, default=(128, 256, 512), metavar="N",
              help="Rows and columns of the patterns; may be repeated. [128 256 512]")  # fmt: skip
@click.option("--modes", type=click.IntRange(min=1), multiple=True, default=(1, 4), metavar="M",
              help="Probe modes; may be repeated. [1 4]")  # fmt: skip
@_json
def bench(device: str, threads: int | None, sizes: tuple[int, ...], modes: tuple[int, ...], as_json: bool) -> None:
    """Measure each engine's positions/s against the bare FFTs of the same work.

    `kB/position` is the memory that an engine asks for over the number of positions; `of copy` is, on a GPU, what its
    kernels read and write for positions in a second over what a copy in the GPU's memory does.
    """
    rows = []
    with open_backend(device_name(device), threads) as backend:
        if not as_json:
            tell(BENCH_HEAD)
        for row in run_bench(backend, sizes, modes):
            rows.append(row.as_dict())
            if not as_json:
                tell(bench_text(row))
    if as_json:
        tell(json.dumps(rows, indent=1))


def _open_window(files: Sequence[Path], demo: bool = False, folder: Path | None = None) -> int:
    from ptychogui import app

    return app.main(list(files), demo=demo, folder=folder)


def _no_file(word: str, maybe_command: bool) -> str:
    if word in main.commands:
        return f"there is no file '{word}'; to {word}, put the command first: ptychogui {word} ..."
    if not maybe_command or os.sep in word or Path(word).suffix:
        return f"there is no file '{word}'"
    alike = difflib.get_close_matches(word, main.commands, n=1)
    hint = f"did you mean '{alike[0]}'?" if alike else f"the commands are {', '.join(main.commands)}"
    return f"there is no file and no command '{word}'; {hint}"


def _refuse(message: str) -> int:
    say(error_console(), f"ptychogui: {' '.join(message.split())}")
    return BAD_INPUT
