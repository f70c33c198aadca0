"""Small pictures of jobs, read from their files when they are drawn and kept until the files change."""

from __future__ import annotations

import os

from PyQt5.QtCore import QSize, Qt
from PyQt5.QtGui import QImageReader, QPixmap, QPixmapCache


def thumbnail(path: str, size_px: int, ratio: float = 1.0) -> QPixmap | None:
    """Return the picture in a file, as a square of a size on a screen with a pixel ratio; None if there is none."""
    try:
        version = os.stat(path).st_mtime_ns if path else 0
    except OSError:
        return None
    key = f"{path} {version} {size_px} {ratio}"
    found = QPixmapCache.find(key) if version else None
    if found is None and version:
        found = _read(path, round(size_px * ratio))
        found.setDevicePixelRatio(ratio)
        QPixmapCache.insert(key, found)
    return found if found is not None and not found.isNull() else None


def _read(path: str, side_px: int) -> QPixmap:
    """Read the middle of a picture; a null one where it can't be read."""
    reader = QImageReader(path)
    whole = reader.size()
    if not whole.isValid():
        return QPixmap()
    reader.setScaledSize(whole.scaled(QSize(side_px, side_px), Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    image = reader.read()
    left, top = (image.width() - side_px) // 2, (image.height() - side_px) // 2
    return QPixmap.fromImage(image.copy(left, top, side_px, side_px))
