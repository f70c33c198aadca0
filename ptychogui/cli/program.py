"""`ptychogui`: the group of all commands, `gui` where none is named, and how an error ends the program.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 where `check` says stop or a scan of a `batch`
failed, 2 bad input or a poor environment (one line says what), 130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP.
"""

from __future__ import annotations

import errno
import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from ptychogui import __version__
from ptychogui.cli.lazy_group import LazyGroup
from ptychogui.cli.shared_options import IS_IMPLIED
from ptychogui.cli.terminal import error_console, one_line, say
from ptychogui.errors import PtychoError
from ptychogui.notify import log

BAD_INPUT = 2
INTERRUPTED = 130
_UNPRINTABLE = (errno.ENOSPC, errno.EBADF, errno.EIO)
"""Errors that click meets when it prints help to a stdout that is full or closed."""

_COMMANDS = {
    "gui": "gui:gui",
    "demo": "gui:demo",
    "simulate": "simulate:simulate_command",
    "info": "info:info",
    "presets": "presets:presets",
    "check": "check:check",
    "orientation": "orientation:orientation",
    "reconstruct": "reconstruct:reconstruct",
    "batch": "batch:batch",
    "queue": "queue:queue",
    "run": "run:run",
    "mail": "mail:mail",
    "catalog": "catalog:catalog",
    "compare": "compare:compare_command",
    "export": "export:export_command",
    "devices": "devices:devices",
    "bench": "bench:bench",
}
"""In the order of the help, the usual ones first."""

_LOG_LEVEL = "--log-level"

_log = logging.getLogger(__name__)


class Program(LazyGroup):
    """A group whose default command is `gui`, and whose errors are one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `gui` in front of arguments that name no command."""
        before = _own_words(args)
        first = args[before : before + 1]
        if len(args) >= before and not {*first} & {*self.places, "--help", "--version"}:
            args = [*args[:before], "gui", *args[before:]]
            ctx.meta[IS_IMPLIED] = True
        return super().parse_args(ctx, args)

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
        except Exception:
            _log.critical("unhandled exception", exc_info=True, extra=log.TOLD)
            raise
        finally:
            log.take_down()
        sys.exit(status)


def _own_words(args: Sequence[str]) -> int:
    """Count the words at the beginning that are the group's own options and their values."""
    first = args[0] if args else ""
    return 2 if first == _LOG_LEVEL else int(first.startswith(f"{_LOG_LEVEL}="))


def _refuse(message: str) -> int:
    _log.info("refused: %s", message, extra=log.TOLD)
    say(error_console(), f"ptychogui: {one_line(message)}")
    return BAD_INPUT


@click.group(cls=Program, places={name: f"ptychogui.cli.{place}" for name, place in _COMMANDS.items()})
@click.version_option(__version__)
@click.option(
    _LOG_LEVEL, type=click.Choice(log.LEVELS), default=log.DEFAULT_LEVEL, show_default=True,
    help="What the log is to show on stderr as well; its file has info and above.",
)  # fmt: skip
def main(log_level: str) -> None:
    """X-ray ptychography: from a scan file to a picture of the sample.

    Without a command the window opens. Values may have units: 8.8keV, 50nm, 1.95m.
    """
    log.set_up(log_level, _show_record)
    warnings.showwarning = _show_warning


def _show_record(text: str) -> None:
    console = error_console()
    for line in text.splitlines():
        say(console, line)


def _show_warning(message: Warning | str, *_args: Any, **_more: Any) -> None:
    _log.info("warning: %s", message, extra=log.TOLD)
    say(error_console(), f"warning: {message}")
