"""Masks of bad pixels as files have them: of any type, one for all frames or one for each, 0 on good or on bad ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import h5py
import numpy as np

_KINDS = "biuf"
"""Types that a mask may have."""


@dataclass(frozen=True)
class Mask:
    """A mask read in both ways, bool (rows, columns) each.

    A number that is none, or a pixel that is bad in any frame, is bad whichever way round the mask is.

    Attributes:
        bad: bad pixels, where the mask is not 0 on them.
        inverted: bad pixels, where the mask is not 0 on good ones.
    """

    bad: np.ndarray
    inverted: np.ndarray


def mask_of(images: Iterable[np.ndarray]) -> Mask:
    """Read the masks of some frames as one.

    A mask that frames are multiplied by may have NaN on bad pixels and no 0 at all: then those with NaN alone are bad.

    Args:
        images: (rows, columns) of real numbers each, at least one.
    """
    marked: np.ndarray | bool
    marked = unmarked = undefined = False
    for image in images:
        odd = np.isnan(image)
        undefined, unmarked = undefined | odd, unmarked | (image == 0)
        marked = marked | ((image != 0) & ~odd)
    says_something = np.any(unmarked) or not np.any(undefined)
    return Mask(np.asarray(undefined | (marked & says_something)), np.asarray(undefined | unmarked))


def stored_mask(found: h5py.Dataset, size: tuple[int, ...]) -> Mask | None:
    """Read a mask of frames of a size (rows, columns), one or one for each frame; None where it is none."""
    if found.dtype.kind not in _KINDS or found.ndim < 2 or not found.size or found.shape[-2:] != tuple(size):
        return None
    return mask_of(_images(found))


def _images(found: h5py.Dataset) -> Iterator[np.ndarray]:
    return (np.asarray(found[place]) for place in np.ndindex(found.shape[:-2]))
