"""Cards with plots: images, the error curve, probe modes, scan positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from ptychogui.errors import OutputError
from ptychogui.views.plots.color_maps import PHASES, drawn
from ptychogui.views.plots.error_card import ErrorCard, LogAxis
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.plots.picture_box import Tool
from ptychogui.views.plots.probe_card import ProbeCard
from ptychogui.views.run.picture_bar import PictureBar
from ptychogui.views.run.spots import Spots, arrows
from ptychogui.views.scan.positions_card import PositionsCard
from ptychogui.window_state import ErrorCurve


class TestImage:
    @pytest.fixture
    def card(self, qtbot: QtBot) -> ImageCard:
        made = ImageCard("Object phase", "phase (rad)", PHASES, "rad")
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

    def test_a_double_click_or_the_button_shows_all_again(self, card: ImageCard) -> None:
        card.show_image(np.zeros((50, 50), np.float32), 1e-7, (0.0, 1.0))
        all_of_it = card.plot.viewRange()
        for ask in (card.fit_button.click, card.box.fitAsked.emit, card.menu.fit_all.trigger):
            card.plot.setRange(xRange=(1, 2), yRange=(1, 2), padding=0)
            ask()
            np.testing.assert_allclose(card.plot.viewRange(), all_of_it)

    def test_zoom_does_not_stay_for_another_run(self, card: ImageCard) -> None:
        data = np.zeros((50, 50), np.float32)
        card.show_image(data, 1e-7, (0.0, 1.0))
        all_of_it = card.plot.viewRange()
        card.plot.setRange(xRange=(1, 2), yRange=(1, 2), padding=0)
        card.clear()
        card.show_image(data, 1e-7, (0.0, 1.0))
        np.testing.assert_allclose(card.plot.viewRange(), all_of_it)

    def test_a_finer_pixel_in_the_same_place_keeps_the_view(self, card: ImageCard) -> None:
        card.show_image(np.zeros((50, 50), np.float32), 2e-7, (0.0, 1.0))
        card.plot.setRange(xRange=(1, 2), yRange=(1, 2), padding=0)
        seen = card.plot.viewRange()
        card.show_image(np.zeros((100, 100), np.float32), 1e-7, (0.0, 1.0))
        assert card.plot.viewRange() == seen

    def test_the_read_out_has_place_value_and_unit(self, card: ImageCard) -> None:
        card.show_image(np.arange(200, dtype=np.float32).reshape(10, 20), 1e-7, (0.0, 1.0))
        assert card.describe(0.55, 0.25) == "45 rad  at x 0.550, y 0.250 µm"
        assert card.describe(-0.1, 0.2) == "" and card.describe(0.1, 1.1) == ""

    def test_levels_can_be_typed_and_freed(self, card: ImageCard) -> None:
        card.show_image(np.zeros((4, 4), np.float32), 1e-7, (-1.0, 1.0))
        editor = card.menu.levels
        assert editor.follow.isChecked() and editor.highest.text() == "1"
        editor.highest.setText("0.5")
        editor.highest.editingFinished.emit()
        assert card.bar.levels() == (-1.0, 0.5) and card.is_held and not editor.follow.isChecked()
        editor.lowest.setText("0.7")  # above the highest
        editor.lowest.editingFinished.emit()
        assert card.bar.levels() == (-1.0, 0.5)
        editor.follow.click()
        assert card.bar.levels() == (-1.0, 1.0) and not card.is_held
        editor.follow.click()
        card.show_image(np.zeros((4, 4), np.float32), 1e-7, (-3.0, 3.0))
        assert card.bar.levels() == (-1.0, 1.0)

    def test_a_cyclic_map_stands_for_one_turn(self, card: ImageCard) -> None:
        card.show_image(np.zeros((4, 4), np.float32), 1e-7, (-1.0, 1.0))
        chosen = {action.text(): action for action in card.menu.colors.actions()}
        chosen["Cyclic, one turn"].trigger()
        assert card.bar.levels() == (-np.pi, np.pi) and card.bar.colorMap() is drawn(PHASES[3])
        chosen["Cividis"].trigger()
        assert card.bar.levels() == (-1.0, 1.0) and card.bar.colorMap() is drawn(PHASES[1])

    def test_a_dragged_line_has_a_profile_with_edges(self, card: ImageCard) -> None:
        image = np.zeros((100, 100), np.float32)
        image[:, 30:60] = 1
        card.show_image(image, 1e-7, (0.0, 1.0))
        card.menu.tools.actions()[0].trigger()
        assert card.box.tool is Tool.LINE and "Drag a line" in card.strip.text.text()
        card.box.dragged.emit((1.0, 5.0), (9.0, 5.0), True)
        told = card.strip.text.text()
        assert told == "Length 8 µm  ·  edges at 2.003, 4.998 µm  ·  apart by 2.995 µm"
        assert len(card.strip.profile.edges) == 2 and len(card.strip.profile.curve.getData()[0]) > 100
        card.menu.tools.actions()[0].trigger()
        assert card.strip.isHidden() and card.strip.mark.getData()[0] is None

    def test_a_dragged_rectangle_has_statistics(self, card: ImageCard) -> None:
        card.show_image(np.full((100, 100), 2, np.float32), 1e-7, (0.0, 1.0))
        card.menu.tools.actions()[1].trigger()
        card.box.dragged.emit((3.0, 1.0), (1.0, 2.0), True)
        assert card.strip.text.text() == "2 × 1 µm  ·  200 px  ·  mean 2 ± 0 rad  ·  2 to 2  ·  sum 400"
        card.box.dragged.emit((30.0, 1.0), (31.0, 2.0), True)
        assert "nothing of the picture" in card.strip.text.text()

    def test_a_large_picture_is_drawn_with_the_screens_pixels(self, card: ImageCard, qtbot: QtBot) -> None:
        card.resize(400, 400)
        with qtbot.waitSignal(card.looked):
            card.show_image(np.zeros((2048, 2048), np.float32), 1e-8, (0.0, 1.0))
        assert max(card.image.image.shape) <= 512
        card.plot.setRange(xRange=(1, 2), yRange=(1, 2), padding=0)
        assert card.image.image.shape[0] == pytest.approx(100, abs=40)

    def test_what_got_no_light_is_covered(self, card: ImageCard) -> None:
        light = np.ones((4, 4), np.float32)
        light[0] = 0
        card.show_image(np.zeros((8, 8), np.float32), 1e-7, (0.0, 1.0), light=light)
        assert card.veil.image[0, 0] == 255 and card.veil.image[1, 0] == 0
        card.show_image(np.zeros((8, 8), np.float32), 1e-7, (0.0, 1.0))
        assert card.veil.image is None

    def test_without_a_picture_the_axes_have_no_numbers(self, card: ImageCard) -> None:
        assert not card.plot.getAxis("left").style["showValues"]
        card.show_image(np.zeros((8, 8), np.float32), 1e-7, (0.0, 1.0))
        assert card.plot.getAxis("left").style["showValues"]
        card.clear()
        assert not card.plot.getAxis("left").style["showValues"] and card.describe(0.1, 0.1) == ""

    def test_picture_and_data_can_be_saved_and_copied(
        self, card: ImageCard, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = np.arange(64, dtype=np.float32).reshape(8, 8)
        card.show_image(data, 1e-7, (0.0, 1.0))
        for action, name in ((card.menu.save_picture, "a.png"), (card.menu.save_data, "a.tif")):
            monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
            with qtbot.waitSignal(card.saveAsked) as asked:
                action.trigger()
            path, write = asked.args
            write(path)
        assert not QImage(str(tmp_path / "a.png")).isNull()
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), data)
        card.menu.copy.trigger()
        clipboard = QApplication.clipboard()
        assert clipboard is not None and not clipboard.image().isNull()

    def test_a_picture_that_can_not_be_written_says_so(
        self, card: ImageCard, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "a.png"), ""))
        with qtbot.waitSignal(card.saveAsked) as asked:
            card.menu.save_picture.trigger()
        with pytest.raises(OutputError, match="can't be written"):
            asked.args[1](asked.args[0])


class TestScaleBar:
    def test_it_is_a_round_length_at_every_zoom(self, qtbot: QtBot) -> None:
        card = ImageCard("Object phase", "phase (rad)", PHASES, "rad")
        qtbot.addWidget(card)
        card.resize(500, 400)
        card.show_image(np.zeros((100, 100), np.float32), 1e-7, (0.0, 1.0))
        assert card.scale_bar is not None
        for width in (8.0, 1.0, 0.05):
            card.plot.setRange(xRange=(1, 1 + width), yRange=(1, 1 + width), padding=0)
            length_m, length_px = card.scale_bar.length()
            assert f"{length_m:.0e}"[0] in "125" and 0 < length_px < card.box.rect().width() / 3
        assert not card.grab().isNull()


def test_arrows_point_from_where_positions_were(qtbot: QtBot) -> None:
    lines = arrows(np.array([[0.0, 0.0]]), np.array([[0.0, 1.0]]))
    tip = [0.0, 1.0]
    np.testing.assert_allclose(lines, np.array([[0.0, 0.0], tip, tip, [0.15, 0.7], tip, [-0.15, 0.7]]))
    card = ImageCard("Object phase", "phase (rad)", PHASES, "rad")
    qtbot.addWidget(card)
    spots = Spots(card.plot)
    positions_m = np.array([[1e-6, 1e-6], [11e-6, 1e-6]])
    assert spots.show_spots(None, None) == "not known"
    assert spots.show_spots(positions_m, np.zeros((2, 2))) == "not corrected"
    told = spots.show_spots(positions_m, np.array([[0.0, 1e-8], [0.0, -1e-8]]))
    assert told == "corrected by 10 nm, at most 10 nm, arrows 80 × as long"
    assert spots.arrows.getData()[0] is None  # nobody sees them yet
    spots.set_visible(True)
    assert len(spots.arrows.getData()[0]) == 12 and len(spots.dots.getData()[0]) == 2
    told = spots.show_spots(positions_m, None, np.array([1.0, 2.0], np.float32))
    assert told.startswith("errors from 1") and told.endswith("not corrected")
    brushes = [spot.brush().color() for spot in spots.dots.points()]
    assert brushes[0] != brushes[1]
    spots.show_spots(None, None)
    assert not len(spots.dots.getData()[0])


class TestPictureBar:
    @pytest.fixture
    def bar(self, qtbot: QtBot) -> PictureBar:
        made = PictureBar()
        qtbot.addWidget(made)
        made.show()
        return made

    def test_one_looks_back_until_the_newest_is_asked_for(self, bar: PictureBar, qtbot: QtBot) -> None:
        assert bar.slider.isHidden()
        bar.show_kept((0, 5, 10))
        assert bar.slider.isVisible() and bar.at.text() == "newest" and not bar.newest.isVisible()
        with qtbot.waitSignal(bar.pastAsked) as asked:
            bar.slider.setValue(1)
        assert asked.args == [5] and bar.at.text() == "after iteration 5"
        bar.show_kept((0, 5, 10, 15))
        assert bar.at.text() == "after iteration 5"
        with qtbot.waitSignal(bar.pastAsked) as asked:
            bar.newest.click()
        assert asked.args == [-1] and not bar.newest.isVisible()

    def test_switches_are_announced(self, bar: PictureBar, qtbot: QtBot) -> None:
        for box, signal in ((bar.ramp, bar.rampRemoved), (bar.unwrap, bar.unwrapped), (bar.spots, bar.spotsShown)):
            with qtbot.waitSignal(signal) as told:
                box.click()
            assert told.args == [True]
        bar.show_spots("not corrected")
        assert bar.told.whole_text() == "not corrected"


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

    def test_each_engine_of_a_chain_is_marked_where_it_began(self, qtbot: QtBot) -> None:
        card = ErrorCard()
        qtbot.addWidget(card)
        card.show_curve(ErrorCurve(10, ((1, 5.0),), stages=((0, "dm"),)))
        assert not card.begins
        card.show_curve(ErrorCurve(10, ((1, 5.0), (6, 2.0)), stages=((0, "dm"), (5, "lsqml"))))
        assert [(line.value(), line.label.format) for line in card.begins] == [(0, "DM"), (5, "LSQML")]
        card.show_curve(ErrorCurve(10))
        assert not card.begins

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
