"""One list of doubts: what `check` knows a run says before it reads the scan, keeps with the result, or refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui import api, ptychopy
from ptychogui.errors import DataError, ParameterError, PtychoError
from ptychogui.io.dataset import Dataset
from ptychogui.io.result import read_result
from ptychogui.io.simulated import dataset_of, write_scan
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.job_values import dataset_layers
from ptychogui.jobs.preflight import Level, preflight
from ptychogui.jobs.preflight.before_run import doubts_of
from ptychogui.jobs.prepare.careful_frames import StoppedEarlyError
from ptychogui.params.origins import Source
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

FAST: dict[str, Any] = {"device": "numpy", "iterations": 2}
RECIPE = Recipe(n=64, outer_zone_m=80e-9, scan_dims=(6, 6))


@pytest.fixture(scope="module")
def simulated() -> SimulatedScan:
    return simulate(RECIPE)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, simulated: SimulatedScan) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "scan.cxi", simulated)[0]


@pytest.fixture
def doubts(simulated: SimulatedScan) -> Callable[..., tuple[str, ...]]:
    """Give the doubts about the simulated scan with something changed."""

    def run(dataset: Dataset | None = None, control: Control | None = None, **values: object) -> tuple[str, ...]:
        source = dataset or dataset_of(simulated)
        known = {key.replace("__", "."): (value, "test") for key, value in values.items()}
        known.setdefault("experiment.probe_diameter_m", (1.4e-6, "test"))
        parameters, origins = dataset_layers(source).with_layer(Source.USER, known).resolve()
        return doubts_of(Job("1", source.path, parameters, Path("r.cxi"), origins), source, control or Control())

    return run


def with_frames(simulated: SimulatedScan, counts: np.ndarray) -> Dataset:
    frames: Any = ArrayFrames(counts)
    return replace(dataset_of(simulated), frames=frames)


def test_a_sound_scan_gives_no_doubt(doubts: Callable[..., tuple[str, ...]]) -> None:
    assert doubts() == ()


def test_all_that_check_finds_is_said(doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan) -> None:
    counts = np.fft.ifftshift(simulated.counts, (1, 2))
    said = doubts(with_frames(simulated, counts))
    assert any(text.startswith("the beam is at the corners") and "--direct-beam corner" in text for text in said)


def test_a_refusal_names_all_that_may_be_the_cause(doubts: Callable[..., tuple[str, ...]]) -> None:
    with pytest.raises(DataError, match=r"at one place.*also: detector distance is unusual: 1.92 km.*--distance 1.92m"):
        doubts(experiment__distance_m=1920.0)


@pytest.mark.parametrize(
    ("energy_eV", "words"),
    [(8.8, ("8.8 eV is outside", "if keV was meant", "--energy 8.8keV")), (3e6, ("3 MeV is outside", "its unit"))],
)
def test_an_energy_of_no_x_rays(
    doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan, energy_eV: float, words: tuple[str, ...]
) -> None:
    positions_m = simulated.positions_m * RECIPE.energy_eV / energy_eV
    source = replace(dataset_of(simulated), positions_m=positions_m)
    said = doubts(source, experiment__energy_eV=energy_eV, experiment__probe_diameter_m=None)
    assert any(all(word in text for word in words) for text in said), said


def test_what_the_reader_said_is_not_said_twice(
    doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan
) -> None:
    source = replace(dataset_of(simulated), notes=("2 frames have no position and are left out",))
    assert doubts(source) == ()


def test_strict_refuses_on_stop_and_not_on_look(
    doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan
) -> None:
    with pytest.raises(DataError, match=r"--strict.*beam is at the corners"):
        doubts(preprocessing__direct_beam="corner", preprocessing__strict=True)
    assert doubts(preprocessing__strict=True) == ()
    off_center = np.roll(simulated.counts, (9, 0), (1, 2))
    assert doubts(with_frames(simulated, off_center), preprocessing__strict=True)


@pytest.mark.parametrize(
    ("positions_m", "words"),
    [
        (np.zeros((36, 2)), "at one place"),
        (np.random.default_rng(1).normal(size=(36, 2)) * 1e-12, "at one place"),
        (np.random.default_rng(1).normal(size=(36, 2)) * 1e-3, "do not overlap"),
    ],
)
def test_positions_of_which_nothing_can_come(
    doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan, positions_m: np.ndarray, words: str
) -> None:
    with pytest.raises(DataError, match=rf"nothing can come of this scan: .*{words}"):
        doubts(replace(dataset_of(simulated), positions_m=positions_m))


def test_a_single_position(doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan) -> None:
    whole = dataset_of(simulated)
    single = replace(whole, frame_rows=whole.frame_rows[:1], positions_m=np.zeros((1, 2)))
    with pytest.raises(DataError, match="only one position"):
        doubts(single)


@pytest.mark.parametrize("fill", [0.0, np.nan, -np.inf])
def test_frames_that_show_nothing(
    doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan, fill: float
) -> None:
    with pytest.raises(DataError, match="pattern"):
        doubts(with_frames(simulated, np.full(simulated.counts.shape, fill, np.float32)))


def test_a_missing_value_keeps_its_own_error(doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan) -> None:
    source = dataset_of(simulated)
    values = {path: value for path, value in source.values.items() if path != "experiment.energy_eV"}
    with pytest.raises(ParameterError, match="does not say the photon energy"):
        doubts(replace(source, values=values))


def test_check_and_a_run_refuse_alike(file: Path, tmp_path: Path) -> None:
    """Where check stops since nothing can come of a scan, a run ends with the same reason."""
    positions = tmp_path / "positions.csv"
    positions.write_text("0,0\n" * 36)
    values: dict[str, Any] = {"positions_file": str(positions), **FAST}
    with pytest.raises(PtychoError, match="all positions are at one place"):
        list(api.reconstruct(file, tmp_path / "r.cxi", **values))
    assert not (tmp_path / "r.cxi").exists()


def test_a_stop_ends_the_look(doubts: Callable[..., tuple[str, ...]]) -> None:
    control = Control()
    control.stop()
    with pytest.raises(StoppedEarlyError):
        doubts(control=control)


def test_they_are_said_before_the_scan_is_read(file: Path, tmp_path: Path) -> None:
    heard: list[tuple[str, ...]] = []
    control = Control(on_doubts=heard.append)
    stream = api.reconstruct(file, tmp_path / "r.cxi", control=control, direct_beam="corner", **FAST)
    first = next(stream)
    assert any("beam is at the corners" in text for text in heard[0])
    assert not any("beam is at the corners" in note for note in first.notes)
    list(stream)
    assert any("beam is at the corners" in note for note in read_result(tmp_path / "r.cxi").notes)


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_high_error_is_kept_with_the_result(file: Path, tmp_path: Path, is_saved: bool) -> None:
    values: dict[str, Any] = {"direct_beam": "corner", "device": "cpu", "engine": "epie"}
    if is_saved:
        with api.Reconstruction(file, **values) as script:
            list(script.run(20))
            script.save(tmp_path / "r.cxi")
    else:
        list(api.reconstruct(file, tmp_path / "r.cxi", iterations=20, **values))
    notes = read_result(tmp_path / "r.cxi").notes
    assert len([note for note in notes if note.startswith("the error is still ")]) == 1


def test_a_script_without_a_control_has_them_in_the_first_notes(file: Path, tmp_path: Path) -> None:
    first = next(iter(api.reconstruct(file, tmp_path / "r.cxi", direct_beam="corner", **FAST)))
    assert any("beam is at the corners" in note for note in first.notes)


def test_ptychopy_logs_them_as_warnings(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = f"./ptycho -jobID=far -fp={file} -i=1 -z=25"
    ptychopy.epieinit(command, device="numpy")
    ptychopy.epiepost()
    assert any(record.levelname == "WARNING" and "a few pixels wide" in record.message for record in caplog.records)


def test_every_stop_of_check_is_said_or_refused_by_a_run(file: Path) -> None:
    """No finding is known in one place only."""
    layers = dataset_layers(dataset_of(simulate(RECIPE)))
    parameters, origins = layers.with_layer(Source.USER, {"preprocessing.direct_beam": ("corner", "test")}).resolve()
    job = Job("1", file, parameters, Path("r.cxi"), origins)
    found = {finding.text for finding in preflight(job).findings if finding.level in (Level.LOOK, Level.STOP)}
    with api.open_dataset(file) as dataset:
        assert found == set(doubts_of(job, dataset, Control()))


def test_only_a_few_frames_are_read(doubts: Callable[..., tuple[str, ...]], simulated: SimulatedScan) -> None:
    read: list[int] = []

    class Counted(ArrayFrames):
        def read(self, rows: Any, out: Any = None) -> np.ndarray:
            read.extend(rows)
            return super().read(rows, out)

    many = np.tile(simulated.counts, (4, 1, 1))
    frames: Any = Counted(many)
    source = replace(
        dataset_of(simulated), frames=frames, frame_rows=np.arange(len(many)),
        positions_m=np.tile(simulated.positions_m, (4, 1)) + np.repeat(np.arange(4), 36)[:, None] * 1e-8,
    )  # fmt: skip
    doubts(source)
    assert len(read) == len(set(read)) == 64
