"""The whole trial, dry: on the pretended GPU every step comes to its end, and the JSON has every figure."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.engines import ENGINES
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.bench import SUB_PIXEL
from ptychogui.physics.simulation import simulate
from scripts.gpu.steps import STEPS
from scripts.gpu.work.bench import PARTS_OF_L2
from scripts.gpu.work.compared import VARIANTS
from scripts.gpu.work.memory import OPTIONS
from tests.engines.scans import TINY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

_SANITIZER = """#!/bin/sh
[ "$1 $3" = "--tool --print-limit" ] || exit 1
shift 4
"$@" || exit 1
echo "========= ERROR SUMMARY: 0 errors"
"""


@pytest.fixture(scope="module")
def folder(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a trial wrote that found a star and a sanitizer."""
    folder = tmp_path_factory.mktemp("gpu")
    tool = folder / "compute-sanitizer"
    tool.write_text(_SANITIZER)
    tool.chmod(0o755)
    write_scan(folder / "star.cxi", simulate(TINY))
    command = [sys.executable, "-m", "scripts.gpu", str(folder), "--pretend", "--star", str(folder / "star.cxi")]
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=repo_root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def steps(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "gpu.json").read_text())["steps"]
    return found


def test_every_step_is_done(steps: dict[str, Any]) -> None:
    assert {name: step["verdict"] for name, step in steps.items()} == {step.name: "ok" for step in STEPS}


def test_no_figure_is_missing(steps: dict[str, Any]) -> None:
    figures = {name: step["figures"] for name, step in steps.items()}
    assert not [text for text in _texts(figures) if text.startswith("not known")]
    assert all(math.isfinite(number) for number in _numbers(figures))
    assert set(figures["here"]) >= {"gpu", "compute_capability", "l2_bytes", "nvrtc", "compiler", "compute-sanitizer"}
    for name in ("kernels", "engine_tests"):
        assert figures[name]["passed"] > 0 == figures[name]["failed"] + figures[name]["skipped"]
    assert set(figures["engines"]) == set(VARIANTS)
    assert set(figures["memory"]) == set(OPTIONS)
    assert set(figures["star"]) == set(ENGINES)
    assert set(figures["sanitizer"]) == {"memcheck", "racecheck"}
    assert all(0 < figures["star"][engine]["positions_per_s"] for engine in ENGINES)


def test_times_of_all_that_was_asked_for(steps: dict[str, Any]) -> None:
    times = steps["times"]["figures"]
    assert times["launch_host_us"] > 0 < times["launch_gpu_us"]
    assert all(set(ffts) >= {"plan_median_us", "plan_most_us"} for ffts in times["fft"].values())
    for kernel in ("solve_steps", "modulus", "poisson_step"):
        assert any(name.startswith(kernel) for name in times)


def test_the_benchmark_has_every_batch_with_and_without_graphs(steps: dict[str, Any]) -> None:
    rows = steps["bench"]["figures"]["rows"]
    own = [row for row in rows if row["part_of_l2"] is None]
    assert {(row["engine"], row["sub_pixel"], row["modes"]) for row in own} == {
        (engine, sub_pixel, modes) for engine in ENGINES for sub_pixel in SUB_PIXEL for modes in (1, 4)
    }
    for engine in ("epie", "lsqml"):
        swept = {(row["part_of_l2"], row["graphs"]) for row in rows if row["engine"] == engine and row["part_of_l2"]}
        assert swept == {(part, graphs) for part in PARTS_OF_L2 for graphs in ("off", "on")}
    assert all(row["part_of_copy"] > 0 for row in rows)


def test_a_lost_gpu_is_told_and_replaced(steps: dict[str, Any]) -> None:
    spoiled, after = (steps["child"]["figures"][name] for name in ("spoiled", "next"))
    assert any("illegal memory access" in note for note in spoiled["notes"])
    assert len(spoiled["pids"]) == 2 and after["pids"] == spoiled["pids"][1:]
    assert spoiled["end"] == after["end"] == "DONE"


def test_the_tables_have_a_line_for_every_figure(folder: Path, steps: dict[str, Any]) -> None:
    page = (folder / "gpu.md").read_text()
    for name in (*VARIANTS, *OPTIONS, *ENGINES, *(step.title for step in STEPS)):
        assert f"| {name} |" in page
    assert page.count("| nearest |") + page.count("| fourier |") == len(steps["bench"]["figures"]["rows"])


def _texts(value: Any) -> Iterator[str]:
    yield from (text for text in _leaves(value) if isinstance(text, str))


def _numbers(value: Any) -> Iterator[float]:
    yield from (number for number in _leaves(value) if isinstance(number, float | int))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value
