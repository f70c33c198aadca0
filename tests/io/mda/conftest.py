"""What several tests of MDA files ask for."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the user's presets where there are none."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
