"""LSQML's equations (Odstrcil, Menzel & Guizar-Sicairos 2018) written out in double precision, for one group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptychogui.engines import Problem
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe import shift_probe

PRIOR_PX = 0.5
"""Standard deviation of positions that the damping of their shifts takes for granted."""

FAINT = 1e-3
"""Photons of the model that the slope of the Poisson likelihood sees on a pixel at least."""


class Group:
    """What positions give together, from one object and one probe.

    Attributes:
        chi: complex128 (positions, modes, N, N), revised less modelled exit waves.
        pull, push: gradients of object and probe.
        of_object, of_probe: directions, which are the gradients over damped illumination and brightness.
    """

    def __init__(
        self, problem: Problem, members: np.ndarray, obj: np.ndarray, probe: np.ndarray, asked: Reconstruction,
        damping: float, learned: int,
    ) -> None:  # fmt: skip
        """Compute it for positions `members`, from which the probe's first `learned` modes learn."""
        self.obj, self.probe = obj.astype(np.complex128), probe.astype(np.complex128)
        n, corners = probe.shape[-1], problem.geometry.corners[members].tolist()
        self.windows = [(slice(row, row + n), slice(column, column + n)) for row, column in corners]
        fractions = problem.geometry.fractions[members] * (asked.sub_pixel == "fourier")
        beams = [shift_probe(self.probe, fraction) for fraction in fractions]
        waves = np.array([beam * self.obj[window] for beam, window in zip(beams, self.windows, strict=True)])
        measured = amplitudes_of(problem.patterns[members]).astype(np.float64)
        self.chi = revised(waves, measured, asked.noise_model) - waves
        self.pull, light = np.zeros_like(self.obj), np.zeros(obj.shape)
        self.push, bright = np.zeros_like(self.probe), np.zeros((n, n))
        for window, beam, chi, fraction in zip(self.windows, beams, self.chi, fractions, strict=True):
            self.pull[window] += (beam.conj() * chi).sum(axis=0)
            light[window] += (abs(self.probe) ** 2).sum(axis=0)
            self.push += shift_probe(self.obj[window].conj() * chi, -fraction)
            bright += abs(self.obj[window]) ** 2
        self.of_object = self.pull / (light + damping * light.max())
        self.of_probe = self.push / (bright + damping * len(members))
        self.of_probe[learned:] = 0

    def columns(self) -> np.ndarray:
        """Return what unit steps change of the exit waves on whole pixels: (2, positions, modes, N, N)."""
        along = [self.probe * self.of_object[window] for window in self.windows]
        across = [self.of_probe * self.obj[window] for window in self.windows]
        return np.array([along, across])

    def slopes(self) -> np.ndarray:
        """Return what shifts by a pixel change of the exit waves: (2, positions, modes, N, N)."""
        down, across = ((np.roll(self.obj, -1, axis) - np.roll(self.obj, 1, axis)) / 2 for axis in (0, 1))
        return np.array([[self.probe * slope[window] for window in self.windows] for slope in (down, across)])

    def normal(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps' normal equations; pulls are exact, lengths those on whole pixels."""
        along, across = self.columns()
        matrix = np.array([[inner(a, b) for b in (along, across)] for a in (along, across)])
        return matrix, np.array([inner(self.of_object, self.pull), inner(self.of_probe, self.push)])

    def moved(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return object and probe after steps, which are not taken backwards."""
        a, b = (max(step, 0) for step in steps)
        return self.obj + a * self.of_object, self.probe + b * self.of_probe


def revised(waves: np.ndarray, measured: np.ndarray, noise_model: str) -> np.ndarray:
    """Return exit waves (positions, modes, N, N) whose far fields were fitted to amplitudes, -1 where free."""
    far = np.fft.fft2(waves, norm="ortho")
    power = (abs(far) ** 2).sum(axis=1)
    for one, modelled, amplitudes in zip(far, power, measured, strict=True):
        known = amplitudes >= 0
        if noise_model == "gaussian":
            one *= np.where(known, amplitudes / np.sqrt(modelled), 1)
        else:
            xi = np.where(known, (modelled - amplitudes**2) / (modelled + FAINT), 0)
            one *= 1 - poisson_step(modelled[known], amplitudes[known] ** 2, xi[known]) * xi
    return np.asarray(np.fft.ifft2(far, norm="ortho"))


def poisson_step(modelled: np.ndarray, counts: np.ndarray, xi: np.ndarray) -> float:
    """Return the step along -xi Psi at which Halley's method, from 1/2 on, finds the loss without slope."""
    rest = 1 - xi / 2
    slope = (2 * counts * xi / rest - 2 * modelled * xi * rest).sum()
    curvature = (2 * counts * xi**2 / rest**2 + 2 * modelled * xi**2).sum()
    third = (4 * counts * xi**3 / rest**3).sum()
    return float(np.clip(0.5 - 2 * slope * curvature / (2 * curvature**2 - slope * third), 0, 1))


def poisson_loss(modelled: np.ndarray, counts: np.ndarray, xi: np.ndarray, step: float) -> float:
    """Return the negative log-likelihood of Poisson counts, but for a constant, after a step along -xi Psi."""
    power = modelled * (1 - step * xi) ** 2
    return float((power - counts * np.log(power)).sum())


def inner(one: np.ndarray, other: np.ndarray) -> float:
    """Return Re <one, other>."""
    return float((one.conj() * other).real.sum())


def real_least_squares(columns: Sequence[np.ndarray], wanted: np.ndarray) -> np.ndarray:
    """Fit real multiples of complex columns, by numpy, on real and imaginary parts under each other."""
    stacked = np.array([np.concatenate([column.real.ravel(), column.imag.ravel()]) for column in columns]).T
    right = np.concatenate([wanted.real.ravel(), wanted.imag.ravel()])
    return np.asarray(np.linalg.lstsq(stacked, right, rcond=None)[0])
