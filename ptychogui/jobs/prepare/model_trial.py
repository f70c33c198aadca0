"""Trials of models: short reconstructions of a part of the scan tell by their free errors what a beam needs.

How many modes a beam has, whether it varies from position to position, and whether positions are off, is the same all
over the scan, so that some neighbors tell it. A model that has more lowers the error of what is fitted in any case, and
that of held-out pixels only where there is more as well: much of what the poorer model leaves unexplained goes then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines import create_engine
from ptychogui.engines.base import Engine, Problem
from ptychogui.jobs.prepare.probe_trial import ProbeTrial
from ptychogui.params.model import Parameters
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.held_out import hold_out
from ptychogui.physics.modes import add_modes

POSITIONS = 100
"""Neighboring positions that models are tried on."""

_FEWEST_POSITIONS = 16
_MOST_ITERATIONS, _WHOLE, _LAST = 100, 6, 3
"""Iterations of a trial at most, those at its end that take all positions at once, and the last of them, whose mean
free error counts: while groups grow, their noise says more than the model."""

_HELD_OUT = 0.02
"""Part of the pixels that is held out: more than in the run, since what is lost by it is not kept."""

_ROOM_PX = 10
"""Spare pixels around the outermost windows, where the scan has them: refined positions move."""

_CLEARLY = 0.04
"""Part of the mean square free error, less what photons give, that a richer model has to take away to be worth its
time."""

_PLAINLY, _MOST_TRIES = 0.3, 3
"""The same part above which one trial is enough: trials with other groups differ where the model is not the reason why
much is left. A smaller fall is looked at again."""

_CERTAIN = 9.0
"""Times the inverse of the expected free count by which the mean square free error has to fall at least."""

_REFINED = "3"
"""The iterations that refine positions where that pays: not before the object has some structure."""

_MOST_MODES, _MOST_COMPONENTS = 8, 4


@dataclass(frozen=True)
class Model:
    """What is modelled: incoherent modes, whether positions are off, intensities, components of a mode's variation."""

    probe_modes: int
    positions: bool = False
    intensities: bool = False
    components: int = 0

    def decide(self, settings: Reconstruction) -> Reconstruction:
        """Return settings as an engine gets them: with this model where they leave it to the program."""
        chosen: dict[str, object] = {}
        if settings.opr_modes is None:
            chosen["opr_modes"] = self.components
        if settings.intensity_correction == "auto":
            chosen["intensity_correction"] = "on" if self.intensities else "off"
        if settings.position_correction == "auto":
            chosen["position_correction"] = _REFINED if self.positions else "never"
        return settings.model_copy(update=chosen)

    def __str__(self) -> str:
        parts = [f"{self.probe_modes} probe mode{'s' if self.probe_modes > 1 else ''}"]
        parts += ["refined positions"] if self.positions else []
        parts += ["fitted intensities"] if self.intensities else []
        parts += [f"{self.components} OPR mode{'s' if self.components > 1 else ''}"] if self.components else []
        return ", ".join(parts)


def said_model(parameters: Parameters, first_modes: int = 1) -> Model:
    """Return the model that parameters give, the poorest where they leave it to the program.

    Args:
        parameters: of the job.
        first_modes: of the first probe, which all count where nobody says how many there are.
    """
    settings = parameters.reconstruction
    modes = parameters.experiment.probe_modes or first_modes
    refined = settings.position_correction not in ("auto", "never")
    return Model(modes, refined, settings.fits_intensities, settings.components)


def leaves_the_model(parameters: Parameters) -> bool:
    """Whether parameters leave any of the model to the program."""
    settings = parameters.reconstruction
    words = settings.intensity_correction, settings.position_correction
    return None in (parameters.experiment.probe_modes, settings.opr_modes) or "auto" in words


def _ways(parameters: Parameters) -> Iterator[Callable[[Model], Iterator[Model]]]:
    """Say what may be tried, in its order: each makes ever richer models of one."""
    settings = parameters.reconstruction
    if settings.position_correction == "auto":
        yield lambda model: iter((replace(model, positions=True),))
    if parameters.experiment.probe_modes is None:
        yield lambda model: (replace(model, probe_modes=n) for n in range(model.probe_modes + 1, _MOST_MODES + 1))
    if settings.intensity_correction == "auto":
        yield lambda model: iter((replace(model, intensities=True),))
    if settings.opr_modes is None:
        yield lambda model: (replace(model, components=n) for n in range(1, _MOST_COMPONENTS + 1))


