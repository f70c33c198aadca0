"""LSQML's variable probe (OPR: Odstrcil et al., Opt. Express 24, 8360, 2016) and the intensity at each position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.backends.base import Array, Backend, Launch
from ptychogui.engines.base import Problem
from ptychogui.engines.constraints import Changes
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.state import EngineState, put
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.modes import principal_axes
from ptychogui.physics.probe_variation import ProbeVariation

_DAMPING = 0.1
"""Part of a share's own normal equation that is added to it: object and probe move by the same residuals."""

_FARTHEST = 4.0
"""Times the root mean square of a component's coefficients that one may reach: some pattern always lacks its beam."""

_DIMMEST, _BRIGHTEST = 0.2, 5.0
"""Amplitudes of the beam, in parts of the mean one."""

_TINY = np.float32(1e-30)


@dataclass(frozen=True)
class VariedGradients:
    """One worker's kernels for a batch whose waves hold the gradients of each position's own probe.

    Attributes:
        add: sum them for modes and components into lanes, as (start, count, lane, slices, fresh).
        project: set up the normal equations of each position's shares, as (start, count).
    """

    add: Launch
    project: Launch


class VariableProbe:
    """The probe of every position: its share of the scan's modes, and its shares of components in the first.

    P_i,0 = w_i P_0 + sum_k a_ik V_k and P_i,m = w_i P_m. The model is linear in the real shares (w_i, a_i), so each
    position's are moved by the damped least squares of its own residual; the components are moved by their
    preconditioned gradient over all positions, once an iteration. At first components are zero and shares random, and
    the gradient is a random mixture of residuals: from there on the iteration is that of a subspace, which turns
    towards the strongest principal components of the residuals.

    What two parts of the model could both explain belongs to one of them: the mean of the shares to the probe, which
    learns it by itself, and the overall scale likewise; what lies along the components to the shares; and with
    intensity correction, what lies along the first mode to the intensity.

    Attributes:
        basis: complex64 (modes + K, N, N), the modes, then the components.
        probe: the modes alone, the same memory.
        mix: float32 (positions, 1 + K), the shares w and a.
    """

    def __init__(self, problem: Problem, settings: Reconstruction, backend: Backend) -> None:
        modes, n, _ = problem.probe.shape
        positions, count = len(problem.patterns), settings.components
        self._backend, self._xp, self._settings = backend, backend.xp, settings
        amplitudes, components, coefficients = _first(problem, settings)
        self._fitted = amplitudes is not None
        amplitudes = np.ones((positions, 1), np.float32) if amplitudes is None else amplitudes
        self.basis = backend.asarray(np.concatenate([problem.probe, components]))
        self.mix = backend.asarray(np.concatenate([amplitudes, amplitudes * coefficients], axis=1))
        self.probe, self._components = self.basis[:modes], self.basis[modes:]
        self._pull = backend.asarray(np.zeros((count, n, n), np.complex64))
        self._lit = backend.asarray(np.ones((n, n), np.float32))
        self._grams = backend.empty((positions, backend.chunks, (count + 1) * (count + 2) // 2), np.float32)
        self._pulls = backend.empty((positions, backend.chunks, count + 1), np.float32)
        self._solve = backend.bind("solve_mix", mix=self.mix, grams=self._grams, pulls=self._pulls)

    def gradients(self, waves: Array, sums: Array, spectrum: Array | None, scan: ScanArrays) -> VariedGradients:
        """Bind one worker's kernels.

        Args:
            waves: complex64 (slots, modes, N, N) of the worker.
            sums: complex64 (lanes, modes + K, N, N).
            spectrum: complex64 (modes + K, N, N) of the basis, where positions are sub-pixel.
            scan: the arrays of the scan.
        """
        kind, ramps, spectra = "", {}, {}
        if scan.ramps is not None:
            kind, ramps, spectra = "_shifted", {"ramps": scan.ramps}, {"spectrum": spectrum}
        batch = {"waves": waves, "order": scan.order, **ramps}
        scene = {"object": scan.object, "corners": scan.corners, "basis": self.basis, **spectra}
        add = self._backend.bind(f"sum_varied{kind}", sums=sums, mix=self.mix, **batch)
        project = self._backend.bind(f"mix_equations{kind}", grams=self._grams, pulls=self._pulls, **scene, **batch)
        return VariedGradients(add, project)

    def collect(self, basis_pull: Array, bright: Array, positions: int) -> None:
        """Add what a group gives to the components.

        Args:
            basis_pull: complex64 (modes + K, N, N), the sum of its gradients.
            bright: float32 (N, N), the sum of |object|^2 over its windows.
            positions: how many it has.
        """
        if len(self._pull):
            self._pull += basis_pull[len(self.probe) :]
            self._xp.multiply(bright, np.float32(1 / positions), out=self._lit)

    def move(self, modes_too: bool, damping: float) -> None:
        """Move components and shares, once every group has given what it has to give.

        Args:
            modes_too: whether this iteration updates the probe. If not, the components stay, and so do the scales.
            damping: of the components' brightness, against a transparent object's.
        """
        if len(self._pull) and modes_too:
            self._move_components(damping)
        self._solve(len(self.mix), 0 if self._settings.fits_intensities else 1, _DAMPING)
        if self._settings.fits_intensities:
            self._bound_intensities(modes_too)
        if len(self._pull):
            self._bound_coefficients(modes_too)
        if len(self._pull) and modes_too:
            self._orthogonalize()
        self._fitted = self._settings.fits_intensities

    def follow(self, changes: Changes, scale: Array | None) -> None:
        """Do what was done to the probe between iterations to its components.

        Of a rotation of the modes they keep the part that stays in the first mode: an orthogonal set hardly turns, and
        where another mode became the strongest, the variation is found anew.

        Args:
            changes: by the constraints.
            scale: 0-d, what the probe was multiplied by besides; None if it was not.
        """
        if not len(self._pull):
            return
        xp, n = self._xp, self.basis.shape[-1]
        if changes.shift is not None:
            rows, columns = ((xp.arange(n) - changes.shift[axis]) % n for axis in (0, 1))
            self._components[...] = self._components.take(rows, axis=1).take(columns, axis=2)
        if changes.traded is not None:
            self._components *= changes.traded[1]
        if self._settings.probe_support_m is not None or self._settings.probe_threshold:
            self._components *= (xp.abs(self.probe).sum(axis=0) > 0).astype(np.float32)
        if changes.rotation is not None:
            stays = changes.rotation[0, 0]
            kept = xp.abs(stays)
            self._components *= (stays / xp.maximum(kept, _TINY)).astype(np.complex64)
            self.mix[:, 1:] *= kept.astype(np.float32)
        for factor in (changes.scale, scale):
            if factor is not None:
                self.mix[:, 1:] *= factor

    def variation(self) -> ProbeVariation | None:
        """Copy what was found to the host; None before the first update."""
        mix, components = self._backend.to_numpy(self.mix), self._backend.to_numpy(self._components)
        found = bool(components.any())
        if not found and not self._fitted:
            return None
        return ProbeVariation(
            components=components if found else None,
            coefficients=mix[:, 1:] / mix[:, :1] if found else None,
            intensities=mix[:, 0] ** 2 if self._fitted else None,
        )

    def state(self) -> EngineState:
        """Return modes, components and shares, and whether intensities among these were fitted."""
        return {**self._found(), "fitted": self._fitted}

    def restore(self, state: EngineState) -> None:
        """Vary as one that gave this state."""
        put(self._found(), state, self._backend)
        self._fitted = state["fitted"]

    def _found(self) -> EngineState:
        return {"basis": self.basis, "mix": self.mix}

    def _move_components(self, damping: float) -> None:
        """Step along the gradient, divided by how often and how brightly each component is seen."""
        energy = (self.mix[:, 1:] ** 2).sum(axis=0)[:, None, None]
        step = self._pull / (energy * (self._lit + np.float32(damping)) + _TINY)
        old, wide = _plane(self._components), _plane(step)
        wide -= (wide @ old.T) @ old
        self._components += np.float32(self._settings.probe_step) * step
        self._pull[...] = 0
        if self._settings.fits_intensities:
            self._leave_first_mode()

    def _leave_first_mode(self) -> None:
        """Take the first mode out of the components: that is the intensity's."""
        xp, first = self._xp, self.probe[0].reshape(-1)
        flat = self._components.reshape(len(self._components), -1)
        share = (flat @ first.conj()) / xp.maximum((xp.abs(first) ** 2).sum(), _TINY)
        flat -= share[:, None] * first

    def _bound_intensities(self, scale_too: bool) -> None:
        xp, amplitudes = self._xp, self.mix[:, 0]
        mean = xp.sqrt((amplitudes**2).mean()) if scale_too else np.float32(1)
        self.mix[:, 0] = xp.clip(amplitudes / mean, np.float32(_DIMMEST), np.float32(_BRIGHTEST))

    def _bound_coefficients(self, mean_too: bool) -> None:
        """Leave the mean, weighted as the positions are, to the probe, and bring in what is far out."""
        xp, shares, amplitudes = self._xp, self.mix[:, 1:], self.mix[:, :1]
        if mean_too:
            shares = shares - amplitudes * ((amplitudes * shares).sum(axis=0) / (amplitudes**2).sum())
        limit = np.float32(_FARTHEST) * xp.sqrt((shares**2).mean(axis=0))
        self.mix[:, 1:] = xp.maximum(xp.minimum(shares, limit), -limit)

    def _orthogonalize(self) -> None:
        """Make components orthonormal and their coefficients uncorrelated, strongest first; no probe changes.

        With G = V V^T = E diag(l) E^T, the rows of diag(l)^-1/2 E^T V are orthonormal; the shares that belong to them
        are A E diag(l)^1/2, of which the eigenvectors U of their own Gram matrix give A' = A E diag(l)^1/2 U and
        V' = U^T diag(l)^-1/2 E^T V.
        """
        xp, wide = self._xp, _plane(self._components).astype(np.float64)
        gram = wide @ wide.T
        axes = principal_axes(gram.astype(np.complex128), xp).real
        length = xp.sqrt(xp.maximum((axes * (gram @ axes)).sum(axis=0), 1e-60))
        shares = (self.mix[:, 1:].astype(np.float64) @ axes) * length
        turn = principal_axes((shares.T @ shares).astype(np.complex128), xp).real
        _plane(self._components)[...] = turn.T @ ((axes / length).T @ wide)
        self.mix[:, 1:] = shares @ turn


def _plane(components: Array) -> Array:
    """Look at complex64 (K, N, N) as float32 (K, 2 N^2), where real coefficients make their angles."""
    return components.reshape(len(components), -1).view(np.float32)


def _first(problem: Problem, settings: Reconstruction) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Return what to start from: amplitudes (positions, 1), None if not known, components and coefficients.

    What the problem knows is taken where it is as large as what is asked for; else components are zero and coefficients
    random.
    """
    known, (positions, n, _), count = problem.variation or ProbeVariation(), problem.patterns.shape, settings.components
    amplitudes, components = None, np.zeros((count, n, n), np.complex64)
    coefficients = np.random.default_rng([settings.seed, count]).standard_normal((positions, count), np.float32)
    if settings.fits_intensities and known.intensities is not None:
        amplitudes = np.sqrt(known.intensities, dtype=np.float32)[:, None]
    if known.components is not None and known.coefficients is not None and len(known.components) == count:
        components, coefficients = known.components, known.coefficients
    return amplitudes, components, coefficients
