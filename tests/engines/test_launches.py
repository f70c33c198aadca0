"""Launches of an iteration are those that docs/performance.md lists, and nothing in it waits for the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.cuda import CudaBackend, backend as backend_module
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.engines import ENGINES, create_engine, lattice_trade
from ptychogui.jobs.bench import traffic_bytes
from ptychogui.params.reconstruction import Reconstruction
from tests.backends import fake_kernels
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import held_out_of, narrow_beam
from tests.backends.recording import Iteration, record

_TITLES = {"epie": "ePIE", "lsqml": "LSQML", "dm": "DM and RAAR", "raar": "DM and RAAR"}
_WORK = {
    "FFT": "fft", "copy of the spectrum": "xp copyto", "sum of errors": "xp sum", "copy of a sum": "xp copyto",
    "scaling of a probe": "xp multiply",
    "largest of a sum": "xp max", "scaling of a number": "xp multiply", "sum of two numbers": "xp add",
    "sum of changes": "xp sum", "clearing of a sum": "xp copyto",
}  # fmt: skip
"""What is no kernel and no copy, by its name in the table."""

_GROUPS = {"epie": "gather_object", "lsqml": "solve_steps"}
"""The kernel that each engine launches once for a group."""

_STEADY: dict[str, dict[str, Any]] = {
    "epie": {},
    "lsqml": {"position_correction": "never", "batch_growth": False},
    "dm": {"average_last": 0.0},
    "raar": {"average_last": 0.0},
}
"""Settings by which every iteration is like the other."""

_VARIES: dict[str, Any] = {"opr_modes": 2, "intensity_correction": True, "update_opr": "1"}

_SETTLED = 6
"""Iterations after which groups no longer follow the probe in each."""


@pytest.fixture
def machine(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A GPU whose batches are smaller than groups."""
    monkeypatch.setattr(backend_module, "_UNCACHED_BATCH", 1 << 14)
    return machine


@dataclass(frozen=True)
class Row:
    """A line of a table: some work, what it is done for, how often and with how many bytes."""

    work: str
    unit: str
    times: dict[str, int]
    bytes: dict[str, str]


