"""Batches: what is said of each scan before any begins, and what comes into the queue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import pytest

from ptychogui.errors import ParameterError
from ptychogui.io.simulated import write_scan
from ptychogui.params.sweep import combinations
from ptychogui.physics.simulation import simulate
from ptychogui.queue.batches import add, check_shared, checked, look
from ptychogui.queue.planning import Values
from ptychogui.queue.store.batch import batch, ended_untold
from ptychogui.queue.store.store import Store
from tests.cli.runs import ENERGY, SMALL

VALUES: Values = {"reconstruction.iterations": (3, "--iterations")}


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_scan(tmp_path / "fly_0001.cxi", simulate(SMALL))[0]


def copy(scan: Path, number: int) -> Path:
    return Path(shutil.copy(scan, scan.with_name(f"fly_{number:04d}.cxi")))


def test_it_says_what_is_wrong_with_which_and_writes_nothing(scan: Path, tmp_path: Path) -> None:
    cut, silent, empty = copy(scan, 2), copy(scan, 3), copy(scan, 4)
    cut.write_bytes(cut.read_bytes()[:3000])
    empty.write_bytes(b"")
    with h5py.File(silent, "r+") as file:
        del file[ENERGY]
    before = sorted(tmp_path.iterdir())
    found = [checked(one) for one in look([scan, cut, silent, empty], VALUES)]
    assert [one.is_ready for one in found] == [True, False, False, False]
    assert "fly_0002.cxi" in found[1].problem and "give --energy" in found[2].problem
    assert "the file is empty" in found[3].problem
    assert sorted(tmp_path.iterdir()) == before


def test_what_only_frames_or_checks_tell_is_left_to_the_second_look(scan: Path) -> None:
    with h5py.File(scan, "r+") as file:
        del file[ENERGY]
    (found,) = look([scan], {})
    assert found.is_ready and not checked(found).is_ready


def test_a_batch_is_added_whole_with_what_was_refused(store: Store, scan: Path) -> None:
    absent = scan.with_name("absent.cxi")
    candidates = [*look([scan, absent, copy(scan, 2)], VALUES)]
    added = add(store, candidates, Path("results"), "ptychogui batch", {})
    found = batch(store, added.batch)
    assert found.title == "fly_0001 and 2 others" and found.ended == ""
    assert [(job.id, job.title) for job in found.jobs] == [(added.jobs[0], "fly_0001"), (added.jobs[2], "fly_0002")]
    assert [refused.scan for refused in found.refused] == [str(absent)] and list(added.refused) == [1]
    assert [Path(job.result).parent.name for job in found.jobs] == ["results"] * 2
    assert store.text(added.jobs[0]).job.parameters.reconstruction.iterations == 3


def test_a_batch_of_nothing_has_ended(store: Store, tmp_path: Path) -> None:
    added = add(store, [*look([tmp_path / "absent.cxi"], {})], tmp_path, "", {})
    assert [one.id for one in ended_untold(store)] == [added.batch]


def test_a_sweep_makes_a_group_of_each_scan(store: Store, scan: Path) -> None:
    swept = combinations(["probe_modes=1,2", "engine=epie,dm"])
    added = add(store, [*look([scan, copy(scan, 2)], VALUES, swept)], Path("results"), "", {})
    sweeps = [json.loads(job.sweep) for job in batch(store, added.batch).jobs]
    assert len({one["group"] for one in sweeps[:4]}) == len({one["group"] for one in sweeps[4:]}) == 1
    assert sweeps[0]["group"] != sweeps[4]["group"]
    assert sweeps[1]["values"] == {"experiment.probe_modes": 1, "reconstruction.engine": "dm"}
    sweep = store.text(added.jobs[3]).job.sweep
    assert sweep is not None and sweep.values == {"experiment.probe_modes": 2, "reconstruction.engine": "dm"}


def test_what_is_of_one_scan_is_refused_for_several() -> None:
    values: Values = {"output.job_id": ("night", "--job-id")}
    check_shared(1, values)
    with pytest.raises(ParameterError, match="leave out --job-id"):
        check_shared(2, values)
