"""Names for files whose user has given none."""

from __future__ import annotations

import itertools
import os
from pathlib import Path


def unused_path(path: Path, always_numbered: bool = False) -> Path:
    """Return a path that nothing lies at: this one, or with "-001", "-002", ... before its suffix.

    Args:
        path: the name to start from.
        always_numbered: the first has a number, too.
    """
    numbered = (path.with_name(f"{path.stem}-{number:03d}{path.suffix}") for number in itertools.count(1))
    candidates = numbered if always_numbered else itertools.chain([path], numbered)
    return next(candidate for candidate in candidates if not os.path.lexists(candidate))
