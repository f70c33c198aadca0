from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from ptychogui.engines import ENGINES
from ptychogui.errors import ParameterError
from ptychogui.params.chain import ENGINE_NAMES
from ptychogui.params.model import (
    Experiment,
    Parameters,
    by_path,
    checked,
    describe,
    marked,
    refines_positions,
    refusal,
    usual_range,
)
from ptychogui.params.origins import Origin, Source
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.spec import MARKS

UNIT_SUFFIXES = {"eV": "_eV", "m": "_m", "s": "_s", "counts": "_counts"}


def test_groups_are_those_of_the_paper_and_output() -> None:
    assert list(Parameters.model_fields) == ["experiment", "preprocessing", "devices", "reconstruction", "output"]


def test_options_and_flags_are_unique() -> None:
    params = describe()
    assert len({param.option for param in params}) == len(params)
    flags = [param.flag.casefold() for param in params if param.flag]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("path", by_path())
def test_a_declaration_is_complete(path: str) -> None:
    param = by_path()[path]
    assert param.title[0].isupper()
    assert param.help.endswith(".")
    assert param.name.endswith(UNIT_SUFFIXES.get(param.unit, ""))
    assert Parameters().get(path) == param.default
    assert param.optional or param.default is not None


def test_a_pair_is_described_with_the_bounds_of_its_numbers() -> None:
    step = by_path()["experiment.step_m"]
    assert (step.kind, step.item, step.optional) == ("pair", float, True)
    assert (step.minimum, step.exclusive_minimum) == (0, True)
    assert by_path()["experiment.scan_dims"].item is int
    assert by_path()["preprocessing.center_px"].minimum is None


def test_option_names_drop_the_unit() -> None:
    assert by_path()["experiment.energy_eV"].option == "--energy"
    assert by_path()["reconstruction.time_limit_s"].option == "--time-limit"
    assert by_path()["preprocessing.threshold_counts"].option == "--threshold"


def test_values_are_frozen_and_names_are_fixed() -> None:
    with pytest.raises(ValidationError):
        setattr(Experiment(), "energy_eV", 1.0)  # noqa: B010 - the type checker refuses it, too
    with pytest.raises(ParameterError, match=r"no parameter is called 'experiment\.energy'; did you mean"):
        checked({"experiment": {"energy": 1.0}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("experiment.energy_eV", 0.0),
        ("experiment.energy_eV", math.nan),
        ("experiment.distance_m", math.inf),
        ("experiment.step_m", (50e-9, 0.0)),
        ("experiment.step_m", (50e-9, math.nan)),
        ("experiment.scan_dims", (0, 5)),
        ("experiment.scan_dims", (5, 5, 5)),
        ("preprocessing.size_px", 255),
        ("preprocessing.size_px", 8),
        ("preprocessing.rotate90", 4),
        ("reconstruction.engine", "pie"),
        ("reconstruction.update_probe", "soon"),
        ("reconstruction.iterations", 2.5),
    ],
)
def test_a_wrong_value_is_refused_by_name(path: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^{path} = "):
        Parameters().replace({path: value})


def test_every_wrong_value_is_named_once_with_its_origin() -> None:
    values = {"experiment.energy_eV": -3.0, "reconstruction.iterations": 0}
    with pytest.raises(ParameterError) as caught:
        Parameters().replace(values, {"experiment.energy_eV": "user: --energy"})
    assert str(caught.value) == (
        "experiment.energy_eV = -3 eV (from user: --energy): must be above 0 eV; "
        "reconstruction.iterations = 0: must be at least 1"
    )


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("experiment.energy_eV", 0.0, "0 eV: must be above 0 eV"),
        ("experiment.energy_eV", math.nan, "nan: must be a finite number"),
        ("experiment.energy_eV", "x", "'x': must be a number"),
        ("experiment.step_m", (0.0, -5e-8), "0 m, -50 nm: must be above 0 m"),
        ("experiment.scan_dims", (5, 5, 5), "5, 5, 5: must be a pair 'row,column'"),
        ("experiment.scan_dims", (5,), "5: must be a pair 'row,column'"),
        ("experiment.probe_modes", 65, "65: must be at most 64"),
        ("experiment.simulate", "x", "'x': must be yes or no"),
        ("preprocessing.size_px", 255, "255 px: must be a multiple of 2 px"),
        ("reconstruction.engine", "dn:5", "'dn:5': must name engines of epie, dm, raar, lsqml, not 'dn'"),
        ("reconstruction.engine", 5, "5: must be text"),
        ("reconstruction.sub_pixel", "coarse", "'coarse': must be one of fourier, nearest"),
        ("reconstruction.update_probe", "9:3", "'9:3': must end at or after iteration 9, not at 3"),
        ("reconstruction.iterations", 2.5, "2.5: must be a whole number"),
        ("preprocessing.dataset_path", 3, "3: must be text"),
        ("experiment.positions_file", 3, "3: must be a path"),
    ],
)
def test_what_is_wrong_is_said_in_our_own_words(path: str, value: Any, text: str) -> None:
    place = Origin(Source.USER, "--option")
    for origins, name in (({}, f"{path} ="), ({path: place}, "--option")):
        with pytest.raises(ParameterError) as caught:
            Parameters().replace({path: value}, origins)
        assert str(caught.value) == f"{name} {text}"


