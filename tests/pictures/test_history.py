"""The history of a run: bounded, even, and without what an engine went back on."""

from __future__ import annotations

import numpy as np

from ptychogui.pictures.history import History
from ptychogui.pictures.live_picture import Shot


def shot(iteration: int, side: int = 16) -> Shot:
    return Shot(np.full((side, side), iteration, np.complex64), np.ones((1, 4, 4), np.complex64), 1e-8, iteration)


def test_memory_is_bounded_and_the_first_stays() -> None:
    history = History(limit_bytes=20 * shot(0).bytes)
    for iteration in range(1000):
        history.add(shot(iteration))
    kept = history.iterations
    assert kept[0] == 0 and 8 <= len(kept) <= 20 and kept[-1] > 900
    assert len(set(np.diff(kept))) == 1


def test_what_was_gone_back_on_is_forgotten() -> None:
    history = History()
    for iteration in (0, 1, 2, 3, 1, 2):
        history.add(shot(iteration))
    assert history.iterations == (0, 1, 2)
    found = history.at(5)
    assert found is not None and found.iteration == 2 and history.at(-1) is None


def test_large_objects_are_kept_small() -> None:
    history = History()
    history.add(shot(0, side=2000))
    kept = history.at(0)
    assert kept is not None and kept.field.shape == (500, 500) and kept.pixel_m == 4e-8
