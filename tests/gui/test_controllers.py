"""Session, and Run, without a window and with a queue that nobody runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.loading import LoadedScan
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import DataError
from ptychogui.io.mda.presets import list_presets
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.results.reservations import reserve
from ptychogui.params.origins import Source
from ptychogui.physics.simulation import simulate
from ptychogui.queue.store import changes
from ptychogui.queue.store.store import Store
from ptychogui.session_state import Obstacle
from tests.gui.conftest import RECIPE
from tests.io.makers import make_frames, make_rows


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "fly0012.cxi", simulate(RECIPE))[0]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan that says nothing but its frames."""
    path = tmp_path_factory.mktemp("bare") / "bare.npy"
    np.save(path, np.ones((4, 32, 32), np.uint16))
    return path


class FakeQueue:
    """A queue that does at once what it is told to do with its store."""

    def __init__(self, store: Store) -> None:
        self.store, self.held = store, 0

    def hold_left(self) -> None:
        self.held += 1

    def do(self, work: Any, done: Any, failed: Any) -> None:
        try:
            outcome = work(self.store)
        except Exception as error:
            failed(error)
        else:
            done(outcome)

    def jobs(self) -> list[Job]:
        return [self.store.text(entry.id).job for entry in self.store.entries()]


def opened(qtbot: QtBot, session: SessionController, path: Path) -> LoadedScan:
    with qtbot.waitSignal(session.scanOpened, timeout=10_000) as signal:
        session.open(path)
    (loaded,) = signal.args
    assert isinstance(loaded, LoadedScan)
    return loaded


def values_of(qtbot: QtBot, session: SessionController):
    with qtbot.waitSignal(session.valuesChanged, timeout=1000) as signal:
        session.announce()
    return signal.args


