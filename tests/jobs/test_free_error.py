"""The note on a free error that rises: when it is said, once, and when not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ptychogui.jobs.free_error import FreeErrorWatch, held_out_notes, relative_noise
from ptychogui.physics.held_out import HeldOut


def held(pixels: int, amplitude: float = 30.0) -> HeldOut:
    """Return so many held-out pixels of many counts: photons give each a misfit of 1/4."""
    return HeldOut(np.arange(pixels, dtype=np.int32)[None], np.full((1, pixels), amplitude, np.float32))


def heard(
    errors: Sequence[float], free: Sequence[float], pixels: int = 10_000, begin: int = 0
) -> list[tuple[int, str]]:
    """Look after each iteration; return what was said, and after which."""
    watch, said = FreeErrorWatch(), []
    watch.begin(held(pixels), begin)
    for count in range(begin + 1, len(errors) + 1):
        said += [(count, note) for note in watch.look(errors[:count], free[:count])]
    return said


FALLS = (2 - 0.01 * np.arange(60)).tolist()
VALLEY = [*np.linspace(2, 1.2, 20), *np.linspace(1.2, 1.3, 40)]


def test_a_free_error_that_rises_while_the_error_falls_is_said_once() -> None:
    ((count, note),) = heard(FALLS, VALLEY)
    assert count == 50
    assert "since about iteration 30 the error falls" in note and "--iterations" in note


def test_nothing_is_said_while_both_fall_or_both_rise() -> None:
    assert heard(FALLS, FALLS) == []
    assert heard(VALLEY, VALLEY) == []


def test_a_rise_that_photons_may_make_is_not_said() -> None:
    assert heard(FALLS, VALLEY, pixels=100) == []
    assert heard(FALLS, [1.2 * (1 + 0.002 * (i > 20)) for i in range(60)]) == []


def test_one_stretch_that_stands_out_is_not_enough() -> None:
    bump = [1.2 + (0.3 if 30 <= i < 40 else 0) for i in range(60)]
    assert heard(FALLS, bump) == []


def test_iterations_before_the_stage_do_not_count() -> None:
    lower = [1.0] * 20 + [1.2] * 60
    assert heard([2.0] * 80, lower, begin=20) == []
    ((count, _),) = heard([2.0] * 13 + FALLS, [1.0] * 13 + VALLEY, begin=13)
    assert count == 63


def test_what_an_engine_went_back_from_does_not_count() -> None:
    watch = FreeErrorWatch()
    watch.begin(held(10_000), 0)
    assert watch.look([2.0] * 30, [1.3] * 10 + [1.0] * 20) == ()
    assert watch.look([2.0] * 12, [1.3] * 12) == ()
    assert watch.look([2.0] * 12 + FALLS, [1.3] * 72) == ()


def test_without_held_out_pixels_nothing_is_said() -> None:
    watch = FreeErrorWatch()
    assert watch.look(FALLS, [np.nan] * 60) == ()


@pytest.mark.parametrize(("pixels", "said"), [(10, True), (12, True), (13, False), (1000, False)])
def test_few_pixels_are_said(pixels: int, said: bool) -> None:
    assert relative_noise(held(pixels)) == pytest.approx((2 * pixels) ** -0.5, rel=0.01)
    assert bool(held_out_notes(held(pixels), 0.01)) == said


def test_none_is_said_only_where_some_were_asked_for() -> None:
    assert held_out_notes(None, 0.0) == ()
    (note,) = held_out_notes(None, 0.01)
    assert "no pixel" in note
