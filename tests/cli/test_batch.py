"""`ptychogui batch`: what a night of scans leaves, and what is said of those that fail."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from ptychogui.cli import one_job
from ptychogui.errors import DeviceLostError
from ptychogui.io.result import read_result
from ptychogui.io.result_header import OWN
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.runner import run_job
from ptychogui.physics.simulation import simulate
from tests.cli.runs import FAST, SMALL, refusal, run


class TestBatch:
    @pytest.fixture
    def night(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Scans 1 and 3 of a night are good, 2 is cut off, 4 was never taken."""
        monkeypatch.chdir(tmp_path)
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
        def hungry(job: Job, *others: Any) -> Iterator[Progress]:
            if job.source == Path("fly_0001.cxi"):
                raise MemoryError("9 GB")
            return run_job(job, *others)

        monkeypatch.setattr(one_job, "run_job", hungry)
        outcome = run("batch", "fly_000[13].cxi", *FAST, status=1)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"]
        assert re.search(r"fly_0001\.cxi +the memory is used up \(9 GB\)", outcome.stderr)

    def test_a_device_that_is_lost_ends_the_batch_and_the_scans_left_are_named(
        self, night: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def losing(job: Job, *others: Any) -> Iterator[Progress]:
            raise DeviceLostError("cuda:0 is lost")

        monkeypatch.setattr(one_job, "run_job", losing)
        outcome = run("batch", "fly_000[13].cxi", *FAST, status=1)
        assert re.search(r"fly_0001\.cxi +cuda:0 is lost", outcome.stderr)
        assert re.search(r"fly_0003\.cxi +not tried after the device was lost", outcome.stderr)

    def test_a_list_without_a_scan_and_a_folder_that_is_a_file_are_refused(self, night: Path) -> None:
        assert "no file matches '*.mda'" in refusal("batch", "*.mda")
        assert "--scans" in refusal("batch", "12-40")
        assert "can't make the folder fly_0001.cxi" in refusal("batch", "fly_0003.cxi", "-o", "fly_0001.cxi")
