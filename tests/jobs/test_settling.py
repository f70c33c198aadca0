"""When a run that may end does: by its errors, by what is known of the light, and where it is fit for an end."""

from __future__ import annotations

import math

import pytest

from ptychogui.jobs.settling import has_settled

LIT = 1e4
"""Photons on a pixel, plenty."""


def curve(start: float, change: float, iterations: int = 100) -> list[float]:
    """Return errors that change by the same part from one stretch of ten iterations to the next."""
    return [start * (1 + change) ** (i / 10) for i in range(iterations)]


@pytest.mark.parametrize(
    ("error", "free_error", "ends"),
    [(-1e-3, 0.0, False), (-1e-5, 0.0, True), (-1e-3, 1e-3, False), (-1e-3, 3e-3, True), (-1e-3, -1e-3, False)],
)
def test_a_run_ends_where_the_error_stands_or_the_free_one_rises_more(
    error: float, free_error: float, ends: bool
) -> None:
    assert has_settled(curve(1.0, error), curve(1.1, free_error), 40, 100, LIT) is ends


def test_without_a_free_error_the_error_has_to_stand() -> None:
    none = [math.nan] * 100
    assert not has_settled(curve(1.0, -1e-3), none, 40, 100, LIT)
    assert has_settled(curve(1.0, 0.0), none, 40, 100, LIT)


def test_it_ends_only_after_a_trade_and_with_two_stretches_of_the_same_kind() -> None:
    still = curve(1.0, 0.0, 140)
    ends = [i for i in range(1, 141) if has_settled(still[:i], still[:i], 70, i, LIT)]
    assert ends == [100, 120, 140]
    assert not has_settled(still[:88], still[:88], 70, 100, LIT)  # errors come late


def test_in_the_dark_it_ends_as_soon_as_all_positions_were_taken_at_once() -> None:
    falls = curve(1.0, -0.1, 60)
    assert [i for i in range(1, 61) if has_settled(falls[:i], falls[:i], 22, i, 5.0)] == [40, 60]
    assert not any(has_settled(falls[:i], falls[:i], 22, i, LIT) for i in range(1, 61))
