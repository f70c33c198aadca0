"""Thumbnails: small pictures of an object, and how a large array is made small."""

from __future__ import annotations

import numpy as np

from ptychogui.pictures.colors import gray8
from ptychogui.pictures.levels import robust_levels
from ptychogui.pictures.phase import phase_image

THUMBNAIL_PX = 256
"""Longest side of a thumbnail."""


def thumbnail(field: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return a small picture of the leveled phase: uint8 RGB (rows, columns, 3), at most 256 pixels long.

    Args:
        field: complex (rows, columns) or (layers, rows, columns), whose layers are multiplied.
        weight: float (rows, columns), positive where the scan reached; it sets the plane and the gray limits.
    """
    flat = flatten_layers(field)
    phase = phase_image(flat, level=True, weight=weight)
    gray = gray8(shrink(phase, THUMBNAIL_PX), robust_levels(phase, weight))
    return np.repeat(gray[..., None], 3, axis=-1)


def shrink(image: np.ndarray, longest_px: int) -> np.ndarray:
    """Average blocks of pixels until the longer side is at most `longest_px`; odd rests at the ends are cut."""
    block = -(-max(image.shape[:2]) // longest_px)
    if block == 1:
        return image
    rows, columns = (max(size // block, 1) for size in image.shape[:2])
    cut = image[: rows * block, : columns * block]
    return np.asarray(cut.reshape(rows, cut.shape[0] // rows, columns, cut.shape[1] // columns).mean(axis=(1, 3)))


def flatten_layers(field: np.ndarray) -> np.ndarray:
    """Multiply the layers of an object (layers, rows, columns) into one (rows, columns)."""
    return field if field.ndim == 2 else np.asarray(np.prod(field, axis=0))
