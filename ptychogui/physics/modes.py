"""Incoherent probe modes: made from one probe, and made orthogonal (Thibault & Menzel 2013)."""

from __future__ import annotations

from typing import Any

import numpy as np

_TINY = 1e-300


def add_modes(probe: np.ndarray, modes: int, fraction: float = 0.02) -> np.ndarray:
    """Bring a probe to a number of modes; the total power is kept.

    Modes that are missing are Hermite-Gauss multiples of mode 0, orthogonal to all before them. Modes that are too
    many are the weakest ones.

    Args:
        probe: complex (modes, N, N).
        modes: number wanted.
        fraction: of the total power, for each new mode; less where many would leave less than half to the others.

    Returns:
        complex64 (modes, N, N).
    """
    power = _powers(probe).sum()
    if modes <= len(probe):
        kept = probe if modes == len(probe) else orthogonalize(probe)[:modes]
        return _with_powers(kept, _powers(kept) * power / _powers(kept).sum())
    missing = modes - len(probe)
    fraction = min(fraction, 0.5 / missing)
    old = _powers(probe) * (1 - missing * fraction)
    return _with_powers(hermite_modes(probe, modes), np.append(old, np.full(missing, fraction * power)))


def mixed_modes(probe: np.ndarray, fractions: tuple[float, ...]) -> np.ndarray:
    """Return a beam of partial coherence: complex64 (len(fractions), N, N) with these parts of the probe's power.

    Args:
        probe: complex (1, N, N), the coherent beam.
        fractions: of the power, strongest first; scaled to a sum of 1.
    """
    powers = _powers(probe).sum() * np.asarray(fractions) / sum(fractions)
    return _with_powers(hermite_modes(probe, len(fractions)), powers)


def hermite_modes(probe: np.ndarray, modes: int) -> np.ndarray:
    """Complete a probe by products of mode 0 with Hermite polynomials, made orthogonal one after the other.

    Args:
        probe: complex (modes, N, N); these modes come first and as they are.
        modes: number wanted.

    Returns:
        complex128 (modes, N, N); the new ones have unit power.
    """
    rows, columns = _normal_coordinates(np.abs(probe[0]) ** 2)
    found = [mode.astype(np.complex128) for mode in probe]
    for down, across in _orders(modes)[len(probe) :]:
        new = probe[0] * _hermite(down, rows)[:, None] * _hermite(across, columns)
        for _twice in range(2):
            for mode in found:
                new = new - mode * (np.vdot(mode, new) / np.vdot(mode, mode).real)
        found.append(new / np.linalg.norm(new))
    return np.stack(found)


def orthogonalize(probe: Any, xp: Any = np) -> Any:
    """Make probe modes orthogonal, strongest first, without changing any diffraction pattern.

    Each new mode is turned to the phase of the old mode that it resembles most.

    Args:
        probe: complex64 (modes, N, N) of `xp`.
        xp: numpy or cupy.

    Returns:
        complex64 (modes, N, N); sum_m P_m P_m^H, and so the total power, stays.
    """
    return rotate_modes(probe, principal_rotation(probe, xp), xp)


def principal_rotation(probe: Any, xp: Any = np) -> Any:
    """Return the unitary complex128 (modes, modes) that makes a probe's modes orthogonal, strongest first.

    With the Gram matrix G = P P^H = U diag(powers) U^H it is U^H.
    """
    wide = probe.reshape(len(probe), -1).astype(xp.complex128)
    vectors = principal_axes(wide @ wide.conj().T, xp)
    likest = xp.take_along_axis(vectors, xp.abs(vectors).argmax(axis=0)[None], axis=0)
    return (vectors * (likest.conj() / xp.abs(likest))).conj().T


