from __future__ import annotations

import pytest

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Layers, Origin, Source

ENERGY = "experiment.energy_eV"


def test_without_layers_everything_is_default() -> None:
    parameters, origins = Layers().resolve()
    assert parameters == Parameters()
    assert origins == dict.fromkeys(by_path(), Origin(Source.DEFAULT))


def test_the_upper_layer_hides_the_lower_in_any_order_of_setting() -> None:
    layers = Layers()
    for source in (Source.USER, Source.PRESET, Source.LAST, Source.FILE):
        layers = layers.with_value(ENERGY, 1000.0 * source, source, f"place {source}")
    for source in (Source.USER, Source.LAST, Source.FILE, Source.PRESET):
        parameters, origins = layers.resolve()
        assert parameters.experiment.energy_eV == 1000.0 * source
        assert origins[ENERGY] == Origin(source, f"place {source}")
        layers = layers.without(ENERGY, source)
    assert layers.resolve() == Layers().resolve()


def test_layers_are_immutable() -> None:
    bare = Layers()
    changed = bare.with_value(ENERGY, 8800.0)
    assert bare.resolve()[0].experiment.energy_eV is None
    assert changed.without(ENERGY).resolve() == bare.resolve()
    assert changed.resolve()[0].experiment.energy_eV == 8800.0


def test_a_layer_is_replaced_as_a_whole() -> None:
    layers = Layers().with_layer(Source.FILE, {ENERGY: (8800.0, "/a"), "experiment.distance_m": (2.0, "/b")})
    layers = layers.with_layer(Source.FILE, {ENERGY: (9000.0, "/c")})
    parameters, origins = layers.resolve()
    assert (parameters.experiment.energy_eV, parameters.experiment.distance_m) == (9000.0, None)
    assert origins["experiment.distance_m"] == Origin(Source.DEFAULT)


def test_none_in_an_upper_layer_hides_a_value() -> None:
    layers = Layers().with_value(ENERGY, 8800.0, Source.FILE).with_value(ENERGY, None)
    assert layers.resolve()[0].experiment.energy_eV is None


def test_a_wrong_value_is_reported_with_the_layer_it_came_from() -> None:
    layers = Layers().with_value(ENERGY, -1.0, Source.FILE, "/entry_1/energy")
    with pytest.raises(ParameterError, match=r"energy_eV = -1 eV \(from file: /entry_1/energy\)"):
        layers.resolve()


def test_origins_read_well() -> None:
    assert str(Origin(Source.DEFAULT)) == "default"
    assert str(Origin(Source.LAST)) == "last scan"
    assert str(Origin(Source.FILE, "/entry_1/energy")) == "file: /entry_1/energy"
