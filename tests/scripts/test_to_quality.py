"""Times to a quality: when one program is as good as the other in the end."""

from __future__ import annotations

import pytest

from scripts.evidence.to_quality import Reached, table

OURS = Reached("ptychogui", "nothing set", [0.5, 1.0, 1.5, 2.0], [0.5, 0.3, 0.2, 0.1], 0.1)


@pytest.mark.parametrize(("error", "place"), [(0.6, 1), (0.3, 2), (0.29, 3), (0.1, 4), (0.09, None)])
def test_the_first_iteration_that_is_as_good_counts(error: float, place: int | None) -> None:
    assert OURS.first_below(error) == place


def test_the_ratio_is_of_the_whole_time_to_the_time_until_then() -> None:
    theirs = [Reached("pty-chi", label, [60.0], [error], 0.1) for label, error in (("poor", 0.25), ("better", 0.05))]
    assert list(table(theirs, OURS)) == [
        ("better", "0.0500", "60.0", "never", "", ""), ("poor", "0.2500", "60.0", "3", "1.50", "40.0"),
    ]  # fmt: skip
