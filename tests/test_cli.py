"""The command line as its users see it: output, files, exit status."""

from __future__ import annotations

import ctypes
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ptychogui import cli, running
from ptychogui.io.mda.beamtime import write_beamtime
from ptychogui.io.mda.presets import list_presets
from ptychogui.io.result import OWN, read_result
from ptychogui.io.simulated import read_truth, write_scan
from ptychogui.jobs.job import Control, Job, JobState, Progress
from ptychogui.jobs.runner import run_job
from ptychogui.params.model import by_path
from ptychogui.params.origins import Origin, Source
from ptychogui.params.storage import from_json
from ptychogui.physics.simulation import Recipe, simulate

SMALL = Recipe(n=32, scan_dims=(4, 4), probe="gaussian", photons=1e5)
REPOSITORY = Path(__file__).resolve().parents[1]
FAST = ("--device", "numpy", "--iterations", "3")
FRAMES = "/entry_1/data_1/data"
TRANSLATION = "/entry_1/sample_1/geometry_1/translation"
ENERGY = "/entry_1/instrument_1/source_1/energy"
PIXELS = ("/entry_1/instrument_1/detector_1/x_pixel_size", "/entry_1/instrument_1/detector_1/y_pixel_size")


def run(*arguments: object, status: int = 0) -> Result:
    """Run the program in this process; anything but an exit is a bug."""
    outcome = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == status, outcome.output
    return outcome


def refusal(*arguments: object) -> str:
    """Run the program on bad input: status 2, nothing on stdout, one line on stderr; return that line."""
    outcome = run(*arguments, status=2)
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("ptychogui: ")
    assert outcome.stderr.count("\n") == 1
    return outcome.stderr


def start(*arguments: object, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Start the program as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ptychogui", *map(str, arguments)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before,
    )  # fmt: skip


