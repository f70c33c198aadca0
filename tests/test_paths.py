"""Folders are found, and one that can't be written has a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui import paths


def test_shipped_folders_hold_what_they_should() -> None:
    assert (paths.kernels_folder() / "portable.cuh").is_file()
    assert any(paths.resources_folder().iterdir())


def test_cache_lies_where_the_system_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert paths.cache_folder() == tmp_path / "cache" / "ptychogui"
    assert paths.cache_folder().is_dir()


def test_a_cache_that_can_not_be_written_has_a_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    folder = paths.cache_folder()
    assert folder == paths.cache_folder()
    assert occupied not in folder.parents
    (folder / "probe").write_text("can be written")
    (folder / "probe").unlink()


def test_a_home_of_its_own_holds_settings_logs_and_queue_but_not_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = paths.cache_folder()
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path))
    assert paths.home() == tmp_path
    assert paths.config_folder() == tmp_path / "config" and paths.log_folder() == tmp_path / "logs"
    assert paths.queue_folder() == tmp_path / "queue" and paths.cache_folder() == cache


def test_without_one_each_lies_where_the_system_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PTYCHOGUI_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert paths.home() is None and paths.queue_folder() == tmp_path / "state" / "ptychogui" / "queue"
