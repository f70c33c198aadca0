from __future__ import annotations

import re
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.params.click_words import Command
from ptychogui.params.commandline import format_command, format_text, parse_command
from ptychogui.params.model import Parameters, describe
from ptychogui.params.options import given_values, options
from ptychogui.params.origins import Layers, Source
from ptychogui.params.reference import reference, tooltip
from ptychogui.params.schedule import Schedule
from ptychogui.params.spec import Param
from ptychogui.params.storage import from_json, to_json
from tests.params.strategies import values_of


@click.command(cls=Command)
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
    assert "--update-probe [FROM:UNTIL:EVERY] Iterations that update the probe:" in text
    assert "--sub-pixel fourier|nearest" in text
    assert "--step ROW,COLUMN [m]" in text


def test_auto_leaves_a_choice_to_the_program() -> None:
    words = ["--probe-modes", "auto", "--iterations=AUTO", "--opr-modes", "", "--position-correction", "auto"]
    parameters, _ = Layers().with_layer(Source.USER, run(words)).resolve()
    settings = parameters.reconstruction
    assert (parameters.experiment.probe_modes, settings.iterations, settings.opr_modes) == (None, None, None)
    assert settings.position_correction == "auto"
    assert (parameters.experiment.modes, settings.components) == (1, 0)
    with pytest.raises(ParameterError, match="'none' is not a number"):
        run(["--probe-modes", "none"])


def test_a_wrong_value_names_the_option() -> None:
    with pytest.raises(ParameterError, match=r"^--energy: Photon energy: '5 furlong'"):
        run(["--energy=5 furlong"])


class TestSchedulesThatStandAlone:
    """`--position-correction` means 'as by default'."""

    @pytest.mark.parametrize("param", [param for param in describe() if param.form == "FROM:UNTIL:EVERY"], ids=str)
    def test_alone_is_the_default_or_always_where_that_is_never(self, param: Param) -> None:
        on = param.default if param.default != "never" else "1"
        assert run([param.option]) == {param.path: (on, param.option)}
        assert Schedule.parse(on).due(100)
        if param.flag:
            assert parse_command(f"./ptycho -{param.flag} -i=5")[param.path] == on

    @pytest.mark.parametrize(
        ("words", "value"),
        [
            (["--position-correction", "--iterations", "50"], "3"), (["--position-correction", "3:50:2"], "3:50:2"),
            (["--position-correction=3:50:2"], "3:50:2"), (["--position-correction", "NEVER"], "never"),
            (["--iterations=5", "--position-correction"], "3"), (["--position-correction", ":10"], "1:10"),
            (["--position-correction", ""], "never"), (["--position-correction", "5", "--position-correction"], "3"),
            (["--job-id", "--position-correction".strip("-"), "--position-correction", "7"], "7"),
        ],
    )  # fmt: skip
    def test_a_value_is_taken_and_no_other_word(self, words: list[str], value: str) -> None:
        parameters, _ = Layers().with_layer(Source.USER, run(words)).resolve()
        assert parameters.reconstruction.position_correction == value

    @pytest.mark.parametrize(
        ("words", "value"),
        [(["--intensity-correction"], "on"), (["--intensity-correction", "--iterations", "5"], "on"),
         (["--intensity-correction", "AUTO"], "auto"), (["--intensity-correction=off"], "off")],
    )  # fmt: skip
    def test_what_can_be_on_is_on_alone(self, words: list[str], value: str) -> None:
        parameters, _ = Layers().with_layer(Source.USER, run(words)).resolve()
        assert parameters.reconstruction.intensity_correction == value

    def test_a_wrong_schedule_is_one(self) -> None:
        with pytest.raises(ParameterError, match=r"'-1'.* must be FROM, FROM:UNTIL or FROM:UNTIL:EVERY"):
            Layers().with_layer(Source.USER, run(["--position-correction", "-1"])).resolve()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--iterations", "--engine", "dm"], "^--iterations needs a number, but --engine follows$"),
        (
            ["--mask-file", "--engine=dm"],
            "^--mask-file needs a file, but --engine=dm follows; if that is its value, write --mask-file=--engine=dm$",
        ),
        (["--step", "--unknown"], r"^--step needs ROW,COLUMN \[m\], but --unknown follows$"),
        (["--iterations"], "^--iterations needs a number$"),
        (["--sub-pixel"], r"^--sub-pixel needs fourier\|nearest$"),
        (["--find-bad-pixels", "1"], "^'1' is left over: --find-bad-pixels is a switch .*; --no-find-bad-pixels turns"),
        (["--find-bad-pixels=1"], "^--find-bad-pixels is a switch and takes no value; --no-find-bad-pixels turns it"),
        (["--position-correction", "1e3"], "^'1e3' is left over: --position-correction takes FROM:UNTIL:EVERY, a part"),
        (["--scan-dims", "10", "20"], "^'20' is left over: .* options only, and --scan-dims one value, ROW,COLUMN,"),
        (["--energy", "8.8", "keV"], r"^'keV' is left over: .* and --energy one value, X \[eV\], in quotes if it has"),
        (["stray"], "^'stray' is left over: .* takes options only$"),
        (["-iterations", "5"], "^there is no option -iterations; did you mean --iterations[?]$"),
        (["-lambda=1e-10"], "^there is no option -lambda, which is ptychopy's; give --energy, or use --command$"),
    ],
)
def test_words_that_belong_to_nothing_are_named(words: list[str], message: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        run(words)
    assert re.search(message, refused.value.format_message())


def test_a_misspelt_option_gets_a_hint_and_not_its_value() -> None:
    with pytest.raises(click.UsageError, match="--iteratoins") as refused:
        run(["--iteratoins", "5"])
    assert "'--iterations'" in refused.value.format_message()


def test_values_may_look_like_options() -> None:
    assert run(["--drift", "-1um,-2um"])["experiment.drift_m"][0] == (-1e-6, -2e-6)
    assert run(["--drift=-1um,-2um"])["experiment.drift_m"][0] == (-1e-6, -2e-6)
    assert run(["--job-id", "-night"])["output.job_id"][0] == "-night"
    assert run(["--job-id=--night"])["output.job_id"][0] == "--night"
