"""`ptychogui presets`, and the PVs that `ptychogui info` lists for one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.runs import refusal, run


@pytest.mark.usefixtures("own_configuration")
class TestPresets:
    def test_they_are_listed_with_what_they_guess(self) -> None:
        listed = run("presets").stdout
        assert "velociprobe: Velociprobe, APS" in listed and "guesses: energy" in listed

    def test_one_is_begun_from_a_file_and_all_of_the_file_is_listed(self, mda_scan: Path) -> None:
        path = Path(run("presets", "--new", "mine", "--from", mda_scan).stdout.strip())
        assert path.is_file() and "mine: mine" in run("presets").stdout
        assert "needs both" in refusal("presets", "--new", "mine")
        listed = run("info", mda_scan, "--pvs").stdout
        assert re.search(r"PV +2idd:BraggEAO +8\.8 +keV", listed) and re.search(r"inner P1 +sim:x\.RBV", listed)
        assert json.loads(run("info", mda_scan, "--pvs", "--json").stdout)["items"][0]["name"] == "2idd:BraggEAO"
