"""The likelihood by which modelled far fields are fitted to what was measured: of Gaussian or of Poisson noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.state import EngineState

_FAINT = 1e-3
"""Photons of the model on a pixel, below which the slope of the Poisson likelihood is held back: it has no bound where
the model is dark and a photon came."""

_FITS = 1.05
"""Error up to which a model is taken for nearly right."""


class LikelihoodChoice:
    """Which likelihood each iteration is fitted by.

    With "auto" that is the one of amplitudes as long as the model is wrong, since it makes less of what does not fit,
    and that of photons from when their noise is nearly all that is left. Where that never comes, amplitudes stay.
    """

    def __init__(self, noise_model: str) -> None:
        """Take what the settings ask for: "gaussian", "poisson", or "auto"."""
        self._asked = noise_model
        self._photons_from: int | None = None
        self._note = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that iterations may be fitted by."""
        return ("gaussian", "poisson") if self._asked == "auto" else (self._asked,)

    def of(self, iteration: int, errors: Sequence[float]) -> str:
        """Return the likelihood of the next iteration.

        Args:
            iteration: its number.
            errors: of iterations before, in their order, as far as they are known on every device.
        """
        if self._asked != "auto":
            return self._asked
        if self._photons_from is None and errors and errors[-1] <= _FITS:
            self._photons_from = iteration
            down_to = f"the error has come down to {errors[-1]:.3g}"
            self._note = f"noise model: of photons from iteration {iteration} on, since {down_to}"
        return "gaussian" if self._photons_from is None else "poisson"

    @property
    def since(self) -> int:
        """Iterations of the job that had been done when photons came in; 0 where the likelihood was always the same."""
        return 0 if self._photons_from is None else self._photons_from - 1

    def notes(self) -> tuple[str, ...]:
        """Return what was noticed since this was last asked for."""
        notes, self._note = (self._note,) if self._note else (), ""
        return notes

    def state(self) -> EngineState:
        """Return since when photons are fitted."""
        return {"photons_from": self._photons_from}

    def restore(self, state: EngineState) -> None:
        """Go on with the likelihood of one that gave this state."""
        self._photons_from = state["photons_from"]


def bind_likelihood(
    noise_model: str, waves: Array, measured: Mapping[str, Array], sums: Mapping[str, Array], backend: Backend
) -> Callable[[int, int], None]:
    """Return what revises a batch of far fields, called with its start and count.

    Args:
        noise_model: "gaussian" gives them the measured modulus, "poisson" goes down the slope of the likelihood
            of counts.
        waves: complex64 (slots, modes, N, N), the batch.
        measured: `patterns` and `order`.
        sums: `misfit` and `expected`, filled for the error.
        backend: where all of them are.
    """
    if noise_model == "gaussian":
        return backend.bind("modulus", waves=waves, **measured, **sums)
    slopes = backend.empty((len(waves), backend.chunks, 3), np.float32)
    find = backend.bind("poisson_sums", sums=slopes, waves=waves, **measured)
    take = backend.bind("poisson_step", waves=waves, sums=slopes, **measured, **sums)

    def revise(start: int, count: int) -> None:
        find(start, count, _FAINT)
        take(start, count, _FAINT)

    return revise
