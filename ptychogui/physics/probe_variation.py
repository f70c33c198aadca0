"""How the probe varies from position to position (Odstrcil et al., Opt. Express 24, 8360, 2016), and its intensity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class ProbeVariation:
    """How the probe of each position differs from the scan's.

    With w the square root of a position's intensity, P_i,0 = w_i (P_0 + sum_k c_ik V_k), and P_i,m = w_i P_m for the
    other modes. Components and coefficients come together; what is None does not vary.

    Attributes:
        components: V, complex64 (K, N, N), strongest first; orthonormal where real coefficients make a plane of complex
            numbers two dimensions: Re sum conj(V_k) V_l is 1 for k = l and 0 else.
        coefficients: c, float32 (positions, K), in square roots of counts.
        intensities: w^2, float32 (positions,), relative: of mean 1.
    """

    components: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    intensities: np.ndarray | None = None

    def probes(self, probe: np.ndarray, positions: slice) -> np.ndarray:
        """Return the probes of some positions: complex64 (positions, modes, N, N).

        Args:
            probe: complex64 (modes, N, N), the scan's.
            positions: which ones.
        """
        count = len(self._of_all[positions])
        varied = np.repeat(probe[None], count, axis=0)
        if self.components is not None and self.coefficients is not None:
            varied[:, 0] += np.tensordot(self.coefficients[positions], self.components, 1)
        if self.intensities is not None:
            varied *= np.sqrt(self.intensities[positions], dtype=np.float32)[:, None, None, None]
        return varied

    def scaled(self, factor: float) -> ProbeVariation:
        """Return what varies alike in a probe that was multiplied by a factor."""
        return self if self.coefficients is None else replace(self, coefficients=self.coefficients * np.float32(factor))

    @property
    def _of_all(self) -> np.ndarray:
        found = self.intensities if self.coefficients is None else self.coefficients
        assert found is not None, "something varies, or there is no ProbeVariation"
        return found
