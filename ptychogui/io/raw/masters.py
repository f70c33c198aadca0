"""Master files: HDF5 that holds no frames itself but says which files do, by links or by a virtual dataset."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import h5py

from ptychogui.io.fingerprint import looked_at
from ptychogui.io.hdf5.external_files import EXTERNAL, VIRTUAL, locate
from ptychogui.io.raw.joined_frames import PartFile
from ptychogui.io.raw.virtual_datasets import is_endless
from ptychogui.io.read_options import ReadOptions

_LINK_GROUP = "/entry/data"
_LINK = re.compile(r"data_(\d+)")
_MASTER, _NUMBERED = "_master", re.compile(r".*(_data_\d+\.\w+)")
"""How a detector names a master and its files, behind the same words."""


def part_files(path: Path, file: h5py.File, dataset_path: str) -> list[PartFile]:
    """List the files that a master's frames are in, in their order; [] where it holds its frames itself.

    Args:
        path: the master.
        file: the master, open.
        dataset_path: HDF5 path of the virtual dataset, or of the group with links data_000001, ...; "" to find them.
    """
    place = file.get(dataset_path or _LINK_GROUP)
    data = place if isinstance(place, h5py.Dataset) else file.get(f"{_LINK_GROUP}/data")
    is_virtual = isinstance(data, h5py.Dataset) and data.is_virtual
    if isinstance(place, h5py.Group) and (dataset_path or is_virtual or not isinstance(data, h5py.Dataset)):
        linked = _linked(path, place)
        if linked:
            return linked
    return _mapped(path, data) if is_virtual else []


def _linked(path: Path, group: h5py.Group) -> list[PartFile]:
    """List the targets of the links data_000001, ...; a number without a link is a part with a problem."""
    links = {int(match[1]): name for name in group if (match := _LINK.fullmatch(name))}
    if not links:
        return []
    return [_link_part(path, group, number, links.get(number)) for number in range(min(links), max(links) + 1)]


def _link_part(path: Path, group: h5py.Group, number: int, name: str | None) -> PartFile:
    if name is None:
        return PartFile(path, number, ReadOptions(), problem=f"{path.name} has no link {group.name}/data_{number:06d}")
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        target, note = _target(path, link.filename, EXTERNAL)
        return PartFile(target, number, ReadOptions(dataset_path=link.path), note=note)
    return PartFile(path, number, ReadOptions(dataset_path=f"{group.name}/{name}"))


def _mapped(path: Path, data: h5py.Dataset) -> list[PartFile]:
    """List the files of a virtual dataset that puts whole stacks one after the other; [] for any other mapping."""
    if data.ndim != 3 or any(is_endless(source.vspace) for source in data.virtual_sources()):
        return []
    sources = sorted(data.virtual_sources(), key=lambda source: _bounds(source)[0])
    parts: list[PartFile] = []
    row = 0
    for number, source in enumerate(sources):
        (first, *corner), (last, *end) = _bounds(source)
        whole = not any(corner) and tuple(size + 1 for size in end) == data.shape[1:] and first == row
        if not whole or any(_start(source.src_space)) or "%" in source.file_name:
            return []
        row = last + 1
        target, note = (path, "") if source.file_name == "." else _target(path, source.file_name, VIRTUAL)
        parts.append(
            PartFile(target, number, ReadOptions(dataset_path=source.dset_name), most_frames=row - first, note=note)
        )
    return parts if row == data.shape[0] else []


def _bounds(source: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first and the last element of a source in the virtual dataset."""
    start, end = source.vspace.get_select_bounds()
    return tuple(start), tuple(end)


def _start(space: h5py.h5s.SpaceID) -> tuple[int, ...]:
    """Return the first element of a selection; () where all is selected."""
    return () if space.get_select_type() == h5py.h5s.SEL_ALL else tuple(space.get_select_bounds()[0])


def _target(path: Path, name: str, variable: str) -> tuple[Path, str]:
    """Return the file that a master names, and what is to be said of it.

    Where HDF5 finds none it is the one of that name beside the master, wherever the name says that it is, or the one
    that was renamed as the master was.
    """
    found = locate(path, name, variable)
    if found is not None:
        return found, ""
    last = name.replace("\\", "/").rpartition("/")[2]
    numbered, stem = _NUMBERED.fullmatch(last), path.stem
    renamed = f"{stem.removesuffix(_MASTER)}{numbered[1]}" if numbered and stem.endswith(_MASTER) else last
    for other in (last, renamed):
        there = path.parent / other
        looked_at(there)
        if os.path.exists(there):
            return there, f"{path.name} names {name}, which is not there; {other} beside it is taken"
    return path.parent / last, ""
