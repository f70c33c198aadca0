"""Every parameter, declared once: the four groups of ptychopy's paper (section 2.2), and what to write.

The longest group is in params/preprocessing.py.
Pairs are (row, column), in that order, everywhere. Values are SI; the unit is in the name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import PositiveFloat, PositiveInt, ValidationError, field_validator

from ptychogui.errors import ParameterError
from ptychogui.params.chain import engines_of
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.spec import MARKS, Group, Param, TextForm, describe_group, param
from ptychogui.params.value_errors import explain, need


class Experiment(Group):
    """Beam, scan and detector geometry."""

    beamline: str = param(
        "", "Beamline", "Preset that says where an MDA file holds energy and positions, and where its frames lie, such "
        "as velociprobe; recognized from the file when empty.", advanced=True,
        marks=("reading", "of measured scans"))  # fmt: skip
    energy_eV: float | None = param(
        None, "Photon energy", "Energy of the incident beam.", unit="eV", flag="lambda", gt=0,
        usual=(100.0, 200e3), marks=("needed", "for now"))  # fmt: skip
    distance_m: float | None = param(
        None, "Detector distance", "Distance from the sample to the detector.", unit="m", flag="z", gt=0,
        usual=(1e-3, 200.0), marks=("needed", "geometry"))  # fmt: skip
    detector_pixel_m: float | None = param(
        None, "Detector pixel", "Size of a (square) detector pixel.", unit="m", flag="dx_d", gt=0,
        usual=(1e-6, 1e-3), marks=("needed", "geometry"))  # fmt: skip
    probe_diameter_m: float | None = param(
        None, "Probe size", "Guess of the beam's diameter (full width at half maximum) on the sample; when not known, "
        "the guess follows from the mean diffraction pattern and the scan step.",
        unit="m", flag="beamSize", gt=0, usual=(1e-9, 1e-3), marks=("for now",))  # fmt: skip
    probe_modes: int | None = param(
        1, "Probe modes", "Number of incoherent probe modes. 'auto' tries one, two, ... on a part of the scan, as long "
        "as that lowers the free error clearly; the run says with which numbers.", flag="probeModes", ge=1, le=64,
        none="auto")  # fmt: skip
    scan_pattern: Literal["listed", "raster", "spiral"] = param(
        "listed", "Scan pattern", "Where positions come from: 'listed' takes those of the file or of the position "
        "list; 'raster' and 'spiral' compute them from scan dimensions and step.", flag="spiralScan",
        marks=("for now",))  # fmt: skip
    scan_dims: tuple[PositiveInt, PositiveInt] | None = param(
        None, "Scan dimensions", "Number of scan rows and columns.", flag="scanDims", marks=("for now",))  # fmt: skip
    step_m: tuple[PositiveFloat, PositiveFloat] | None = param(
        None, "Scan step", "Distance between scan rows and between scan columns.", unit="m", flag="step",
        usual=(1e-10, 1e-3), marks=("for now",))  # fmt: skip
    swap_axes: bool = param(
        False, "Swap scan axes", "Exchange rows and columns of the scan positions.", flag="flipScanAxis",
        marks=("geometry",))  # fmt: skip
    mirror_rows: bool = param(
        False, "Mirror rows", "Reverse the sign of the row positions.", flag="mirror1stScanAxis",
        marks=("geometry",))  # fmt: skip
    mirror_columns: bool = param(
        False, "Mirror columns", "Reverse the sign of the column positions.", flag="mirror2ndScanAxis",
        marks=("geometry",))  # fmt: skip
    drift_m: tuple[float, float] = param(
        (0.0, 0.0), "Drift per step", "Stage drift added to the positions: this much per scan row to the row position, "
        "and per scan column to the column position.", unit="m", flag="drift", advanced=True, usual=(-1e-5, 1e-5),
        marks=("for now",))  # fmt: skip
    jitter_radius_px: int = param(
        0, "Jitter", "Largest random displacement added to every position on each axis, in object pixels; "
        "drawn from the seed.", unit="px", flag="jitterRadius", advanced=True, ge=0, le=64)  # fmt: skip
    positions_file: Path | None = param(
        None, "Position list", "CSV file with one 'row, column' pair in meters per line, in place of the file's own "
        "positions; or a result file, whose refined positions are taken as they are.", flag="lf",
        advanced=True, marks=("of measured scans", "of one scan"))  # fmt: skip
    simulate: bool = param(
        False, "Simulate", "Reconstruct simulated diffraction patterns of these parameters instead of a file.",
        flag="simulate", advanced=True, marks=("of one scan",))  # fmt: skip

    @property
    def modes(self) -> int:
        """Probe modes; one as long as the program has not chosen."""
        return self.probe_modes or 1


class Devices(Group):
    """Where the reconstruction runs."""

    device: str = param(
        "auto", "Device", "'cuda:0' or 'cuda', 'cuda:1', ... for a GPU, 'cuda:0.1' for a slice of one (MIG), 'cpu' for "
        "compiled kernels, 'cpu:0' or 'cpu:1' for half of the cores, 'numpy' for the slow readable twin, 'auto' for "
        "the best that works.")  # fmt: skip
    threads: int | None = param(
        None, "CPU threads", "Worker threads on the CPU; all cores when not given. The result does not depend on it.",
        flag="threads", ge=1, le=1024)  # fmt: skip
    overlap_positions: int = param(
        0, "Overlap", "Scan positions that neighboring GPUs share when one scan is spread over several.",
        flag="overlap", advanced=True, ge=0, awaits="one scan on several GPUs")  # fmt: skip
    share_every: int = param(
        10, "Share every", "Iterations between exchanges of the shared region.", flag="shareFrequency", advanced=True,
        ge=1, awaits="one scan on several GPUs")  # fmt: skip

    @field_validator("device")
    @classmethod
    def _known_as(cls, name: str) -> str:
        return device_name(name)


def device_name(text: str) -> str:
    """Return the name of a device that a text means: in small letters, and "cuda:0" for "CUDA" or "gpu"."""
    name = text.strip().casefold()
    return "cuda:0" if name in ("cuda", "gpu") else name


class Output(Group):
    """What to write besides the result file."""

    job_id: str = param(
        "", "Job name", "Name of the job, used for the result file; the scan file's name when empty.",
        flag="jobID", marks=("of one scan", "names a scan"))  # fmt: skip
    save_every: int | None = param(
        None, "Save every", "Iterations between checkpoints of the result file, and of CSV and raw binary files where "
        "those are asked for; the latter are numbered 1, 2, ...", flag="save", ge=1, advanced=True)  # fmt: skip
    checkpoint_every_s: float = param(
        300.0, "Checkpoint every", "How often all that a job needs to go on is kept in a hidden file beside its "
        "result, until that is written. After a crash the same job goes on from it and ends with the result of one "
        "that was never interrupted. 0 or never: not at all.", unit="s", ge=0, advanced=True,
        marks=("or never",))  # fmt: skip
    csv: bool = param(
        False, "CSV", "Also write object and probe as CSV, as ptychopy does, with 9 digits.")  # fmt: skip
    binary: bool = param(
        False, "Raw binary", "Also write object and probe as headerless complex64.",
        flag="binaryOutput", advanced=True)  # fmt: skip
    email: Annotated[str, TextForm("ADDRESS[,ADDRESS]")] = param(
        "", "E-mail", "Where to send word, with parameters, error, time and pictures, when the job has ended, or the "
        "batch that it belongs to. The mail server is for 'ptychogui mail' to set.")  # fmt: skip
    email_on: Literal["end", "failure", "each"] = param(
        "end", "E-mail on", "When to send it: 'end' of the job, or once at the end of its whole batch; 'failure' then, "
        "but only if something failed; 'each' at the end of each job of a batch.", advanced=True)  # fmt: skip

    @field_validator("email")
    @classmethod
    def _of_addresses(cls, text: str) -> str:
        return addresses_text(text)


def addresses_text(text: str) -> str:
    """Return addresses of mail as they are kept: "one@example.org, two@example.org".

    Raises:
        ValueError: one of them is none.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in words if not _ADDRESS.fullmatch(word)]
    if wrong:
        raise ValueError(f"must be addresses such as user@example.org, and {wrong[0]!r} is none")
    return ", ".join(words)


