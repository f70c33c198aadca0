"""Where results go: names, folders, and no path for two jobs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ptychogui.errors import OutputError
from ptychogui.jobs.results.reservations import FOLDER
from ptychogui.jobs.results.result_paths import (
    as_given,
    beside_scan,
    file_stem,
    free_in_folder,
    in_folder,
    job_name,
    results_stem,
)
from tests.jobs.results.reserving import running

_ASKING = """
import sys
from pathlib import Path
from ptychogui.jobs.results.result_paths import beside_scan, in_folder
scan = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
ways = (lambda: beside_scan(scan, "scan"), lambda: in_folder(scan.parent, "scan"))
held = [ways[number % 2]() for number in range(int(sys.argv[2]))]
for reservation in held:
    print(reservation.path, flush=True)
sys.stdin.readline()
"""


class TestNames:
    @pytest.mark.parametrize(
        ("name", "stem"),
        [
            ("scan 1", "scan 1"), ("a/b", "a_b"), ("a\0b", "a_b"), ("\ud800x", "_x"), ("two\nlines", "two\nlines"),
            (os.fsdecode(b"\xe9"), os.fsdecode(b"\xe9")), ("n" * 5000, "n" * 223), ("🔬" * 100, "🔬" * 55),
            ("..", "__"), ("../../etc/x", "___.._etc_x"), (".hidden", "_hidden"), ("--scan", "__scan"),
            ("a.-b", "a.-b"), ("", "unnamed"), ("  ", "unnamed"),
        ],
    )  # fmt: skip
    def test_any_name_is_one_that_files_can_begin_with(self, tmp_path: Path, name: str, stem: str) -> None:
        assert file_stem(name) == stem
        with in_folder(tmp_path, name) as reserved:
            reserved.path.touch()
        assert reserved.path.name == f"{stem}-result.cxi"
        reserved.path.with_name(f"{stem}-result-001_probe_magnitude.tif").touch()

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.text(st.characters() | st.sampled_from("/.- \0\n\udcff"), max_size=300))
    def test_no_name_leaves_the_folder(self, tmp_path: Path, name: str) -> None:
        with in_folder(tmp_path, name) as first, beside_scan(tmp_path / "scan.cxi", name) as second:
            for reserved in (first, second):
                assert reserved.path.parent == tmp_path and reserved.path.name.strip()[0] not in ".-"
                reserved.path.touch()
                assert reserved.path.resolve().parent == tmp_path.resolve()
                reserved.path.unlink()
        assert list(tmp_path.iterdir()) == []

    def test_a_job_is_called_as_the_user_says_or_after_its_scan(self) -> None:
        assert job_name(Path("fly_0012.cxi"), "mine") == "mine"
        assert job_name(Path("fly_0012.cxi"), "") == "fly_0012"
        assert (job_name(None, ""), job_name(None, "", unnamed="ptychopy")) == ("simulated", "ptychopy")

    def test_the_results_of_a_job_in_a_folder_begin_alike(self, tmp_path: Path) -> None:
        with in_folder(tmp_path, "a/b") as first, in_folder(tmp_path, "a/b") as second:
            assert all(reserved.path.name.startswith(results_stem("a/b")) for reserved in (first, second))


class TestBesideTheScan:
    def test_the_result_goes_beside_the_scan_and_never_over_another(self, tmp_path: Path) -> None:
        scan = tmp_path / "fly0012.cxi"
        with beside_scan(scan, "fly0012") as reserved:
            assert reserved.path == tmp_path / "fly0012-001.cxi"
        (tmp_path / "fly0012-001.cxi").touch()
        with beside_scan(scan, "fly0012") as reserved:
            assert reserved.path == tmp_path / "fly0012-002.cxi"

    def test_a_folder_that_nobody_may_write_to_is_left_alone(self, tmp_path: Path) -> None:
        archive, spare = tmp_path / "archive", tmp_path / "spare"
        archive.mkdir()
        archive.chmod(stat.S_IRUSR | stat.S_IXUSR)
        with beside_scan(archive / "scan.cxi", "scan", (spare,)) as reserved:
            assert reserved.path == spare / "scan-001.cxi"
            assert list(archive.iterdir()) == []
        archive.chmod(stat.S_IRWXU)
        assert not spare.exists()

    def test_no_folder_at_all_is_an_error_that_says_why(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(OutputError, match="no folder for the result"):
            beside_scan(None, "scan", (file / "below",))


class TestInAFolder:
    def test_a_name_that_is_taken_gets_a_number(self, tmp_path: Path) -> None:
        (tmp_path / "scan.1-result.cxi").touch()
        (tmp_path / "scan.1-result-001.cxi").symlink_to(tmp_path / "nowhere")
        with in_folder(tmp_path, "scan.1") as reserved:
            assert reserved.path == tmp_path / "scan.1-result-002.cxi" == free_in_folder(tmp_path, "scan.1")

    def test_the_first_has_none(self, tmp_path: Path) -> None:
        with in_folder(tmp_path, "scan") as reserved:
            assert reserved.path == tmp_path / "scan-result.cxi"


class TestTwoJobs:
    def test_one_after_the_other_have_two_paths_before_either_is_written(self, tmp_path: Path) -> None:
        scan = tmp_path / "s.cxi"
        with beside_scan(scan, "s") as one, beside_scan(scan, "s") as two, in_folder(tmp_path, "s") as three:
            with in_folder(tmp_path, "s") as four:
                assert [path.name for path in (one.path, two.path)] == ["s-001.cxi", "s-002.cxi"]
                assert [path.name for path in (three.path, four.path)] == ["s-result.cxi", "s-result-001.cxi"]

    def test_one_that_ends_without_a_result_gives_its_path_back(self, tmp_path: Path) -> None:
        first = beside_scan(tmp_path / "s.cxi", "s")
        with pytest.raises(ZeroDivisionError), first.released_on_error() as path:
            raise ZeroDivisionError
        with beside_scan(tmp_path / "s.cxi", "s") as again:
            assert again.path == path
        assert list(tmp_path.iterdir()) == []

    def test_the_same_given_path_is_refused_while_a_job_has_it(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.cxi"
        path.touch()
        (tmp_path / "link.cxi").symlink_to(path)
        with as_given(path) as reserved:
            assert reserved.path == path
            for other in (path, tmp_path / "link.cxi", tmp_path / "." / "mine.cxi"):
                with pytest.raises(OutputError, match=rf"another job that has not ended \(process {os.getpid()} of"):
                    as_given(other)
            with as_given(tmp_path / "other.cxi"):
                pass
        with as_given(path):
            pass

    def test_one_that_a_job_was_given_is_no_other_ones(self, tmp_path: Path) -> None:
        with as_given(tmp_path / "s-001.cxi"), beside_scan(tmp_path / "s.cxi", "s") as reserved:
            assert reserved.path.name == "s-002.cxi"

    @pytest.mark.parametrize("path", ["nul\0.cxi", "file/below.cxi"])
    def test_a_path_that_can_not_be_is_told(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="can't write"):
            as_given(tmp_path / path)

    def test_a_folder_that_is_made_for_a_result_goes_without_one(self, tmp_path: Path) -> None:
        with as_given(tmp_path / "new" / "deep" / "r.cxi"):
            assert (tmp_path / "new" / "deep").is_dir()
        assert list(tmp_path.iterdir()) == []
        with as_given(tmp_path / "new" / "r.cxi") as reserved:
            reserved.path.touch()
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["r.cxi"]


class TestProcesses:
    @pytest.fixture
    def asking(self, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
        """Eight processes, ready to ask for the paths of fifty results each, all of the same scan."""
        with running(_ASKING, [str(tmp_path / "scan.cxi"), "50"], count=8) as processes:
            yield processes

    def test_no_path_is_given_twice_and_nothing_is_left(
        self, tmp_path: Path, asking: list[subprocess.Popen[str]]
    ) -> None:
        for process in asking:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        paths = [Path(process.stdout.readline().strip()) for process in asking if process.stdout for _ in range(50)]
        assert len(set(paths)) == 400
        numbered = {f"scan-{number:03d}.cxi" for number in range(1, 201)}
        named = {"scan-result.cxi", *(f"scan-result-{number:03d}.cxi" for number in range(1, 200))}
        assert {path.name for path in paths} == numbered | named
        asking[0].send_signal(signal.SIGKILL)
        for process in asking[1:]:
            process.communicate("\n")
        assert asking[0].wait() == -signal.SIGKILL
        assert len(list((tmp_path / FOLDER).iterdir())) == 50
        with beside_scan(tmp_path / "scan.cxi", "scan") as reserved:
            assert reserved.path.name == "scan-001.cxi"
        assert list(tmp_path.iterdir()) == []


def test_the_next_result_of_a_scan_is_looked_for_where_the_last_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    asked = os.path.lexists

    def asked_for(path: str) -> bool:
        looked.append(path)
        return asked(path)

    monkeypatch.setattr(os.path, "lexists", asked_for)
    held = [in_folder(tmp_path, "scan") for _ in range(40)]
    assert [one.path.name for one in held[:3]] == ["scan-result.cxi", "scan-result-001.cxi", "scan-result-002.cxi"]
    looked.clear()
    held.append(in_folder(tmp_path, "scan"))
    assert held[-1].path.name == "scan-result-040.cxi" and len(looked) < 10
    for one in held:
        one.release()
    assert in_folder(tmp_path, "scan").path.name == "scan-result.cxi"
