"""`ptychogui batch`: what a night of scans leaves, and what is said of those that fail."""

from __future__ import annotations

import functools
import glob
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from ptychogui.cli import follow_batch
from ptychogui.io.result import read_result
from ptychogui.io.result_header import OWN, read_header
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.physics.simulation import simulate
from ptychogui.queue.drain import Drain
from ptychogui.queue.store.entry import Entry
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.cli.runs import FAST, SMALL, refusal, run, start
from tests.queue.fakes import FakeProcess, Made


def _fail_the_first(monkeypatch: pytest.MonkeyPatch, message: str, kind: str) -> Made:
    """Have scan 1 fail, and others end at once."""

    class Process(FakeProcess):
        def submit(self, job: Job) -> None:
            super().submit(job)
            assert job.source is not None
            if job.source.name == "fly_0001.cxi":
                self.fails(message, kind)
            else:
                self.finishes()

    made = Made(Process)
    monkeypatch.setattr(follow_batch, "Drain", functools.partial(Drain, make_process=made))
    return made


def _until(home: Path, is_so: Callable[[list[Entry]], bool]) -> None:
    end_s = time.monotonic() + 60
    with Store(home / "queue") as store:
        while time.monotonic() < end_s:
            if is_so(store.entries()):
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"it did not come to that: {store.entries()}")