_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9][A-Za-z0-9.-]*", re.ASCII)
"""Of a mailbox by its shape, of those characters that every mail server knows."""


class Parameters(Group):
    """All parameters of one reconstruction."""

    experiment: Experiment = Experiment()
    preprocessing: Preprocessing = Preprocessing()
    devices: Devices = Devices()
    reconstruction: Reconstruction = Reconstruction()
    output: Output = Output()

    def get(self, path: str) -> Any:
        """Return the value at "group.name"."""
        group, name = path.split(".")
        return getattr(getattr(self, group), name)

    def replace(self, values: Mapping[str, Any], origins: Mapping[str, Any] | None = None) -> Parameters:
        """Return a copy with the values at "group.name" changed and checked.

        Raises:
            ParameterError: a value is of the wrong type or out of range; the message names it, and its origin
                if `origins` knows it.
        """
        tree: dict[str, Any] = dict(vars(self))  # groups that stay as they are need no check
        for path, value in values.items():
            group, _, name = path.partition(".")
            if group not in tree or name not in type(getattr(self, group)).model_fields:
                raise ParameterError(f"no parameter is called '{path}'{_nearest(path)}")
            if not isinstance(tree[group], dict):
                tree[group] = dict(vars(tree[group]))
            tree[group][name] = value
        return checked(tree, origins)


