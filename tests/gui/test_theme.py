"""Both themes: contrast of every pair of colors that text is drawn in."""

from __future__ import annotations

import itertools
from dataclasses import asdict

import pytest
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import QApplication, QCheckBox, QWidget
from pytestqt.qtbot import QtBot

from ptychogui.views.theme import DARK, LIGHT, Colors, apply_theme

THEMES = pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
WORDS = ("text", "muted", "link", "danger", "warning", "success")
GROUNDS = ("window", "surface", "field", "hover", "chosen", "danger_tint", "warning_tint")
PAIRS = [*itertools.product(WORDS, GROUNDS), ("on_accent", "accent"), ("on_accent", "accent_hover")]
ENOUGH = 4.5
"""WCAG 2, AA."""


def luminance(color: str) -> float:
    parts = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (QColor(color).redF(), QColor(color).greenF(), QColor(color).blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@THEMES
@pytest.mark.parametrize(("word", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(colors: Colors, word: str, ground: str) -> None:
    drawn = asdict(colors)
    assert contrast(drawn[word], drawn[ground]) >= ENOUGH


@THEMES
@pytest.mark.parametrize("checked", [False, True])
def test_the_focus_is_seen_on_a_check_box(qtbot: QtBot, qapp: QApplication, colors: Colors, checked: bool) -> None:
    apply_theme(qapp, "light" if colors is LIGHT else "dark")
    holder = QWidget()
    boxes = [QCheckBox(holder) for _ in range(2)]
    qtbot.addWidget(holder)
    for box in boxes:
        box.setChecked(checked)
    holder.show()
    with qtbot.waitActive(holder):
        holder.activateWindow()
    drawn = []
    for box in boxes:
        box.setFocus()
        drawn.append(boxes[0].grab().toImage())
    assert drawn[0] != drawn[1]
    apply_theme(qapp, "light")
