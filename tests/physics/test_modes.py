from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.modes import add_modes, mixed_modes, orthogonalize, principal_axes
from ptychogui.physics.probe import gaussian


def tangled(modes: int = 4, n: int = 12) -> np.ndarray:
    rng = np.random.default_rng(8)
    return (rng.normal(size=(modes, n, n)) + 1j * rng.normal(size=(modes, n, n)) + 2).astype(np.complex64)


def gram(probe: np.ndarray) -> np.ndarray:
    flat = probe.reshape(len(probe), -1).astype(np.complex128)
    return np.asarray(flat.conj() @ flat.T)


def density(probe: np.ndarray) -> np.ndarray:
    flat = probe.reshape(len(probe), -1).astype(np.complex128)
    return np.asarray(flat.T @ flat.conj())


def test_orthogonalizing_keeps_the_density_matrix() -> None:
    before, after = tangled(), orthogonalize(tangled())
    assert after.dtype == np.complex64
    np.testing.assert_allclose(density(after), density(before), atol=1e-5 * np.abs(density(before)).max())


def test_orthogonal_modes_come_strongest_first() -> None:
    product = gram(orthogonalize(tangled()))
    powers = np.diag(product).real
    assert np.all(np.diff(powers) < 0)
    np.testing.assert_allclose(product - np.diag(powers), 0, atol=1e-5 * powers[0])
    assert powers.sum() == pytest.approx(np.trace(gram(tangled())).real, rel=1e-6)


def test_orthogonal_modes_stay_as_they_are() -> None:
    once = orthogonalize(tangled())
    np.testing.assert_allclose(orthogonalize(once), once, atol=1e-5)


@pytest.mark.parametrize("modes", [1, 2, 3, 4, 5, 7, 16, 33])
@pytest.mark.parametrize("kind", ["random", "graded", "twice", "equal"])
def test_principal_axes_are_lapacks(modes: int, kind: str) -> None:
    rng = np.random.default_rng(modes)
    waves = rng.normal(size=(modes, 100)) + 1j * rng.normal(size=(modes, 100))
    if kind == "graded":
        waves *= np.logspace(0, -4, modes)[:, None]
    if kind == "twice":
        waves[modes // 2 :] = waves[: modes - modes // 2]
    if kind == "equal":
        waves = np.linalg.qr(waves.T)[0].T
    product = waves @ waves.conj().T
    axes = principal_axes(product)
    powers = np.linalg.eigvalsh(product)[::-1]
    np.testing.assert_allclose(axes.conj().T @ axes, np.eye(modes), atol=1e-12)
    np.testing.assert_allclose(axes.conj().T @ product @ axes, np.diag(powers), atol=1e-7 * powers[0])


def test_a_mode_without_power_does_no_harm() -> None:
    probe = np.concatenate([tangled(1), np.zeros((1, 12, 12), np.complex64)])
    np.testing.assert_allclose(orthogonalize(probe), probe, atol=1e-6)


def test_added_modes_are_orthogonal_and_have_their_part_of_the_power() -> None:
    probe = 50 * gaussian(64, 1.0, 12.0)
    product = gram(add_modes(probe, 6))
    parts = np.array([0.9, 0.02, 0.02, 0.02, 0.02, 0.02])
    np.testing.assert_allclose(product, 2500 * np.diag(parts), atol=2500e-5)


def test_the_first_mode_keeps_its_shape() -> None:
    probe = gaussian(64, 1.0, 12.0)
    np.testing.assert_allclose(add_modes(probe, 3)[0], np.sqrt(0.96) * probe[0], atol=1e-6)


def test_too_many_modes_lose_the_weakest_and_keep_the_power() -> None:
    kept = add_modes(tangled(), 2)
    assert kept.shape == (2, 12, 12)
    np.testing.assert_allclose(np.trace(gram(kept)), np.trace(gram(tangled())), rtol=1e-5)
    strongest = orthogonalize(tangled())[0]
    assert np.abs(np.vdot(kept[0], strongest)) == pytest.approx(
        np.linalg.norm(kept[0]) * np.linalg.norm(strongest), rel=1e-5
    )


def test_as_many_modes_as_there_are_change_nothing() -> None:
    np.testing.assert_allclose(add_modes(tangled(), 4), tangled(), rtol=1e-6)


def test_many_new_modes_share_half_of_the_power() -> None:
    powers = np.diag(gram(add_modes(gaussian(32, 1.0, 6.0), 64))).real
    assert powers[0] == pytest.approx(0.5 * powers.sum(), rel=1e-3)


def test_mixed_modes_have_the_given_fractions() -> None:
    modes = mixed_modes(10 * gaussian(64, 1.0, 12.0), (6, 3, 1))
    np.testing.assert_allclose(gram(modes), np.diag([60, 30, 10]), atol=1e-3)