@pytest.fixture(scope="session")
def small_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a simulated scan that a reconstruction takes no time for."""
    return write_scan(tmp_path_factory.mktemp("scan") / "small.cxi", simulate(SMALL))[0]


@pytest.fixture
def scan(small_scan: Path, tmp_path: Path) -> Path:
    """Return a scan of the test's own, in the test's own folder."""
    return Path(shutil.copy(small_scan, tmp_path / "scan.cxi"))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Path], bool]]:
    """Record what the window would be opened with."""
    opened: list[tuple[list[Path], bool]] = []

    def open_window(files: list[Path], demo: bool = False, folder: Path | None = None) -> int:
        assert (folder is not None) == demo
        opened.append((files, demo))
        return 0

    monkeypatch.setitem(sys.modules, "ptychogui.app", SimpleNamespace(main=open_window))
    monkeypatch.setattr("ptychogui.app", SimpleNamespace(main=open_window), raising=False)
    return opened


class TestDefaultCommand:
    def test_without_a_command_the_window_opens(self, scan: Path, windows: list[tuple[list[Path], bool]]) -> None:
        run()
        run(scan, scan)
        run("gui", scan)
        assert windows == [([], False), ([scan, scan], False), ([scan], False)]

    def test_a_word_that_is_neither_file_nor_command_is_refused(self) -> None:
        assert "no command 'reconstrct'; did you mean 'reconstruct'?" in refusal("reconstrct", "scan.cxi")
        assert "the commands are gui, demo, simulate, info" in refusal("qqqq")

    def test_a_missing_file_is_no_command(self, scan: Path) -> None:
        assert refusal("gui", "missing.cxi") == "ptychogui: there is no file 'missing.cxi'\n"
        assert refusal("missing.cxi") == "ptychogui: there is no file 'missing.cxi'\n"
        assert refusal("gui", "infos") == "ptychogui: there is no file 'infos'\n"
        assert "put the command first: ptychogui reconstruct" in refusal(scan, "reconstruct")

    def test_without_a_display_no_window_is_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(variable, raising=False)
        assert "there is no display" in refusal("gui")

    def test_qt_is_loaded_for_a_window_only(self) -> None:
        code = "import sys, ptychogui.cli; sys.exit(any(name.startswith('PyQt5') for name in sys.modules))"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_help_lists_the_commands_in_order(self) -> None:
        text = run("--help").stdout
        order = [text.index(f"\n  {name} ") for name in cli.main.commands]
        assert order == sorted(order)
        assert "ptychogui, version" in run("--version").stdout


class TestSimulate:
    def test_writes_scan_and_truth(self, tmp_path: Path) -> None:
        out = tmp_path / "sim.cxi"
        options = ("--n", 32, "--scan-dims", "3,5", "--scan", "raster", "--probe", "gaussian", "--energy", "9 keV")
        assert run("simulate", out, *options, "--mode-fractions", "1,0.1", "--no-noise").stdout.split() == [
            str(out), str(tmp_path / "sim-truth.cxi"),
        ]  # fmt: skip
        truth = read_truth(tmp_path / "sim-truth.cxi")
        assert truth.probe.shape == (2, 32, 32)
        assert truth.energy_eV == pytest.approx(9000.0)
        with h5py.File(out) as file:
            assert file[FRAMES].shape == (15, 32, 32)

    def test_too_little_memory_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def simulate_in_vain(_recipe: Recipe) -> None:
            raise MemoryError("no 8 GiB for an array")

        monkeypatch.setattr(cli, "simulate", simulate_in_vain)
        assert "the memory is used up (no 8 GiB for an array)" in refusal("simulate", tmp_path / "sim.cxi")

    def test_a_foreign_file_is_refused_before_the_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "simulate", lambda _recipe: pytest.fail("simulated in vain"))
        (tmp_path / "sim.cxi").write_text("a measurement")
        assert "exists and is not a simulated scan" in refusal("simulate", tmp_path / "sim.cxi")

    def test_every_field_of_the_recipe_has_an_option_with_help(self) -> None:
        text = run("simulate", "--help").stdout
        assert all(
            word in text for word in ("--photons", "--position-error", "--dead-pixels", "--background", "--seed")
        )

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--n", "33"], "n = 33"),
            (["--n", "abc"], "--n: n: 'abc' is not a number"),
            (["--phantom", "lena"], "'lena' is not one of siemens"),
            (["--mode-fractions", "1,x"], "--mode-fractions: 'x' is not a number"),
            (["--overlap", "1"], "overlap = 1"),
            (["--photons", "1e30"], "photons = 1e+30, but it must be above 0 and at most 1e+12"),
            (["--n", "100000"], "GB of memory"),
        ],
    )
    def test_a_wrong_option_is_refused(self, options: list[str], words: str, tmp_path: Path) -> None:
        assert words in refusal("simulate", tmp_path / "sim.cxi", *options)
        assert list(tmp_path.iterdir()) == []


class TestInfo:
    def test_prints_every_value_with_unit_and_origin(self, scan: Path) -> None:
        lines = {line.split("  ")[0]: line for line in run("info", scan).stdout.splitlines()}
        assert "8.8 keV" in lines["experiment.energy_eV"]
        assert lines["experiment.energy_eV"].endswith(ENERGY)
        assert "1.92 m" in lines["experiment.distance_m"]
        assert "16" in lines["positions"]
        assert "32 x 32 px" in lines["frame size"]

    def test_is_readable(self, scan: Path) -> None:
        with h5py.File(scan, "r+") as file:
            file[ENERGY][()] = np.float32(1.40993e-15)
            del file["/entry_1/title"]
            file["/entry_1/title"] = "a long title " * 20
        text = run("info", scan).stdout
        lines = {line.split("  ")[0]: line for line in text.splitlines()}
        assert all(len(line) < 130 for name, line in lines.items() if name != "title")
        assert re.search(r" 8\.8000\d{2,3} keV ", lines["experiment.energy_eV"])
        assert "with patterns of 32 x 32 px" in lines["object pixel"]

    def test_fits_the_terminal(self, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "stdout_width", lambda: 80)
        assert all(len(line) <= 100 for line in run("info", scan).stdout.splitlines())

    def test_json_is_si(self, scan: Path) -> None:
        content = json.loads(run("info", scan, "--json").stdout)
        energy = next(entry for entry in content["values"] if entry["name"] == "experiment.energy_eV")
        assert energy["value"] == pytest.approx(8800.0)
        assert (energy["unit"], ENERGY in energy["origin"]) == ("eV", True)

    def test_says_what_is_missing(self, scan: Path) -> None:
        with h5py.File(scan, "r+") as file:
            del file[ENERGY]
        line = next(line for line in run("info", scan).stdout.splitlines() if line.startswith("experiment.energy_eV"))
        assert line.split() == ["experiment.energy_eV", "none", "missing"]

    def test_of_a_result(self, scan: Path, tmp_path: Path) -> None:
        run("reconstruct", scan, "-o", tmp_path / "r.cxi", *FAST)
        text = run("info", tmp_path / "r.cxi").stdout
        assert "CXI reconstruction" in text
        assert all(path in text for path in by_path())
        assert "user: --iterations" in text
        assert str(scan) in text

    def test_of_what_is_neither(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("beam is down")
        assert "notes.txt" in refusal("info", tmp_path / "notes.txt")


class TestPresets:
    @pytest.fixture(autouse=True)
    def own_configuration(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))

    @pytest.fixture
    def scan(self, tmp_path: Path) -> Path:
        path = tmp_path / "mda" / "velo_0012.mda"
        named = next(named for named in list_presets()[0] if named.name == "velociprobe")
        simulated = simulate(SMALL)
        write_beamtime(path, named, simulated.counts, simulated.positions_m, SMALL.scan_dims, 8800.0)
        return path

    def test_they_are_listed_with_what_they_guess(self) -> None:
        listed = run("presets").stdout
        assert "velociprobe: Velociprobe, APS" in listed and "guesses: energy" in listed

    def test_one_is_begun_from_a_file_and_all_of_the_file_is_listed(self, scan: Path) -> None:
        path = Path(run("presets", "--new", "mine", "--from", scan).stdout.strip())
        assert path.is_file() and "mine: mine" in run("presets").stdout
        assert "needs both" in refusal("presets", "--new", "mine")
        listed = run("info", scan, "--pvs").stdout
        assert re.search(r"PV +2idd:BraggEAO +8\.8 +keV", listed) and re.search(r"inner P1 +sim:x\.RBV", listed)
        assert json.loads(run("info", scan, "--pvs", "--json").stdout)["items"][0]["name"] == "2idd:BraggEAO"

    def test_values_of_a_scan_say_which_pv_they_are_from(self, scan: Path) -> None:
        said = run("info", scan).stdout
        assert re.search(r"energy_eV +8\.8 keV +file: velo_0012\.mda: PV 2idd:BraggEAO, a guess", said)
        run("reconstruct", scan, "-o", scan.parent / "result.cxi", "--distance", "1.92m", "--quiet", *FAST)

    def test_a_scan_without_its_frames_is_told_all_the_same(self, scan: Path) -> None:
        with_frames = _values_of(scan)
        raw = scan.parent.parent / "ptycho"
        raw.rename(raw.with_name("elsewhere"))
        values = _values_of(scan)
        assert values.pop("frames") == {"value": None, "text": "none", "origin": "missing"}
        of_frames = {"frames", "frame size", "data in file", "compression", "files"}
        assert values == {name: entry for name, entry in with_frames.items() if name not in of_frames}
        assert values["positions"]["value"] == 16 and "PV" in values["experiment.energy_eV"]["origin"]
        told = run("info", scan)
        assert told.stderr == ""
        words = " ".join(told.stdout.split())
        assert "scan number 12" in words and "frames none missing" in words
        assert f"note: no raw frames of {scan} are found by preset velociprobe. Looked for: {raw}/scan012/" in words

    def test_what_an_mda_file_can_t_say_is_refused_as_ever(self, scan: Path) -> None:
        raw = scan.parent.parent / "ptycho"
        raw.rename(raw.with_name("elsewhere"))
        assert "no beamline preset is called 'nope'" in refusal("info", scan, "--beamline", "nope")
        scan.write_bytes(scan.read_bytes()[:60])
        assert refusal("info", scan).startswith(f"ptychogui: {scan}: ")
        assert "velo_0013.mda" in refusal("info", scan.with_name("velo_0013.mda"))


def _values_of(file: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads(run("info", file, "--json").stdout)["values"]
    return {row["name"]: {key: row[key] for key in ("value", "text", "origin")} for row in rows}


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

        monkeypatch.setattr(running, "run_job", hungry)
        outcome = run("batch", "fly_000[13].cxi", *FAST, status=1)
        assert outcome.stdout.split() == ["fly_0003-result.cxi"]
        assert re.search(r"fly_0001\.cxi +the memory is used up \(9 GB\)", outcome.stderr)

    def test_a_list_without_a_scan_and_a_folder_that_is_a_file_are_refused(self, night: Path) -> None:
        assert "no file matches '*.mda'" in refusal("batch", "*.mda")
        assert "--scans" in refusal("batch", "12-40")
        assert "can't make the folder fly_0001.cxi" in refusal("batch", "fly_0003.cxi", "-o", "fly_0001.cxi")


class TestReconstruct:
    def test_prints_the_path_and_a_few_plain_lines(self, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        outcome = run("reconstruct", scan, "-o", result, "--device", "cpu", "--threads", "1", "--iterations", "40")
        assert outcome.stdout == f"{result}\n"
        lines = [line for line in outcome.stderr.splitlines() if line.startswith("iteration ")]
        assert 5 <= len(lines) <= 15
        assert lines[-1].startswith("iteration 40/40  error ")
        content = read_result(result)
        assert (content.state, len(content.errors)) == ("done", 40)
        assert content.errors[-1] < content.errors[0]

    def test_quiet_prints_only_the_path(self, scan: Path, tmp_path: Path) -> None:
        outcome = run("reconstruct", scan, "-o", tmp_path / "r.cxi", "--quiet", "--command", "-blind=1", *FAST)
        assert (outcome.stdout, outcome.stderr) == (f"{tmp_path / 'r.cxi'}\n", "")

    def test_values_keep_their_origin(self, scan: Path, tmp_path: Path) -> None:
        command = "./ptycho -jobID=c -i=5 -updateProbe=1 -blind=0"
        outcome = run("reconstruct", scan, "-o", tmp_path / "r.cxi", "--command", command, *FAST, "--seed", 7)
        assert "note: -blind has no effect" in outcome.stderr
        content = read_result(tmp_path / "r.cxi")
        parameters, origins = from_json(content.parameters)
        assert (parameters.reconstruction.iterations, parameters.reconstruction.seed) == (3, 7)
        assert origins["reconstruction.iterations"] == Origin(Source.USER, "--iterations")
        assert origins["reconstruction.update_probe"] == Origin(Source.USER, "-updateProbe")
        assert origins["experiment.energy_eV"].source is Source.FILE
        assert origins["reconstruction.object_step"].source is Source.DEFAULT
        assert content.title == "c"

    def test_the_result_is_named_after_the_job_or_the_scan(self, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(scan.parent)
        assert run("reconstruct", scan, *FAST).stdout == "scan-result.cxi\n"
        assert run("reconstruct", scan, *FAST, "--job-id", "a/b").stdout == "a_b-result.cxi\n"

    def test_a_result_that_was_not_named_never_replaces_another(
        self, scan: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(scan.parent)
        names = [run("reconstruct", scan, "--quiet", *FAST).stdout for _ in range(3)]
        assert names == ["scan-result.cxi\n", "scan-result-001.cxi\n", "scan-result-002.cxi\n"]

    def test_device_names_are_taken_in_any_case(self, scan: Path, tmp_path: Path) -> None:
        run("reconstruct", scan, "-o", tmp_path / "r.cxi", "--device", "NumPy", "--iterations", 1)
        assert read_result(tmp_path / "r.cxi").device.startswith("numpy")

    def test_help_says_which_engines_there_are_and_what_heeds_them(self) -> None:
        text = " ".join(run("reconstruct", "--help").stdout.split())
        assert "--engine epie|dm|raar|lsqml|ENGINE:N/CROP,... " in text
        assert "ePIE and LSQML only." in text.partition("--momentum")[2].partition("--damping")[0]

    def test_engines_run_one_after_the_other(self, scan: Path, tmp_path: Path) -> None:
        done = run("reconstruct", scan, "-o", tmp_path / "r.cxi", "--engine", "dm:2,epie:3", "--device", "cpu")
        told = done.stderr.splitlines()
        assert [line for line in told if " from iteration " in line] == [
            "note: DM from iteration 1", "note: ePIE from iteration 3",
        ]  # fmt: skip
        assert told[-1].startswith("iteration 5/5")
        result = read_result(tmp_path / "r.cxi")
        assert len(result.errors) == 5
        assert from_json(result.parameters)[0].reconstruction.engine == "dm:2,epie:3"

    def test_a_simulated_scan_needs_no_file(self, tmp_path: Path) -> None:
        told = "./ptycho -simulate=1 -size=128 -scanDims=3,3"
        run("reconstruct", "-o", tmp_path / "r.cxi", "--quiet", "--command", told, *FAST)
        assert read_result(tmp_path / "r.cxi").probe.shape == (1, 128, 128)

    def test_the_same_seed_gives_the_same_result(self, scan: Path, tmp_path: Path) -> None:
        objects = []
        for name in ("a.cxi", "b.cxi"):
            run("reconstruct", scan, "-o", tmp_path / name, "--quiet", *FAST, "--probe-modes", 2, "--batch-size", 1)
            objects.append(read_result(tmp_path / name).object)
        assert np.array_equal(objects[0], objects[1])

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--iterations", "many"], "--iterations: Iterations: 'many' is not a number"),
            (["--iterations", "0"], "--iterations 0: must be at least 1"),
            (
                ["--engine", "pie"],
                "--engine 'pie': must name engines of epie, dm, raar, lsqml, not 'pie'; did you mean",
            ),
            (["--engine", "dm:5/3"], "--engine 'dm:5/3': must divide the patterns' size by 1, 2, 4 or 8, not by 3"),
            (["--sub-pixel", "coarse"], "--sub-pixel: Sub-pixel positions: 'coarse' is not one of fourier, nearest"),
            (["--update-probe", "9:3"], "--update-probe '9:3': must end at or after iteration 9, not at 3"),
            (["--energy", "8.8 nm"], "'nm' is not a unit here"),
            (["--size", "31"], "--size 31 px: must be a multiple of 2 px"),
            (["--command", "-sizee=3"], "no flag -sizee; the nearest is -size"),
            (["--command", "-size=3x"], "-size: '3x'"),
            (["--no-such-option"], "--no-such-option"),
            (["--seed"], "--seed"),
            (["--device", "CUDA:77"], "device 'cuda:77'"),
            (["--step", "50nm,0"], "--step 50 nm, 0 m: must be above 0 m"),
            (["--command", "garbage"], "the command has no parameters"),
            (["--command", ""], "the command has no parameters"),
            (
                ["--engine", "dm", "--momentum", "0.5"],
                "momentum = 0.5 has no effect in DM, only in ePIE and LSQML; leave",
            ),
            (["--engine", "epie:5/8,epie"], "32 x 32 pixels can't be cropped by 8: 4 x 4 are left, 32 are needed"),
            (["--iterations", "2", "--coarse-levels", "3"], "coarse_levels = 3 needs at least 4 iterations of LSQML"),
            (["--probe-guess", "nowhere.npy"], "nowhere.npy"),
            (["--simulate"], "--simulate"),
            (["more.cxi"], "'more.cxi' is left over: 'ptychogui reconstruct' takes FILE only"),
            (["--iterations", "--engine", "dm"], "--iterations needs a number, but --engine follows"),
            (
                ["--position-correction", "always"],
                "'always' is left over: --position-correction takes FROM:UNTIL:EVERY",
            ),
            (["--find-bad-pixels", "1"], "'1' is left over: --find-bad-pixels is a switch"),
        ],
    )
    def test_bad_options_are_refused(self, options: list[str], words: str, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        assert words in refusal("reconstruct", scan, "-o", result, *options)
        assert not result.exists()

    @pytest.mark.parametrize("place", [0, 1, 3])
    def test_a_schedule_may_stand_alone_anywhere(self, scan: Path, tmp_path: Path, place: int) -> None:
        words = [scan, "--engine", "lsqml", "-o", tmp_path / "r.cxi", "--quiet", *FAST]
        words.insert(place, "--position-correction")
        run("reconstruct", *words)
        parameters, origins = from_json(read_result(tmp_path / "r.cxi").parameters)
        assert parameters.reconstruction.position_correction == "3"
        assert origins["reconstruction.position_correction"] == Origin(Source.USER, "--position-correction")

    def test_nothing_to_reconstruct_is_refused(self) -> None:
        assert "--simulate" in refusal("reconstruct")


def truncate(scan: Path) -> None:
    with scan.open("r+b") as file:
        file.truncate(scan.stat().st_size // 2)


def without_energy(scan: Path) -> None:
    with h5py.File(scan, "r+") as file:
        del file[ENERGY]


def with_zero_pixels(scan: Path) -> None:
    with h5py.File(scan, "r+") as file:
        for place in PIXELS:
            file[place][()] = 0.0


def without_a_position(scan: Path) -> None:
    with h5py.File(scan, "r+") as file:
        translation = file[TRANSLATION][()]
        del file[TRANSLATION]
        file[TRANSLATION] = translation[:-1]


def with_nan_positions(scan: Path) -> None:
    with h5py.File(scan, "r+") as file:
        file[TRANSLATION][:, 0] = np.nan


def without_frames(scan: Path) -> None:
    with h5py.File(scan, "r+") as file:
        del file["/entry_1"]


def of_text(scan: Path) -> None:
    scan.write_text("beam is down")


class TestBadInput:
    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (truncate, "cut off"),
            (without_energy, "energy"),
            (with_zero_pixels, "pixel"),
            (without_a_position, "16"),
            (with_nan_positions, "position"),
            (without_frames, "scan.cxi"),
            (of_text, "scan.cxi"),
            (Path.unlink, "no such file"),
        ],
    )
    def test_a_bad_scan_is_one_clear_line(
        self, spoil: Callable[[Path], object], words: str, scan: Path, tmp_path: Path
    ) -> None:
        spoil(scan)
        before = sorted(tmp_path.iterdir())
        assert words in refusal("reconstruct", scan, "-o", tmp_path / "r.cxi", *FAST)
        assert sorted(tmp_path.iterdir()) == before

    def test_no_traceback_reaches_a_real_terminal(self, scan: Path, tmp_path: Path) -> None:
        truncate(scan)
        process = start("reconstruct", scan, "-o", tmp_path / "r.cxi")
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout, stderr.count("\n")) == (2, "", 1)


class TestOutput:
    def test_a_result_never_overwrites_its_scan(self, scan: Path) -> None:
        before = scan.read_bytes()
        assert "would overwrite" in refusal("reconstruct", scan, "-o", scan, *FAST)
        assert scan.read_bytes() == before

    def test_a_place_that_can_not_be_written_is_found_before_the_work(self, scan: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        line = refusal("reconstruct", scan, "-o", tmp_path / "file" / "r.cxi", *FAST)
        assert "a part of this path is a file" in line
        assert str(tmp_path) in refusal("reconstruct", scan, "-o", tmp_path, *FAST)
        assert "a part of this path is a file" in refusal("simulate", tmp_path / "file" / "s.cxi")
        assert "a part of this path is a file" in refusal("demo", "--headless", "-o", tmp_path / "file")

    def test_a_folder_without_write_permission(self, scan: Path, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o555)
        process = start("reconstruct", scan, "-o", locked / "r.cxi", *FAST, before=_give_up_root)
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout, stderr.count("\n")) == (2, "", 1), stderr
        assert "no permission to write there" in stderr

    def test_a_full_disk_keeps_nothing_half_written(self, scan: Path, small_disk: Path) -> None:
        assert "free some space" in refusal("reconstruct", scan, "-o", small_disk / "r.cxi", *FAST)
        assert list(small_disk.iterdir()) == []


def _is_root() -> bool:
    return os.geteuid() == 0


def _give_up_root() -> None:
    """Let permissions count: take the capabilities that override them from the program that root starts next."""
    drop_from_bounding_set, override, override_read_search = 24, 1, 2
    for capability in (override, override_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 kB; skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not _is_root():
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small file system here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


class TestInterrupt:
    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_a_signal_keeps_the_result(self, number: signal.Signals, status: int, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        process = start(
            "reconstruct", scan, "-o", result, "--device", "numpy", "--engine", "epie", "--iterations", 5_000
        )
        assert process.stderr is not None
        assert any(line.startswith("iteration 500/") for line in iter(process.stderr.readline, ""))
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == status, stderr
        assert stdout == f"{result}\n"
        assert "stopping after this iteration" in stderr
        assert "Traceback" not in stderr
        content = read_result(result)
        assert content.state == "stopped"
        assert 500 <= len(content.errors) < 5_000

    def test_before_the_first_iteration_nothing_is_written(
        self, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stopped_at_once(job: Job, _backend: object, control: Control) -> Iterator[Progress]:
            signal.raise_signal(signal.SIGINT)
            assert control.stop_asked
            yield Progress(job.id, 0, 3, np.nan, 0.0, 0.0, 1e-8, state=JobState.CANCELLED)

        monkeypatch.setattr(running, "run_job", stopped_at_once)
        outcome = run("reconstruct", scan, "-o", tmp_path / "r.cxi", *FAST, status=130)
        assert (outcome.stdout, outcome.stderr) == ("", "stopped before the first iteration; nothing was written\n")

    def test_ctrl_c_while_the_program_is_loaded_is_quiet(self) -> None:
        code = (
            "import signal, sys\n"
            "class Loader:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'ptychogui.cli': signal.raise_signal(signal.SIGINT)\n"
            "sys.meta_path.insert(0, Loader())\n"
            "from ptychogui.__main__ import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


class TestNobodyListens:
    """Streams that are full or closed; the result is what counts."""

    @pytest.mark.parametrize(
        ("streams", "status"), [("2>/dev/full", 0), ("2>&-", 0), (">/dev/full", 2), (">&-", 2), ("2>&1 >/dev/full", 2)]
    )
    def test_full_and_closed_streams(self, streams: str, status: int, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        words = [sys.executable, "-m", "ptychogui", "reconstruct", str(scan), "-o", str(result), *FAST]
        done = subprocess.run(
            f"{shlex.join(words)} {streams}", shell=True, cwd=REPOSITORY, capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        assert read_result(result).state == "done"
        said = [line for line in (done.stderr + done.stdout).splitlines() if not line.startswith(("iteration", "note"))]
        assert len(said) == ("2>&-" not in streams and status == 2) + (status == 0)
        assert all("can't print to the standard output" in line for line in said if status == 2)

    @pytest.mark.parametrize("words", ["--help", "--version", "devices", "reconstruct --help"])
    def test_what_can_not_be_printed_is_one_line(self, words: str) -> None:
        command = f"{shlex.quote(sys.executable)} -m ptychogui {words} >/dev/full"
        done = subprocess.run(command, shell=True, cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "can't print to the standard output" in done.stderr

    @pytest.mark.parametrize("words", ["presets", "devices", "devices --json"])
    def test_a_reader_of_results_that_leaves_hears_no_complaint(self, words: str) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "ptychogui", *words.split()], cwd=REPOSITORY, stdout=writer, stderr=subprocess.PIPE
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")

    def test_a_reader_of_messages_that_leaves(self, scan: Path, tmp_path: Path) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        words = [sys.executable, "-m", "ptychogui", "reconstruct", str(scan), "-o", str(tmp_path / "r.cxi"), *FAST]
        done = subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=writer, text=True)
        os.close(writer)
        assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'r.cxi'}\n")


class TestExport:
    def test_formats(self, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        run("reconstruct", scan, "-o", result, *FAST)
        assert {Path(line).suffix for line in run("export", result).stdout.split()} == {".png"}
        written = run("export", result, "--csv", "--tiff", "--tiff8", "--png", "-o", tmp_path / "out").stdout.split()
        assert {Path(line).suffix for line in written} == {".csv", ".tif", ".png"}
        assert all(Path(line).parent == tmp_path / "out" and Path(line).stat().st_size for line in written)

    def test_a_folder_that_is_a_file_is_refused(self, scan: Path, tmp_path: Path) -> None:
        run("reconstruct", scan, "-o", tmp_path / "r.cxi", *FAST)
        assert f"{scan} is a file; give a folder" in refusal("export", tmp_path / "r.cxi", "-o", scan)

    def test_a_scan_is_refused(self, scan: Path) -> None:
        assert "is not a reconstruction" in refusal("export", scan)


class TestDevices:
    def test_lists_every_device_or_the_reason(self) -> None:
        lines = run("devices").stdout.splitlines()
        assert [line.split()[0] for line in lines][-2:] == ["cpu", "numpy"]
        assert all("usable, " in line or "can't be used: " in line for line in lines)
        assert not any("GB" in line for line in lines if "can't be used" in line)

    def test_json(self) -> None:
        devices = json.loads(run("devices", "--json").stdout)
        assert devices[-1]["name"] == "numpy"
        assert devices[-1]["usable"] is True
        assert all(device["usable"] or device["reason"] for device in devices)


class TestBench:
    def test_compares_the_engine_with_its_ffts(self) -> None:
        choice = ("--device", "cpu", "--threads", 1, "--size", 80, "--modes", 1)
        rows = json.loads(run("bench", "--json", *choice).stdout)
        assert {row["engine"] for row in rows} >= {"epie"}
        assert all(row["ratio"] > 0 and row["n"] == 80 for row in rows)
        head, *lines = run("bench", *choice).stdout.splitlines()
        assert head.split()[-5:] == ["only", "ratio", "kB/position", "of", "copy"]
        assert "FFTs/position" in head
        assert len(lines) == len(rows)
        for line, row in zip(lines, rows, strict=True):
            memory_kB, of_copy = line.split()[-2:]
            assert (float(memory_kB), of_copy) == (round(row["memory_per_position_bytes"] / 1e3), "-")


class TestDemo:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "Recipe", lambda: SMALL)
        monkeypatch.setattr(cli, "_DEMO_VALUES", {"reconstruction.iterations": (3, "demo")})

    def test_headless_leaves_result_and_picture(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        outcome = run("demo", "--headless", "-o", folder, "--quiet")
        assert (outcome.stdout, outcome.stderr) == (f"{folder / 'demo-result.cxi'}\n", "")
        assert read_result(folder / "demo-result.cxi").state == "done"
        assert any(path.suffix == ".png" for path in folder.iterdir())

    def test_without_a_display_it_says_so_and_runs_headless(self, tmp_path: Path) -> None:
        outcome = run("demo", "-o", tmp_path)
        assert outcome.stderr.splitlines()[0].endswith("so the demo runs without a window")
        assert outcome.stdout == f"{tmp_path / 'demo-result.cxi'}\n"

    def test_with_a_display_the_window_opens(
        self, windows: list[tuple[list[Path], bool]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cli, "missing_display", lambda: "")
        run("demo")
        assert windows == [([], True)]


class TestOrientation:
    @pytest.fixture
    def scan(self, tmp_path: Path) -> Path:
        path = tmp_path / "scan.cxi"
        small = ("--n", 32, "--detector-pixel", "300um", "--probe-diameter", "0.4um", "--scan-dims", "6,6")
        run("simulate", path, *small, "--phantom", "cells")
        return path

    def test_the_answer_comes_first_and_every_case_is_listed(self, scan: Path) -> None:
        outcome = run("orientation", scan, "--rotate90", 1, "--threads", 2)
        answer, sign, mirror, *rest = outcome.stdout.splitlines()
        assert answer == "sure: take --rotate90 0"
        assert sign == "the sign of the phase: sure"
        assert "no measurement tells" in mirror
        rows = rest[rest.index("") + 2 :]
        assert len(rows) == 16
        assert rows[0].split("  ")[-1] == "to be taken"
        assert sum("as it is now" in row for row in rows) == 1
        assert outcome.stderr.splitlines()[-1].endswith("done")

    def test_json_has_it_all(self, scan: Path) -> None:
        told = json.loads(run("orientation", scan, "--json", "--threads", 2).stdout)
        assert (told["sure"], told["phase_sign"], told["options"], told["change"]) == ("sure", "sure", "", {})
        assert len(told["ranking"]) == 16
        assert told["ranking"][0]["is_current"]
        assert told["ranking"][0]["error"] < told["ranking"][-1]["error"]
        assert told["ranking"][0]["values"]["preprocessing.rotate90"] == 0

    def test_what_cant_be_read_is_refused(self, tmp_path: Path) -> None:
        assert "missing.cxi" in refusal("orientation", tmp_path / "missing.cxi")
        assert "no scan to reconstruct" in refusal("orientation")


def test_the_siemens_star_is_reconstructed(shared_data: Path, tmp_path: Path) -> None:
    result = tmp_path / "star.cxi"
    run("reconstruct", shared_data / "siemens-star.cxi", "-o", result, "--iterations", 3, "--threads", 2, "--quiet")
    content = read_result(result)
    assert content.errors[-1] < content.errors[0]
    assert content.energy_eV == pytest.approx(8_800, rel=0.2)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(n=64, scan_dims=(6, 6), outer_zone_m=80e-9)
    return write_scan(tmp_path_factory.mktemp("check") / "fly0012.cxi", simulate(recipe))[0]


class TestCheck:
    """`ptychogui check`: findings on stdout, and what they mean in the exit status."""

    def test_a_sound_scan(self, sound: Path) -> None:
        lines = run("check", sound, "--probe-diameter", "1.4um").stdout.splitlines()
        assert {line.split()[0] for line in lines if line[:1].strip()} <= {"good", "12"}
        assert lines[-1].startswith("12 good; looked at 36 of 36 frames in ")

    def test_what_is_wrong_has_the_options_that_mend_it(self, sound: Path) -> None:
        text = run("check", sound, "--center", "26,40", "--energy", "8.8", status=1).stdout
        assert "fix: if keV was meant, make it 8.8 keV: --energy 8.8keV" in text
        assert "--center 32,32" in text and "fix: correct the photon energy first" in text
        again = run("check", sound, "--center", "32,32", "--energy", "8.8keV").stdout
        assert "fix: " not in again.replace("fix: give the probe's size", "")

    def test_stop_is_exit_status_1(self, sound: Path) -> None:
        text = run("check", sound, "--engine", "dm", "--momentum", "0.5", status=1).stdout
        assert text.startswith("stop  A value can't be used\n") and "--momentum 0" in text

    def test_json(self, sound: Path) -> None:
        told = json.loads(run("check", sound, "--json", "--device", "numpy", "--center", "26,40").stdout)
        assert told["level"] == "look" and told["sampled"] == "36 of 36 frames"
        (center,) = (finding for finding in told["findings"] if finding["check"] == "center")
        assert center["fix"] == {"preprocessing.center_px": [32.0, 32.0]} and center["options"] == "--center 32,32"

    def test_bad_input_is_one_line(self, sound: Path, tmp_path: Path) -> None:
        letter = tmp_path / "letter.txt"
        letter.write_text("Dear all,")
        assert "letter.txt" in refusal("check", letter)
        assert "--energy" in refusal("check", sound, "--energy", "bright")

    def test_a_missing_device_is_a_finding(self, sound: Path) -> None:
        assert "--device auto" in run("check", sound, "--device", "cuda:99", status=1).stdout

    def test_reconstruct_warns_of_what_it_would_not_refuse(self, tmp_path: Path) -> None:
        recipe = Recipe(n=64, scan_dims=(6, 6), outer_zone_m=80e-9, photons=150)
        dim = write_scan(tmp_path / "dim.cxi", simulate(recipe))[0]
        told = run("reconstruct", dim, "-o", tmp_path / "r.cxi", *FAST).stderr
        assert "warning: very few photons: a pattern has 1" in told and "--noise-model poisson" in told
        quiet = run("reconstruct", dim, "-o", tmp_path / "r2.cxi", "--quiet", *FAST)
        assert quiet.stderr == ""
        mended = run("reconstruct", dim, "-o", tmp_path / "r3.cxi", "--noise-model", "poisson", *FAST)
        assert "warning" not in mended.stderr
