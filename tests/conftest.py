"""What every test may ask for. Set before Qt and the program are imported: no display, a cache of the tests' own."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from ptychogui.backends import Backend
    from ptychogui.jobs.prepare.probe_trial import Guess, ProbeTrial, TriedProbe
    from tests.backends.fake_cupy import FakeMachine

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_OUTER_ENVIRONMENT = dict(os.environ)
_REPO_ROOT = Path(__file__).resolve().parents[1]
_PRIVATE_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")

hypothesis.settings.register_profile("ptychogui", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("ptychogui")


def pytest_configure(config: pytest.Config) -> None:
    """Give the session folders of its own: kernels are compiled once, and nothing of the user's is touched.

    PTYCHOGUI_TEST_CACHE names a cache folder to keep from one session to the next; the processes of one session that
    tests side by side share one. What is there to be timed is only run, unless pytest was asked for nothing but that.
    Ctrl-C is heard, as some tests want it, even where pytest was started in the background by a shell that has it
    ignored.
    """
    config.option.benchmark_disable = not config.option.benchmark_only
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="ptychogui-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    if getattr(config.option, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.setdefault("PTYCHOGUI_TEST_CACHE", str(home))
        return
    for variable in _PRIVATE_FOLDERS:
        folder = home / variable.lower()
        folder.mkdir(mode=0o700)
        os.environ[variable] = str(folder)
    kept = os.environ.get("PTYCHOGUI_TEST_CACHE")
    if kept:
        os.environ["XDG_CACHE_HOME"] = str(Path(kept).resolve())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write what a test said as text that can be sent to another process: file names may be no text."""
    report = yield
    report.sections = [(title, _sendable(said)) for title, said in report.sections]
    return report


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Return the root of the source tree."""
    return _REPO_ROOT


@pytest.fixture(scope="session")
def outer_environment() -> dict[str, str]:
    """Return the environment the tests were started in, for a program that must find the user's own settings (pip)."""
    return dict(_OUTER_ENVIRONMENT)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real measurements beside the source tree; skip where it is absent."""
    folder = _REPO_ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real measurements are not here: no folder {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def chosen_probes() -> Iterator[dict[str, TriedProbe]]:
    """Choose the first probe of a scan once a session, since dozens of tests reconstruct the same few scans.

    What was chosen serves again for the same patterns, windows, object, settings, guesses, device and engine only. A
    test to which the choice itself matters clears it.
    """
    from ptychogui.engines import ENGINES
    from ptychogui.jobs.prepare import probe_trial

    chosen: dict[str, TriedProbe] = {}
    choose = probe_trial.ProbeTrial.best

    def best(trial: ProbeTrial, guess: Guess) -> TriedProbe:
        device = type(trial.backend), trial.backend.name, getattr(trial.backend, "workers", None)
        made_by = ENGINES["epie"], vars(probe_trial)["create_engine"]
        guesses = guess(1.0, False), guess(1.4, True)
        scan = pickle.dumps((trial.patterns, trial.geometry, trial.object, trial.settings, guesses))
        key = f"{hashlib.sha256(scan).hexdigest()} {device} {made_by}"
        if key not in chosen:
            chosen[key] = choose(trial, guess)
        return replace(chosen[key], probe=chosen[key].probe.copy())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe_trial.ProbeTrial, "best", best)
        yield chosen


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMachine]:
    """Let `import cupy` find a pretended one."""
    from tests.backends.fake_cupy import installed

    with installed(monkeypatch) as fake:
        yield fake


@pytest.fixture(params=["cpu", "numpy", pytest.param("cuda:0", marks=pytest.mark.gpu)])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Open each kind of device in turn, with two CPU threads; skip, with the reason, one that can't be used."""
    from ptychogui.backends import list_devices, open_backend

    chosen = next((device for device in list_devices() if device.name == request.param), None)
    if chosen is None or not chosen.usable:
        reason = chosen.reason if chosen else "this machine has no such device"
        assert request.param != "cpu", f"the tests need the compiled kernels: {reason}"
        pytest.skip(f"{request.param}: {reason}")
    with open_backend(request.param, threads=2) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _gpu(request: pytest.FixtureRequest) -> None:
    """Skip a test marked gpu where there is no usable GPU."""
    if request.node.get_closest_marker("gpu"):
        from ptychogui.backends import list_devices

        gpus = [device for device in list_devices() if device.name.startswith("cuda")]
        if not any(gpu.usable for gpu in gpus):
            pytest.skip(f"no usable GPU: {gpus[0].reason if gpus else 'none found'}")
