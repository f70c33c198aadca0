"""Drawing masks: shapes touch the pixels they should, and every step can be undone."""

from __future__ import annotations

import numpy as np

from ptychogui.pictures.mask_drawing import MaskDrawing, at_or_above, box, disc, ellipse, polygon

SHAPE = (20, 30)


def test_a_disc_has_at_least_its_own_pixel() -> None:
    assert np.argwhere(disc(SHAPE, (3.2, 4.9), 0.1)).tolist() == [[3, 4]]
    assert disc(SHAPE, (10.5, 10.5), 2).sum() == 13
    assert not disc(SHAPE, (-5, -5), 1).any()


def test_a_box_has_the_pixels_that_it_touches() -> None:
    marked = np.argwhere(box(SHAPE, (2.5, 8.1), (1.2, 5.9)))
    assert marked.min(axis=0).tolist() == [1, 5] and marked.max(axis=0).tolist() == [2, 8]
    assert not box(SHAPE, (-3, -3), (-1, -1)).any()


def test_an_ellipse_fills_its_box() -> None:
    marked = ellipse(SHAPE, (0, 0), (20, 30))
    assert marked[10, 0] and marked[0, 15] and not marked[0, 0]


def test_a_polygon_needs_three_corners() -> None:
    assert not polygon(SHAPE, [(1, 1), (5, 5)]).any()
    marked = polygon(SHAPE, [(1, 1), (1, 11), (11, 1)])
    assert marked[2, 2] and not marked[9, 9] and 40 < marked.sum() < 75


def test_steps_are_taken_back_and_done_again() -> None:
    drawing = MaskDrawing(SHAPE)
    assert not drawing.can_undo
    drawing.mark(box(SHAPE, (0, 0), (2, 2)))
    drawing.mark(box(SHAPE, (0, 0), (1, 1)), bad=False)
    assert drawing.bad.sum() == 3
    drawing.undo()
    assert drawing.bad.sum() == 4 and drawing.can_redo
    drawing.redo()
    assert drawing.bad.sum() == 3
    drawing.undo()
    drawing.undo()
    assert not drawing.bad.any() and not drawing.can_undo
    drawing.undo()
    drawing.mark(at_or_above(np.arange(600).reshape(SHAPE), 598))
    assert drawing.bad.sum() == 2 and not drawing.can_redo


def test_a_stroke_is_one_step_and_nothing_is_none() -> None:
    drawing = MaskDrawing(SHAPE)
    for column in range(5):
        drawing.mark(disc(SHAPE, (3.5, column + 0.5), 0.5), goes_on=column > 0)
    drawing.mark(disc(SHAPE, (3.5, 0.5), 0.5))
    drawing.undo()
    assert not drawing.bad.any() and not drawing.can_undo
