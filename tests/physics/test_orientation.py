from __future__ import annotations

import itertools

import numpy as np
import pytest

from ptychogui.params.model import Experiment
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.orientation import Orientation, turn_beam

ALL = [Orientation(*choice) for choice in itertools.product(range(4), (False, True), (False, True), (False, True))]
SQUARE = np.arange(36).reshape(6, 6)


def key(image: np.ndarray) -> bytes:
    return image.tobytes()


def test_the_settings_give_the_eight_symmetries_of_the_square() -> None:
    images = {key(orientation.apply(SQUARE)) for orientation in ALL}
    assert len(images) == 8
    assert key(SQUARE) in images


@pytest.mark.parametrize("first", ALL)
def test_they_form_a_group(first: Orientation) -> None:
    images = {key(orientation.apply(SQUARE)) for orientation in ALL}
    followed = [key(then.apply(first.apply(SQUARE))) for then in ALL]
    assert set(followed) == images
    assert followed.count(key(SQUARE)) == 4


def test_the_group_is_that_of_the_square_not_of_a_cube_edge() -> None:
    turn, flip = Orientation(rotate90=1), Orientation(flip_rows=True)
    assert not np.array_equal(turn.apply(flip.apply(SQUARE)), flip.apply(turn.apply(SQUARE)))
    back = turn.apply(turn.apply(turn.apply(SQUARE)))
    np.testing.assert_array_equal(flip.apply(turn.apply(flip.apply(SQUARE))), back)


def test_one_quarter_turn_is_counter_clockwise() -> None:
    np.testing.assert_array_equal(Orientation(rotate90=1).apply(np.array([[1, 2], [3, 4]])), [[2, 4], [1, 3]])


def test_turn_comes_before_flips_and_flips_before_transposition() -> None:
    chosen = Orientation.of(Preprocessing(rotate90=1, flip_rows=True, transpose=True))
    np.testing.assert_array_equal(chosen.apply(SQUARE), np.flipud(np.rot90(SQUARE)).T)


@pytest.mark.parametrize("orientation", ALL)
def test_the_beam_arrives_at_the_center(orientation: Orientation) -> None:
    row, column = orientation.center_before(6)
    assert orientation.apply(SQUARE)[3, 3] == SQUARE[row, column]


@pytest.mark.parametrize("orientation", ALL)
def test_stacks_are_oriented_frame_by_frame(orientation: Orientation) -> None:
    stack = np.stack([SQUARE, SQUARE + 100])
    np.testing.assert_array_equal(orientation.apply(stack)[1], orientation.apply(SQUARE + 100))


@pytest.mark.parametrize("scan", list(itertools.product((False, True), repeat=3)))
def test_positions_are_mirrored_and_then_swapped(scan: tuple[bool, bool, bool]) -> None:
    mirror_rows, mirror_columns, swap = scan
    orientation = Orientation(0, False, False, False, *scan)
    row, column = (-3 if mirror_rows else 3), (-5 if mirror_columns else 5)
    expected = (column, row) if swap else (row, column)
    np.testing.assert_array_equal(orientation.place(np.array([[3, 5], [6, 10]])), [expected, np.multiply(expected, 2)])


def test_one_object_holds_what_both_groups_ask_for() -> None:
    detector = Preprocessing(rotate90=3, flip_columns=True)
    scan = Experiment(mirror_columns=True, swap_axes=True)
    orientation = Orientation.of(detector, scan)
    assert orientation == Orientation(3, False, True, False, False, True, True)
    assert str(orientation) == (
        "patterns (turned by 270 degrees, columns flipped), positions (columns mirrored, axes swapped)"
    )
    assert not orientation.changes_nothing
    assert Orientation.of(detector) == Orientation(3, False, True)
    assert str(Orientation.of(experiment=scan)) == "positions (columns mirrored, axes swapped)"


def test_nothing_asked_for_changes_nothing() -> None:
    assert Orientation.of(Preprocessing(), Experiment()).changes_nothing
    assert str(Orientation()) == "as in the file"
    assert not any(orientation.changes_nothing for orientation in ALL[1:])


def test_positions_that_come_in_stay_as_they_were() -> None:
    positions_m = np.array([[1.0, 2.0]])
    Orientation(mirror_rows=True).place(positions_m)[:] = 7
    assert positions_m.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("orientation", ALL)
def test_the_matrix_says_where_pixels_go(orientation: Orientation) -> None:
    image = np.arange(81).reshape(9, 9)
    turned = orientation.apply(image)
    for step in ((1, 0), (0, 1), (2, -3)):
        row, column = orientation.matrix @ step
        assert turned[4 + row, 4 + column] == image[4 + step[0], 4 + step[1]]


@pytest.mark.parametrize("orientation", ALL)
def test_a_beam_is_turned_about_its_center(orientation: Orientation) -> None:
    n = 8
    beam = np.random.default_rng(0).normal(size=(2, n, n)) + 1j
    turned = turn_beam(beam, orientation.matrix)
    np.testing.assert_array_equal(turned[:, n // 2, n // 2], beam[:, n // 2, n // 2])
    np.testing.assert_array_equal(turned[:, 1:, 1:], orientation.apply(beam[:, 1:, 1:]))
    np.testing.assert_array_equal(turn_beam(turned, orientation.matrix.T), beam)
