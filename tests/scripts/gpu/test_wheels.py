"""Wheels for a machine without network: what is wanted, what it has already, and which fit its Python."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts.gpu import wheels


@pytest.mark.parametrize("cuda", [12, 13])
def test_what_a_trial_needs(cuda: int) -> None:
    without, with_libraries = (" ".join(wheels.requirements(cuda, wanted)) for wanted in (False, True))
    assert f"cupy-cuda{cuda}x>=" in without and f"cupy-cuda{cuda}x[ctk]>=" in with_libraries
    assert "numpy" in without and "pytest>=" in without
    assert "PyQt5" not in without and "pyqtgraph" not in without and "pytest-qt" not in without


def test_what_the_machine_has_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def pip(*words: str) -> Any:
        asked.append(words)
        names = (("pyFFTW", "0.15"), ("typing_extensions", "4.1"), ("numpy", "2.4"))
        return {"install": [{"metadata": {"name": name, "version": version}} for name, version in names]}

    monkeypatch.setattr(wheels, "_pip", pip)
    (tmp_path / "some.whl").write_bytes(bytes(2_000_000))
    wheels.collect(tmp_path, ["pyfftw", "numpy"], "3.11", ["Typing-Extensions", "numpy"])
    resolved, downloaded = asked
    assert resolved[-2:] == ("pyfftw", "numpy") and downloaded[-1:] == ("pyfftw==0.15",)
    assert all("3.11" in words and "manylinux_2_28_x86_64" in words for words in asked)
    assert "--no-deps" in downloaded and str(tmp_path) in downloaded
    assert "2.0 MB in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wheel", "is_fit"),
    [
        ("numpy-2.4-cp312-cp312-manylinux_2_28_x86_64.whl", True),
        ("numpy-2.4-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("numpy-2.4-cp312-cp312t-manylinux_2_28_x86_64.whl", False),
        ("psutil-7.2-cp36-abi3-manylinux2014_x86_64.whl", True),
        ("later-1.0-cp313-abi3-manylinux2014_x86_64.whl", False),
        ("sortedcontainers-2.4.0-py2.py3-none-any.whl", True),
    ],
)
def test_wheels_that_fit(wheel: str, is_fit: bool) -> None:
    assert wheels.fits(wheel, (3, 12)) == is_fit


def test_wheels_are_unpacked_where_a_trial_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "BASE", tmp_path / "base")
    for name in ("here-1-py3-none-any.whl", "there-1-cp27-none-any.whl"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(f"{name[:4]}/__init__.py", "")
    wheels.unpack(tmp_path)
    assert [path.name for path in wheels.packages().iterdir()] == ["here"]
    assert wheels.packages().parent.parent.parent == tmp_path / "base"


def test_what_is_lacking_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "_is_here", lambda name: not name.startswith("py"))
    words = wheels.lacking()
    assert "lacks pydantic pyfftw pytest pytest-benchmark;" in words
    assert "make gpu-wheels WHEELS=DIR" in words and " numpy " in words and "cupy-cuda13x" in words
    monkeypatch.setattr(wheels, "_is_here", lambda _name: True)
    assert wheels.lacking() == ""
