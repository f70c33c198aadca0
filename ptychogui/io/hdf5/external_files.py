"""Other files that an HDF5 file names: where HDF5 finds them, and that what is read depends on them."""

from __future__ import annotations

import contextlib
import os
import posixpath
from pathlib import Path

import h5py

from ptychogui.io.fingerprint import looked_at

EXTERNAL, VIRTUAL = "HDF5_EXT_PREFIX", "HDF5_VDS_PREFIX"
"""Variables with folders, joined by colons, in which HDF5 looks for the targets of links and of virtual datasets."""

_ORIGIN = "${ORIGIN}"
_DEEPEST = 16
"""Links that lead to links; more go in a circle."""

_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What h5py raises where a link leads nowhere."""


def locate(path: Path, name: str, variable: str = EXTERNAL) -> Path | None:
    """Return the file that HDF5 opens where another one names it; None where there is none.

    It looks at an absolute path as it is, and then for its last part only; in the folders of the variable, beside the
    file that names it, in the working folder, and beside what that file is a symbolic link to.

    Args:
        path: the file that has the link.
        name: of the target, as the link has it.
        variable: of the environment, with the folders to look in first.
    """
    if os.path.isabs(name):
        looked_at(name)
        if os.path.isfile(name):
            return Path(name)
        name = os.path.basename(name)
    beside = os.path.dirname(os.path.abspath(path))
    folders = [folder.replace(_ORIGIN, beside) for folder in os.environ.get(variable, "").split(":") if folder]
    for folder in (*folders, beside, "", os.path.dirname(os.path.realpath(path))):
        there = os.path.join(folder, name)
        looked_at(there)
        if os.path.isfile(there):
            return Path(there)
    return None


def look_at_files(file: h5py.File, place: str) -> None:
    """Say that what is read at a place depends on the files that links on the way to it name, whether they are there.

    So it does on the files of a virtual table; those of virtual frames are for `virtual_datasets` to look at.
    """
    with contextlib.suppress(*_ERRORS):
        _walk(file, place, 0)


def _walk(file: h5py.File, place: str, depth: int) -> None:
    here: h5py.Group = file["/"]
    for part in place.strip("/").split("/"):
        link = here.get(part, getlink=True)
        if depth < _DEEPEST and isinstance(link, h5py.ExternalLink):
            _walk_into(Path(here.file.filename), link, depth)
        elif depth < _DEEPEST and isinstance(link, h5py.SoftLink):
            _walk(here.file, posixpath.normpath(posixpath.join(here.name or "/", link.path)), depth + 1)
        here = here[part]
        if isinstance(here, h5py.Dataset):
            _look_at_sources(here)
            return


def _walk_into(path: Path, link: h5py.ExternalLink, depth: int) -> None:
    there = locate(path, link.filename)
    if there is not None:
        with contextlib.suppress(*_ERRORS), h5py.File(there, "r", locking=False) as file:
            _walk(file, link.path, depth + 1)


def _look_at_sources(data: h5py.Dataset) -> None:
    if data.is_virtual and data.ndim < 3:
        path = Path(data.file.filename)
        for name in {source.file_name for source in data.virtual_sources()} - {"."}:
            locate(path, name, VIRTUAL)
