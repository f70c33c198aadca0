"""The built package, installed into an empty environment, reconstructs without the source tree."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ptychogui import __version__
from ptychogui.io.result import read_result

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_FOLDERS = "from ptychogui import paths; print(paths.kernels_folder()); print(paths.resources_folder())"


@dataclass(frozen=True)
class Installation:
    """An empty virtual environment with the wheel in it, and an empty folder to work in."""

    venv: Path
    elsewhere: Path
    environment: dict[str, str]

    def run(self, program: str, *arguments: str) -> str:
        command = [str(self.venv / "bin" / program), *arguments]
        done = subprocess.run(
            command, cwd=self.elsewhere, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command} exited with {done.returncode}:\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installation(
    repo_root: Path, tmp_path_factory: pytest.TempPathFactory, outer_environment: dict[str, str]
) -> Installation:
    """Build the sdist, from it the wheel, and install that."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = {k: v for k, v in outer_environment.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    made = Installation(folder / "venv", folder / "elsewhere", environment | {"XDG_CACHE_HOME": str(folder / "cache")})
    made.elsewhere.mkdir()
    for command in (
        [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(repo_root)],
        [sys.executable, "-m", "venv", str(made.venv)],
    ):
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (folder / "dist").glob("ptychogui-*.whl")
    pip = [str(made.venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], env=environment, check=True)
    return made


def test_kernels_and_resources_come_from_the_wheel(installation: Installation) -> None:
    kernels, resources = map(Path, installation.run("python", "-c", _FOLDERS).splitlines())
    for folder in (kernels, resources):
        assert folder.is_relative_to(installation.venv)
    assert (kernels / "portable.cuh").is_file()
    assert (resources / "style.qss").is_file()


def test_version(installation: Installation) -> None:
    assert installation.run("ptychogui", "--version").split()[-1] == __version__


def test_reconstructs_from_the_wheel(installation: Installation, tmp_path: Path) -> None:
    printed = installation.run("ptychogui", "demo", "--headless", "--quiet", "-o", str(tmp_path))
    path = Path(printed.splitlines()[-1])
    assert path.parent == tmp_path
    result = read_result(path)
    assert np.isfinite(result.object).all()
    assert result.errors[-1] < result.errors[0]
    assert result.device.startswith("cpu")
