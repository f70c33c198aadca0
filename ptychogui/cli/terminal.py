"""What the command line prints on: streams, lines and tables; and how signals reach a job.

Results go to stdout, everything else to stderr. Either may be closed or full. A message that can't be printed is lost;
a result that can't be printed is an OutputError, unless the reader of a pipe has left. Neither ends a reconstruction.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, cast

import click
from rich.console import Console

from ptychogui.errors import OutputError
from ptychogui.texts import printable

if TYPE_CHECKING:  # the queue is listed without engines
    from ptychogui.jobs.job import Control

_STDERR = 2
_STOPPING = "stopping within seconds, the result is kept; {again} again aborts without a result\n"
_SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
_WIDEST_CELL = 40
"""Characters; a longer cell of a table does not widen its column."""


class _LossyStream:
    """A text stream that drops what it can't write, and all that comes after it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            _discard(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            _discard(self._stream)


def error_console() -> Console:
    """Return a console on stderr that never fails, whoever closed or filled it."""
    return Console(stderr=True) if sys.stderr is None else Console(file=cast("IO[str]", _LossyStream(sys.stderr)))


def tell(text: str | Path, is_styled: bool = False) -> None:
    """Print a result on stdout, or nowhere once the reader of a pipe has left, as `head` does.

    A path goes into a file or a pipe byte by byte, as `ls` prints it, so that other programs find the file.

    Args:
        text: what is printed; characters that a terminal would obey are escaped.
        is_styled: whether that has been done already, and colors put in.

    Raises:
        OutputError: stdout is closed or full.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        is_exact = isinstance(text, Path) and hasattr(sys.stdout, "buffer") and not sys.stdout.isatty()
        shown = str(text) if is_styled else printable(str(text))
        click.echo(os.fsencode(text) if is_exact else encodable(shown, sys.stdout.encoding))
    except OSError as error:
        _discard(sys.stdout)
        if error.errno == errno.EPIPE:
            return
        raise OutputError(f"can't print to the standard output: {error.strerror}") from None


def encodable(text: str, encoding: str | None) -> str:
    """Return a text that a stream of this encoding can print; characters that it lacks are escaped."""
    encoding = encoding or "utf-8"
    micro = "µ".encode(encoding, "replace").decode(encoding).replace("?", "u")
    return text.replace("µ", micro).encode(encoding, "backslashreplace").decode(encoding)


def _discard(stream: IO[str] | None) -> None:
    """Let a stream write to nowhere, so that what is left in its buffer makes no error when the program ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno() if stream else nowhere)
        finally:
            os.close(nowhere)


class Caught:
    """Whether a signal asked a job to stop: `exit_status` is what shells give for that signal, 0 if there was none."""

    exit_status = 0


@contextlib.contextmanager
def interruptible(control: Control, console: Console) -> Iterator[Caught]:
    """Make the first Ctrl-C, SIGTERM or SIGHUP ask the job to stop with its result kept; the second ends the program.

    The signal may come while a line is being printed, so the answer goes past the console straight to the terminal.
    A signal that the caller ignores (SIGHUP under nohup) stays ignored.

    Raises:
        SystemExit: at the second signal.
    """
    caught = Caught()

    def stop(number: int, _frame: FrameType | None) -> None:
        status = 128 + number
        if control.stop_asked:
            raise SystemExit(status)
        caught.exit_status = status
        control.stop()
        with contextlib.suppress(OSError):
            again = _SIGNALS[signal.Signals(number)]
            os.write(_STDERR, ("\n" * console.is_terminal + _STOPPING.format(again=again)).encode())

    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no wrapping; characters that a terminal would obey are escaped."""
    console.print(encodable(printable(text), console.encoding), markup=False, highlight=False, soft_wrap=True)


def one_line(text: str) -> str:
    """Return a text with its ends of lines, and all other white space, as single blanks."""
    return " ".join(text.split())


def stdout_width() -> int | None:
    """Return the columns of the terminal that results go to; None where it is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def table(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Lay out rows of text in columns two blanks apart; lines longer than `width` go on below their second column.

    A cell stays on one line: ends of lines and tabs in it are escaped.
    """
    rows = [[cell.replace("\n", "\\n").replace("\t", "\\t") for cell in row] for row in rows]
    widths = [max((len(cell) for cell in column if len(cell) <= _WIDEST_CELL), default=0)
              for column in zip(*rows, strict=True)]  # fmt: skip
    return "\n".join(_row(row, widths, width) for row in rows)


def _row(cells: Sequence[str], widths: Sequence[int], width: int | None) -> str:
    line = "  ".join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip()
    if width is not None and len(line) > width:
        line = "  ".join([cells[0].ljust(widths[0]), *cells[1:]]).rstrip()
    return wrapped(line, width, widths[0] + 2)


def wrapped(line: str, width: int | None, indent: int = 0) -> str:
    """Break a line between words so that no part is longer than `width`, the later parts indented."""
    if width is None or len(line) <= width:
        return line
    return "\n".join(
        textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    )
