"""Links of HDF5 files that lead nowhere, and where to."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py

from ptychogui.errors import DataError
from ptychogui.io.hdf5.external_files import locate
from ptychogui.io.hdf5.files import H5_ERRORS, open_h5

_log = logging.getLogger(__name__)

_DEEPEST = 16
"""Links that lead to links; more go in a circle."""


@dataclass(frozen=True)
class DanglingLink:
    """A link that leads nowhere: its own place, and where it points to: "is a link to /data, which is not there"."""

    place: str
    target: str

    def __str__(self) -> str:
        return f"{self.place} {self.target}"


def missing_target(file: h5py.File, place: str, depth: int = 0) -> DanglingLink | None:
    """Return the link on the way to a place that leads nowhere; None if there is none such."""
    here: h5py.Group = file["/"]
    walked = ""
    for part in place.strip("/").split("/"):
        link, walked = here.get(part, getlink=True), f"{walked}/{part}"
        found = None if link is None else _resolved(here, part)
        if link is None or (found is None and isinstance(link, h5py.HardLink)):
            return None
        if found is None:
            return DanglingLink(walked, _target(here, link, depth))
        if not isinstance(found, h5py.Group):
            return None
        here = found
    return None


def _resolved(group: h5py.Group, name: str) -> h5py.HLObject | None:
    """Return what is at the end of a link; None where it leads nowhere, or back to itself."""
    try:
        return group.get(name)
    except H5_ERRORS as error:
        _log.debug("the link %s leads nowhere: %s", name, error)
        return None


def _target(group: h5py.Group, link: h5py.SoftLink | h5py.ExternalLink, depth: int) -> str:
    """Say where a link of a group that leads nowhere points to."""
    if depth > _DEEPEST:
        return f"is a link to {link.path}, which leads back to it"
    if isinstance(link, h5py.SoftLink):
        target = posixpath.normpath(posixpath.join(group.name or "/", link.path))
        deeper = missing_target(group.file, target, depth + 1)
        return f"is a link to {link.path}, {f'and {deeper}' if deeper else 'which is not there'}"
    said = f"is a link to {link.path} in the file {link.filename}"
    there = locate(Path(group.file.filename), link.filename)
    if there is None:
        return f"{said}, which is not there"
    try:
        with open_h5(there) as file:
            deeper = missing_target(file, link.path, depth + 1)
    except (DataError, *H5_ERRORS) as error:
        return f"{said}, which can't be opened ({error})"
    return f"{said}, {f'where {deeper}' if deeper else 'which has nothing there'}"


def dangling_links(file: h5py.File) -> Iterator[DanglingLink]:
    """Give each link of a file that leads nowhere."""
    yield from filter(None, (missing_target(file, place) for place in _links(file, "", set())))


def _links(group: h5py.Group, name: str, seen: set[int]) -> Iterator[str]:
    """Give the path of each link in a group, and in those that are in it, that is more than a name."""
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        return
    seen.add(address)
    for part in group:
        place = f"{name}/{part}"
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            yield place
        elif group.get(part, getclass=True) is h5py.Group:
            yield from _links(group[part], place, seen)