@pytest.mark.parametrize(
    ("text", "name"), [("CPU", "cpu"), ("cuda", "cuda:0"), ("GPU", "cuda:0"), ("CUDA:1", "cuda:1"), (" auto ", "auto")]
)
def test_device_names_are_taken_as_people_write_them(text: str, name: str) -> None:
    assert Parameters().replace({"devices.device": text}).devices.device == name


def test_the_engines_on_offer_are_those_there_are() -> None:
    assert set(ENGINE_NAMES) == set(ENGINES)
    for param in describe():
        assert set(param.engines) <= set(ENGINE_NAMES)


def test_a_parameter_knows_which_engines_heed_it() -> None:
    momentum = by_path()["reconstruction.momentum"]
    assert momentum.heeded_by(["dm", "lsqml"])
    assert not momentum.heeded_by(["dm", "raar"])
    assert by_path()["reconstruction.seed"].heeded_by(["raar"])


@pytest.mark.parametrize(
    ("path", "value", "need"),
    [
        ("reconstruction.iterations", 0, "must be at least 1"),
        ("reconstruction.iterations", 1, ""),
        ("reconstruction.engine", "dm:5,", "must be an engine, or several as in dm:50,lsqml:100 or dm:50/2,lsqml"),
        ("reconstruction.engine", "DM:5", ""),
    ],
)
def test_a_value_is_judged_by_itself(path: str, value: Any, need: str) -> None:
    assert refusal(path, value) == need


@pytest.mark.parametrize("path", ["experiment.energy", "energy_eV", "nowhere.energy_eV", ""])
def test_an_unknown_name_is_refused(path: str) -> None:
    with pytest.raises(ParameterError, match=f"no parameter is called '{path}'"):
        Parameters().replace({path: 1})


def test_replace_gives_a_new_object_and_keeps_the_rest() -> None:
    before = Parameters()
    after = before.replace({"experiment.energy_eV": 8800, "experiment.step_m": [1e-9, 2e-9]})
    assert before == Parameters()
    assert (after.experiment.energy_eV, after.experiment.step_m) == (8800.0, (1e-9, 2e-9))
    assert after.reconstruction == before.reconstruction


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_somewhere(mark: str) -> None:
    assert marked(mark)
    assert all(mark in by_path()[path].marks for path in marked(mark))


def test_what_is_needed_has_a_usual_range_and_no_default() -> None:
    for path in marked("needed"):
        low, high = usual_range(path)
        assert 0 < low < high
        assert by_path()[path].default is None


def test_what_says_how_files_are_read_means_nothing_elsewhere() -> None:
    others = set(marked("reading")) - {"experiment.beamline"}
    assert others <= set(marked("of one scan"))
    assert set(marked("names a scan")) <= set(marked("of one scan"))


@pytest.mark.parametrize(
    ("engine", "given", "used"), [("dm", None, 1.0), ("raar", None, 0.75), ("dm", 0.5, 0.5), ("lsqml", 0.5, None)]
)
def test_engines_relax_by_their_own_default(engine: str, given: float | None, used: float | None) -> None:
    assert Reconstruction(engine=engine, relaxation=given).relaxation_used == used
    assert (by_path()["reconstruction.relaxation"].engine_defaults.get(engine) is None) == (used is None)


@pytest.mark.parametrize(
    ("engine", "correction", "refined"),
    [("lsqml", "3", True), ("lsqml", "never", False), ("dm", "3", False), ("dm:5,lsqml", "3", True)],
)
def test_positions_are_refined_where_an_engine_does(engine: str, correction: str, refined: bool) -> None:
    assert refines_positions(Reconstruction(engine=engine, position_correction=correction)) is refined


def test_groups_in_which_nothing_is_changed_are_neither_copied_nor_checked_again() -> None:
    before = Parameters()
    after = before.replace({"reconstruction.iterations": 5})
    assert after.reconstruction.iterations == 5
    assert after.experiment is before.experiment and after.output is before.output