def principal_axes(gram: Any, xp: Any = np) -> Any:
    """Return the eigenvectors of a Hermitian matrix without negative eigenvalues, the largest one's first.

    Jacobi's method on all disjoint pairs at once, in a tournament's order (Brent & Luk 1985), a fixed number of times:
    the eigh of a GPU's library makes the host wait for the device, and so does a sort.

    Args:
        gram: complex128 (modes, modes) of `xp`.
        xp: numpy or cupy.

    Returns:
        complex128 (modes, modes), eigenvectors as columns.
    """
    modes = len(gram)
    size = modes + modes % 2  # nobody plays alone: the one who would has the lowest eigenvalue, and keeps it
    work, axes = xp.zeros((size, size), xp.complex128), xp.eye(size, dtype=xp.complex128)
    work[:modes, :modes] = gram
    work[modes:, modes:] = -gram.trace()
    seats = xp.stack([axes[:, i] for i in _next_seats(size)], axis=1)
    for _ in range(_rounds(size)):
        turn = _rotations(work, xp) @ seats
        work, axes = turn.conj().T @ work @ turn, axes @ turn
    powers, index = work.diagonal().real, xp.arange(size)
    larger = (powers > powers[:, None]) | ((powers == powers[:, None]) & (index < index[:, None]))
    by_rank = (larger.sum(axis=1)[:, None] == index).astype(xp.complex128)
    return (axes @ by_rank)[:modes, :modes]


def _rounds(size: int) -> int:
    """Return how many rounds bring the rest below the precision of complex64; two players need one."""
    sweeps = 3 + (size - 1).bit_length() if size > 2 else 1
    return sweeps * (size - 1)


def _next_seats(size: int) -> list[int]:
    """Say who sits where after a round of a tournament; 2 k plays against 2 k + 1."""
    ring = [*range(2, size, 2), *range(size - 1, 0, -2)]
    ring = ring[-1:] + ring[:-1]
    top, bottom = [0, *ring[: size // 2 - 1]], ring[size // 2 - 1 :][::-1]
    return [seat for pair in zip(top, bottom, strict=True) for seat in pair]


def _rotations(work: Any, xp: Any) -> Any:
    """Return the unitary matrix that makes elements (2 k, 2 k + 1) of a Hermitian matrix zero, for every k."""
    size, diagonal, off = len(work), work.diagonal().real, work.diagonal(1)[::2]
    gap, height = diagonal[1::2] - diagonal[::2], xp.abs(off)
    tangent = 2 * height / xp.maximum(xp.abs(gap) + xp.sqrt(gap * gap + 4 * height * height), _TINY)
    cosine = 1 / xp.sqrt(1 + tangent * tangent)
    sine = xp.where(gap < 0, -1, 1) * tangent * cosine * off / xp.maximum(height, _TINY)
    turn = xp.zeros((size, size), xp.complex128)
    flat = turn.reshape(-1)
    flat[:: 2 * size + 2] = cosine
    flat[size + 1 :: 2 * size + 2] = cosine
    flat[1 :: 2 * size + 2] = sine
    flat[size :: 2 * size + 2] = -sine.conj()
    return turn


def rotate_modes(modes: Any, rotation: Any, xp: Any = np) -> Any:
    """Return complex64 of the shape of `modes` (modes, ...): new modes = rotation @ modes."""
    wide = modes.reshape(len(modes), -1).astype(xp.complex128)
    return (rotation @ wide).astype(xp.complex64).reshape(modes.shape)


def _powers(probe: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(np.abs(probe) ** 2, axis=(1, 2), dtype=np.float64))


def _with_powers(modes: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Scale each mode to a power; a mode without any stays zero."""
    now = _powers(modes)
    scale = np.sqrt(np.divide(powers, now, out=np.zeros_like(now), where=now > 0))
    return np.asarray(modes * scale[:, None, None], dtype=np.complex64)


def _orders(count: int) -> list[tuple[int, int]]:
    """List pairs of Hermite orders by their sum: (0, 0), (0, 1), (1, 0), (0, 2), (1, 1), ..."""
    sums = range(count)
    return [(down, total - down) for total in sums for down in range(total + 1)][:count]


def _hermite(order: int, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.polynomial.hermite_e.hermeval(x, [0] * order + [1]))


def _normal_coordinates(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column coordinates in which the beam has mean 0 and standard deviation 1."""
    axes = []
    for profile in (power.sum(axis=1, dtype=np.float64), power.sum(axis=0, dtype=np.float64)):
        index = np.arange(len(profile))
        mean = np.average(index, weights=profile)
        axes.append((index - mean) / np.sqrt(np.average((index - mean) ** 2, weights=profile)))
    return axes[0], axes[1]
