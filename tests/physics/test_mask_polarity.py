"""Masks that hide the light are told from those that hide bad pixels, however large."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.mask_polarity import hidden_by, light_of
from ptychogui.physics.simulation import Recipe, simulate

ROWS, COLUMNS = np.mgrid[:64, :64] - 32
FARAWAY = np.hypot(ROWS, COLUMNS)
GAPS = ((ROWS >= -3) & (ROWS < 1)) | (abs(COLUMNS - 10) < 2)
RIGHT = {
    "nothing": FARAWAY < 0, "gaps": GAPS, "a beamstop": FARAWAY < 7, "far from the beam": FARAWAY > 19,
    "a third at one side": COLUMNS > 11, "single pixels": np.random.default_rng(0).random((64, 64)) < 0.02,
}  # fmt: skip


def light(dead: np.ndarray | None = None) -> np.ndarray:
    counts = simulate(Recipe(n=64, outer_zone_m=80e-9, scan_dims=(6, 6))).counts.astype(float)
    if dead is not None:
        counts[:, dead] = 4294967295.0
    return light_of(counts.mean(axis=0), counts.min(axis=0) != counts.max(axis=0))


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_mask_leaves_the_light(name: str) -> None:
    hidden = hidden_by(RIGHT[name], light())
    assert not hidden.is_too_much
    assert hidden.pixels == RIGHT[name].mean()


@pytest.mark.parametrize("name", [name for name in RIGHT if name != "a beamstop"])
@pytest.mark.parametrize("reads", [True, False])
def test_a_mask_the_other_way_round_hides_it(name: str, reads: bool) -> None:
    there = light() if reads or not RIGHT[name].any() else light(RIGHT[name])
    assert hidden_by(~RIGHT[name], there).is_too_much
    assert hidden_by(RIGHT[name], there).bright < 0.5


def test_pixels_that_shine_or_never_change_are_no_light() -> None:
    mean = np.full((32, 32), 2.0)
    mean[4, 4], mean[20:24] = 1e6, 65535
    changing = np.ones((32, 32), bool)
    changing[20:24] = False
    found = light_of(mean, changing)
    assert found.max() == 4 and not found[20:24].any()
    assert hidden_by(mean > 10, found).light < 0.01
