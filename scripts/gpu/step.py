"""One step in a process of its own: python -m scripts.gpu.step WORK FIGURES-FILE, see Step."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path

from scripts.gpu.figures import Figures, FoundWrongError, SkippedError
from scripts.gpu.pretended import pretend_if_asked

END = "end"
"""The figure that says how a step ended: [verdict, words]. Where it is missing, the process ended on its way."""


def do(work: str, figures: Figures) -> None:
    """Do "module:function" and say how it ended."""
    module, _, function = work.partition(":")
    try:
        pretend_if_asked()
        getattr(importlib.import_module(module), function)(figures)
    except SkippedError as why:
        end = "skipped", str(why)
    except FoundWrongError as what:
        end = "failed", str(what)
    except BaseException as error:
        traceback.print_exc()
        end = "failed", f"{type(error).__name__}: {error}"
    else:
        end = "ok", ""
    figures.tell(END, end)


if __name__ == "__main__":
    os.setpgrp()  # so that all that a step starts can be ended with it
    do(sys.argv[1], Figures(Path(sys.argv[2])))
