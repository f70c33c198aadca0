"""The page of a trial has what was found so far, and no table for what was not."""

from __future__ import annotations

from scripts.gpu.page import page


def test_a_trial_that_has_just_begun() -> None:
    words = page({"began": "2026-11-30T04:00:00+00:00", "steps": {}})
    assert "2026-11-30" in words and "|" not in words


def test_a_step_under_way_and_one_that_was_ended() -> None:
    first = {"title": "first", "seconds": 3.0, "verdict": "ended", "words": "after | 3 s", "figures": {}}
    words = page({"began": "2026", "steps": {"first": first, "bench": {**first, "verdict": "under way", "words": ""}}})
    assert "| first | 3.0 | ended | after / 3 s |" in words and "| under way |" in words
    assert "bare FFTs" not in words


def test_a_variant_that_failed_has_its_error_in_the_table() -> None:
    figures = {"DM": {"error": "DeviceError: no"}, "LSQML": {"cpu": [1.0], "gpu": [1.1], "largest_difference": 0.1}}
    step = {"title": "engines", "seconds": 1.0, "figures": figures}
    words = page({"began": "2026", "steps": {"engines": step}})
    assert "| DM |  | DeviceError: no |  |" in words and "| LSQML | 1.00000 | 1.10000 | 1.0e-01 |" in words


def test_times_are_flat_with_all_their_names() -> None:
    step = {"title": "times", "seconds": 1.0, "figures": {"fft": {"128": {"forward_us": 2.5}}, "modulus": "not known"}}
    words = page({"began": "2026", "steps": {"times": step}})
    assert "| fft, 128, forward_us | 2.50 |" in words and "| modulus | not known |" in words
