"""Stages of a job: engines one after the other, some on patterns cropped to their middle."""

from __future__ import annotations

from dataclasses import dataclass

from ptychogui.errors import ParameterError
from ptychogui.params.chain import ENGINE_TITLES, Stage, parse_chain
from ptychogui.params.reconstruction import Reconstruction

MOST_ITERATIONS = {"lsqml": 300, "epie": 300}
"""Most iterations of engines that may end where the errors have settled."""

USUAL_ITERATIONS = 100
"""Those of the others where nobody says: what they do depends on how much of their run is over."""

SMALLEST_PX = 32
"""Fewest rows and columns that patterns may be cropped to."""


@dataclass(frozen=True)
class PlannedStage:
    """One engine's part of a job: `iterations` steps on patterns of a size divided by `crop`."""

    engine: str
    iterations: int
    crop: int

    def settings(self, of_job: Reconstruction) -> Reconstruction:
        """Return the job's settings as the engine of this stage gets them."""
        return of_job.model_copy(update={"engine": self.engine, "iterations": self.iterations})


def planned_stages(settings: Reconstruction) -> tuple[PlannedStage, ...]:
    """Return the stages of a job in their order.

    Every coarse level takes a fifth of the first engine's iterations, at least one, with patterns cropped by two more
    for each level; the first engine keeps the rest.

    Raises:
        ParameterError: the coarse levels leave nothing of the first engine's iterations.
    """
    first, *rest = (_planned(stage, settings) for stage in parse_chain(settings.engine))
    share, levels = max(1, first.iterations // 5), settings.coarse_levels
    left = first.iterations - levels * share
    if left < 1:
        raise ParameterError(
            f"reconstruction.coarse_levels = {levels} needs at least {levels + 1} iterations of "
            f"{ENGINE_TITLES[first.engine]}, not {first.iterations}; give fewer --coarse-levels or more iterations"
        )
    coarse = (PlannedStage(first.engine, share, first.crop * 2**level) for level in range(levels, 0, -1))
    return (*coarse, PlannedStage(first.engine, left, first.crop), *rest)


def total_iterations(settings: Reconstruction) -> int:
    """Return the iterations of all stages together."""
    return sum(stage.iterations for stage in planned_stages(settings))


def coarsest(stages: tuple[PlannedStage, ...]) -> int:
    """Return what the size of the patterns is divided by in the coarsest stage; check_crops says what that can be."""
    return max(stage.crop for stage in stages)


def check_crops(stages: tuple[PlannedStage, ...], n: int) -> None:
    """Make sure that patterns can be cropped as the stages want.

    Args:
        stages: of the job.
        n: rows and columns of its patterns.

    Raises:
        ParameterError: the middle has not a whole, even number of pixels, or too few.
    """
    crop = coarsest(stages)
    if crop == 1:
        return
    blame = f"patterns of {n} x {n} pixels can't be cropped by {crop}"
    less = "crop less in --engine or give fewer --coarse-levels"
    if n < SMALLEST_PX * crop:
        raise ParameterError(f"{blame}: {n / crop:g} x {n / crop:g} are left, {SMALLEST_PX} are needed; {less}")
    if n % (2 * crop):
        near = n // (2 * crop) * 2 * crop
        raise ParameterError(f"{blame}: no even number of pixels is left; give --size {near}, or {less}")


def _planned(stage: Stage, settings: Reconstruction) -> PlannedStage:
    open_ended = MOST_ITERATIONS.get(stage.engine, USUAL_ITERATIONS)
    return PlannedStage(stage.engine, stage.iterations or settings.iterations or open_ended, stage.crop)
