"""The folders of the catalog: which ones a user has named, in a small file that outlives the index."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io.atomic import replacing
from ptychogui.paths import catalog_folder

_FOLDERS = "folders.json"


def named_folders(catalog: Path | None = None) -> tuple[Path, ...]:
    """Return the folders whose results are in the catalog; a file of folders that can't be read names none.

    Args:
        catalog: folder of the catalog; the user's if None.
    """
    try:
        told = json.loads(_file(catalog).read_bytes())
        return tuple(Path(str(folder)) for folder in told["folders"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def name_folders(folders: Iterable[Path], catalog: Path | None = None) -> tuple[Path, ...]:
    """Add folders to those of the catalog; return all.

    Raises:
        DataError: one of them is no folder.
        OutputError: they can't be kept.
    """
    before = named_folders(catalog)
    new = [Path(os.path.abspath(folder)) for folder in folders]
    for folder in new:
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; give one that holds results")
    return _keep(dict.fromkeys((*before, *new)), before, catalog)


def forget_folders(folders: Iterable[Path], catalog: Path | None = None) -> tuple[Path, ...]:
    """Take folders out of those of the catalog; return the rest. Their files stay as they are.

    Raises:
        DataError: one of them is not among those of the catalog.
        OutputError: the rest can't be kept.
    """
    before = named_folders(catalog)
    old = [Path(os.path.abspath(folder)) for folder in folders]
    for folder in old:
        if folder not in before:
            raise DataError(
                f"{folder} is not among the folders of the catalog: {', '.join(map(str, before)) or 'none'}"
            )
    return _keep([folder for folder in before if folder not in old], before, catalog)


def _keep(folders: Iterable[Path], before: tuple[Path, ...], catalog: Path | None) -> tuple[Path, ...]:
    kept = tuple(folders)
    if kept != before:
        with replacing(_file(catalog)) as file:
            file.write(json.dumps({"folders": [str(folder) for folder in kept]}, indent=1).encode())
    return kept


def _file(catalog: Path | None) -> Path:
    return (catalog_folder() if catalog is None else catalog) / _FOLDERS
