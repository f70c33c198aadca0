from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.params.commandline import format_command, format_text, parse_command
from ptychogui.params.model import Parameters, describe
from ptychogui.params.options import given_values, options
from ptychogui.params.origins import Layers, Source
from ptychogui.params.reference import reference, tooltip
from ptychogui.params.spec import Param
from ptychogui.params.storage import from_json, to_json
from tests.params.strategies import values_of


@click.command()
@click.pass_context
@options(describe())
def program(context: click.Context, /, **_values: Any) -> dict[str, tuple[Any, str]]:
    return given_values(context, describe())


def options_of(param: Param, value: Any) -> list[str]:
    if param.kind is bool:
        return [param.option if value else param.option.replace("--", "--no-", 1)]
    return [f"{param.option}={format_text(param, value)}"]


def run(arguments: list[str]) -> dict[str, tuple[Any, str]]:
    values: dict[str, tuple[Any, str]] = program.main(arguments, standalone_mode=False)
    return values


@pytest.mark.parametrize("param", describe(), ids=lambda param: param.path)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_every_parameter_through_all_its_consumers_and_back(param: Param, data: st.DataObject) -> None:
    value = data.draw(values_of(param))
    from_options = run(options_of(param, value))
    assert from_options == {param.path: (value, param.option)}

    parameters, origins = Layers().with_layer(Source.USER, from_options).resolve()
    assert from_json(to_json(parameters, origins)) == (parameters, origins)
    assert parameters.get(param.path) == value

    if param.flag:
        assert Parameters().replace(parse_command(format_command(parameters))) == parameters
    assert param.help in tooltip(param)
    assert f"| `{param.option}` | `{param.path}` | {param.unit} |" in reference()


def test_options_that_are_not_given_are_not_collected() -> None:
    assert run([]) == {}
    assert run(["--no-simulate"]) == {"experiment.simulate": (False, "--simulate")}


def test_help_shows_unit_range_and_default() -> None:
    text = " ".join(CliRunner().invoke(program, ["--help"], terminal_width=200).output.split())
    assert "--energy X [eV] Energy of the incident beam. [above 0 eV; default: none]" in text
    assert "--swap-axes / --no-swap-axes" in text
    assert "--engine epie|dm|raar|lsqml|ENGINE:N/CROP,... Reconstruction algorithm:" in text
    assert "--update-probe FROM:UNTIL:EVERY Iterations that update the probe:" in text
    assert "--sub-pixel fourier|nearest" in text
    assert "--step ROW,COLUMN [m]" in text


def test_a_wrong_value_names_the_option() -> None:
    with pytest.raises(ParameterError, match=r"^--energy: Photon energy: '5 furlong'"):
        run(["--energy=5 furlong"])
