"""Small pictures of jobs: the middle of the file's picture, read anew when the file is another one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image
from pytestqt.qtbot import QtBot

from ptychogui.views.queue.thumbnails import thumbnail


def _write(path: Path, gray: int, when_ns: int) -> None:
    pixels = np.full((40, 80), 255, np.uint8)
    pixels[:, 20:60] = gray
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(when_ns, when_ns))


def test_it_is_the_middle_and_is_renewed_with_its_file(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "preview.png"
    _write(path, 100, 1)
    first = thumbnail(str(path), 30)
    assert first is not None and (first.width(), first.height()) == (30, 30)
    assert first.toImage().pixelColor(2, 15).red() == 100
    again = thumbnail(str(path), 30)
    assert again is not None and again.cacheKey() == first.cacheKey()
    _write(path, 50, 2)
    renewed = thumbnail(str(path), 30, 2.0)
    assert renewed is not None and renewed.width() == 60 and renewed.toImage().pixelColor(4, 30).red() == 50


def test_no_picture_is_none(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "junk.png").write_bytes(b"junk")
    assert thumbnail("", 30) is None
    assert thumbnail(str(tmp_path / "absent.png"), 30) is None
    assert thumbnail(str(tmp_path / "junk.png"), 30) is None
