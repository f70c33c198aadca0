"""The examples of docs/scripts.md run as they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ptychogui.cli import main

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMAND = re.findall(r"`ptychogui (simulate [^`]*)`", TEXT)[0]


@pytest.mark.parametrize("block", BLOCKS, ids=[f"example{number}" for number in range(1, len(BLOCKS) + 1)])
def test_the_example_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, shlex.split(COMMAND)).exit_code == 0
    exec(compile(block, "docs/scripts.md", "exec"), {})
    written = {path.name for path in tmp_path.rglob("*.*")} - {"scan.cxi", "scan-truth.cxi"}
    assert written
    assert "False" not in capsys.readouterr().out


def test_there_are_examples_of_both_ways() -> None:
    assert sum("import ptychopy" in block for block in BLOCKS) >= 2
    assert sum("ptychogui.api" in block for block in BLOCKS) >= 3
