"""The convergence watch: each fault is named with its numbers and a way out, and sound runs give no finding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.convergence import ConvergenceWatch, setback
from ptychogui.jobs.job_values import plan_job
from ptychogui.jobs.run_findings import TITLES, RunFinding, to_json
from ptychogui.jobs.runner import run_job
from ptychogui.params.model import Parameters
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.simulation import simulate
from scripts.evidence.contests import contests

N = 32


def watch(engine: str = "lsqml") -> ConvergenceWatch:
    return ConvergenceWatch(Reconstruction(engine=engine), 1)


def looked(errors: Sequence[float] | np.ndarray, engine: str = "lsqml", iterations: int = 1000) -> list[RunFinding]:
    watched = watch(engine)
    return [
        found
        for done in range(1, len(errors) + 1)
        for found in watched.look(engine, 0, list(errors[:done]), iterations - done)
    ]


def fall(start: float, end: float, iterations: int = 100) -> np.ndarray:
    errors: np.ndarray = end + (start - end) * np.exp(-np.arange(iterations) / 10)
    return errors


def beam(row: float = N / 2, column: float = N / 2, power: float = 1.0) -> np.ndarray:
    rows, columns = np.indices((N, N))
    wave = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18.0)
    probe: np.ndarray = (wave * np.sqrt(power / (wave**2).sum()))[None].astype(np.complex64)
    return probe


class TestErrors:
    def test_that_stand_still_far_above_the_noise(self) -> None:
        (found,) = looked(fall(20.0, 8.0, 200))
        assert (found.kind, found.fix) == ("stagnation", {"experiment.probe_modes": 2})
        assert "stands still at 8" in found.text and "--probe-modes 2" in found.text

    @pytest.mark.parametrize("engine", ["dm", "raar"])
    def test_of_engines_that_search_may_stand(self, engine: str) -> None:
        assert looked(fall(20.0, 8.0, 200), engine) == []

    def test_that_stand_near_the_noise_or_shortly_before_the_end_are_no_finding(self) -> None:
        assert looked(fall(20.0, 1.5, 200)) == []
        assert looked(fall(20.0, 8.0, 80), iterations=80) == []

    def test_that_still_fall_are_no_finding(self) -> None:
        assert looked(20.0 * 0.998 ** np.arange(300)) == []

    @pytest.mark.parametrize("engine", ["lsqml", "dm"])
    def test_that_go_up_and_down(self, engine: str) -> None:
        errors = fall(6.0, 2.0) + 0.2 * (-1.0) ** np.arange(100)
        (found,) = looked(errors, engine)
        steps = {"reconstruction.relaxation": 0.5}
        if engine == "lsqml":
            steps = {"reconstruction.object_step": 0.5, "reconstruction.probe_step": 0.5}
        assert (found.kind, found.fix) == ("oscillation", steps) and "by 10%" in found.reason

    def test_that_jitter_or_fall_in_steps_are_no_finding(self) -> None:
        rng = np.random.default_rng(1)
        assert looked(fall(6.0, 1.2, 300) * (1 + 0.005 * rng.standard_normal(300))) == []
        assert looked(fall(20.0, 1.0) + 0.4 * (-1.0) ** np.arange(100) * fall(1.0, 0.0)) == []

    def test_that_rise(self) -> None:
        (found,) = looked([*fall(6.0, 1.0, 60), *np.linspace(1.0, 3.0, 80)])
        assert found.kind == "rise" and found.fix["reconstruction.object_step"] == 0.5
        assert "the error rises, from 1." in found.reason
        assert looked([*fall(6.0, 1.0, 60), *np.linspace(1.0, 1.3, 80)]) == []

    def test_of_a_new_stage_are_looked_at_alone(self) -> None:
        watched, errors = watch(), [*fall(6.0, 1.0, 100), *fall(9.0, 2.0, 60)]
        for done in range(101, 161):
            assert watched.look("lsqml", 100, errors[:done], 100) == ()

    def test_late_ones_are_looked_at_all_the_same(self) -> None:
        watched, errors = watch(), fall(20.0, 8.0, 200)
        found = [watched.look("lsqml", 0, list(errors[:done]), 100) for done in range(2, 201, 3)]
        assert [one.kind for told in found for one in told] == ["stagnation"]


class TestEstimates:
    STILL = np.zeros((50, 2))

    def test_a_probe_that_drifts_away(self) -> None:
        watched = watch()
        found = [watched.see(10 * i, beam(16 + 1.5 * i), self.STILL, "lsqml") for i in range(6)]
        (drift,) = (one for told in found for one in told)
        assert (drift.kind, drift.fix) == ("probe drift", {"reconstruction.center_probe": "1"})
        assert "moved by 4.5 of 32 pixels by iteration 30" in drift.reason and "--center-probe 1" in drift.text

    def test_one_that_sits_elsewhere_and_stays_is_no_finding(self) -> None:
        watched = watch()
        assert not any(watched.see(i, beam(20.0 + 0.1 * i), self.STILL, "lsqml") for i in range(6))

    def test_a_probe_that_loses_its_power(self) -> None:
        watched = watch()
        found = [watched.see(10 * i, beam(power=0.5**i), self.STILL, "lsqml") for i in range(5)]
        (loss,) = (one for told in found for one in told)
        assert (loss.kind, loss.fix) == ("probe power", {"reconstruction.keep_power": "1"})
        assert "down to 0.12 of its first power by iteration 30" in loss.reason

    def test_positions_that_run_away_but_not_the_whole_scan(self) -> None:
        watched, rng = watch(), np.random.default_rng(0)
        away = rng.standard_normal((50, 2))
        assert not any(watched.see(i, beam(), self.STILL + 5.0 * i, "lsqml") for i in range(4))
        watched = watch()
        found = [watched.see(10 * i, beam(), i * away, "lsqml") for i in range(6)]
        (positions,) = (one for told in found for one in told)
        assert (positions.kind, positions.fix) == ("positions", {"reconstruction.position_correction": "never"})
        assert "and goes on" in positions.reason

    def test_an_estimate_without_numbers_is_left_to_the_chain(self) -> None:
        watched = watch()
        assert watched.see(1, np.full_like(beam(), np.nan), self.STILL, "lsqml") == ()


def test_a_setback_has_the_steps_that_it_goes_on_with() -> None:
    halved = Reconstruction(engine="epie", object_step=0.5, probe_step=0.25)
    found = setback("the error is not a number", 17, halved)
    assert (found.kind, found.iteration) == ("not a number", 17)
    assert found.fix == {"reconstruction.object_step": 0.5, "reconstruction.probe_step": 0.25}
    assert setback("the error is 50, up from 1.2 at first", 17, Reconstruction(engine="dm")).kind == "divergence"


def test_findings_are_json_with_options_that_parse() -> None:
    found = looked(fall(20.0, 8.0, 200))[0]
    told = found.as_dict()
    assert told["title"] == TITLES["stagnation"] and told["options"] == "--probe-modes 2"
    assert Parameters().replace(found.fix).experiment.probe_modes == 2
    assert to_json([]) == "" and '"kind": "stagnation"' in to_json([found])


def test_it_goes_on_from_its_state() -> None:
    errors, first, second = list(fall(20.0, 8.0, 200)), watch(), watch()
    for done in range(1, 75):
        first.look("lsqml", 0, errors[:done], 100)
    first.see(1, beam(), TestEstimates.STILL, "lsqml")
    second.restore(first.state())
    for done in range(75, 200):
        assert first.look("lsqml", 0, errors[:done], 100) == second.look("lsqml", 0, errors[:done], 100)
    moved = beam(22.0), TestEstimates.STILL, "lsqml"
    assert first.see(9, *moved) == second.see(9, *moved) != ()


SCANS: dict[str, Any] = {contest.name: contest for contest in contests()}


@pytest.mark.parametrize(("name", "engine"), [("plain", "epie"), ("a bad day", "lsqml")])
def test_sound_runs_give_no_finding(name: str, engine: str, tmp_path: Path) -> None:
    contest = SCANS[name]
    scan = write_scan(tmp_path / "scan.cxi", simulate(contest.recipe))[0]
    values = {
        "reconstruction.engine": (engine, ""), "reconstruction.iterations": (80, ""),
        "experiment.probe_modes": (contest.modes, ""),
    }  # fmt: skip
    job = plan_job(scan, values, tmp_path / "result.cxi")
    with open_backend("cpu") as backend:
        found = [one for told in run_job(job, backend, None, lambda at: at % 10 == 0) for one in told.findings]
    assert found == []
