"""The twins of kernels/lattice.cu."""

from __future__ import annotations

import numpy as np


def log_divergence(
    divergence: np.ndarray, object: np.ndarray, window: np.ndarray, floor: np.ndarray, top: int, rows: int
) -> None:
    """Find the divergence of the slope of log O, weighted by the window."""
    total = np.zeros(object.shape, np.complex128)
    for axis in (0, 1):
        obj, weight = np.moveaxis(object, axis, 0), np.moveaxis(window, axis, 0)
        pair = obj[:-1] + obj[1:]
        step = (weight[:-1] + weight[1:]) * (obj[1:] - obj[:-1]) * pair.conj() / (np.abs(pair) ** 2 + floor)
        flow = np.moveaxis(total, axis, 0)
        flow[1:] += step
        flow[:-1] -= step
    divergence[top : top + rows] = total[top : top + rows]


def wave_sums(sums: np.ndarray, divergence: np.ndarray, across: np.ndarray, top: int, rows: int) -> None:
    """Sum the cosines and the sines of each pair of waves along rows."""
    here = divergence[top : top + rows].astype(np.complex128)
    parts = [np.einsum("rc,gkc->rgk", here, wave) for wave in (across.real, across.imag)]
    sums[top : top + rows] = np.stack(parts, axis=-1)


def wave_factor(factor: np.ndarray, terms: np.ndarray, across: np.ndarray, top: int, rows: int) -> None:
    """Find the exponential of the waves' sum."""
    here = terms[top : top + rows].astype(np.complex128)
    exponent = np.einsum("rgk,gkc->rc", here[..., 0], across.real) + np.einsum("rgk,gkc->rc", here[..., 1], across.imag)
    factor[top : top + rows] = np.exp(exponent)
