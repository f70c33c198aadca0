"""The masks of a job: the scan file's own and the user's, each read as the settings say, and joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.array_files import read_mask
from ptychogui.io.dataset import Dataset
from ptychogui.params.model import Parameters


@dataclass(frozen=True)
class ReadMask:
    """A mask as the settings have it read.

    Attributes:
        name: in words, such as "the file's own mask".
        bad: bool (rows, columns) of the detector, True on bad pixels.
        other: the same, if the mask is the other way round.
        parameter: path of the setting that turns it round.
        inverted: that setting.
    """

    name: str
    bad: np.ndarray
    other: np.ndarray
    parameter: str
    inverted: bool


def masks_of(dataset: Dataset, parameters: Parameters) -> tuple[ReadMask, ...]:
    """Return the file's own mask and the user's, as many as there are.

    Raises:
        DataError: the user's can't be read, or is of another detector.
    """
    settings, found = parameters.preprocessing, []
    if dataset.bad_pixels is not None:
        inverted = ~dataset.bad_pixels if dataset.bad_if_inverted is None else dataset.bad_if_inverted
        found.append(_read("the file's own mask", dataset.bad_pixels, inverted, "invert_mask", settings.invert_mask))
    path, detector = settings.mask_file, tuple(dataset.frames.shape[1:])
    if path is not None:
        mask = read_mask(path)
        if mask.bad.shape != detector:
            raise DataError(f"{path}: the mask has shape {mask.bad.shape} but the detector has {detector}")
        given = f"the mask {path.name}"
        found.append(_read(given, mask.bad, mask.inverted, "invert_mask_file", settings.invert_mask_file))
    return tuple(found)


def _read(name: str, bad: np.ndarray, inverted: np.ndarray, setting: str, turned: bool) -> ReadMask:
    both = (inverted, bad) if turned else (bad, inverted)
    return ReadMask(name, *both, parameter=f"preprocessing.{setting}", inverted=turned)


def bad_pixels(dataset: Dataset, parameters: Parameters) -> np.ndarray | None:
    """Join the file's own mask and the user's: bool (rows, columns) of the detector, or None. See `masks_of`."""
    masks = [mask.bad for mask in masks_of(dataset, parameters)]
    return np.logical_or.reduce(masks) if masks else None
