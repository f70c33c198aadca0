"""Movement of the object: noise that comes and goes is told from what goes somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.engines.object_movement import ObjectMovement

_SHAPE = (120, 140)


@pytest.fixture(scope="module")
def cpu() -> Iterator[Backend]:
    with open_backend("cpu", threads=1) as backend:
        yield backend


def problem_of(positions: int = 300, window: int = 32) -> Any:
    """Return what is looked at of a problem: windows anywhere in the object."""
    corners = np.random.default_rng(1).integers(0, np.array(_SHAPE) - window, (positions, 2))
    return SimpleNamespace(geometry=SimpleNamespace(corners=corners), probe=np.zeros((1, window, window)))


def noise(rng: np.random.Generator) -> np.ndarray:
    return (rng.normal(size=_SHAPE) + 1j * rng.normal(size=_SHAPE)).astype(np.complex64)


def seen(
    backend: Backend, iterations: int, obj_at: Callable[[int, np.random.Generator], np.ndarray], problem: Any
) -> list[bool]:
    """Return after each iteration whether the object is said to go on."""
    obj, rng, found = backend.asarray(np.ones(_SHAPE, np.complex64)), np.random.default_rng(2), []
    movement = ObjectMovement(problem, obj, backend)
    for iteration in range(iterations):
        backend.write(obj, obj_at(iteration, rng))
        movement.look()
        found.append(movement.goes_on)
    return found


def noisy(iteration: int, rng: np.random.Generator) -> np.ndarray:
    obj: np.ndarray = 1 + 0.1 * noise(rng)
    return obj


def converging(iteration: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise of each iteration that hides what varies slowly and is still on its way."""
    obj = noisy(iteration, rng)
    obj += (np.exp(-iteration / 10) * np.sin(np.arange(_SHAPE[0]) / 20)[:, None]).astype(np.float32)
    return obj


@pytest.mark.parametrize("positions", [20, 300, 2000])
def test_noise_that_comes_and_goes_is_no_movement(cpu: Backend, positions: int) -> None:
    found = seen(cpu, 30, noisy, problem_of(positions))
    assert found == [True] * 6 + [False] * 24


def test_what_varies_slowly_is_seen_below_stronger_noise_until_it_has_come(cpu: Backend) -> None:
    found = seen(cpu, 60, converging, problem_of())
    assert all(found[:12])
    assert not any(found[45:])


def test_a_new_scale_or_phase_of_the_whole_object_is_no_movement(cpu: Backend) -> None:
    def turning(iteration: int, rng: np.random.Generator) -> np.ndarray:
        obj = noisy(iteration, rng)
        obj *= np.complex64(np.exp((0.05 + 0.2j) * iteration))
        return obj

    assert not any(seen(cpu, 30, turning, problem_of())[7:])


def test_what_is_no_number_does_not_go_on(cpu: Backend) -> None:
    assert not seen(cpu, 9, lambda *_: np.full(_SHAPE, np.nan), problem_of())[-1]


def test_it_goes_on_from_its_state(cpu: Backend) -> None:
    obj, rng = cpu.asarray(np.ones(_SHAPE, np.complex64)), np.random.default_rng(2)
    first, again = (ObjectMovement(problem_of(), obj, cpu) for _ in range(2))
    found = []
    for iteration in range(40):
        cpu.write(obj, converging(iteration, rng))
        first.look()
        again.restore(first.state())
        assert again.goes_on == first.goes_on
        found.append(first.goes_on)
    assert True in found[8:] and False in found
