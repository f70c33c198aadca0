"""The import contract holds, and its checker sees a planted breach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CHECK = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", _CHECK]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_tree(repo_root: Path, tmp_path: Path) -> Path:
    """Copy what the checker reads, to be spoilt."""
    shutil.copy(repo_root / "pyproject.toml", tmp_path)
    shutil.copytree(repo_root / "ptychogui", tmp_path / "ptychogui", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("params/units.py", "import ptychogui.physics.optics", "Imports point down only"),
        ("engines/base.py", "import ptychogui.io.result", "Imports point down only"),
        ("views/theme.py", "import ptychogui.controllers.session", "Imports point down only"),
        ("app.py", "import ptychogui.cli.terminal", "Imports point down only"),
        ("cli/batch.py", "import ptychogui.cli.reconstruct", "A command does not know another command"),
        ("cli/one_job.py", "import ptychogui.cli.program", "A command does not know another command"),
        ("cli/terminal.py", "import ptychogui.cli.one_job", "A command does not know another command"),
        ("io/atomic.py", "import ptychogui.notify.log", "Imports point down only"),
        ("catalog/scan.py", "import ptychogui.jobs.job", "Imports point down only"),
        ("catalog/query.py", "import ptychogui.catalog.index", "Inside catalog imports point down only"),
        ("io/raw/stack.py", "import ptychogui.io.mda.presets", "Inside io imports point down only"),
        ("io/pairing/pair.py", "import ptychogui.io.raw.raw_scan", "Inside io imports point down only"),
        ("io/hdf5/files.py", "import ptychogui.io.cxi", "Inside io imports point down only"),
        ("jobs/runner.py", "import ptychogui.jobs.processes.engine", "Inside jobs imports point down only"),
        ("jobs/preflight/cost_checks.py", "import ptychogui.jobs.runner", "Inside jobs imports point down only"),
        ("jobs/orientation/cases.py", "import ptychogui.jobs.preflight", "Inside jobs imports point down only"),
        ("jobs/prepare/open_scan.py", "import ptychogui.jobs.preflight", "Inside jobs imports point down only"),
        ("jobs/job_values.py", "import ptychogui.jobs.prepare.open_scan", "Inside jobs imports point down only"),
        ("jobs/job.py", "import ptychogui.jobs.stages", "Inside jobs imports point down only"),
        ("queue/store/store.py", "import ptychogui.queue.lane", "Inside queue imports point down only"),
        ("jobs/runner.py", "import ptychogui.queue.lane", "Imports point down only"),
        ("views/run/spots.py", "import ptychogui.views.scan.scan_card", "its rooms are strangers"),
        ("views/form/form.py", "import ptychogui.views.shell.actions", "its rooms are strangers"),
        ("views/widgets.py", "import ptychogui.views.plots", "its rooms are strangers"),
        ("window_state.py", "import PyQt5.QtCore", "Qt stays in app, views and controllers"),
        ("jobs/runner.py", "import PyQt5.QtCore", "Qt stays in app, views and controllers"),
        ("backends/host.py", "import cupy", "CuPy stays in backends.cuda"),
        ("physics/probe.py", "import h5py", "h5py stays in io"),
    ],
)
def test_a_breach_is_seen(copied_tree: Path, module: str, planted: str, contract: str) -> None:
    source = copied_tree / "ptychogui" / module
    source.write_text(f"{source.read_text()}\n{planted}\n")
    checked = _lint(copied_tree)
    assert checked.returncode == 1, checked.stdout
    assert f"{contract} BROKEN" in checked.stdout


@pytest.mark.parametrize("room", [".", "cli", "jobs"])
def test_a_module_without_a_place_is_seen(copied_tree: Path, room: str) -> None:
    (copied_tree / "ptychogui" / room / "cellar.py").write_text('"""A module that no layer names."""\n')
    checked = _lint(copied_tree)
    assert checked.returncode == 1
    assert "cellar" in checked.stdout


def test_the_contract_holds(copied_tree: Path) -> None:
    checked = _lint(copied_tree)
    assert checked.returncode == 0, checked.stdout
