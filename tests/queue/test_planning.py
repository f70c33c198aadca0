"""Jobs of the queue from files and values: complete, at home in any folder, with a result path of their own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import DataError, OutputError, ParameterError
from ptychogui.io.result import write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.results.reservations import reserve
from ptychogui.params.model import device_name
from ptychogui.params.origins import Layers, Source
from ptychogui.params.storage import to_json
from ptychogui.physics.simulation import simulate
from ptychogui.queue.planning import continued, look_at, on_device, plan_of, reserved, reserved_beside
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.states import State
from tests.cli.runs import SMALL
from tests.io.makers import make_result
from tests.queue.conftest import Add


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_scan(tmp_path / "scan.cxi", simulate(SMALL))[0]


def plan(store: Store, file: Path | None, output: Path | None = None, **values: Any) -> NewJob:
    given = {path.replace("__", "."): (value, "--option") for path, value in values.items()}
    with reserved(store, look_at(file, given), output, "ptychogui queue add", {}) as new:
        return new


def _add(store: Store, new: NewJob) -> int:
    return store.add([new])[0]


def test_paths_hold_in_any_folder(store: Store, scan: Path, tmp_path: Path) -> None:
    shutil.copy(scan, "mask.npy")
    job = plan(store, Path("scan.cxi"), preprocessing__mask_file=Path("mask.npy")).text.job
    assert (job.source, job.output) == (scan, tmp_path / "scan-result.cxi")
    assert job.parameters.preprocessing.mask_file == tmp_path / "mask.npy"
    assert job.origins["preprocessing.mask_file"].source is Source.USER
    assert job.origins["experiment.energy_eV"].source is Source.FILE


def test_each_job_has_a_path_of_its_own_as_long_as_it_lives(store: Store, scan: Path) -> None:
    first, second = plan(store, scan), plan(store, scan)
    names = [new.text.job.output.name for new in (first, second)]
    assert names == ["scan-result.cxi", "scan-result-001.cxi"]
    number = _add(store, first)
    assert reserve(first.text.job.output) is None
    changes.remove(store, number)
    with reserve(first.text.job.output) or pytest.fail():
        pass


def test_a_named_result_is_that_file_or_a_new_one_in_that_folder(store: Store, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert plan(store, scan, Path("mine.cxi")).text.job.output == tmp_path / "mine.cxi"
    assert plan(store, scan, Path("results")).text.job.output == tmp_path / "results" / "scan-result.cxi"
    with pytest.raises(OutputError, match="is the result of another job"):
        plan(store, scan, Path("mine.cxi"))


def test_what_can_not_be_planned_reserves_nothing(store: Store, scan: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError):
        plan(store, scan, reconstruction__engine="epie", reconstruction__opr_modes=3)
    assert not list(tmp_path.glob(".ptychogui-reserved/*"))


@pytest.mark.parametrize(("named", "lane"), [("auto", "any"), ("any", "any"), ("cpu:1", "cpu:1"), ("CUDA", "cuda:0")])
def test_the_device_is_the_lane(store: Store, scan: Path, named: str, lane: str) -> None:
    new = plan(store, scan, devices__device=device_name(named))
    assert new.device == lane
    assert on_device(new.text.job, "cpu:0").parameters.devices.device == "cpu:0"


def test_a_simulated_scan_needs_no_file(store: Store, scan: Path) -> None:
    job = plan(store, None, experiment__simulate=True).text.job
    assert job.source is None and job.output.name == "simulated-result.cxi"


def test_a_result_makes_its_job_again(store: Store, scan: Path, tmp_path: Path) -> None:
    first = plan(store, scan, reconstruction__iterations=7, experiment__energy_eV=9000.0).text.job
    write_result(
        tmp_path / "old.cxi",
        make_result(parameters=to_json(first.parameters, first.origins), sources=(SourceFile.of(scan),)),
    )
    again = plan(store, tmp_path / "old.cxi", experiment__probe_modes=2)
    job = again.text.job
    assert job.source == scan and job.output.name == "scan-result-001.cxi"
    assert (job.parameters.reconstruction.iterations, job.parameters.experiment.energy_eV) == (7, 9000.0)
    assert job.parameters.experiment.probe_modes == 2
    assert job.origins["experiment.distance_m"] == first.origins["experiment.distance_m"]


@pytest.mark.parametrize("content", [{}, {"parameters": "of another program"}])
def test_a_result_that_does_not_say_how_it_was_made_is_refused(
    store: Store, tmp_path: Path, content: dict[str, str]
) -> None:
    write_result(tmp_path / "old.cxi", make_result(**content))
    with pytest.raises((DataError, ParameterError)):
        plan(store, tmp_path / "old.cxi")


def test_what_is_neither_scan_nor_result_is_said_as_a_scan(store: Store, tmp_path: Path) -> None:
    (tmp_path / "text.cxi").write_text("no scan")
    with pytest.raises(DataError, match=r"text\.cxi"):
        plan(store, tmp_path / "text.cxi")


class TestContinue:
    @pytest.fixture
    def done(self, store: Store, scan: Path) -> int:
        number = _add(store, plan(store, scan, reconstruction__batch_size=8, reconstruction__engine="epie"))
        claim = journal.claim(store, "cpu", "me", {})
        assert claim is not None
        write_result(Path(claim.entry.result), make_result())
        journal.end(store, claim, State.DONE)
        return number

    def test_it_begins_at_the_result_with_the_same_values(self, store: Store, done: int) -> None:
        before = store.text(done).job
        with continued(store, done, {}, "continue", {}) as new:
            job = new.text.job
        settings = job.parameters.reconstruction
        assert settings.object_guess == settings.probe_guess == before.output
        assert job.parameters.experiment.positions_file == before.output
        assert (settings.engine, settings.batch_size, job.source) == ("epie", 8, before.source)
        assert job.output.name == "scan-result-001.cxi" and job.id != before.id

    def test_another_engine_takes_over_what_it_heeds(self, store: Store, done: int) -> None:
        values = {"reconstruction.engine": ("dm", "--engine"), "reconstruction.iterations": (5, "--iterations")}
        with continued(store, done, values, "continue", {}) as new:
            settings = new.text.job.parameters.reconstruction
        assert (settings.engine, settings.iterations, settings.batch_size) == ("dm", 5, None)

    def test_a_value_that_the_engine_does_not_heed_is_refused_where_it_is_given(self, store: Store, done: int) -> None:
        values = {"reconstruction.engine": ("dm", "--engine"), "reconstruction.batch_size": (5, "--batch-size")}
        with pytest.raises(ParameterError, match="has no effect in DM"), continued(store, done, values, "", {}):
            pass

    def test_without_a_result_there_is_nothing_to_go_on_from(self, store: Store, add: Add) -> None:
        job = add()
        with pytest.raises(ParameterError, match="has left no result to go on from; retry it"):
            continued(store, job, {}, "", {}).__enter__()


def test_a_scan_that_was_read_before_has_its_result_beside_it(store: Store, scan: Path) -> None:
    known = look_at(scan, {})
    layers = known.layers.with_layer(Source.USER, {
        "reconstruction.engine": ("dm", ""), "reconstruction.momentum": (0.5, ""),
        "preprocessing.mask_file": (Path("mask.npy"), ""),
    })  # fmt: skip
    with reserved_beside(store, plan_of(Path("scan.cxi"), layers, known.scan), "window: Run", {}) as new:
        job = new.text.job
        assert (job.source, job.output) == (scan, scan.parent / "scan-001.cxi")
        assert job.parameters.preprocessing.mask_file == scan.parent / "mask.npy"
        assert job.origins["reconstruction.momentum"].source is Source.DEFAULT, "DM heeds no momentum"
    assert reserve(job.output) is None
    simulated = plan_of(None, Layers(), None)
    assert simulated.source is None


def test_values_of_the_scan_before_hold_where_a_scan_does_not_know_better(store: Store, scan: Path) -> None:
    last = {"experiment.energy_eV": (5000.0, "old.cxi"), "reconstruction.iterations": (7, "old.cxi")}
    planned = look_at(scan, {}, last=last)
    assert planned.parameters.experiment.energy_eV != 5000.0
    assert planned.parameters.reconstruction.iterations == 7
    assert planned.resolved[1]["reconstruction.iterations"].source is Source.LAST
