"""Which likelihood suits what a detector reads: that of photons where photons were counted and are spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.cleaning import PLAIN_COUNTS, ReadingRules
from ptychogui.physics.frames import ArrayFrames, Patterns, prepare_frames
from ptychogui.physics.noise_models import (
    NoiseModel,
    effective_pixels,
    suitable_noise_model,
    variation_of_dim_light,
)

SIZE = 32


def disc(radius_px: float) -> np.ndarray:
    rows, columns = np.indices((SIZE, SIZE)) - SIZE // 2
    return np.asarray(np.hypot(rows, columns) < radius_px, float)


def counted(level: float, radius_px: float = 10.0, varies: float = 0.3) -> np.ndarray:
    """Return photons on a disc whose light varies over the scan by some part, and speckle around it."""
    random = np.random.default_rng(0)
    scattered = 0.01 * random.exponential(1.0, (40, SIZE, SIZE)) * (1 + random.exponential(1.0, (40, 1, 1)))
    light = level * (random.uniform(1 - varies, 1 + varies, (40, 1, 1)) * disc(radius_px) + varies * scattered)
    return np.asarray(random.poisson(light).astype(np.uint32))


def chosen(
    frames: np.ndarray, rules: ReadingRules = PLAIN_COUNTS, background: bool = False, **values: Any
) -> NoiseModel:
    given = Preprocessing(**values)
    return suitable_noise_model(prepared(frames, rules, given), given, rules, background)


def prepared(frames: np.ndarray, rules: ReadingRules, given: Preprocessing) -> Patterns:
    return prepare_frames(ArrayFrames(frames), np.arange(len(frames)), None, given, rules=rules)


@pytest.mark.parametrize("level", [4.0, 200.0, 1e6])
def test_photons_that_are_spread_are_fitted_as_photons(level: float) -> None:
    found = chosen(counted(level))
    assert found.name == "auto" and "photons of a pattern are spread over 3" in found.reason
    assert found.note.startswith("noise model: of amplitudes until the model nearly fits, then of photons, since ")
    assert found.note.endswith(found.reason)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.uint16])
def test_the_type_of_whole_numbers_plays_no_part(kind: Any) -> None:
    assert chosen(counted(5.0).astype(kind)).name == "auto"


@pytest.mark.parametrize(
    ("level", "radius_px", "name"),
    [(5.0, 6.0, "gaussian"), (500.0, 6.0, "auto"), (500.0, 3.0, "gaussian")],
    ids=["dark around it", "light enough around it", "narrow"],
)
def test_light_on_few_pixels_needs_counts_around_it(level: float, radius_px: float, name: str) -> None:
    found = chosen(counted(level, radius_px))
    assert found.name == name and "half of all pixels count" in found.reason


@pytest.mark.parametrize(
    ("frames", "more", "words"),
    [
        (counted(20.0) / 1.37, {}, "no whole numbers"),
        (counted(20.0) * np.random.default_rng(1).uniform(0.9, 1.1, (40, 1, 1)), {}, "no whole numbers"),
        (counted(20.0), {"background": True}, "a background was subtracted"),
        (counted(20.0), {"rules": ReadingRules(noise_from=-4.0)}, "below zero, down to -4"),
        (counted(20.0), {"threshold_counts": 3.0}, "counts below 3 were taken for none"),
        (counted(20.0), {"threshold_counts": 1.0, "subtract_threshold": True}, "1 was subtracted"),
        (counted(2000.0, varies=0) // 100, {}, "readings vary by 0"),
        (counted(2.0) + 100, {}, "readings vary by 0"),
    ],
    ids=["scaled", "monitor", "background", "dark image", "threshold", "subtracted", "few for many", "offset"],
)
def test_what_is_no_photon_is_fitted_by_amplitudes(frames: np.ndarray, more: dict[str, Any], words: str) -> None:
    found = chosen(frames, **more)
    assert found.name == "gaussian" and words in found.reason


def test_a_threshold_that_takes_nothing_off_plays_no_part() -> None:
    assert chosen(counted(20.0), threshold_counts=1.0).name == "auto"


def test_photons_of_which_each_reads_many_are_photons() -> None:
    assert chosen(counted(20.0) * 2.5, ReadingRules(unit=2.5)).name == "auto"


def test_readings_joined_and_dead_pixels_are_photons() -> None:
    frames = counted(5.0)
    frames[:, 3, 3] = 2**32 - 1
    assert chosen(frames, ReadingRules(no_counts_from=2**32 - 1)).name == "auto"
    assert chosen(frames, ReadingRules(no_counts_from=2**32 - 1), bin_px=2).name == "gaussian"  # too few pixels


def test_effective_pixels_are_those_that_share_the_light() -> None:
    assert effective_pixels(np.full((8, 8), 0.3), 10**6) == pytest.approx(64, rel=1e-4)
    assert effective_pixels(np.array([[4.0, 0.0], [4.0, 0.0]]), 10**6) == pytest.approx(2, rel=1e-4)
    assert effective_pixels(np.zeros((4, 4)), 5) == 16


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_few_photons_do_not_make_light_look_narrow(level: float) -> None:
    random = np.random.default_rng(2)
    found = [effective_pixels(random.poisson(level * disc(10.0), (40, SIZE, SIZE)).mean(axis=0), 40) for _ in range(9)]
    assert np.mean(found) == pytest.approx(disc(10.0).sum(), rel=0.1)


def test_photons_that_are_too_few_for_their_pixels_are_fitted_by_amplitudes() -> None:
    found = chosen(counted(1.0))
    assert found.name == "gaussian" and "less than 2 on each" in found.reason


@pytest.mark.parametrize("level", [10.0, 200.0])
def test_a_background_among_the_counts_is_told_by_light_that_does_not_vary(level: float) -> None:
    still = np.random.default_rng(3).poisson(0.02 * level, (40, SIZE, SIZE))
    found = chosen(counted(level) + still.astype(np.uint32))
    assert found.name == "gaussian" and "as a background does" in found.reason


def test_dim_light_of_too_few_photons_tells_nothing() -> None:
    faint = np.random.default_rng(4).poisson(0.001, (40, SIZE, SIZE)).astype(np.uint32)
    assert variation_of_dim_light(prepared(faint, PLAIN_COUNTS, Preprocessing())) is None
    bright = prepared(counted(200.0), PLAIN_COUNTS, Preprocessing())
    varies = variation_of_dim_light(bright)
    assert varies is not None and varies > 1
