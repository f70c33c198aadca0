"""`ptychogui check`: findings on stdout, and what they mean in the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import Recipe, simulate
from tests.cli.runs import FAST, refusal, run


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(n=64, scan_dims=(6, 6), outer_zone_m=80e-9)
    return write_scan(tmp_path_factory.mktemp("check") / "fly0012.cxi", simulate(recipe))[0]


class TestCheck:
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
        gaussian = ("--noise-model", "gaussian", *FAST)
        told = run("reconstruct", dim, "-o", tmp_path / "r.cxi", *gaussian).stderr
        assert "warning: very few photons: a pattern has 1" in told and "--noise-model poisson" in told
        quiet = run("reconstruct", dim, "-o", tmp_path / "r2.cxi", "--quiet", *gaussian)
        assert quiet.stderr == ""
        mended = run("reconstruct", dim, "-o", tmp_path / "r3.cxi", "--noise-model", "poisson", *FAST)
        assert "warning" not in mended.stderr
