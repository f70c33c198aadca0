"""Parameters of the phase retrieval."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from ptychogui.params.chain import ENGINE_NAMES, ChainText
from ptychogui.params.schedule import ScheduleOrAuto, ScheduleText
from ptychogui.params.spec import Group, param

_RELAXATION = {"dm": 1.0, "raar": 0.75}


class Reconstruction(Group):
    """The phase retrieval."""

    engine: ChainText = param(
        "lsqml", "Algorithm", "Reconstruction algorithm: lsqml, epie, dm or raar, or several one after the other, each "
        "with its iterations, as in dm:50,lsqml:100; /2, /4 or /8 behind a stage crops its patterns to their middle, "
        "for a coarse object soon.", flag="algorithm", suggestions=ENGINE_NAMES)  # fmt: skip
    iterations: int | None = param(
        100, "Iterations", "Passes over all scan positions, of every engine whose own number is not given. 'auto' ends "
        "where the errors have settled, after 300 at most.", flag="i", ge=1, le=1_000_000, none="auto")  # fmt: skip
    until_converged: bool = param(
        False, "Until converged", "Stop where the errors have settled, and save the rest of the iterations; "
        "iterations 'auto' does so in any case.", advanced=True, engines=("epie", "lsqml"))  # fmt: skip
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
        "auto", "Noise model", "Likelihood of the counts: of amplitudes with one standard deviation (gaussian), or "
        "of photons (poisson). 'auto' begins with amplitudes and goes over to photons when the model nearly fits, "
        "where readings are counts of photons that are spread over many pixels; the run says when, or why not.",
        advanced=True, engines=("lsqml",))  # fmt: skip
    update_object: ScheduleText = param(
        "1", "Update object", "Iterations that update the object: FROM, FROM:UNTIL or FROM:UNTIL:EVERY, counted from "
        "1; 'never' keeps it.", advanced=True)  # fmt: skip
    update_probe: ScheduleText = param(
        "2", "Update probe", "Iterations that update the probe: FROM, FROM:UNTIL or FROM:UNTIL:EVERY, counted from 1; "
        "'never' keeps it.", flag="updateProbe")  # fmt: skip
    update_modes: ScheduleText = param(
        "2", "Update modes", "Iterations that update the probe modes beyond the first, among those that update the "
        "probe; all modes are in the model from the start.", flag="updateModes")  # fmt: skip
    position_correction: ScheduleOrAuto = param(
        "3", "Position correction", "Iterations that refine the scan positions: FROM, FROM:UNTIL or "
        "FROM:UNTIL:EVERY, counted from 1. 'auto' tries it on a part of the scan, as for the probe modes.", flag="PPS",
        engines=("lsqml",))  # fmt: skip
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
    opr_modes: int | None = param(
        0, "Variable probe modes", "Orthogonal components by which the first probe mode varies from position to "
        "position (OPR). 'auto' tries none, one, ... on a part of the scan, as for the probe modes.", ge=0, le=16,
        advanced=True, engines=("lsqml",), none="auto")  # fmt: skip
    update_opr: ScheduleText = param(
        "3", "Update variable probe", "Iterations that update the variable probe and the intensities.", advanced=True,
        engines=("lsqml",))  # fmt: skip
    intensity_correction: Literal["off", "on", "auto"] = param(
        "off", "Intensity correction", "Fit the beam's intensity at each position. 'auto' tries it on a part of the "
        "scan, as for the probe modes.", advanced=True, engines=("lsqml",))  # fmt: skip
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

    @field_validator("cuda_graphs", "intensity_correction", mode="before")
    @classmethod
    def _once_yes_or_no(cls, value: Any) -> Any:
        """Take what older versions wrote, and what a script may say: whether it is asked for."""
        return ("off", "on")[value] if isinstance(value, bool) else value

    @property
    def passes(self) -> int:
        """Iterations of one engine, in the settings that it gets: these are always given."""
        assert self.iterations is not None
        return self.iterations

    @property
    def components(self) -> int:
        """Components by which the probe varies; none as long as the program has not chosen any."""
        return self.opr_modes or 0

    @property
    def fits_intensities(self) -> bool:
        """Whether the beam's intensity is fitted at each position; not as long as the program has not chosen it."""
        return self.intensity_correction == "on"

    @property
    def relaxation_used(self) -> float | None:
        """What the engine relaxes by; None for one that has steps instead."""
        default = _RELAXATION.get(self.engine)
        return default if default is None or self.relaxation is None else self.relaxation
