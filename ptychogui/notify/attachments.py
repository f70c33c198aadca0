"""Pictures that go with a mail: a thumbnail, and 8-bit TIFF of phase and magnitude, small enough for mail servers."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ptychogui.errors import DataError
from ptychogui.io.export import tiff8_images
from ptychogui.io.result import Result, read_result
from ptychogui.io.result_header import read_header
from ptychogui.pictures.thumbnails import flatten_layers, shrink, thumbnail

IN_MAIL = 1.37
"""Bytes of a mail per byte of a file: four letters for three bytes, and the ends of lines."""

_LEAST_PX = 16
"""Longest side of a picture that is worth sending."""
_TIFF_HEAD_BYTES = 4096
"""More than all of a TIFF but its pixels."""


@dataclass(frozen=True)
class Attachment:
    """A file in a mail.

    Attributes:
        name: of the file.
        kind: "image/png".
        content: its bytes.
        note: what is to be said of it; "" if nothing.
    """

    name: str
    kind: str
    content: bytes
    note: str = ""


def pictures_of(path: Path, limit_bytes: float) -> list[Attachment]:
    """Return thumbnail, phase and magnitude of a result, scaled down until all are within a limit as mail has them.

    Raises:
        DataError: there is no such result.
    """
    result = read_result(path)
    flat = flatten_layers(result.object)
    small = _png(thumbnail(flat, result.scanned) if result.thumbnail is None else result.thumbnail)
    room_bytes = limit_bytes / IN_MAIL - len(small)
    if room_bytes < 0:
        return []
    return [Attachment(f"{path.stem}.png", "image/png", small), *_tiffs(path.stem, result, flat, room_bytes / 2)]


def _tiffs(stem: str, result: Result, flat: np.ndarray, most_bytes: float) -> list[Attachment]:
    """Return phase and magnitude, each of at most so many bytes; none where nothing would be left to see."""
    block = _block(flat.shape, most_bytes)
    if block is None:
        return []
    small = shrink(flat, max(flat.shape) // block)
    scaled = replace(result, object=small, object_pixel_m=result.object_pixel_m * block)
    note = f"scaled down {block} times" if block > 1 else ""
    images = tiff8_images(scaled, level=True)
    return [Attachment(f"{stem}_{kind}8.tif", "image/tiff", content, note) for kind, content in images.items()]


def thumbnails_of(paths: Sequence[Path], limit_bytes: int) -> list[Attachment]:
    """Return the thumbnails of as many results as are within a limit, of those that can be read."""
    found: list[Attachment] = []
    left = limit_bytes / IN_MAIL
    for path in paths:
        content = _thumbnail_in(path)
        if content and len(content) <= left:
            left -= len(content)
            found.append(Attachment(f"{path.stem}.png", "image/png", content))
    return found


def _thumbnail_in(path: Path) -> bytes:
    try:
        picture = read_header(path).thumbnail
    except DataError:
        return b""
    return b"" if picture is None else _png(picture)


def _block(shape: tuple[int, ...], most_bytes: float) -> int | None:
    """Return how many pixels become one on each axis so that a TIFF is small enough; None if too few would be left."""
    room = most_bytes - _TIFF_HEAD_BYTES
    longest_px = max(shape)
    if room >= shape[0] * shape[1]:
        return 1
    wanted_px = int(longest_px * math.sqrt(max(room, 0.0) / (shape[0] * shape[1])))
    return -(-longest_px // wanted_px) if wanted_px >= _LEAST_PX else None


def _png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
