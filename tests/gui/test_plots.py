"""Cards with plots: images, the error curve, probe modes, scan positions."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ptychogui.views.plots import ErrorCard, ImageCard, LogAxis
from ptychogui.views.run.probe_card import ProbeCard
from ptychogui.views.scan.positions_card import PositionsCard
from ptychogui.window_state import ErrorCurve


class TestImage:
    @pytest.fixture
    def card(self, qtbot: QtBot) -> ImageCard:
        made = ImageCard("Object phase", "phase (rad)", "viridis")
        qtbot.addWidget(made)
        return made

    def test_it_lies_in_micrometers_from_the_top_left(self, card: ImageCard) -> None:
        card.show_image(np.zeros((10, 20), np.float32), 1e-7, (0.0, 1.0))
        rectangle = card.image.mapRectToParent(card.image.boundingRect())
        assert (rectangle.left(), rectangle.top()) == (0, 0)
        assert (rectangle.width(), rectangle.height()) == pytest.approx((2.0, 1.0))
        assert card.plot.getViewBox().yInverted() and card.plot.getViewBox().state["aspectLocked"] == 1

    def test_levels_follow_until_the_user_holds_them(self, card: ImageCard) -> None:
        data = np.zeros((4, 4), np.float32)
        card.show_image(data, 1e-7, (-1.0, 1.0))
        assert card.bar.levels() == (-1.0, 1.0)
        card.bar.setLevels((-0.25, 0.25))
        card.bar.sigLevelsChangeFinished.emit(card.bar)
        card.show_image(data, 1e-7, (-2.0, 2.0))
        assert card.bar.levels() == (-0.25, 0.25)
        card.auto.click()
        assert card.bar.levels() == (-2.0, 2.0)
        assert card.auto.isHidden()

    def test_the_users_view_stays_while_the_image_keeps_its_size(self, card: ImageCard) -> None:
        data = np.zeros((50, 50), np.float32)
        card.show_image(data, 1e-7, (0.0, 1.0))
        card.plot.setRange(xRange=(1, 2), yRange=(1, 2), padding=0)
        seen = card.plot.viewRange()
        card.show_image(data + 1, 1e-7, (0.0, 1.0))
        assert card.plot.viewRange() == seen


class TestError:
    def test_the_curve_has_its_points_on_an_axis_of_all_iterations(self, qtbot: QtBot) -> None:
        card = ErrorCard()
        qtbot.addWidget(card)
        card.show_curve(ErrorCurve(10, ((1, 5.0), (5, 2.0))))
        x, y = card.curve.getOriginalDataset()
        assert (list(x), list(y)) == ([1, 5], [5.0, 2.0])
        left, right = card.plot.viewRange()[0]
        assert left < 0 and 10 < right < 11
        card.show_curve(ErrorCurve(10))
        assert len(card.curve.getOriginalDataset()[0] if card.curve.getOriginalDataset()[0] is not None else ()) == 0

    def test_the_free_error_is_a_second_line_that_the_head_explains(self, qtbot: QtBot) -> None:
        card = ErrorCard()
        qtbot.addWidget(card)
        card.show_curve(ErrorCurve(10, ((1, 5.0), (2, 2.0)), ((1, 60.0), (2, 3.0))))
        x, y = card.free_curve.getOriginalDataset()
        assert (list(x), list(y)) == ([1, 2], [60.0, 3.0])
        assert not card.legend.isHidden() and "held out" in card.legend.toolTip()
        assert card.free_curve.opts["pen"].color() != card.curve.opts["pen"].color()
        assert card.plot.viewRange()[1][1] > np.log10(60)
        card.show_curve(ErrorCurve(10, ((1, 5.0),)))
        assert card.legend.isHidden()

    def test_less_than_a_decade_still_has_ticks(self) -> None:
        axis = LogAxis("left")
        ((_, ticks),) = axis.tickValues(-0.1, 0.8, 200)
        assert axis.tickStrings(ticks, 1, 1) == ["1", "2", "5"]
        ((_, ticks),) = axis.tickValues(-2, 4, 200)
        assert axis.tickStrings(ticks, 1, 1) == ["0.01", "0.1", "1", "10", "100", "1e+03", "1e+04"]


def test_modes_have_their_share_below(qtbot: QtBot) -> None:
    card = ProbeCard()
    qtbot.addWidget(card)
    card.resize(500, 200)
    card.show_modes(np.zeros((2, 8, 8, 3), np.uint8), 1e-8, (0.75, 0.25))
    assert card.strip._captions == ["1  ·  75.0 %", "2  ·  25.0 %"]
    assert not card.grab().isNull()


def test_positions_that_the_file_does_not_have(qtbot: QtBot) -> None:
    card = PositionsCard()
    qtbot.addWidget(card)
    card.show_positions(None)
    assert "none" in card.title.text()
    card.show_positions(np.array([[0.0, 1e-6], [2e-6, 0.0]]))
    assert list(card.dots.getData()[0]) == [1.0, 0.0]