def cells(root: Path, title: str) -> list[list[str]]:
    """Read the cells of a chapter's table, line by line."""
    text = (root / "docs" / "performance.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def table(root: Path, title: str) -> list[Row]:
    """Read the table of a chapter."""
    return [
        Row(work.strip("`*"), unit, {"nearest": int(near or 0), "fourier": int(far or 0)},
            {"nearest": near_bytes, "fourier": far_bytes})
        for work, unit, near, far, near_bytes, far_bytes in cells(root, title)
    ]  # fmt: skip


def recorded(machine: FakeMachine, iterations: int, **values: Any) -> list[Iteration]:
    """Record the iterations of an engine whose batches are smaller than its groups."""
    usual = {"update_probe": 1, "update_modes": 1, "orthogonalize_every": 100, "noise_model": "gaussian"}
    settings = {**usual, "iterations": 20, **values}
    problem = held_out_of(narrow_beam(16, 6, 9.0), values.get("held_out", 0.0))
    with CudaBackend(0) as gpu:
        engine = create_engine(problem, Reconstruction.model_validate(settings), gpu)
        return record(engine, machine, iterations)


def cut(groups: list[tuple[int, int]], largest: int) -> int:
    """Count the batches of at most `largest` positions that groups need."""
    return sum(-(-(stop - start) // largest) for start, stop in groups)


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("batch_size", [1, 9])
@pytest.mark.parametrize("engine", _GROUPS)
def test_launches_are_those_of_the_table(
    machine: FakeMachine, repo_root: Path, engine: str, sub_pixel: str, batch_size: int
) -> None:
    rows = table(repo_root, _TITLES[engine])
    asked = {"engine": engine, "sub_pixel": sub_pixel, "batch_size": batch_size, **_STEADY[engine]}
    for iteration in recorded(machine, 8, **asked)[_SETTLED:]:
        groups, batches = iteration.spans(_GROUPS[engine]), iteration.spans("exit_wave")
        largest = max(stop - start for start, stop in batches)
        assert len(batches) == cut(groups, largest)
        assert (largest, len(groups)) == (1, 36) if batch_size == 1 else (largest > 1, len(groups) < len(batches))
        units = {"batch": len(batches), "block": len(groups), "group": len(groups), "iteration": 1}
        assert +iteration.work == listed(rows, sub_pixel, units)


def listed(rows: list[Row], sub_pixel: str, units: dict[str, int]) -> Counter[str]:
    """Return what a table says of an iteration with so many batches, groups and so on."""
    wanted: Counter[str] = Counter()
    for row in rows:
        wanted[_WORK.get(row.work, row.work)] += row.times[sub_pixel] * units.get(row.unit, 0)
    return +wanted


def test_graphs_take_from_the_host_what_their_table_says(machine: FakeMachine, repo_root: Path) -> None:
    rows = cells(repo_root, "CUDA graphs")
    assert len(rows) == 4
    for title, sub_pixel, without, with_graphs in rows:
        engine = title.casefold()
        rest = listed(table(repo_root, title), sub_pixel, {"iteration": 1}).total()
        asked = {"sub_pixel": sub_pixel, "batch_size": 2, "damping": 0.5, **_STEADY[engine]}
        for graphs, each in ((False, without), (True, with_graphs)):
            iteration = recorded(machine, 12, engine=engine, cuda_graphs="on" if graphs else "off", **asked)[-1]
            groups = len(iteration.spans(_GROUPS[engine]))
            assert groups == len(iteration.spans("exit_wave")) > 12
            assert iteration.work.total() == rest + int(each) * groups
            assert iteration.work["graph"] == (groups if graphs else 0)
            assert iteration.blocking == []


@pytest.mark.parametrize("engine", ENGINES)
def test_held_out_pixels_add_what_their_table_says(machine: FakeMachine, repo_root: Path, engine: str) -> None:
    asked: dict[str, Any] = {"engine": engine, "batch_size": 9, **_STEADY[engine]}
    without, with_them = (recorded(machine, 8, held_out=share, **asked)[-1] for share in (0.0, 0.1))
    units = {"iteration": 1, "batch": len(without.spans("exit_wave"))}
    added: Counter[str] = Counter()
    for work, unit, times, _ in cells(repo_root, "The free error"):
        added[_WORK.get(work.strip("`"), work.strip("`"))] += int(times) * units[unit]
    assert with_them.work == without.work + added
    assert with_them.spans("free_misfit") == with_them.spans("exit_wave")
    assert with_them.blocking == []


_OPTIONS: dict[str, dict[str, Any]] = {
    "refined positions": {"position_correction": "1"},
    "coupled positions": {"position_correction": "1", "position_coupled": True},
    "Poisson": {"noise_model": "poisson"},
}
"""What LSQML's options are called in their table; coupled positions are refined ones."""


def kernels_added(root: Path, names: list[str], sub_pixel: str, units: dict[str, int]) -> Counter[str]:
    """Read how often options launch each kernel, beyond what LSQML does without them, in one iteration."""
    added: Counter[str] = Counter()
    for name, work, unit, near, far, _ in cells(root, "What LSQML's options add"):
        if name in names:
            added[work.strip("`")] += int(near if sub_pixel == "nearest" else far) * units[unit]
    return added


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("names", [["refined positions"], ["refined positions", "coupled positions"], ["Poisson"]])
def test_options_add_what_their_table_says(
    machine: FakeMachine, repo_root: Path, names: list[str], sub_pixel: str
) -> None:
    asked = {"engine": "lsqml", "sub_pixel": sub_pixel, "batch_size": 18, "batch_growth": False}
    without, with_them = (
        recorded(machine, 2, **asked, **options)[-1]
        for options in ({"position_correction": "never"}, {"position_correction": "never", **_OPTIONS[names[-1]]})
    )
    kernels = {"batch": "exit_wave", "group": "solve_steps"}
    units = {"iteration": 1, **{unit: len(without.spans(kernel)) for unit, kernel in kernels.items()}}
    wanted = Counter({name: count for name, count in without.work.items() if name in SIGNATURES})
    wanted.update(kernels_added(repo_root, names, sub_pixel, units))
    assert +wanted == Counter({name: count for name, count in with_them.work.items() if name in SIGNATURES})


@pytest.mark.parametrize("options", [*_OPTIONS.values(), {"momentum": 0.5, "update_modes": "2:4"}])
def test_no_option_waits(machine: FakeMachine, options: dict[str, Any]) -> None:
    for iteration in recorded(machine, 8, engine="lsqml", batch_size=18, **options):
        assert iteration.blocking == []


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_launches_of_a_variable_probe_are_those_of_its_table(
    machine: FakeMachine, repo_root: Path, sub_pixel: str
) -> None:
    asked = {"sub_pixel": sub_pixel, "batch_size": 9, **_STEADY["lsqml"], **_VARIES}
    for iteration in recorded(machine, 8, engine="lsqml", **asked)[_SETTLED:]:
        small = sum(count for work, count in iteration.work.items() if work.startswith("xp "))
        large = Counter({work: count for work, count in iteration.work.items() if not work.startswith("xp ")})
        batches, groups = len(iteration.spans("exit_wave")), len(iteration.spans("solve_steps"))
        rows = table(repo_root, "LSQML with a variable probe")
        units = {"batch": batches, "block": groups, "group": groups, "iteration": 1}
        assert large + Counter({"small work": small}) == listed(rows, sub_pixel, units)


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("engine", ["dm", "raar"])
@pytest.mark.parametrize("power_bound", [0.0, 0.5])
def test_launches_of_a_projection_are_those_of_the_table(
    machine: FakeMachine, repo_root: Path, engine: str, sub_pixel: str, power_bound: float
) -> None:
    asked = {"engine": engine, "sub_pixel": sub_pixel, "power_bound": power_bound, **_STEADY[engine]}
    for iteration in recorded(machine, 4, **asked)[1:]:
        batches = iteration.spans("dm_update")
        assert sorted(i for start, stop in batches for i in range(start, stop)) == list(range(36))
        units = {"batch": len(batches), "bounded batch": len(batches) if power_bound else 0, "iteration": 1}
        assert +iteration.work == listed(table(repo_root, _TITLES[engine]), sub_pixel, units)


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("title", [*dict.fromkeys(_TITLES.values()), "LSQML with a variable probe"])
def test_bytes_of_a_table_add_up(repo_root: Path, title: str, sub_pixel: str) -> None:
    *parts, total = (_value(row.bytes[sub_pixel]) for row in table(repo_root, title))
    assert sum(parts) == total > 0


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_benchmark_counts_the_bytes_of_the_table(repo_root: Path, engine: str, sub_pixel: str) -> None:
    total = table(repo_root, _TITLES[engine])[-1]
    assert total.work == "all"
    small_wave = {"M": 3, "U": 8 * 16 * 16, "D": 500}
    assert traffic_bytes(engine, sub_pixel, 16, 3, 500) == _value(total.bytes[sub_pixel], small_wave)


def _value(text: str, known: Mapping[str, int] = MappingProxyType({"M": 1000, "U": 10**6, "D": 10**10})) -> int:
    """Evaluate "2 M U + D", with numbers that no other sum of terms gives unless told otherwise."""
    total = 0
    for term in text.split("+") if text else ():
        value = 1
        for factor in term.split():
            value *= known.get(factor) or int(factor)
        total += value
    return total


_BUSY: dict[str, Any] = {
    "orthogonalize_every": 2, "center_probe": "1", "keep_power": "1", "probe_support_m": 12.0, "probe_threshold": 0.01,
    "object_clamp": 1.2, "object_smoothness": 0.01, "phase_constraint": 99, "momentum": 0.3,
}  # fmt: skip


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_in_an_iteration_waits_for_it(machine: FakeMachine, engine: str, sub_pixel: str, busy: bool) -> None:
    for iteration in recorded(machine, 8, engine=engine, sub_pixel=sub_pixel, **(_BUSY if busy else {})):
        assert iteration.blocking == []


@pytest.mark.parametrize("busy", [{}, _BUSY], ids=["quiet", "busy"])
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_nothing_waits_for_a_variable_probe(machine: FakeMachine, sub_pixel: str, busy: dict[str, Any]) -> None:
    for iteration in recorded(machine, 8, engine="lsqml", sub_pixel=sub_pixel, **_VARIES, **busy):
        assert iteration.blocking == []


@pytest.mark.parametrize(("engine", "most"), [("epie", 16), ("lsqml", 4), ("dm", 2)])
def test_a_run_makes_few_fft_plans_and_most_at_first(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, engine: str, most: int
) -> None:
    """Kernels do nothing here: only how the work is cut matters."""
    monkeypatch.setattr(fake_kernels, "TWINS", dict.fromkeys(SIGNATURES, lambda *_: None))
    monkeypatch.setattr(lattice_trade, "find_lattice", lambda _positions: np.empty((0, 2)))  # its factors would be 0
    monkeypatch.setattr(backend_module, "_UNCACHED_BATCH", 1 << 20)
    settings = Reconstruction(
        engine=engine, noise_model="gaussian", iterations=100, sub_pixel="nearest", update_probe="1"
    )
    with CudaBackend(0) as gpu:
        iterations = record(create_engine(narrow_beam(16, 20, 5.0), settings, gpu), machine, 100)
    plans = [plan for iteration in iterations for plan in iteration.plans]
    assert len(set(plans)) == len(plans) <= most
    assert sum(len(iteration.plans) for iteration in iterations[60:]) == 0
    assert sum(iteration.work["fft"] for iteration in iterations) > 100 * len(plans)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_host_is_at_most_one_iteration_ahead(machine: FakeMachine, engine: str) -> None:
    first, *later = recorded(machine, 5, engine=engine)
    begins = [first.began_at, *(iteration.began_at for iteration in later)]
    assert not first.waits
    for before, iteration in zip(begins, later, strict=False):
        assert any(before < wait.asked_at <= iteration.began_at for wait in iteration.waits)
