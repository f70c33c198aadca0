"""`ptychogui reconstruct`: files, values, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.io.result import read_result
from ptychogui.jobs.checkpoints.whole_state import Checkpoints
from ptychogui.jobs.job_values import plan_job
from ptychogui.jobs.runner import run_job
from ptychogui.params.origins import Origin, Source
from ptychogui.params.storage import from_json
from tests.cli.runs import ENERGY, FAST, refusal, run, start

TRANSLATION = "/entry_1/sample_1/geometry_1/translation"
PIXELS = ("/entry_1/instrument_1/detector_1/x_pixel_size", "/entry_1/instrument_1/detector_1/y_pixel_size")


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

    def test_a_job_that_was_killed_goes_on_when_it_is_started_again(
        self, scan: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(scan.parent)
        monkeypatch.setattr(Checkpoints, "is_due", True)
        hidden = Path(".scan-result.cxi.checkpoint")
        stream = run_job(
            plan_job(scan, {"reconstruction.iterations": (5, "-i")}, Path("scan-result.cxi")), NumpyBackend()
        )
        while next(stream).iteration < 3:
            pass
        stream.close()
        kept = hidden.read_bytes()
        outcome = run("reconstruct", scan, *FAST, "--iterations", 5)
        assert "note: going on from the checkpoint of 20" in outcome.stderr
        assert outcome.stdout == "scan-result.cxi\n" and not hidden.exists()
        hidden.write_bytes(kept)
        again = run("reconstruct", scan, *FAST, "--iterations", 5, "-o", "scan-result.cxi", "--no-resume")
        assert "checkpoint" not in again.stderr and not hidden.exists()

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


def test_the_siemens_star_is_reconstructed(shared_data: Path, tmp_path: Path) -> None:
    result = tmp_path / "star.cxi"
    run("reconstruct", shared_data / "siemens-star.cxi", "-o", result, "--iterations", 3, "--threads", 2, "--quiet")
    content = read_result(result)
    assert content.errors[-1] < content.errors[0]
    assert content.energy_eV == pytest.approx(8_800, rel=0.2)


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