class TestSession:
    def test_a_scan_brings_its_values_and_a_look_at_it(
        self, qtbot: QtBot, session: SessionController, scan: Path
    ) -> None:
        loaded = opened(qtbot, session, scan)
        assert loaded.path == scan
        assert loaded.pattern.counts.shape == (RECIPE.n, RECIPE.n)
        assert loaded.positions_m is not None and len(loaded.positions_m) == math.prod(RECIPE.scan_dims)
        parameters, origins, _, _ = values_of(qtbot, session)
        assert parameters.experiment.energy_eV == pytest.approx(RECIPE.energy_eV)
        assert origins["experiment.energy_eV"].source is Source.FILE

    def test_an_edit_goes_on_top_and_back(self, qtbot: QtBot, session: SessionController, scan: Path) -> None:
        opened(qtbot, session, scan)
        session.edit("experiment.energy_eV", 9000.0)
        parameters, origins, below, _ = values_of(qtbot, session)
        assert (parameters.experiment.energy_eV, origins["experiment.energy_eV"].source) == (9000.0, Source.USER)
        assert below.experiment.energy_eV == pytest.approx(RECIPE.energy_eV)
        session.revert("experiment.energy_eV")
        assert values_of(qtbot, session)[1]["experiment.energy_eV"].source is Source.FILE

    def test_a_value_that_does_not_fit_is_refused(self, qtbot: QtBot, session: SessionController) -> None:
        with qtbot.waitSignal(session.problem, timeout=1000) as signal:
            session.edit("reconstruction.iterations", -1)
        assert "'Iterations' = -1" in signal.args[0].text
        assert values_of(qtbot, session)[0].reconstruction.iterations == 100

    def test_what_is_no_scan_is_refused_and_the_old_one_stays(
        self, qtbot: QtBot, session: SessionController, scan: Path, tmp_path: Path
    ) -> None:
        opened(qtbot, session, scan)
        letter = tmp_path / "letter.txt"
        letter.write_text("Dear all,")
        with qtbot.waitSignal(session.problem, timeout=10_000) as signal:
            session.open(letter)
        assert str(letter) in signal.args[0].text
        assert session.scan is not None and session.scan.path == scan

    def test_the_users_values_go_on_to_the_next_scan_below_what_it_knows(
        self, qtbot: QtBot, session: SessionController, scan: Path
    ) -> None:
        opened(qtbot, session, scan)
        session.edit("experiment.energy_eV", 9000.0)
        session.edit("reconstruction.iterations", 17)
        session.edit("output.job_id", "first")
        opened(qtbot, session, scan)
        parameters, origins, _, _ = values_of(qtbot, session)
        assert parameters.experiment.energy_eV == pytest.approx(RECIPE.energy_eV)
        assert parameters.reconstruction.iterations == 17
        assert str(origins["reconstruction.iterations"]) == "last scan: fly0012.cxi"
        assert parameters.output.job_id == ""
        session.revert("reconstruction.iterations")
        assert values_of(qtbot, session)[0].reconstruction.iterations == 100

    def test_what_belongs_to_one_scan_does_not_go_on_to_the_next(
        self, qtbot: QtBot, session: SessionController, bare: Path
    ) -> None:
        opened(qtbot, session, bare)
        session.edit_all(
            {"preprocessing.center_px": (30.0, 31.0), "experiment.energy_eV": 9000.0, "experiment.step_m": (1e-7, 1e-7)}
        )
        assert session.remembered() == {}
        opened(qtbot, session, bare)
        parameters, origins, _, _ = values_of(qtbot, session)
        assert parameters.preprocessing.center_px is None and parameters.experiment.energy_eV is None
        assert not [path for path, origin in origins.items() if origin.source is Source.LAST]

    def test_geometry_is_remembered_for_a_detector(
        self, qtbot: QtBot, session: SessionController, background: Background, bare: Path, scan: Path, tmp_path: Path
    ) -> None:
        opened(qtbot, session, bare)
        session.edit("experiment.distance_m", 1.5)
        opened(qtbot, session, scan)
        assert values_of(qtbot, session)[1]["experiment.distance_m"].source is Source.FILE
        opened(qtbot, session, bare)
        parameters, origins, _, _ = values_of(qtbot, session)
        assert parameters.experiment.distance_m == 1.5
        assert str(origins["experiment.distance_m"]) == "last scan: bare.npy"
        elsewhere = tmp_path / "bare.npy"
        elsewhere.write_bytes(bare.read_bytes())
        opened(qtbot, session, elsewhere)
        assert values_of(qtbot, session)[0].experiment.distance_m is None
        another = SessionController(background, session.remembered(), session.geometry())
        opened(qtbot, another, bare)
        assert values_of(qtbot, another)[0].experiment.distance_m == 1.5
        another.revert("experiment.distance_m")
        opened(qtbot, another, bare)
        assert values_of(qtbot, another)[0].experiment.distance_m is None

    def test_what_holds_in_any_case_is_no_change(self, qtbot: QtBot, session: SessionController, scan: Path) -> None:
        opened(qtbot, session, scan)
        session.edit("preprocessing.center_px", None)
        session.edit("reconstruction.iterations", 17)
        session.edit("reconstruction.iterations", 100)
        _, origins, _, _ = values_of(qtbot, session)
        assert origins["preprocessing.center_px"].source is not Source.USER
        assert origins["reconstruction.iterations"].source is Source.DEFAULT

    def test_what_is_missing_is_said_until_it_is_given(
        self, qtbot: QtBot, session: SessionController, bare: Path
    ) -> None:
        told: list[tuple[Obstacle, ...]] = []
        session.missingChanged.connect(told.append)
        opened(qtbot, session, bare)
        assert [one.title for one in told[-1]] == ["Photon energy", "Detector distance", "Detector pixel",
                                                   "Position list"]  # fmt: skip
        session.edit("experiment.scan_pattern", "raster")
        assert [one.title for one in told[-1]][3:] == ["Scan dimensions", "Scan step"]
        session.edit_all({"experiment.energy_eV": 8800.0, "experiment.distance_m": 2.0,
                          "experiment.detector_pixel_m": 75e-6, "experiment.scan_dims": (2, 2),
                          "experiment.step_m": (1e-7, 1e-7)})  # fmt: skip
        assert told[-1] == ()

    def test_steps_are_undone_and_done_again(self, qtbot: QtBot, session: SessionController, scan: Path) -> None:
        words: list[tuple[str, str]] = []
        session.historyChanged.connect(lambda *told: words.append(told))
        opened(qtbot, session, scan)
        session.edit("reconstruction.iterations", 17)
        session.edit_all({"experiment.mirror_rows": True, "reconstruction.iterations": 18}, "two at once")
        session.revert("reconstruction.iterations")
        session.edit("reconstruction.iterations", -1)
        seen = []
        for step in (session.undo, session.undo, session.undo, session.undo, session.redo, session.redo):
            step()
            parameters = values_of(qtbot, session)[0]
            seen.append((parameters.reconstruction.iterations, parameters.experiment.mirror_rows))
        assert seen == [(18, True), (17, False), (100, False), (100, False), (17, False), (18, True)]
        assert words[-1] == ("two at once", "Iterations")
        session.edit("reconstruction.iterations", 5)
        assert words[-1] == ("Iterations", "")
        opened(qtbot, session, scan)
        assert words[-1] == ("Iterations", "")

    def test_values_are_remembered_and_nonsense_is_forgotten(self, qtbot: QtBot, background: Background) -> None:
        kept = {"reconstruction.iterations": "17", "experiment.energy_eV": "-1 eV", "no.such": "1"}
        session = SessionController(background, kept)
        assert values_of(qtbot, session)[0].reconstruction.iterations == 17
        assert session.remembered() == {"reconstruction.iterations": "17"}

    def test_frames_that_were_not_found_are_where_the_user_says_then(
        self, qtbot: QtBot, session: SessionController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
        named = next(named for named in list_presets()[0] if named.name == "velociprobe")
        path, frames = tmp_path / "mda" / "velo_0012.mda", np.ones((6, 16, 16), np.uint16)
        positions_m = np.argwhere(np.ones((2, 3))) * 1e-7
        first = write_mda_scan(path, named, frames, positions_m, (2, 3), 8800.0)[1]
        first.parent.rename(tmp_path / "elsewhere")
        with qtbot.waitSignal(session.problem, timeout=10_000) as failed:
            session.open(path)
        assert "no raw frames" in failed.args[0].text
        with qtbot.waitSignal(session.scanOpened, timeout=10_000) as signal:
            session.edit("preprocessing.file_pattern", str(tmp_path / "elsewhere" / "scan012_#04d.h5"))
        assert signal.args[0].path == path
        parameters, origins, _, _ = values_of(qtbot, session)
        assert parameters.experiment.energy_eV == pytest.approx(8800)
        assert origins["preprocessing.file_pattern"].source is Source.USER
        with qtbot.waitSignal(session.problem, timeout=10_000) as failed:
            session.edit("experiment.beamline", "nowhere")
        assert "no beamline preset is called 'nowhere'" in failed.args[0].text
        session.edit("experiment.distance_m", 1.5)
        with qtbot.waitSignal(session.scanOpened, timeout=10_000):
            session.edit("experiment.beamline", "velociprobe")
        assert values_of(qtbot, session)[1]["experiment.distance_m"].source is Source.USER

    def test_a_pattern_in_the_form_opens_the_series(
        self, qtbot: QtBot, session: SessionController, tmp_path: Path
    ) -> None:
        pattern = make_rows(tmp_path, {1: make_frames(3), 2: make_frames(2)})
        session.edit("preprocessing.first_file", 1)
        with qtbot.waitSignal(session.scanOpened, timeout=10_000) as signal:
            session.edit("preprocessing.file_pattern", pattern)
        assert signal.args[0].path == Path(pattern)
        assert "files: 2 of 2, scan_0001.h5 to scan_0002.h5" in signal.args[0].facts
        assert session.layers.resolve()[0].preprocessing.first_file == 1
        (tmp_path / "scan_0001.h5").unlink()
        with qtbot.waitSignal(session.scanOpened, timeout=10_000) as signal:
            session.edit("preprocessing.patterns_per_file", 3)
        assert "there is no file scan_0001.h5" in signal.args[0].notes

    def test_a_simulation_can_be_run_without_a_file(self, qtbot: QtBot, session: SessionController) -> None:
        with qtbot.waitSignal(session.runnableChanged, timeout=1000) as signal:
            session.announce()
        assert signal.args == [False]
        with qtbot.waitSignal(session.runnableChanged, timeout=1000) as signal:
            session.edit("experiment.simulate", True)
        assert signal.args == [True]
        assert session.layers.resolve()[0].experiment.energy_eV is not None

    def test_nothing_is_delivered_after_the_end(self, qtbot: QtBot, session: SessionController, scan: Path) -> None:
        with qtbot.assertNotEmitted(session.scanOpened, wait=100):
            session.open(scan)
            session._background.close()


class TestRun:
    @pytest.fixture
    def queue(self, tmp_path: Path) -> Iterator[FakeQueue]:
        with Store(tmp_path / "queue") as store:
            yield FakeQueue(store)

    @pytest.fixture
    def run(self, qtbot: QtBot, session: SessionController, queue: FakeQueue, scan: Path) -> RunController:
        opened(qtbot, session, scan)
        return RunController(session, queue)  # type: ignore[arg-type]

    def test_the_job_is_the_session_as_it_stands(
        self, session: SessionController, queue: FakeQueue, run: RunController, scan: Path
    ) -> None:
        session.edit("reconstruction.iterations", 7)
        run.run()
        (job,) = queue.jobs()
        assert job.source == scan
        assert job.output == scan.parent / "fly0012-001.cxi"
        assert job.parameters.reconstruction.iterations == 7
        assert job.origins["reconstruction.iterations"].source is Source.USER
        assert queue.store.entries()[0].device == "any"
        changes.remove(queue.store, 1)

    def test_its_result_goes_where_the_user_says(
        self, qtbot: QtBot, queue: FakeQueue, run: RunController, scan: Path, tmp_path: Path
    ) -> None:
        with qtbot.waitSignal(run.folderChanged, timeout=1000) as changed:
            run.set_folder(str(tmp_path / "new" / "results"))
        assert changed.args == [run.folder]
        run.run()
        run.set_folder("")
        run.run()
        assert [job.output for job in queue.jobs()] == [
            tmp_path / "new" / "results" / "fly0012-result.cxi", scan.parent / "fly0012-001.cxi",
        ]  # fmt: skip
        changes.remove(queue.store, 1)
        changes.remove(queue.store, 2)

    def test_a_job_keeps_its_path_until_it_ends(self, queue: FakeQueue, run: RunController) -> None:
        run.run()
        (job,) = queue.jobs()
        assert reserve(job.output) is None
        changes.order(queue.store, 1, Order.CANCEL)
        free = reserve(job.output)
        assert free is not None
        free.release()

    def test_all_iterations_of_a_chain_are_counted(
        self, session: SessionController, queue: FakeQueue, run: RunController
    ) -> None:
        session.edit("reconstruction.engine", "dm:5,lsqml:8")
        run.run()
        assert [(entry.title, entry.iterations) for entry in queue.store.entries()] == [("fly0012", 13)]
        changes.remove(queue.store, 1)

    def test_what_the_form_has_out_of_reach_stays_out_of_the_job(
        self, session: SessionController, queue: FakeQueue, run: RunController
    ) -> None:
        session.edit("reconstruction.momentum", 0.625)
        session.edit("reconstruction.engine", "dm")
        run.run()
        (job,) = queue.jobs()
        assert job.parameters.reconstruction.engine == "dm"
        assert job.origins["reconstruction.momentum"].source is Source.DEFAULT
        changes.remove(queue.store, 1)

    def test_the_form_is_free_for_the_next_one_and_no_two_have_a_path(
        self, qtbot: QtBot, session: SessionController, queue: FakeQueue, run: RunController
    ) -> None:
        session.edit("devices.device", "cpu:1")
        with qtbot.waitSignal(run.added, timeout=1000) as added:
            run.run()
        assert added.args == [[1]]
        session.edit("devices.device", "auto")
        run.run()
        assert [entry.device for entry in queue.store.entries()] == ["cpu:1", "any"]
        assert [job.output.name for job in queue.jobs()] == ["fly0012-001.cxi", "fly0012-002.cxi"]
        assert queue.held == 2, "what is left of another time does not come first"
        for job in (1, 2):
            changes.remove(queue.store, job)

    def test_a_job_that_can_not_be_made_is_a_problem_and_no_job(
        self, qtbot: QtBot, session: SessionController, queue: FakeQueue, run: RunController
    ) -> None:
        session.edit("experiment.simulate", True)
        with qtbot.waitSignal(run.problem, timeout=1000) as signal, qtbot.assertNotEmitted(run.added):
            run.run()
        assert "'Simulate' takes no scan file" in signal.args[0].text
        assert queue.jobs() == []


def test_errors_of_the_user_are_plain_and_bugs_keep_their_traceback() -> None:
    assert explain("No", DataError("no positions")).details == ""
    problem = explain("No", ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError" in problem.details and "defect" in problem.text
