from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.params.commandline import format_command, format_text, parse_command, parse_text, read_command
from ptychogui.params.model import Parameters, by_path, describe
from ptychogui.params.origins import Layers, Source
from tests.params.strategies import parameters, values_of

LISTING_1 = """./ptycho -jobID=sim512 -beamSize=110e-9 -scanDims=30,30 -step=50e-9,50e-9 -i=100 -size=512
-lambda=2.4796837508399954e-10 -dx_d=172e-6 -z=1 -simulate=1 -blind=0"""
HC_EV_M = 1.2398419843320026e-06


@settings(deadline=None)
@given(st.sampled_from(describe()).flatmap(lambda param: st.tuples(st.just(param), values_of(param))))
def test_one_value_as_text_and_back(case: Any) -> None:
    param, value = case
    assert parse_text(param, format_text(param, value)) == value


@settings(deadline=None)
@given(parameters(only_flagged=True))
def test_a_command_string_and_back(changed: Parameters) -> None:
    command = format_command(changed)
    assert Parameters().replace(parse_command(command)) == changed
    given_flags = [word for word in shlex.split(command) if word.startswith("-")]
    written = [param for param in describe() if changed.get(param.path) != param.default or param.flag == "algorithm"]
    assert len(given_flags) == len(written)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("experiment.energy_eV", "8.8 keV", 8800.0),
        ("experiment.energy_eV", "None", None),
        ("experiment.energy_eV", "", None),
        ("experiment.step_m", "50 nm, 40 nm", (50e-9, 40e-9)),
        ("experiment.step_m", "50,40nm", (50e-9, 40e-9)),
        ("experiment.step_m", "50 nm, 40", (50e-9, 40e-9)),
        ("experiment.step_m", "50e-9,40e-9", (50e-9, 40e-9)),
        ("experiment.scan_dims", "30,20", (30, 20)),
        ("experiment.swap_axes", "Yes", True),
        ("experiment.swap_axes", "0", False),
        ("reconstruction.sub_pixel", "Nearest", "nearest"),
        ("reconstruction.iterations", "1e3", 1000),
        ("reconstruction.probe_guess", "a b.csv", Path("a b.csv")),
        ("reconstruction.probe_guess", "none", None),
        ("output.job_id", "none", "none"),
        ("output.checkpoint_every_s", "5min", 300.0),
        ("output.checkpoint_every_s", " Never", 0.0),
        ("output.checkpoint_every_s", "0", 0.0),
    ],
)
def test_text_of_one_value(path: str, text: str, value: Any) -> None:
    assert parse_text(by_path()[path], text) == value


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("experiment.energy_eV", "8.8 nm", "Photon energy: '8.8 nm': 'nm' is not a unit here.*keV"),
        ("experiment.step_m", "50 nm", "Scan step: '50 nm' is not a pair; give two numbers 'row,column'"),
        ("experiment.scan_dims", "3.5,2", "'3.5' is not a whole number"),
        ("experiment.swap_axes", "maybe", "'maybe' is neither yes nor no"),
        ("reconstruction.sub_pixel", "coarse", "'coarse' is not one of fourier, nearest"),
        ("reconstruction.iterations", "none", "'none' is not a number"),
    ],
)
def test_wrong_text_is_named(path: str, text: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        parse_text(by_path()[path], text)


def test_text_reads_well() -> None:
    texts = {
        "experiment.energy_eV": (8800.0, "8.8 keV"),
        "experiment.step_m": ((50e-9, 40e-9), "50 nm, 40 nm"),
        "preprocessing.size_px": (512, "512 px"),
        "experiment.swap_axes": (True, "yes"),
        "reconstruction.probe_guess": (None, "none"),
        "reconstruction.object_guess": (Path("none"), "./none"),
        "output.checkpoint_every_s": (0.0, "never"),
    }
    assert {path: format_text(by_path()[path], value) for path, (value, _) in texts.items()} == {
        path: text for path, (_, text) in texts.items()
    }


def test_listing_1_of_the_paper() -> None:
    command = read_command(LISTING_1)
    energy = command.values["experiment.energy_eV"]
    assert dict(command.values) == {
        "output.job_id": "sim512",
        "experiment.probe_diameter_m": 110e-9,
        "experiment.scan_dims": (30, 30),
        "experiment.step_m": (50e-9, 50e-9),
        "reconstruction.iterations": 100,
        "preprocessing.size_px": 512,
        "experiment.energy_eV": energy,
        "experiment.detector_pixel_m": 172e-6,
        "experiment.distance_m": 1.0,
        "experiment.simulate": True,
    }
    assert energy == pytest.approx(HC_EV_M / 2.4796837508399954e-10, rel=1e-15)
    assert command.flags["experiment.energy_eV"] == "-lambda"
    assert command.notes == ("-blind has no effect, in ptychopy or here",)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("./ptycho", {}),
        ("-i=7", {"reconstruction.iterations": 7}),
        ("--ITER=7", {"reconstruction.iterations": 7}),
        ("i=7", {"reconstruction.iterations": 7}),
        ("-i 7 -simulate", {"reconstruction.iterations": 7, "experiment.simulate": True}),
        ("-i=7 -iter=8", {"reconstruction.iterations": 8}),
        ("-step=50e-9", {"experiment.step_m": (50e-9, 50e-9)}),
        ("-step=50e-9,40e-9", {"experiment.step_m": (50e-9, 40e-9)}),
        ("-drift -1e-9,2e-9", {"experiment.drift_m": (-1e-9, 2e-9)}),
        ("-scanDims=30", {"experiment.scan_dims": (30, 1)}),
        ("-qxy=276,616", {"preprocessing.center_px": (276.0, 616.0)}),
        ("-nxy=256,512", {"preprocessing.raw_shape_px": (256, 512)}),
        ("-algorithm=ePIE", {"reconstruction.engine": "epie"}),
        ("-algorithm=DM", {"reconstruction.engine": "dm"}),
        ("-algorithm=MLs", {"reconstruction.engine": "lsqml"}),
        ("-algorithm=dm:50/2,lsqml:100", {"reconstruction.engine": "dm:50/2,lsqml:100"}),
        ("-spiralScan", {"experiment.scan_pattern": "spiral"}),
        ("-spiralScan=0", {"experiment.scan_pattern": "raster"}),
        ("-spiralScan=0 -lf=p.csv", {"experiment.scan_pattern": "listed", "experiment.positions_file": Path("p.csv")}),
        ("-sqrtData", {"preprocessing.data_are": "counts"}),
        ("-sqrtData=0", {"preprocessing.data_are": "amplitudes"}),
        ("-fftShiftData", {"preprocessing.direct_beam": "center"}),
        ("-fftShiftData=0", {"preprocessing.direct_beam": "corner"}),
        ("-beamstopMask=0", {"preprocessing.mask_file": None}),
        ("-beamstopMask=m.npy", {"preprocessing.mask_file": Path("m.npy")}),
        ("-T=-1", {"reconstruction.time_limit_s": None}),
        ("-T=60", {"reconstruction.time_limit_s": 60.0}),
        ("-updateProbe=0", {"reconstruction.update_probe": "1"}),
        ("-updateProbe=5", {"reconstruction.update_probe": "5"}),
        ("-updateModes=20", {"reconstruction.update_modes": "20"}),
        ("-PPS=20", {"reconstruction.position_correction": "20"}),
        ("-delta_p=0.2", {"reconstruction.damping": 0.2}),
        ("-probeGuess= -lambda=", {"reconstruction.probe_guess": None, "experiment.energy_eV": None}),
        ("-probeGuess='my probe.csv'", {"reconstruction.probe_guess": Path("my probe.csv")}),
        ('-fp="/data/scan 1/x_#04d.h5"', {"preprocessing.file_pattern": "/data/scan 1/x_#04d.h5"}),
    ],
)
def test_ptychopys_rules(text: str, values: dict[str, Any]) -> None:
    assert parse_command(text) == values


