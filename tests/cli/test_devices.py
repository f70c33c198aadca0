"""`ptychogui devices`."""

from __future__ import annotations

import json

from tests.cli.runs import run


class TestDevices:
    def test_lists_every_device_or_the_reason(self) -> None:
        lines = run("devices").stdout.splitlines()
        assert [line.split()[0] for line in lines][-4:] == ["cpu", "cpu:0", "cpu:1", "numpy"]
        assert all("usable, " in line or "can't be used: " in line for line in lines)
        assert not any("GB" in line for line in lines if "can't be used" in line)

    def test_json(self) -> None:
        devices = json.loads(run("devices", "--json").stdout)
        assert devices[-1]["name"] == "numpy"
        assert devices[-1]["usable"] is True
        assert all(device["usable"] or device["reason"] for device in devices)