class TestBatch:
    @pytest.fixture
    def home(self, night: Path) -> Path:
        return night / "home"

    @pytest.fixture
    def night(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Scans 1 and 3 of a night are good, 2 is cut off, 4 was never taken."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
        write_scan(tmp_path / "fly_0001.cxi", simulate(SMALL))
        good = (tmp_path / "fly_0001.cxi").read_bytes()
        (tmp_path / "fly_0002.cxi").write_bytes(good[:3000])
        (tmp_path / "fly_0003.cxi").write_bytes(good)
        return tmp_path

    def test_a_scan_that_fails_does_not_hold_up_the_others(self, night: Path) -> None:
        outcome = run("batch", "1-4", "--scans", "fly_#04d.cxi", "-o", "done", *FAST, status=1)
        results = [Path("done/fly_0001-result.cxi"), Path("done/fly_0003-result.cxi")]
        assert outcome.stdout.split() == [str(path) for path in results]
        assert all(len(read_result(path).errors) == 3 for path in results)
        assert "scan 2 of 3: fly_0002.cxi" in outcome.stderr
        assert "2 of 4 scans are not reconstructed" in outcome.stderr
        assert re.search(r"fly_0004\.cxi +there is no such file", outcome.stderr)

    def test_a_scan_that_is_not_there_is_named_however_quiet(self, night: Path) -> None:
        outcome = run("batch", "3,4", "--scans", "fly_#04d.cxi", "--quiet", *FAST, status=1)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"]
        assert outcome.stderr.splitlines() == ["ptychogui: fly_0004.cxi: there is no such file"]

    def test_what_is_done_is_left_out_if_asked_and_never_replaced(self, night: Path) -> None:
        run("batch", "fly_0001.cxi", *FAST)
        before = Path("fly_0001-result.cxi").read_bytes()
        outcome = run("batch", "fly_000[13].cxi", "--skip-done", "--quiet", *FAST)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"]
        outcome = run("batch", "fly_0001.cxi", "--quiet", *FAST)
        assert outcome.stdout.split() == ["fly_0001-result-001.cxi"]
        assert Path("fly_0001-result.cxi").read_bytes() == before

    def test_a_stopped_result_and_that_of_another_scan_are_not_done(self, night: Path) -> None:
        run("batch", "fly_0001.cxi", "--quiet", *FAST)
        result = Path("fly_0001-result.cxi")
        with h5py.File(result, "r+") as file:
            state = file[f"{OWN}/state"]
            content = state[()]
            del file[f"{OWN}/state"]
            file[f"{OWN}/state"] = "stopped"
        again = run("batch", "fly_0001.cxi", "--skip-done", "--quiet", *FAST)
        assert again.stdout.split() == ["fly_0001-result-001.cxi"] and content == b"done"
        assert "is done, see fly_0001-result-001.cxi" in run("batch", "fly_0001.cxi", "--skip-done", *FAST).stderr
        (night / "other").mkdir()
        shutil.copy("fly_0001.cxi", "other/fly_0001.cxi")
        other = run("batch", "other/fly_0001.cxi", "--skip-done", "--quiet", *FAST)
        assert other.stdout.split() == ["fly_0001-result-002.cxi"]

    @pytest.mark.parametrize("name", [b"fly_\xe9.cxi", b"two\nlines.cxi", b"-\x1b[2J #1 [a].cxi", b"n" * 251 + b".cxi"])
    def test_a_file_of_any_name_is_done_once(self, night: Path, name: bytes) -> None:
        scan = os.fsdecode(os.path.join(b"scans\xff", name))
        (night / scan).parent.mkdir()
        shutil.copy("fly_0001.cxi", scan)
        outcome = run("batch", glob.escape(scan), "-o", os.fsdecode(b"done\xff"), *FAST)
        result = Path(os.fsdecode(outcome.stdout_bytes.removesuffix(b"\n")))
        found = read_result(result)
        assert found.state == "done" and found.sources[0].path == str((night / scan).resolve())
        assert not any(words in outcome.stderr for words in ("\x1b", "\udcff")) and "scans\\xff" in outcome.stderr
        assert any(note.startswith("escaped in the result") for note in found.notes) is ("\udce9" in scan)
        again = run("batch", glob.escape(scan), "-o", os.fsdecode(b"done\xff"), "--skip-done", *FAST)
        assert again.stdout == "" and "is done, see" in again.stderr
        assert run("info", scan, "--json").stdout and run("check", scan).stdout and run("info", result).stdout
        assert len(run("export", result, "--csv", "--tiff").stdout_bytes.splitlines()) >= 6

    @pytest.mark.parametrize("option", [("--job-id", "night"), ("--file-pattern", "raw/scan012_#04d.h5")])
    def test_what_is_of_one_scan_is_refused_for_several(self, night: Path, option: tuple[str, str]) -> None:
        assert f"leave out {option[0]}" in refusal("batch", "fly_000[13].cxi", *option, *FAST)
        assert not list(night.glob("*-result*.cxi"))

    def test_the_memory_that_one_scan_lacks_does_not_end_the_night(
        self, night: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _fail_the_first(monkeypatch, "the memory is used up (9 GB)", "MemoryError")
        outcome = run("batch", "fly_000[13].cxi", *FAST, status=1)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"]
        assert re.search(r"fly_0001\.cxi +the memory is used up \(9 GB\)", outcome.stderr)

    def test_a_device_that_is_lost_is_opened_anew_for_the_scans_that_are_left(
        self, night: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = _fail_the_first(monkeypatch, "numpy is lost", "DeviceLostError")
        outcome = run("batch", "fly_000[13].cxi", *FAST, status=1)
        assert re.search(r"fly_0001\.cxi +numpy is lost", outcome.stderr)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"]
        assert made.processes["numpy"].told.count("start") == 2

    def test_a_second_try_of_the_same_batch_takes_over_what_was_left(self, night: Path, home: Path) -> None:
        run("batch", "fly_000[13].cxi", *FAST)
        with Store(home / "queue") as store, store.transaction() as change:
            change.execute("UPDATE jobs SET state = 'interrupted' WHERE id = 2")
        outcome = run("batch", "fly_0003.cxi", *FAST)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"] and "batch 2, fly_0003: 1 done" in outcome.stderr
        with Store(home / "queue") as store, store.transaction() as change:
            change.execute("UPDATE jobs SET state = 'interrupted' WHERE id = 2")
        assert run("batch", "fly_0003.cxi", *FAST, "--no-resume").stdout.split() == ["fly_0003-result-001.cxi"]

    def test_jobs_of_others_stay_in_the_queue(self, night: Path, home: Path) -> None:
        run("queue", "add", "fly_0001.cxi", *FAST)
        run("batch", "fly_0003.cxi", *FAST)
        with Store(home / "queue") as store:
            assert [job.state for job in store.entries()] == [State.QUEUED, State.DONE]

    def test_where_another_process_runs_the_queue_the_batch_is_done_there(self, night: Path, home: Path) -> None:
        with start("run", "--devices", "numpy") as owner:
            assert owner.stderr is not None and "running the queue in" in owner.stderr.readline()
            outcome = run("batch", "fly_000[13].cxi", *FAST)
            owner.send_signal(signal.SIGTERM)
            _, said = owner.communicate(timeout=60)
        assert outcome.stdout.split() == ["fly_0001-result.cxi", "fly_0003-result.cxi"]
        assert "batch 1, fly_0001 and 1 other: 2 done, ended" in said

    def test_ctrl_c_keeps_the_result_under_way_and_ends_the_batch(self, night: Path, home: Path) -> None:
        long = (*FAST[:2], "--iterations", "100000")
        with start("batch", night / "fly_0001.cxi", night / "fly_0003.cxi", "-o", night, *long) as batch:
            _until(home, lambda jobs: bool(jobs) and jobs[0].iteration > 0)
            batch.send_signal(signal.SIGINT)
            out, said = batch.communicate(timeout=60)
        assert (batch.returncode, out.split()) == (130, [str(night / "fly_0001-result.cxi")])
        assert "stopping within seconds, the result is kept" in said and "1 stopped, 1 cancelled" in said
        assert read_result(night / "fly_0001-result.cxi").state is State.STOPPED

    def test_a_sweep_makes_a_job_of_each_value_and_its_result_says_so(self, night: Path) -> None:
        sweep = ("--sweep", "reconstruction.probe_modes=1,2")
        outcome = run("batch", "fly_0001.cxi", *sweep, *FAST, "--json")
        told = json.loads(outcome.stdout)
        assert told["counts"] == {"done": 2} and told["ended"] and outcome.stderr == ""
        swept = [json.loads(read_header(job["result"]).sweep) for job in told["jobs"]]
        assert [one["values"] for one in swept] == [{"experiment.probe_modes": 1}, {"experiment.probe_modes": 2}]
        assert swept[0]["group"] == swept[1]["group"]
        listed = json.loads(run("queue", "list", "--json").stdout)
        assert [job["sweep"] for job in listed] == swept and [job["batch"] for job in listed] == [1, 1]
        more = ("--sweep", "probe_modes=1,2,3", "--skip-done", "--quiet")
        assert run("batch", "fly_0001.cxi", *more, *FAST).stdout.split() == ["fly_0001-result-002.cxi"]

    def test_a_watched_folder_is_reconstructed_until_ctrl_c_and_only_once(self, night: Path, home: Path) -> None:
        arguments = ("batch", night / "fly_0001.cxi", "--watch", night, "-o", night / "done", *FAST, "--wait-limit", 2)
        with start(*arguments) as batch:
            _until(home, lambda jobs: [job.state for job in jobs] == [State.DONE] * 2)
            assert batch.stderr is not None
            said = ""
            while "fly_0002.cxi: " not in said:
                said = batch.stderr.readline()
            batch.send_signal(signal.SIGINT)
            out, said = batch.communicate(timeout=60)
        assert batch.returncode == 130
        assert sorted(Path(line).name for line in out.split()) == ["fly_0001-result.cxi", "fly_0003-result.cxi"]
        assert f"batch 1, scans of {night.name}: 2 done, 1 refused" in said
        with start("run", "--watch", night, "--devices", "numpy", folder=night) as owner:
            assert owner.stderr is not None and "running the queue in" in owner.stderr.readline()
            shutil.copy("fly_0001.cxi", "fly_0009.cxi")
            assert owner.stderr.readline() == f"{night / 'fly_0009.cxi'}: job 3 added\n"
            owner.send_signal(signal.SIGTERM)
            assert owner.wait(60) == 0
        with Store(home / "queue") as store:
            assert Path(store.entry(3).result).parent == night

    def test_a_batch_of_nothing_says_what_is_missing(self, night: Path) -> None:
        assert "Missing argument 'LIST...'" in refusal("batch")
        assert "there is no such folder" in refusal("batch", "--watch", "absent")
        assert "leave out --until-empty" in refusal("run", "--watch", ".", "--until-empty")

    def test_a_wrong_sweep_is_refused_before_anything_is_done(self, night: Path) -> None:
        assert "no parameter is called 'modes'" in refusal("batch", "fly_0001.cxi", "--sweep", "modes=1,2")

    def test_a_list_without_a_scan_and_a_folder_that_is_a_file_are_refused(self, night: Path) -> None:
        assert "no file matches '*.mda'" in refusal("batch", "*.mda")
        assert "--scans" in refusal("batch", "12-40")
        assert "can't make the folder fly_0001.cxi" in refusal("batch", "fly_0003.cxi", "-o", "fly_0001.cxi")
