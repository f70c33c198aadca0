"""Every parameter, declared once: the four groups of ptychopy's paper (section 2.2), and what to write.

The longest group is in params/preprocessing.py.
Pairs are (row, column), in that order, everywhere. Values are SI; the unit is in the name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveFloat, PositiveInt, ValidationError, field_validator

from ptychogui.errors import ParameterError
from ptychogui.params.chain import ENGINE_NAMES, ChainText, engines_of
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.params.schedule import ScheduleText
from ptychogui.params.spec import MARKS, Group, Param, describe_group, param
from ptychogui.params.value_errors import explain, need


class Experiment(Group):
    """Beam, scan and detector geometry."""

    beamline: str = param(
        "", "Beamline", "Preset that says where an MDA file holds energy and positions, and where its frames lie, such "
        "as velociprobe; recognized from the file when empty.", advanced=True,
        marks=("reading", "of measured scans"))  # fmt: skip
    energy_eV: float | None = param(
        None, "Photon energy", "Energy of the incident beam.", unit="eV", flag="lambda", gt=0,
        usual=(100.0, 200e3), marks=("needed",))  # fmt: skip
    distance_m: float | None = param(
        None, "Detector distance", "Distance from the sample to the detector.", unit="m", flag="z", gt=0,
        usual=(1e-3, 200.0), marks=("needed",))  # fmt: skip
    detector_pixel_m: float | None = param(
        None, "Detector pixel", "Size of a (square) detector pixel.", unit="m", flag="dx_d", gt=0,
        usual=(1e-6, 1e-3), marks=("needed",))  # fmt: skip
    probe_diameter_m: float | None = param(
        None, "Probe size", "Guess of the beam's diameter (full width at half maximum) on the sample; when not known, "
        "the guess follows from the mean diffraction pattern and the scan step.",
        unit="m", flag="beamSize", gt=0)  # fmt: skip
    probe_modes: int = param(
        1, "Probe modes", "Number of incoherent probe modes.", flag="probeModes", ge=1, le=64)  # fmt: skip
    scan_pattern: Literal["listed", "raster", "spiral"] = param(
        "listed", "Scan pattern", "Where positions come from: 'listed' takes those of the file or of the position "
        "list; 'raster' and 'spiral' compute them from scan dimensions and step.", flag="spiralScan")  # fmt: skip
    scan_dims: tuple[PositiveInt, PositiveInt] | None = param(
        None, "Scan dimensions", "Number of scan rows and columns.", flag="scanDims")  # fmt: skip
    step_m: tuple[PositiveFloat, PositiveFloat] | None = param(
        None, "Scan step", "Distance between scan rows and between scan columns.", unit="m", flag="step")  # fmt: skip
    swap_axes: bool = param(
        False, "Swap scan axes", "Exchange rows and columns of the scan positions.", flag="flipScanAxis")  # fmt: skip
    mirror_rows: bool = param(
        False, "Mirror rows", "Reverse the sign of the row positions.", flag="mirror1stScanAxis")  # fmt: skip
    mirror_columns: bool = param(
        False, "Mirror columns", "Reverse the sign of the column positions.", flag="mirror2ndScanAxis")  # fmt: skip
    drift_m: tuple[float, float] = param(
        (0.0, 0.0), "Drift per step", "Stage drift added to the positions: this much per scan row to the row position, "
        "and per scan column to the column position.", unit="m", flag="drift", advanced=True)  # fmt: skip
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


class Devices(Group):
    """Where the reconstruction runs."""

    device: str = param(
        "auto", "Device", "'cuda:0' or 'cuda', 'cuda:1', ... for a GPU, 'cpu' for compiled kernels, 'numpy' for the "
        "slow readable twin, 'auto' for the best that works.")  # fmt: skip
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


_RELAXATION = {"dm": 1.0, "raar": 0.75}


class Reconstruction(Group):
    """The phase retrieval."""

    engine: ChainText = param(
        "lsqml", "Algorithm", "Reconstruction algorithm: lsqml, epie, dm or raar, or several one after the other, each "
        "with its iterations, as in dm:50,lsqml:100; /2, /4 or /8 behind a stage crops its patterns to their middle, "
        "for a coarse object soon.", flag="algorithm", suggestions=ENGINE_NAMES)  # fmt: skip
    iterations: int = param(
        100, "Iterations", "Passes over all scan positions, of every engine whose own number is not given.",
        flag="i", ge=1, le=1_000_000)  # fmt: skip
    time_limit_s: float | None = param(
        None, "Time limit", "Stop, with the result kept, after this long.",
        unit="s", flag="T", advanced=True, gt=0)  # fmt: skip
    coarse_levels: int = param(
        0, "Coarse levels", "Begin with patterns cropped to their middle, by 2 for each level, and refine from there: "
        "each level takes a fifth of the first engine's iterations.", ge=0, le=3, advanced=True)  # fmt: skip
    batch_size: int | None = param(
        None, "Batch size", "Most positions updated together. Positions of an ePIE group do not overlap on the object: "
        "for a fixed probe its update is that of one position after the other in the same order; 1 is the textbook's "
        "serial order. LSQML takes this many at first and more towards the end. The engine's choice when not given.",
        ge=1, engines=("epie", "lsqml"))  # fmt: skip
    grouping: Literal["random", "sparse", "compact"] = param(
        "sparse", "Groups", "Which positions LSQML updates together: drawn at random, far from each other (sparse), or "
        "neighbors (compact).", advanced=True, engines=("lsqml",))  # fmt: skip
    batch_growth: bool = param(
        True, "Growing groups", "Let LSQML's groups grow over the run: small ones converge fast, large ones average "
        "the photon noise.", advanced=True, engines=("lsqml",))  # fmt: skip
    noise_model: Literal["auto", "gaussian", "poisson"] = param(
        "gaussian", "Noise model", "Likelihood of the counts: of amplitudes with one standard deviation (gaussian), or "
        "of photons (poisson). 'auto' takes that of photons where readings are counts of photons that are spread over "
        "many pixels; the run says which and why.", advanced=True, engines=("lsqml",))  # fmt: skip
    update_object: ScheduleText = param(
        "1", "Update object", "Iterations that update the object: FROM, FROM:UNTIL or FROM:UNTIL:EVERY, counted from "
        "1; 'never' keeps it.", advanced=True)  # fmt: skip
    update_probe: ScheduleText = param(
        "2", "Update probe", "Iterations that update the probe: FROM, FROM:UNTIL or FROM:UNTIL:EVERY, counted from 1; "
        "'never' keeps it.", flag="updateProbe")  # fmt: skip
    update_modes: ScheduleText = param(
        "2", "Update modes", "Iterations that update the probe modes beyond the first, among those that update the "
        "probe; all modes are in the model from the start.", flag="updateModes")  # fmt: skip
    position_correction: ScheduleText = param(
        "3", "Position correction", "Iterations that refine the scan positions: FROM, FROM:UNTIL or "
        "FROM:UNTIL:EVERY, counted from 1.", flag="PPS", engines=("lsqml",))  # fmt: skip
    position_step: float = param(
        1.0, "Position step", "Part of the least-squares step that a position moves by.", gt=0, le=2, advanced=True,
        engines=("lsqml",))  # fmt: skip
    position_limit_px: float = param(
        0.5, "Position limit", "Farthest that a position moves in one iteration.", unit="px", gt=0, le=16,
        advanced=True, engines=("lsqml",))  # fmt: skip
    position_coupled: bool = param(
        False, "Coupled positions", "Solve each position's shift together with the steps of object and probe, "
        "where groups hold half of the scan or more.", advanced=True, engines=("lsqml",))  # fmt: skip
    position_freedom: Literal["local", "affine", "all"] = param(
        "local", "Position freedom", "What refined positions may do: each move by itself, without scale, rotation and "
        "shear of the whole scan (local); these alone (affine); or both (all).", advanced=True,
        engines=("lsqml",))  # fmt: skip
    opr_modes: int = param(
        0, "Variable probe modes", "Orthogonal components by which the first probe mode varies from position to "
        "position (OPR).", ge=0, le=16, advanced=True, engines=("lsqml",))  # fmt: skip
    update_opr: ScheduleText = param(
        "3", "Update variable probe", "Iterations that update the variable probe and the intensities.", advanced=True,
        engines=("lsqml",))  # fmt: skip
    intensity_correction: bool = param(
        False, "Intensity correction", "Fit the beam's intensity at each position.", advanced=True,
        engines=("lsqml",))  # fmt: skip
    object_step: float = param(
        1.0, "Object step", "Step size of the object update.", gt=0, le=2, advanced=True,
        engines=("epie", "lsqml"))  # fmt: skip
    probe_step: float = param(
        1.0, "Probe step", "Step size of the probe update.", gt=0, le=2, advanced=True,
        engines=("epie", "lsqml"))  # fmt: skip
    regularization: float = param(
        1.0, "Regularization", "rPIE's alpha: 1 is ePIE; smaller values step further where the illumination is weak, "
        "faster and noisier.", gt=0, le=1, advanced=True, engines=("epie",))  # fmt: skip
    momentum: float = param(
        0.0, "Momentum", "Share of past updates that goes on: mPIE's in ePIE; in LSQML while the error falls and "
        "updates agree.", ge=0, lt=1, advanced=True, engines=("epie", "lsqml"))  # fmt: skip
    damping: float = param(
        0.02, "Damping", "LSQML's damping: illumination, as a part of the brightest pixel's, below which pixels of the "
        "object are held back.", flag="delta_p", gt=0, le=1, advanced=True, engines=("lsqml",))  # fmt: skip
    relaxation: float | None = param(
        None, "Relaxation", f"The difference map's beta, {_RELAXATION['dm']:g} when not given; of RAAR "
        f"{_RELAXATION['raar']:g} when not given.",
        gt=0, le=1, advanced=True, engines=tuple(_RELAXATION), engine_defaults=_RELAXATION)  # fmt: skip
    power_bound: float | None = param(
        None, "Power bound", "Misfit to a pattern that the modulus constraint leaves, in units of photon noise, so "
        "that noise does not keep the iteration going: 1 is what noise explains, 0 asks for the exact modulus. When "
        "not given it rises over the run, from 0.5 to 1.",
        ge=0, le=10, advanced=True, engines=("dm", "raar"))  # fmt: skip
    overlap_sweeps: int = param(
        1, "Overlap sweeps", "Most rounds of object and probe in one overlap projection.", ge=1, le=100, advanced=True,
        engines=("dm", "raar"))  # fmt: skip
    overlap_tolerance: float = param(
        0.05, "Overlap tolerance", "Relative change of the probe at which an overlap projection ends.", gt=0, lt=1,
        advanced=True, engines=("dm", "raar"))  # fmt: skip
    object_inertia: float = param(
        0.01, "Object inertia", "Weight of the old object in an overlap projection, against the mean illumination.",
        ge=0, le=1, advanced=True, engines=("dm", "raar"))  # fmt: skip
    probe_inertia: float = param(
        0.0, "Probe inertia", "Weight of the old probe in an overlap projection, against all positions' mean.",
        ge=0, le=1, advanced=True, engines=("dm", "raar"))  # fmt: skip
    average_last: float = param(
        0.1, "Average last", "Part of the iterations, at the end, whose objects and probes are averaged.",
        ge=0, le=1, advanced=True, engines=("dm", "raar"))  # fmt: skip
    half_precision: bool = param(
        False, "Half precision", "Keep the exit waves of all positions in half of the memory.", advanced=True,
        engines=("dm", "raar"))  # fmt: skip
    cuda_graphs: Literal["auto", "on", "off"] = param(
        "auto", "CUDA graphs", "Whether all work on a group of positions is queued at once where the same was queued "
        "before. That pays where a GPU is done with a group sooner than its work is queued: small groups of small "
        "patterns. 'auto' sees in the first iterations whether that is so. The result does not depend on it.",
        advanced=True, engines=("epie", "lsqml"))  # fmt: skip
    rescale_probe: bool = param(
        True, "Rescale probe", "Scale the first probe so that the first model has the measured counts.",
        advanced=True, marks=("of the start",))  # fmt: skip
    orthogonalize_every: int = param(
        10, "Orthogonalize every", "Iterations between orthogonalizations of the probe modes.",
        ge=1, advanced=True)  # fmt: skip
    probe_support_m: float | None = param(
        None, "Probe support", "Diameter of the disc outside which the probe is kept at zero.", unit="m", gt=0,
        advanced=True)  # fmt: skip
    probe_threshold: float = param(
        0.0, "Probe threshold", "Part of the probe's largest intensity, smoothed, below which the probe is kept at "
        "zero.", ge=0, lt=1, advanced=True)  # fmt: skip
    center_probe: ScheduleText = param(
        "never", "Center probe", "Iterations after which probe and object are shifted so that the probe's intensity is "
        "centered.", advanced=True)  # fmt: skip
    keep_power: ScheduleText = param(
        "never", "Keep probe power", "Iterations after which the probe is scaled to the power of the measured counts, "
        "and the object inversely.", advanced=True)  # fmt: skip
    object_clamp: float | None = param(
        None, "Object clamp", "Largest modulus of the object; 1 is vacuum.", gt=0, advanced=True)  # fmt: skip
    object_smoothness: float = param(
        0.0, "Object smoothness", "Weight that each neighboring pixel gets after every iteration.", ge=0, le=0.125,
        advanced=True)  # fmt: skip
    sub_pixel: Literal["fourier", "nearest"] = param(
        "fourier", "Sub-pixel positions", "'fourier' shifts the probe to the exact position; 'nearest' rounds "
        "positions to object pixels, at about half the cost.", advanced=True)  # fmt: skip
    phase_constraint: int = param(
        0, "Phase constraint until", "Clamp the object's phase to at most zero in iterations up to this one.",
        flag="phaseConstraint", advanced=True, ge=0)  # fmt: skip
    held_out: float = param(
        0.005, "Held-out pixels", "Part of the known pixels, others in each pattern, that nothing is fitted to. Their "
        "misfit, the free error, tells whether a better fit is a better picture; 0 holds none out.", ge=0, le=0.2,
        advanced=True, marks=("of the start",))  # fmt: skip
    seed: int = param(
        0, "Seed", "Seed of every random choice; the same seed gives the same result.",
        advanced=True, ge=0)  # fmt: skip
    probe_guess: Path | None = param(
        None, "Probe guess", "First probe: CSV (modes stacked), NPY, or a result file.", flag="probeGuess",
        marks=("of one scan", "of the start"))  # fmt: skip
    object_guess: Path | None = param(
        None, "Object guess", "First object: CSV, NPY, or a result file.", flag="objectGuess",
        marks=("of one scan", "of the start"))  # fmt: skip

    @field_validator("cuda_graphs", mode="before")
    @classmethod
    def _once_yes_or_no(cls, value: Any) -> Any:
        """Take what older versions wrote: whether graphs were asked for."""
        return ("off", "on")[value] if isinstance(value, bool) else value

    @property
    def relaxation_used(self) -> float | None:
        """What the engine relaxes by; None for one that has steps instead."""
        default = _RELAXATION.get(self.engine)
        return default if default is None or self.relaxation is None else self.relaxation


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
        tree = self.model_dump()
        for path, value in values.items():
            group, _, name = path.partition(".")
            if name not in tree.get(group, {}):
                raise ParameterError(f"no parameter is called '{path}'{_nearest(path)}")
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
