"""Spoiled files end in the right picture, a refusal, or a warning that names the fault: alone, and two at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

from ptychogui.backends import open_backend
from ptychogui.errors import DataError
from ptychogui.jobs import job_run
from ptychogui.jobs.preflight import Finding, Level, Preflight
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from tests.jobs.spoiled import runs as spoiled_runs
from tests.jobs.spoiled.ingredients import Ingredients, ingredients, write_cxi
from tests.jobs.spoiled.runs import Runs
from tests.jobs.spoiled.spoilers import SPOILINGS
from tests.jobs.spoiled.spoiling import FILED, Spoiling

_PAIRS = int(os.environ.get("SPOILED_PAIRS", "40"))
"""Pairs of spoilings that are tried; set SPOILED_PAIRS to try more."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Keep what was run for all tests, and each problem that the runner prepares."""
    prepared: list[PreparedJob] = []

    def keeping(*args: Any, **kwargs: Any) -> PreparedJob:
        prepared[:] = [prepare(*args, **kwargs)]
        return prepared[0]

    with pytest.MonkeyPatch.context() as patch, open_backend("cpu", threads=2) as backend:
        patch.setattr(job_run, "prepare", keeping)
        yield Runs(tmp_path_factory.mktemp("spoiled"), backend, prepared)


def test_the_unspoiled_scan_is_reconstructed_well_and_without_a_word(runs: Runs) -> None:
    ending = runs.end(())
    assert ending.error < 0.08
    assert (ending.refusal, ending.blunder, ending.doubts, ending.stopped) == ("", "", (), False)


@pytest.mark.parametrize("spoiling", SPOILINGS, ids=lambda spoiling: spoiling.name)
def test_one_spoiling_is_repaired_or_refused_or_named(runs: Runs, spoiling: Spoiling) -> None:
    complaint = runs.complaint([spoiling])
    assert not complaint, f"{spoiling.name}: {complaint}"


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Spoiling, Spoiling]:
    one = draw(st.sampled_from(SPOILINGS))
    return one, draw(st.sampled_from([other for other in SPOILINGS if other.goes_with(one) and other is not one]))


@given(pair=_pairs())
@settings(max_examples=_PAIRS, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_two_spoilings_are_repaired_or_refused_or_named(runs: Runs, pair: tuple[Spoiling, Spoiling]) -> None:
    complaint = runs.complaint(pair)
    assert not complaint, f"{pair[0].name} and {pair[1].name}: {complaint}"


class TestTheCheckItself:
    """What must be caught is caught."""

    def test_a_mirrored_object_without_a_word_is_caught(self, runs: Runs) -> None:
        assert runs.complaint([_planted("mirrored", _mirror)]).startswith("wrong without a word: error 0.")

    def test_a_word_about_another_thing_is_not_enough(self, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
        found = Preflight((Finding("values", Level.LOOK, "The light is odd", "it flickers"),))
        monkeypatch.setattr(spoiled_runs, "preflight", lambda _job: found)
        assert runs.complaint([_planted("mirrored, named", _mirror, "the light")]) == ""
        complaint = runs.complaint([_planted("mirrored, with other words", _mirror, "the mirror")])
        assert complaint.startswith("wrong without a word: error 0.") and "The light is odd" in complaint

    def test_what_may_be_the_reason_of_any_poor_fit_names_nothing(
        self, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said = "the error is still 7 after 30 iterations: pairing, distance or the energy"
        found = Preflight((Finding("values", Level.LOOK, said, ""),))
        monkeypatch.setattr(spoiled_runs, "preflight", lambda _job: found)
        assert runs.complaint([_planted("mirrored, as pairing", _mirror, "pairing")]) == ""
        assert runs.complaint([_planted("mirrored, as energy", _mirror, "energy")]).startswith("wrong without a word")

    def test_any_other_exception_is_caught(self, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_args: Any) -> Any:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(spoiled_runs, "run_job", fail)
        assert runs.complaint([_planted("bug")]) == "raised ZeroDivisionError: a bug"

    def test_a_refusal_must_say_why(self, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_args: Any) -> Any:
            raise DataError("no")

        monkeypatch.setattr(spoiled_runs, "run_job", refuse)
        assert runs.complaint([_planted("mute")]) == "no sentence: no"

    def test_what_is_hopeless_must_be_refused(self, runs: Runs) -> None:
        assert runs.complaint([_planted("none", hopeless=True)]).startswith("not refused or, by preflight, not stopped")

    def test_what_is_right_alone_and_wrong_together_is_caught(self, runs: Runs) -> None:
        def turn(made: Ingredients, sign: int) -> None:
            made.extras["turned"] = made.extras.get("turned", 1) * sign * 2
            if made.extras["turned"] == -4:
                made.frames = made.frames[..., ::-1]

        pair = [_planted(f"half {sign}", partial(turn, sign=sign)) for sign in (1, -1)]
        assert [runs.complaint([half]) for half in pair] == ["", ""]
        assert runs.complaint(pair).startswith("wrong without a word")


def _mirror(made: Ingredients) -> None:
    """Mirror frames, positions and beam together, which fits as well and which nobody can tell."""
    made.positions_m = made.positions_m * [1, -1]
    made.frames = np.roll(made.frames[..., ::-1], 1, axis=-1)
    made.values["probe"] = np.roll(made.values["probe"][:, ::-1], 1, axis=-1)


def _planted(
    name: str, spoil: Any = lambda made: None, word: str = "nobody says this", hopeless: bool = False
) -> Spoiling:
    return Spoiling(f"planted: {name}", spoil, (word,), FILED, frozenset(), hopeless)


def test_every_spoiling_changes_the_file(tmp_path: Path) -> None:
    plain = write_cxi(tmp_path, ingredients())
    content = plain.read_bytes()
    assert write_cxi(tmp_path, ingredients()).read_bytes() == content
    for spoiling in SPOILINGS:
        made = ingredients()
        spoiling.spoil(made)
        path = write_cxi(tmp_path, made)
        assert path != plain or path.read_bytes() != content, spoiling.name
