"""The twins of kernels/lattice.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import norm


def log_divergence(
    divergence: np.ndarray, weights: np.ndarray, object: np.ndarray, window: np.ndarray,  # noqa: A002
    limits: np.ndarray, top: int, rows: int,
) -> None:  # fmt: skip
    """Find the divergence of the slope of log O, weighted by the window and less where it is steep; sum the weights."""
    here, total = slice(top, top + rows), np.zeros(object.shape, np.complex128)
    weights[0, here] = 0
    for axis in (0, 1):
        obj, mask = np.moveaxis(object, axis, 0), np.moveaxis(window, axis, 0)
        pair = obj[:-1] + obj[1:]
        step = 2 * (obj[1:] - obj[:-1]) * pair.conj() / (norm(pair) + limits[0])
        weight, plain = np.zeros(mask.shape), (mask[:-1] + mask[1:]) / 2
        weight[:-1] = plain * limits[1] / (limits[1] + norm(step))
        flow = np.moveaxis(total, axis, 0)
        flow[1:] += weight[:-1] * step
        flow[:-1] -= weight[:-1] * step
        size = np.zeros(mask.shape)
        size[:-1] = plain * np.abs(step)
        weights[0, here] += np.moveaxis(size, 0, axis).sum(axis=1)[here]
        weight[-1] = mask[-1]
        weights[1 + axis, here] = np.moveaxis(weight, 0, axis).sum(axis=1)[here]
    divergence[here] = total[here]


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
