"""The twins of kernels/variable.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import TINY, norm, windows


def vary_probe(
    probes: np.ndarray, basis: np.ndarray, mix: np.ndarray, order: np.ndarray, start: int, count: int
) -> None:
    """Give each position its probe: its share of every mode, and of components in the first."""
    modes = probes.shape[1]
    for b, share in enumerate(mix[order[start : start + count]]):
        probes[b] = share[0] * basis[:modes]
        probes[b, 0] += np.tensordot(share[1:], basis[modes:], 1)


def vary_probe_shifted(
    probes: np.ndarray, basis: np.ndarray, mix: np.ndarray, ramps: np.ndarray, order: np.ndarray, start: int, count: int
) -> None:
    """Give each position the spectrum of its probe, shifted by its sub-pixel rest."""
    vary_probe(probes, basis, mix, order, start, count)
    probes[:count] *= _shifts(ramps, order, start, count)


def sum_varied(
    sums: np.ndarray, waves: np.ndarray, mix: np.ndarray, order: np.ndarray,
    start: int, lane: int, count: int, fresh: int,
) -> None:  # fmt: skip
    """Sum the batch's gradients for every plane of the basis into a lane."""
    share, modes = mix[order[start : start + count]], waves.shape[1]
    total = np.empty_like(sums[lane])
    total[:modes] = np.tensordot(share[:, 0], waves[:count], 1)
    total[modes:] = np.tensordot(share[:, 1:].T, waves[:count, 0], 1)
    sums[lane] = total if fresh else sums[lane] + total


def sum_varied_shifted(
    sums: np.ndarray, waves: np.ndarray, mix: np.ndarray, ramps: np.ndarray, order: np.ndarray,
    start: int, lane: int, count: int, fresh: int,
) -> None:  # fmt: skip
    """Sum the batch's gradients, each shifted back by its position's sub-pixel rest, into a lane."""
    back = waves[:count] * _shifts(ramps, order, start, count).conj()
    sum_varied(sums, back, mix, order, start, lane, count, fresh)


def mix_pulls(
    pulls: np.ndarray, waves: np.ndarray, basis: np.ndarray, order: np.ndarray, start: int, count: int
) -> None:
    """Project each position's gradient on what its shares add to the probe."""
    modes = waves.shape[1]
    for wave, i in zip(waves, order[start : start + count], strict=False):
        pulls[i, 0] = (basis[:modes].conj() * wave).real.sum()
        pulls[i, 1:] = (basis[modes:].conj() * wave[0]).real.sum(axis=(1, 2))


def mix_pulls_shifted(
    pulls: np.ndarray, waves: np.ndarray, basis: np.ndarray, ramps: np.ndarray, order: np.ndarray,
    start: int, count: int,
) -> None:  # fmt: skip
    """Project each position's gradient, shifted back, on what its shares add to the probe."""
    mix_pulls(pulls, waves[:count] * _shifts(ramps, order, start, count).conj(), basis, order, start, count)


def mix_grams(
    grams: np.ndarray, object: np.ndarray, basis: np.ndarray, corners: np.ndarray, order: np.ndarray,  # noqa: A002
    start: int, count: int,
) -> None:  # fmt: skip
    """Project what a position's shares add to its exit waves on each other."""
    shares = grams.shape[-1]
    modes = len(basis) - shares + 1
    added = np.zeros((shares, *basis[:modes].shape), basis.dtype)
    added[0], added[1:, 0] = basis[:modes], basis[modes:]
    lower = np.tril(np.ones((shares, shares), bool))
    for i, window in zip(
        order[start : start + count], windows(corners, order, start, count, basis.shape[-1]), strict=True
    ):
        lit = (added * norm(object[window])).reshape(shares, -1)
        grams[i][lower] = (lit.conj() @ added.reshape(shares, -1).T).real[lower]


def solve_mix(mix: np.ndarray, grams: np.ndarray, pulls: np.ndarray, count: int, first: int, damping: float) -> None:
    """Move each position's shares by damped least squares; factors and solutions take the place of what they solve."""
    lower = np.tril(np.ones((mix.shape[1] - first,) * 2, bool))
    for gram, pull, share in zip(grams[:count], pulls[:count], mix, strict=False):
        part = gram[first:, first:]
        whole = np.where(lower, part, part.T) + np.diag(np.float32(damping) * part.diagonal() + TINY)
        pull[first:] = np.linalg.solve(whole, pull[first:])
        part[lower] = np.linalg.cholesky(whole)[lower]
        share[first:] += pull[first:]


def _shifts(ramps: np.ndarray, order: np.ndarray, start: int, count: int) -> np.ndarray:
    """Return the phases that shift the batch's positions by their rests: (count, 1, N, N)."""
    chosen = ramps[order[start : start + count]]
    return np.asarray(chosen[:, None, 0, :, None] * chosen[:, None, 1, None, :])
