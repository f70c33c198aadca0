"""A contest: what is run, what is kept, and who is best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.evidence import contest as module
from scripts.evidence.cases import Run
from scripts.evidence.contest import Followed, decide
from scripts.evidence.contests import contests
from scripts.evidence.runs import scan_file

PLAIN = replace(contests()[0], recipe=replace(contests()[0].recipe, scan_dims=(3, 3)))


def _followed(run: Run, error: float) -> Followed:
    return Followed(run.label, "", [1], [0.1], [error], [1.0], [], "cpu", 0.0, "2026-01-02", {})


def test_what_was_run_is_kept_and_the_best_of_the_grid_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def follow(run: Run, *_where: object) -> Followed:
        ran.append(run.label)
        return _followed(run, 0.1 if run.label.startswith("300, poisson") else 0.2)

    monkeypatch.setattr(module, "_follow", follow)
    found = decide(PLAIN, tmp_path, tmp_path / "rivals", 1)
    assert found.best.label == "300, poisson, 1 modes" and found.ratio == pytest.approx(2)
    assert len(ran) == 8 + 5 + 1 and "300, poisson, 2 modes" in ran and found.rival is None
    assert decide(PLAIN, tmp_path, tmp_path / "rivals", 1) == found and len(ran) == 14


def test_a_run_is_followed_against_the_truth_until_its_end(tmp_path: Path) -> None:
    scan = scan_file(tmp_path, "scan", PLAIN.recipe)
    found = module._follow(Run("short", "lsqml", {"iterations": 6}), scan, tmp_path / "result.cxi", 1)
    assert found.iterations == [1, 2, 3, 4, 5, 6] and len(found.seconds) == len(found.errors) == len(found.misfit) == 6
    assert found.command == ("ptychogui reconstruct scan.cxi --engine lsqml --iterations 6 --device cpu --threads 1")
    assert not (tmp_path / "result.cxi").exists()
