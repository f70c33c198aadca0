"""`ptychogui simulate`."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from ptychogui.cli import simulate as simulate_module
from ptychogui.io.simulated import read_truth, recipe_from_json
from ptychogui.physics.simulation import Recipe
from tests.cli.runs import refusal, run

FRAMES = "/entry_1/data_1/data"


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

    def test_patterns_and_jitter_as_the_user_says(self, tmp_path: Path) -> None:
        options = ("--n", 32, "--scan-dims", "3,5", "--probe", "gaussian", "--scan", "hexagonal", "--jitter", "30 nm")
        run("simulate", tmp_path / "sim.cxi", *options, "--no-noise")
        recipe = recipe_from_json(read_truth(tmp_path / "sim.cxi").recipe)
        assert recipe.scan == "hexagonal" and recipe.jitter_m == pytest.approx(30e-9)

    def test_too_little_memory_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def simulate_in_vain(_recipe: Recipe) -> None:
            raise MemoryError("no 8 GiB for an array")

        monkeypatch.setattr(simulate_module, "simulate", simulate_in_vain)
        assert "the memory is used up (no 8 GiB for an array)" in refusal("simulate", tmp_path / "sim.cxi")

    def test_a_foreign_file_is_refused_before_the_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(simulate_module, "simulate", lambda _recipe: pytest.fail("simulated in vain"))
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
