"""Complete results: whether a folder has one of a scan already, so that the scan need not be done again."""

from __future__ import annotations

import contextlib
import glob
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptychogui.errors import DataError
from ptychogui.io.result_header import read_header
from ptychogui.jobs.results.result_paths import results_stem
from ptychogui.states import State


def complete_result(folder: Path, scan: Path, name: str, swept: Mapping[str, Any] | None = None) -> Path | None:
    """Return the result in a folder that is complete, and of this very scan; None if there is none.

    Args:
        folder: of results.
        scan: its file.
        name: what a job of it is called.
        swept: values by parameter that the result must be of; None for any.
    """
    wanted = None if swept is None else json.loads(json.dumps(dict(swept), default=os.fspath))
    for path in sorted(folder.glob(f"{glob.escape(results_stem(name))}*.cxi")):
        with contextlib.suppress(DataError):
            result = read_header(path)
            is_same = str(scan.resolve()) in {file.path for file in result.sources}
            values = json.loads(result.sweep)["values"] if result.sweep else None
            if result.state is State.DONE and is_same and (wanted is None or values == wanted):
                return path
    return None
