"""Wheels for a machine without network: collected where there is one, unpacked there without pip.

python -m scripts.gpu.wheels FOLDER collects them, as `make gpu-wheels` does.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

_ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
BASE = _ROOT / "build" / "gpu-python"
"""What PYTHONUSERBASE is for the trial: cuda-pathfinder, by which CuPy finds CUDA's libraries, looks there."""

_WINDOW = ("pyqt5", "pyqtgraph")
_TESTS = ("hypothesis", "pytest", "pytest-benchmark")
_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
_TAGS = [*_PLATFORMS, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]


def requirements(cuda: int, cuda_libraries: bool) -> list[str]:
    """Return what a trial needs of pyproject.toml: no window, CuPy for this CUDA, pytest.

    Args:
        cuda: 12 or 13, what the machine's driver knows.
        cuda_libraries: whether CUDA's own libraries are wanted, which a machine with a CUDA toolkit has.
    """
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    cupy = [wanted if cuda_libraries else wanted.replace("[ctk]", "") for wanted in extras[f"cuda{cuda}"]]
    program = [wanted for wanted in project["dependencies"] if _name(wanted) not in _WINDOW]
    return [*program, *cupy, *(wanted for wanted in extras["dev"] if _name(wanted) in _TESTS)]


def collect(folder: Path, wanted: Iterable[str], python: str, has: Collection[str]) -> None:
    """Download what is wanted and what that needs, for a Python such as "3.12", but for what a machine has."""
    target = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    target += [word for tag in _TAGS for word in ("--platform", tag)]
    known = {_name(name) for name in has}
    with tempfile.TemporaryDirectory() as nowhere:
        report = _pip("install", "--dry-run", "--ignore-installed", "--report=-", "--target", nowhere, *target, *wanted)
    found = [(_name(package["metadata"]["name"]), package["metadata"]["version"]) for package in report["install"]]
    exact = [f"{name}=={version}" for name, version in found if name not in known]
    _pip("download", "--no-deps", "--dest", str(folder), *target, *exact)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.whl"))}
    for name, size in sizes.items():
        print(f"{size / 1e6:7.1f} MB  {name}")
    has_already = " ".join(sorted(known)) or "nothing"
    print(f"{sum(sizes.values()) / 1e6:7.1f} MB in {folder}, for a machine that has {has_already}")


def packages() -> Path:
    """Return where wheels are unpacked to."""
    return BASE / "lib" / f"python{PYTHON}" / "site-packages"


def unpack(folder: Path) -> None:
    """Unpack the wheels of a folder that fit this Python; a wheel without scripts and data is a zip of packages."""
    packages().mkdir(parents=True, exist_ok=True)
    for wheel in sorted(folder.glob("*.whl")):
        if fits(wheel.name):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(packages())


def fits(wheel: str, version: tuple[int, int] = sys.version_info[:2]) -> bool:
    """Whether a wheel is for this Python, by its name."""
    python, abi = (part.split(".") for part in wheel.removesuffix(".whl").split("-")[-3:-1])
    if "abi3" in abi:
        return any((3, int(tag[3:])) <= version for tag in python if tag.startswith("cp3"))
    ours = f"cp{version[0]}{version[1]}"
    return (ours in python and (ours in abi or "none" in abi)) or "py3" in python


def lacking() -> str:
    """Return what to do about packages that this Python does not find, of those a trial needs; "" where it has all."""
    importlib.invalidate_caches()
    wanted = {_name(requirement) for requirement in requirements(13, False) if "python_version" not in requirement}
    missing = {name for name in wanted if not _is_here(name)}
    if not missing:
        return ""
    return (
        f"this Python lacks {' '.join(sorted(missing))}; where there is a network:\n"
        f'  make gpu-wheels WHEELS=DIR GPU_PYTHON={PYTHON} GPU_HAS="{" ".join(sorted(wanted - missing))}"\n'
    )


def _is_here(name: str) -> bool:
    if name.startswith("cupy"):  # its package has the CUDA in its name, and any will do
        return importlib.util.find_spec("cupy") is not None
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _pip(*words: str) -> Any:
    """Run pip; return its report where it makes one."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"], stdout=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout) if "--report=-" in words else None


def main(words: list[str] | None = None) -> None:
    """Collect wheels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the wheels go")
    parser.add_argument("--python", default="3.12", help="of the machine with the GPU [3.12]")
    parser.add_argument("--cuda", type=int, choices=(12, 13), default=13, help="that its driver knows [13]")
    parser.add_argument("--cuda-libraries", action="store_true", help="CUDA's own libraries as well")
    parser.add_argument("--has", default="", help="packages that it has already, separated by spaces")
    given = parser.parse_args(words)
    given.folder.mkdir(parents=True, exist_ok=True)
    collect(given.folder, requirements(given.cuda, given.cuda_libraries), given.python, given.has.split())


if __name__ == "__main__":
    main()
