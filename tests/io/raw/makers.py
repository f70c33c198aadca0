"""Raw files for the tests of this room, and how they are read or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.makers import make_frames

LZ4 = dict(**hdf5plugin.Bitshuffle(cname="lz4"))


def lines(*counts: int, first: int = 0) -> dict[int, np.ndarray]:
    """Return lines of frames that are numbered through."""
    starts = np.cumsum((0, *counts[:-1]))
    return {
        number: make_frames(count, int(start))
        for number, (count, start) in enumerate(zip(counts, starts, strict=True), first)
    }


def told(dataset: Dataset) -> list[int]:
    """Return the numbers that all frames tell."""
    return [int(frame[0, 0]) for frame in dataset.frames.read(range(dataset.frames.shape[0]))]


def read(path: Path | str, **options: Any) -> np.ndarray:
    with open_dataset(path, ReadOptions(**options)) as dataset:
        return dataset.frames.read(range(dataset.frames.shape[0]))


def refuse(path: Path | str, message: str, **options: Any) -> None:
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(path, ReadOptions(**options)).close()
    assert "\n" not in str(caught.value)


def make_all(rows: dict[int, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(rows.values()))


def make_master(folder: Path, counts: tuple[int, ...] = (3, 3, 2), **packing: Any) -> Path:
    """Write a detector's master with external links data_000001, ..., and the files they lead to."""
    with h5py.File(folder / "m_master.h5", "w") as master:
        for number, frames in lines(*counts, first=1).items():
            name = f"m_data_{number:06d}.h5"
            with h5py.File(folder / name, "w") as file:
                file.create_dataset("entry/data/data", data=frames, **packing)
            master[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
    return folder / "m_master.h5"
