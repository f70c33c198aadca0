"""The likelihood by which modelled far fields are fitted to what was measured: of Gaussian or of Poisson noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ptychogui.backends.base import Array, Backend

_FAINT = 1e-3
"""Photons of the model on a pixel, below which the slope of the Poisson likelihood is held back: it has no bound where
the model is dark and a photon came."""


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
    assert noise_model in ("gaussian", "poisson"), f"{noise_model!r}: which it is, is decided when a job is prepared"
    if noise_model == "gaussian":
        return backend.bind("modulus", waves=waves, **measured, **sums)
    slopes = backend.empty((len(waves), backend.chunks, 3), np.float32)
    find = backend.bind("poisson_sums", sums=slopes, waves=waves, **measured)
    take = backend.bind("poisson_step", waves=waves, sums=slopes, **measured, **sums)

    def revise(start: int, count: int) -> None:
        find(start, count, _FAINT)
        take(start, count, _FAINT)

    return revise
