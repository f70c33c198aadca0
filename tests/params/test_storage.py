from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Layers, Origin, Source
from ptychogui.params.storage import SCHEMA_VERSION, from_json, to_json
from tests.params.strategies import parameters


@settings(deadline=None)
@given(parameters())
def test_parameters_and_back(changed: Parameters) -> None:
    assert from_json(to_json(changed))[0] == changed


def test_origins_and_back() -> None:
    layers = Layers().with_value("experiment.energy_eV", 8800.0, Source.FILE, "/entry_1/energy")
    resolved = layers.with_value("reconstruction.seed", 3, place="--seed").resolve()
    assert from_json(to_json(*resolved)) == resolved


def test_without_origins_everything_counts_as_default() -> None:
    assert from_json(to_json(Parameters()))[1] == dict.fromkeys(by_path(), Origin(Source.DEFAULT))


def test_a_parameter_that_is_not_stored_gets_its_default() -> None:
    tree = json.loads(to_json(Parameters().replace({"reconstruction.iterations": 7})))
    del tree["parameters"]["reconstruction"]["seed"], tree["parameters"]["output"]
    assert from_json(json.dumps(tree))[0].reconstruction.iterations == 7


def test_an_older_versions_names_and_numbers_are_understood() -> None:
    old = {"engine": "epie", "update_probe": 3, "update_modes": 20, "position_search": 0, "cuda_graphs": True}
    origins = {
        "reconstruction.position_search": ["DEFAULT", ""],
        "reconstruction.update_probe": ["USER", "--update-probe"],
    }
    stored = {"schema": 1, "parameters": {"reconstruction": old}, "origins": origins}
    parameters, places = from_json(json.dumps(stored))
    settings = parameters.reconstruction
    assert (settings.update_probe, settings.update_modes, settings.position_correction) == ("3", "20", "never")
    assert settings.cuda_graphs == "on"
    assert places["reconstruction.update_probe"] == Origin(Source.USER, "--update-probe")
    assert places["reconstruction.position_correction"] == Origin(Source.DEFAULT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 99}, f"schema version 99, this ptychogui reads version {SCHEMA_VERSION}"),
        ({"schema": None}, "schema version None"),
        ({"parameters": {"experiment": {"energie_eV": 5}}}, "did you mean 'experiment.energy_eV'"),
        ({"parameters": {"beam": {}}}, "no parameter is called 'beam'"),
        ({"parameters": {"reconstruction": 3}}, "reconstruction = 3"),
        ({"parameters": None}, "None"),
        ({"parameters": {"reconstruction": {"iterations": 0}}}, "reconstruction.iterations = 0"),
        ({"origins": {"experiment.energie_eV": ["FILE", ""]}}, "no parameter is called 'experiment.energie_eV'"),
        ({"origins": {"experiment.energy_eV": ["STARS", ""]}}, r"\['STARS', ''\] is not \[source, place\]"),
        ({"origins": {"experiment.energy_eV": None}}, "None is not"),
    ],
)
def test_what_this_version_does_not_know_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        from_json(json.dumps({"schema": SCHEMA_VERSION} | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_text_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="stored parameters"):
        from_json(text)
