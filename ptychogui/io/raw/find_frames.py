"""The search for frames in an HDF5 file that follows no standard, or reads one in its own way."""

from __future__ import annotations

import re
from pathlib import Path

import h5py

from ptychogui.errors import DataError
from ptychogui.io.hdf5.external_files import look_at_files
from ptychogui.io.hdf5.files import datasets
from ptychogui.io.hdf5.links import DanglingLink, dangling_links, missing_target
from ptychogui.io.raw.hdf5_frames import is_stack, looks_like_frames

USUAL_PLACES = (
    "/entry/data/data",
    "/entry/instrument/detector/data",
    "/entry/data/eiger_4",
    "/entry/externals/eiger",
    "/entry/measurement/Eiger/data",
    "/exchange/data",
    "/dp",
)
"""Where beamlines put frames, the commonest first (research: formats that ptychopy and ptychodus read)."""

_OFFERED = 8

_OF_FRAMES = re.compile(r"data|frame|image|pattern|diff|detector|eiger|pilatus|merlin|medipix|lambda|jungfrau", re.I)
"""In the name of a link that may be meant for frames."""


def find_frames(path: Path, file: h5py.File, dataset_path: str = "") -> h5py.Dataset:
    """Return the dataset with the frames: the one named, one of the usual places, or the only one there is.

    Nothing else is taken for them where a link that may be meant for frames leads nowhere.

    Raises:
        DataError: there is none, or nothing says which of several; the message lists them.
    """
    places = (dataset_path,) if dataset_path else USUAL_PLACES
    for place in places:
        found = file.get(place)
        if found is not None:
            look_at_files(file, place)
        if isinstance(found, h5py.Dataset) and (dataset_path or looks_like_frames(found.shape, found.dtype)):
            return found
    dangling = next(filter(None, (missing_target(file, place) for place in places)), None)
    candidates = [] if dangling else _candidates(file)
    if not (dangling or dataset_path):
        dangling = _dangling(file, bool(candidates))
    if dangling:
        raise DataError(f"{path}: {dangling}; put it back or name other frames with --dataset-path")
    if len(candidates) == 1 and not dataset_path:
        return candidates[0]
    raise DataError(f"{path}: {_why(dataset_path, candidates)}")


def _dangling(file: h5py.File, others: bool) -> DanglingLink | None:
    """Return a link that leads nowhere; where there are other stacks, only one that may be meant for frames."""
    links = list(dangling_links(file))
    meant = [link for link in links if _OF_FRAMES.search(link.place.rsplit("/", 1)[1])]
    return next(iter(meant or ([] if others else links)), None)


def _candidates(file: h5py.File) -> list[h5py.Dataset]:
    """List what can be frames: stacks, and single images only where there is no stack."""
    found = [data for ndim in (3, 4) for data in datasets(file, ndim) if looks_like_frames(data.shape, data.dtype)]
    return found or [data for data in datasets(file, 2) if is_stack(data)]


def _why(dataset_path: str, candidates: list[h5py.Dataset]) -> str:
    offer = ", ".join(f"{data.name} {data.shape}" for data in candidates[:_OFFERED])
    if not candidates:
        return "there are no diffraction patterns at all" if not dataset_path else f"there is nothing at {dataset_path}"
    if dataset_path:
        return f"there are no diffraction patterns at {dataset_path}; it has {offer}: name one with --dataset-path"
    return f"which are the diffraction patterns? It has {offer}: name one with --dataset-path"
