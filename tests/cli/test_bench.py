"""`ptychogui bench`."""

from __future__ import annotations

import json

from tests.cli.runs import run


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
