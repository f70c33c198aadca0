"""From a scan and the user's values to those of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import ParameterError
from ptychogui.io.read_options import ReadOptions
from ptychogui.jobs import job_values
from ptychogui.jobs.job_values import dataset_layers, heeded_layers, job_layers, make_job
from ptychogui.params.model import Parameters
from ptychogui.params.origins import Layers, Origin, Source
from tests.jobs.fakes import scan

OUTPUT = Path("result.cxi")


def test_values_of_the_file_say_their_place() -> None:
    parameters, origins = dataset_layers(scan()).resolve()
    assert parameters.experiment.energy_eV == 8000.0
    assert origins["experiment.energy_eV"] == Origin(Source.FILE, "scan.h5: /at/energy_eV")
    assert origins["experiment.probe_modes"] == Origin(Source.DEFAULT)


def test_the_users_values_hide_those_of_the_file() -> None:
    layers = job_layers(scan(), {"experiment.energy_eV": (9000.0, "--energy")})
    parameters, origins = layers.resolve()
    assert parameters.experiment.energy_eV == 9000.0
    assert parameters.experiment.distance_m == 2.0
    assert str(origins["experiment.energy_eV"]) == "user: --energy"


def test_a_file_is_opened_with_the_users_dataset_path_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, asked = [], []

    def open_dataset(path: Path, options: ReadOptions) -> Any:
        asked.append((path, options))
        return scan(closer=lambda: closed.append(path))

    monkeypatch.setattr(job_values, "open_dataset", open_dataset)
    job_layers(Path("scan.h5"), {"preprocessing.dataset_path": ("/frames", "--dataset-path")})
    assert asked == [(Path("scan.h5"), ReadOptions(dataset_path="/frames"))]
    assert closed == [Path("scan.h5")]


def test_a_simulated_scan_knows_its_geometry() -> None:
    job = make_job(job_layers(None, {"experiment.simulate": (True, "--simulate")}), None, OUTPUT, "a command")
    assert (job.source, job.output, job.command) == (None, OUTPUT, "a command")
    assert job.parameters.experiment.energy_eV is not None
    assert str(job.origins["experiment.energy_eV"]) == "file: simulated scan"


def test_jobs_have_different_ids() -> None:
    layers = job_layers(scan())
    assert make_job(layers, Path("scan.h5"), OUTPUT).id != make_job(layers, Path("scan.h5"), OUTPUT).id


def test_values_that_no_engine_heeds_are_left_out_where_a_form_keeps_them() -> None:
    values = {
        "reconstruction.momentum": (0.625, ""),
        "reconstruction.seed": (3, ""),
        "reconstruction.engine": ("dm", ""),
    }
    layers = (
        job_layers(scan())
        .with_layer(Source.USER, values)
        .with_layer(Source.LAST, {"reconstruction.damping": (0.375, "")})
    )
    parameters, origins = heeded_layers(layers).resolve()
    for path in ("reconstruction.momentum", "reconstruction.damping"):
        assert parameters.get(path) == Parameters().get(path)
    assert (parameters.reconstruction.seed, parameters.experiment.energy_eV) == (3, 8000.0)
    assert origins["reconstruction.momentum"] == Origin(Source.DEFAULT)
    engine = {"reconstruction.engine": ("dm:5,lsqml", "")}
    assert heeded_layers(layers.with_layer(Source.USER, values | engine)).resolve()[0].reconstruction.momentum == 0.625


def test_a_wrong_value_names_its_origin() -> None:
    layers = Layers().with_value("experiment.probe_modes", 0, place="--probe-modes")
    with pytest.raises(ParameterError, match=r"--probe-modes 0: must be at least 1"):
        make_job(layers, Path("scan.h5"), OUTPUT)
