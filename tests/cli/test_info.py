"""`ptychogui info`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.cli import info as info_module
from ptychogui.params.model import by_path
from tests.cli.runs import ENERGY, FAST, refusal, run


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
        monkeypatch.setattr(info_module, "stdout_width", lambda: 80)
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


@pytest.mark.usefixtures("own_configuration")
class TestMdaScan:
    @pytest.fixture
    def scan(self, mda_scan: Path) -> Path:
        return mda_scan

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