@dataclass(frozen=True)
class ModelTrial:
    """A part of a scan to try models on.

    Attributes:
        problem: neighbors, the middle of their patterns, with held-out pixels and the first probe as it is given.
        settings: those of a trial, the model left out.
        backend: an open device.
        between: called between iterations; what it raises ends the trial.
        found: the free errors of what was tried.
    """

    problem: Problem
    settings: Reconstruction
    backend: Backend
    between: Callable[[], None]
    found: dict[tuple[Model, int], float] = field(default_factory=dict)

    @classmethod
    def of(cls, scan: ProbeTrial, probe: np.ndarray, between: Callable[[], None]) -> ModelTrial | None:
        """Take the part of a scan; None where it is too small, or too dark, to tell anything.

        Args:
            scan: the whole one, its noise model decided.
            probe: complex64 (modes, N, N), the first probe.
            between: as above.
        """
        part = scan.part(POSITIONS, _ROOM_PX).middle()
        patterns = part.patterns.copy()
        held_out = hold_out(patterns, np.arange(len(patterns)), _HELD_OUT, scan.settings.seed)
        if held_out is None or len(patterns) < _FEWEST_POSITIONS or held_out.expected < _CERTAIN:
            return None
        problem = Problem(patterns, part.geometry, part.start_of(probe), part.object, held_out=held_out)
        kept = ("sub_pixel", "seed", "noise_model", "position_correction", "opr_modes", "intensity_correction")
        settings = {name: getattr(scan.settings, name) for name in kept}
        return cls(
            problem, Reconstruction(engine="lsqml", iterations=_MOST_ITERATIONS, **settings), scan.backend, between
        )

    def best(self, model: Model, parameters: Parameters, fits: Callable[[Model], bool]) -> tuple[Model, list[str]]:
        """Enrich a model one thing after the other, as long as that pays, where parameters leave it open.

        Args:
            model: to begin with.
            parameters: of the job.
            fits: whether there is memory for the whole scan with a model.

        Returns:
            The richest model that paid, and a note on each that was tried.
        """
        notes: list[str] = []
        for richer_ones in _ways(parameters):
            for richer in richer_ones(model):
                if not fits(richer):
                    notes.append(f"{richer}: not tried, since the whole scan with it does not fit in memory")
                    break
                free, tried = self._compared(model, richer)
                kept = self._pays(free, tried)
                notes.append(f"{richer}: free error {free**0.5:.4g} -> {tried**0.5:.4g}, {'' if kept else 'not '}kept")
                if not kept:
                    break
                model = richer
        return model, notes

    def _compared(self, poorer: Model, richer: Model) -> tuple[float, float]:
        """Return the mean square free errors of two models: of one trial each, or of several if one would mislead."""
        had = sum(model == poorer for model, _seed in self.found)
        for tries in range(max(1, had), _MOST_TRIES + 1):
            free, tried = (
                float(np.mean([self.free_error(model, seed) for seed in range(tries)])) for model in (poorer, richer)
            )
            if not self._pays(free, tried) or free - tried > _PLAINLY * (free - 1):
                break
        return free, tried

    def free_error(self, model: Model, seed: int = 0) -> float:
        """Return the mean square free error that a short reconstruction comes to; infinite where it diverges.

        Args:
            model: for it.
            seed: added to that of the job.
        """
        if (model, seed) not in self.found:
            self.found[model, seed] = self._tried(model, seed)
        return self.found[model, seed]

    def _tried(self, model: Model, seed: int) -> float:
        probe = add_modes(self.problem.probe, model.probe_modes)
        problem, settings = replace(self.problem, probe=probe), model.decide(self.settings)
        settings = settings.model_copy(update={"seed": settings.seed + seed})
        engine = create_engine(problem, settings, self.backend)
        errors: list[float] = []
        with np.errstate(all="ignore"):
            for _ in self._iterations(engine):
                errors += engine.step().free_errors
            errors += engine.finish().free_errors
        mean = float(np.square(errors[-_LAST:]).mean())
        return mean if np.isfinite(mean) else np.inf

    def _iterations(self, engine: Engine) -> Iterator[None]:
        """Go on until groups have not grown for some iterations, or to the end of a trial."""
        while engine.iteration < _MOST_ITERATIONS - _WHOLE:
            self.between()
            yield
            since = engine.steady_since()
            if since is not None and engine.iteration >= since + _WHOLE:
                return
        for _ in range(engine.wind_up()):
            self.between()
            yield

    def _pays(self, poorer: float, richer: float) -> bool:
        held_out = self.problem.held_out
        assert held_out is not None
        return poorer - richer > max(_CLEARLY * (poorer - 1), _CERTAIN / held_out.expected)
