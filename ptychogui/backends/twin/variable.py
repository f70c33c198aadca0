"""The twins of kernels/variable.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import TINY, Window, chunks, norm, windows


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
    start: int, count: int, lane: int, slices: int, fresh: int,
) -> None:  # fmt: skip
    """Sum the batch's gradients for every plane of the basis into lanes."""
    share, modes = mix[order[start : start + count]], waves.shape[1]
    if fresh:
        sums[lane : lane + slices] = 0
    for k, to in enumerate(sums[lane : lane + slices]):
        to[:modes] += np.tensordot(share[k::slices, 0], waves[k:count:slices], 1)
        to[modes:] += np.tensordot(share[k::slices, 1:].T, waves[k:count:slices, 0], 1)


def sum_varied_shifted(
    sums: np.ndarray, waves: np.ndarray, mix: np.ndarray, ramps: np.ndarray, order: np.ndarray,
    start: int, count: int, lane: int, slices: int, fresh: int,
) -> None:  # fmt: skip
    """Sum the batch's gradients, each shifted back by its position's sub-pixel rest, into lanes."""
    back = waves[:count] * _shifts(ramps, order, start, count).conj()
    sum_varied(sums, back, mix, order, start, count, lane, slices, fresh)


def mix_equations(
    grams: np.ndarray, pulls: np.ndarray, waves: np.ndarray, object: np.ndarray, basis: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int,
) -> None:  # fmt: skip
    """Project what a position's shares add to its exit waves on each other, and its gradient on what they add."""
    places = windows(corners, order, start, count, basis.shape[-1])
    _equations(grams, pulls, waves[:count], object, basis, basis, places, order[start : start + count])


def mix_equations_shifted(
    grams: np.ndarray, pulls: np.ndarray, waves: np.ndarray, object: np.ndarray, basis: np.ndarray,  # noqa: A002
    spectrum: np.ndarray, ramps: np.ndarray, corners: np.ndarray, order: np.ndarray, start: int, count: int,
) -> None:  # fmt: skip
    """Do the same where positions are sub-pixel: the gradient, shifted back, on the spectra of what the shares add."""
    back = waves[:count] * _shifts(ramps, order, start, count).conj()
    places = windows(corners, order, start, count, basis.shape[-1])
    _equations(grams, pulls, back, object, basis, spectrum, places, order[start : start + count])


def solve_mix(mix: np.ndarray, grams: np.ndarray, pulls: np.ndarray, count: int, first: int, damping: float) -> None:
    """Move each position's shares by damped least squares; factors and solutions take the place of what they solve."""
    lower = np.tril_indices(mix.shape[1])
    for gram, pull, share in zip(grams[:count], pulls[:count], mix, strict=False):
        gram[0], pull[0] = gram.sum(axis=0), pull.sum(axis=0)
        whole = np.zeros((len(share),) * 2, np.float32)
        whole[lower] = gram[0]
        part = whole[first:, first:]  # its triangle above the diagonal is not looked at
        part[...] = np.tril(part) + np.tril(part, -1).T + np.diag(np.float32(damping) * part.diagonal() + TINY)
        pull[0, first:] = np.linalg.solve(part, pull[0, first:])
        part[...] = np.linalg.cholesky(part)
        gram[0] = whole[lower]
        share[first:] += pull[0, first:]


def _equations(
    grams: np.ndarray, pulls: np.ndarray, waves: np.ndarray, object: np.ndarray, basis: np.ndarray,  # noqa: A002
    parts: np.ndarray, places: list[Window], positions: np.ndarray,
) -> None:  # fmt: skip
    """Fill the normal equations of positions in windows, from gradients on `parts`, chunk by chunk of their rows."""
    modes, n = waves.shape[1:3]
    shares = 1 + len(basis) - modes
    added, along = (_added(planes, modes) for planes in (basis, parts))
    lower = np.tril_indices(shares)
    for i, window, wave in zip(positions, places, waves, strict=True):
        for k, rows in enumerate(chunks(n, grams.shape[1])):
            lit = (added * norm(object[window]))[:, :, rows].reshape(shares, -1)
            grams[i, k] = (lit.conj() @ added[:, :, rows].reshape(shares, -1).T).real[lower]
            pulls[i, k] = (along[:, :, rows].conj() * wave[:, rows]).real.sum(axis=(1, 2, 3))


def _added(basis: np.ndarray, modes: int) -> np.ndarray:
    """Return what each share adds to the probe: (shares, modes, N, N)."""
    added = np.zeros((1 + len(basis) - modes, *basis[:modes].shape), basis.dtype)
    added[0], added[1:, 0] = basis[:modes], basis[modes:]
    return added


def _shifts(ramps: np.ndarray, order: np.ndarray, start: int, count: int) -> np.ndarray:
    """Return the phases that shift the batch's positions by their rests: (count, 1, N, N)."""
    chosen = ramps[order[start : start + count]]
    return np.asarray(chosen[:, None, 0, :, None] * chosen[:, None, 1, None, :])
