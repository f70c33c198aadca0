"""Watched folders: scans come when they are finished, once, also over restarts; what can't be read is said once."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from ptychogui.errors import ParameterError
from ptychogui.io.mda.presets import list_presets
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.io.result import write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.io.simulated import write_scan
from ptychogui.params.sweep import combinations
from ptychogui.physics.simulation import simulate
from ptychogui.queue import watch
from ptychogui.queue.batches import look
from ptychogui.queue.planning import Values
from ptychogui.queue.store import changes
from ptychogui.queue.store.batch import add_batch, batch
from ptychogui.queue.store.store import Store
from ptychogui.queue.watch import FolderWatch, FoundScan, Watcher, WatchOrder
from ptychogui.states import State
from tests.cli.runs import SMALL
from tests.io.makers import make_result

VALUES: Values = {"experiment.distance_m": (1.92, "--distance"), "preprocessing.wait_limit_s": (60.0, "--wait-limit")}


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ptychogui.io.fingerprint._UNSURE_NS", 0)
    (tmp_path / "scans").mkdir()
    return tmp_path / "scans"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def order(folder: Path, **told: object) -> WatchOrder:
    return WatchOrder(folder, VALUES, folder.parent / "results", "ptychogui run", {}, **told)  # type: ignore[arg-type]


def looked(watched: FolderWatch, store: Store, times: int = 2) -> list[FoundScan]:
    return [found for _ in range(times) for found in watched.look(store)]


def sources(store: Store) -> list[str]:
    return [Path(job.source or "").name for job in store.entries()]


def write(folder: Path, number: int) -> Path:
    return write_scan(folder / f"fly_{number:04d}.cxi", simulate(SMALL))[0]


def write_mda(folder: Path, number: int, lines: int | None = None) -> Path:
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    simulated, path = simulate(SMALL), folder / "mda" / f"velo_{number:04d}.mda"
    write_mda_scan(path, named, simulated.counts, simulated.positions_m, SMALL.scan_dims, 8800.0, lines)
    return path


def test_scans_come_as_they_are_finished_each_once_and_results_never(store: Store, scans: Path, clock: Clock) -> None:
    watched = FolderWatch(order(scans), clock)
    write(scans, 1)
    write_result(scans / "fly_0001-result.cxi", make_result())
    assert looked(watched, store, 1) == []
    assert [found.jobs for found in looked(watched, store)] == [(1,)]
    write(scans, 2)
    assert [found.path.name for found in looked(watched, store)] == ["fly_0002.cxi"]
    assert looked(watched, store) == [] and sources(store) == ["fly_0001.cxi", "fly_0002.cxi"]


def test_each_comes_once_over_restarts_and_when_its_job_is_gone(store: Store, scans: Path, clock: Clock) -> None:
    write(scans, 1)
    looked(FolderWatch(order(scans), clock), store)
    changes.remove(store, 1)
    assert looked(FolderWatch(order(scans), clock), store) == [] and store.entries() == []


def test_two_watchers_add_a_scan_once_and_reserve_nothing_in_vain(store: Store, scans: Path, clock: Clock) -> None:
    first, second = FolderWatch(order(scans), clock), FolderWatch(order(scans), clock)
    write(scans, 1)
    looked(first, store, 1)
    looked(second, store, 1)
    plans = [one.plan for one in look([scans / "fly_0001.cxi"], VALUES)]
    assert len(looked(first, store, 1)) == 1
    assert second._add(store, scans / "fly_0001.cxi", [plan for plan in plans if plan is not None]) == []
    assert looked(second, store) == [] and len(store.entries()) == 1
    assert len(list((scans.parent / "results" / ".ptychogui-reserved").iterdir())) == 1


def test_a_scan_whose_lines_still_come_is_waited_for_until_it_rests(store: Store, scans: Path, clock: Clock) -> None:
    (scans / "mda").mkdir()
    watched = FolderWatch(order(scans / "mda"), clock)
    write_mda(scans, 1, lines=2)
    assert looked(watched, store, 3) == []
    clock.now_s += 59.0
    write_mda(scans, 1, lines=3)
    assert looked(watched, store) == []
    clock.now_s += 59.0
    assert looked(watched, store) == []
    clock.now_s += 1.0
    assert [found.path.name for found in looked(watched, store)] == ["velo_0001.mda"]
    write_mda(scans, 2)
    assert [found.path.name for found in looked(watched, store)] == ["velo_0002.mda"]


def test_what_never_becomes_readable_is_said_once_until_it_changes(store: Store, scans: Path, clock: Clock) -> None:
    whole = write(scans, 1)
    content = whole.read_bytes()
    whole.write_bytes(content[:3000])
    watched = FolderWatch(order(scans), clock)
    assert looked(watched, store) == []
    clock.now_s += 60.0
    (found,) = looked(watched, store)
    assert found.jobs == () and "fly_0001.cxi" in found.problem
    clock.now_s += 60.0
    assert looked(watched, store) == [] and looked(FolderWatch(order(scans), clock), store) == []
    whole.write_bytes(content)
    assert [found.jobs for found in looked(watched, store)] == [(1,)]


def test_what_somebody_has_queued_is_not_added_again(store: Store, scans: Path, clock: Clock) -> None:
    path = write(scans, 1)
    looked(FolderWatch(order(scans), clock), store)
    with store.transaction() as change:
        change.execute("DELETE FROM watched")
    assert looked(FolderWatch(order(scans), clock), store) == []
    assert [job.source for job in store.entries()] == [str(path)]


def test_into_a_batch_with_sweeps_and_what_is_wrong(store: Store, scans: Path, clock: Clock) -> None:
    number, _ = add_batch(store, "watched", "", [], is_open=True)
    watched = FolderWatch(order(scans, batch=number, sweep=combinations(["probe_modes=1,2"])), clock)
    write(scans, 1)
    (scans / "fly_0002.cxi").write_bytes(b"no scan")
    looked(watched, store)
    clock.now_s += 60.0
    looked(watched, store)
    found = batch(store, number)
    assert len(found.jobs) == 2 and [Path(one.scan).name for one in found.refused] == ["fly_0002.cxi"]


def test_a_folder_that_is_not_there_is_refused_and_one_that_goes_is_waited_for(
    store: Store, scans: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ParameterError, match="there is no such folder"):
        FolderWatch(order(scans / "absent"))
    watcher = Watcher(store.folder, order(scans), print)
    shutil.rmtree(scans)
    watcher._look()
    watcher._look()
    assert len([record for record in caplog.records if "can't read the folder" in record.message]) == 1


class _Deaf:
    """The system of a machine that has no more watches to give."""

    def schedule(self, *_what: object) -> None:
        raise OSError("no space left on device")


@pytest.mark.parametrize("events", [True, False])
def test_a_watcher_hears_of_changes_or_looks_by_itself(
    folder: Path, scans: Path, events: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, found = threading.Event(), []
    if not events:
        monkeypatch.setattr(watch, "_LOOK_S", 0.1)
        monkeypatch.setattr(watch, "Observer", _Deaf)
    monkeypatch.setattr(watch, "_LEAST_S", 0.05)

    def tell(one: FoundScan) -> None:
        found.append(one.path.name)
        told.set()

    with Watcher(folder, order(scans), tell):
        write(scans, 1)
        assert told.wait(60.0)
    assert found == ["fly_0001.cxi"]


def test_what_is_done_is_left_out_if_asked(scans: Path, store: Store, clock: Clock) -> None:
    scan = write_scan(scans / "a.cxi", simulate(SMALL))[0]
    results = scans.parent / "results"
    results.mkdir()
    done = make_result(sources=(SourceFile.of(scan),), state=State.DONE)
    write_result(results / "a-result.cxi", done)
    watched = FolderWatch(order(scans, skip_done=True), clock)
    assert looked(watched, store, 3) == [] and sources(store) == []
    write_scan(scans / "b.cxi", simulate(SMALL))
    assert [found.path.name for found in looked(watched, store)] == ["b.cxi"]
    assert [found.path.name for found in looked(FolderWatch(order(scans), clock), store)] == ["a.cxi"]
