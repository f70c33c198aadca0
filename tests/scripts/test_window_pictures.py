"""The pictures of the window that the docs show are those that the script takes."""

from __future__ import annotations

import re
from pathlib import Path

from PyQt5.QtGui import QImage
from pytestqt.qtbot import QtBot

from scripts.window_pictures import OF_THE_DOCS, SHOWN, SIZES, show_in_docs


def test_the_page_shows_every_picture_that_is_taken_for_it(repo_root: Path) -> None:
    text = (repo_root / "docs" / "window.md").read_text(encoding="utf-8")
    assert set(re.findall(r"images/(window[-\w]*\.png)", text)) == set(SHOWN.values())
    assert all((OF_THE_DOCS / picture).is_file() for picture in SHOWN.values())


def test_pictures_of_the_smallest_size_go_into_the_docs(qtbot: QtBot, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, theme in SHOWN:
        image = QImage(SIZES[0], QImage.Format.Format_RGB32)
        image.save(str(tmp_path / f"{name}-{theme}-{SIZES[0].width()}.png"))
    show_in_docs(tmp_path, docs)
    assert {path.name for path in docs.iterdir()} == set(SHOWN.values())