def test_beamstop_mask_lies_beside_the_raw_files_and_asks_for_a_second_look() -> None:
    command = read_command("-beamstopMask=1 -fp=/data/s1/x_#04d.h5")
    assert command.values["preprocessing.mask_file"] == Path("/data/s1/beamstopMask.h5")
    assert "non-zero on bad ones" in command.notes[0]
    assert read_command("-beamstopMask=m.npy").notes == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-iterr=5", "no flag -iterr; the nearest is -i "),
        ("-beamsiz=5", "the nearest is -beamSize "),
        ("-size", "-size needs a value"),
        ("-size=abc", "-size: 'abc' is not a number"),
        ("-lambda=0", "wavelength '0' is not positive"),
        ("-lambda=1e-10,2", "-lambda: '1e-10,2' is not a number"),
        ("-simulate=5", "'5' is neither yes nor no"),
        ("-jobID=my scan", "'scan' belongs to no flag; put values with blanks in quotes"),
        ("-jobID='open", "No closing quotation"),
    ],
)
def test_a_wrong_command_is_named(text: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        parse_command(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "-algorithm=PIE",
            "^-algorithm 'pie': must name engines of epie, dm, raar, lsqml, not 'pie'; did you mean 'epie'",
        ),
        ("-updateProbe=soon", "^-updateProbe 'soon': must be FROM, FROM:UNTIL or FROM:UNTIL:EVERY"),
    ],
)
def test_a_text_of_another_form_is_named_by_its_flag(text: str, words: str) -> None:
    command = read_command(text)
    values = {path: (value, command.flags[path]) for path, value in command.values.items()}
    with pytest.raises(ParameterError, match=words):
        Layers().with_layer(Source.USER, values).resolve()


@pytest.mark.parametrize(("text", "schedule"), [("-PPS=0", "never"), ("-PPS=3", "3"), ("-updateProbe=7:9", "7:9")])
def test_ptychopys_first_iterations_become_schedules(text: str, schedule: str) -> None:
    ((path, value),) = parse_command(text).items()
    assert Parameters().replace({path: value}).get(path) == schedule


def test_ignored_flags_are_noted() -> None:
    notes = read_command("-blind=1 -updateVis=10 -wsServerUrl= -angles=0 -RMS=1").notes
    assert len(notes) == 5
    assert notes[1].startswith("-updateVis ")


def test_only_what_differs_is_written() -> None:
    assert format_command(Parameters()) == "./ptycho -algorithm=MLs"
    changed = Parameters().replace(
        {"experiment.step_m": (5e-8, 4e-8), "reconstruction.engine": "lsqml", "output.job_id": "a b"}
    )
    assert format_command(changed) == "./ptycho -step=5e-08,4e-08 -algorithm=MLs '-jobID=a b'"