def checked(tree: dict[str, Any], origins: Mapping[str, Any] | None = None) -> Parameters:
    """Build Parameters from nested dicts; a ParameterError names every wrong value and, if known, its origin."""
    try:
        return Parameters.model_validate(tree)
    except ValidationError as error:
        problems = {".".join(map(str, problem["loc"][:2])): problem for problem in reversed(error.errors())}
        texts = [_explain(path, problem, tree, origins or {}) for path, problem in reversed(problems.items())]
        raise ParameterError("; ".join(texts)) from None


def _explain(path: str, problem: Any, tree: Mapping[str, Any], origins: Mapping[str, Any]) -> str:
    if path in by_path():
        group, _, name = path.partition(".")
        return explain(problem, by_path()[path], tree[group][name], origins.get(path))
    if problem["type"] == "extra_forbidden":
        return f"no parameter is called '{path}'{_nearest(path)}"
    return f"{path} = {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def refusal(path: str, value: Any) -> str:
    """Say what the value at "group.name" must be: "must be at least 1"; "" if this one will do."""
    group, _, name = path.partition(".")
    try:
        Parameters.model_validate({group: {name: value}})
    except ValidationError as error:
        return need(error.errors()[0], by_path()[path])
    return ""


def _nearest(path: str) -> str:
    alike = difflib.get_close_matches(path, by_path(), n=1)
    return f"; did you mean '{alike[0]}'?" if alike else ""


@cache
def describe() -> tuple[Param, ...]:
    """Every parameter in order of declaration."""
    return tuple(
        described
        for group, info in Parameters.model_fields.items()
        for described in describe_group(group, info.annotation)  # type: ignore[arg-type]
    )


@cache
def by_path() -> dict[str, Param]:
    """Every parameter by its "group.name"."""
    return {described.path: described for described in describe()}


@cache
def defaults() -> Parameters:
    """All parameters at their defaults."""
    return Parameters()


def changed(parameters: Parameters) -> list[Param]:
    """Return the parameters whose values are not the defaults."""
    found = []
    for group, usual in vars(defaults()).items():
        values = getattr(parameters, group)
        if values is not usual:  # as `replace` leaves what it need not change
            before = vars(usual)
            found += [by_path()[f"{group}.{name}"] for name, value in vars(values).items() if value != before[name]]
    return found


@cache
def marked(mark: str) -> tuple[str, ...]:
    """Return the "group.name" of every parameter with a mark; see spec.MARKS."""
    assert mark in MARKS, f"a mark is one of {', '.join(MARKS)}"
    return tuple(described.path for described in describe() if mark in described.marks)


def refines_positions(settings: Reconstruction) -> bool:
    """Whether any engine of a reconstruction refines scan positions."""
    correction = by_path()["reconstruction.position_correction"]
    return settings.position_correction != "never" and correction.heeded_by(engines_of(settings.engine))


def usual_range(path: str) -> tuple[float, float]:
    """Return between what the parameter at "group.name" usually is."""
    usual = by_path()[path].usual
    assert usual is not None, f"{path} declares no usual range"
    return usual
