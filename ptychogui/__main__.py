"""The program's entry, light enough that Ctrl-C is understood from the start; `python -m ptychogui` does the same."""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130
_STANDARD_STREAMS = 3


def main() -> None:
    """Run the command line. Ctrl-C while it is being loaded ends it without a word."""
    _fill_closed_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from ptychogui import cli

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cli.main()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _fill_closed_streams() -> None:
    """Open stdin, stdout and stderr where they are closed, lest a data file gets their number and their text."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD_STREAMS:
        pass
    os.close(descriptor)


if __name__ == "__main__":
    main()
