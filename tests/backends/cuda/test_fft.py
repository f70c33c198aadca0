"""cuFFT plans on a pretended CuPy: how many there are, and what they take."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from ptychogui.backends.base import Array
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.cuda.fft import planned_size, work_area_bytes
from tests.backends.fake_cupy import FakeMachine


def test_a_plan_is_made_once(machine: FakeMachine, gpu: CudaBackend) -> None:
    pair = gpu.fft_pair(gpu.asarray(np.zeros((6, 1, 8, 8), np.complex64)))
    for count in (3, 2, 1, 4, 5, 6, 3, 2):
        pair.forward(count)
        pair.inverse(count)
    assert machine.plans == [(count, 1, 8, 8) for count in (3, 2, 1, 4, 5, 6)]


def test_counts_that_are_alike_have_one_plan(machine: FakeMachine, gpu: CudaBackend) -> None:
    array: Array = gpu.asarray(np.ones((39, 1, 4, 4), np.complex64))
    pair = gpu.fft_pair(array)
    for count in (17, 18, 33, 36, 37, 39):
        array[...] = 1
        pair.forward(count)
        assert (array.host[:count, 0, 0, 0] == 16).all()
    assert machine.plans == [(18, 1, 4, 4), (36, 1, 4, 4), (39, 1, 4, 4)]


def test_sizes_are_eight_in_each_factor_of_two_and_at_most_an_eighth_too_large() -> None:
    sizes = [planned_size(count, 1 << 20) for count in range(1, 1025)]
    assert all(count <= size <= 9 / 8 * count for count, size in enumerate(sizes, start=1))
    assert sizes[:16] == list(range(1, 17))
    for top in (32, 64, 1024):
        assert len({size for size in sizes if top // 2 < size <= top}) == 8


def test_plans_of_an_array_share_a_work_area(machine: FakeMachine, gpu: CudaBackend) -> None:
    array: Array = gpu.asarray(np.zeros((6, 1, 8, 8), np.complex64))
    pair, before = gpu.fft_pair(array), machine.taken_bytes
    for count in (2, 6, 3):
        pair.forward(count)
    assert machine.taken_bytes - before == array.nbytes == gpu.fft_work_bytes(array.nbytes, 8)


def test_a_plan_that_needs_more_gets_it(machine: FakeMachine, gpu: CudaBackend) -> None:
    array: Array = gpu.asarray(np.zeros((6, 1, 8, 8), np.complex64))
    pair, before = gpu.fft_pair(array), machine.taken_bytes
    for machine.work_area_batches, count in ((0.0, 2), (1.0, 6), (0.5, 3)):
        pair.forward(count)
    assert machine.taken_bytes - before == array.nbytes


@pytest.mark.parametrize(("n", "batches"), [(128, 1), (210, 1), (250, 1), (22, 8), (251, 8)])
def test_large_primes_take_large_work_areas(n: int, batches: int) -> None:
    assert work_area_bytes(1000, n) == 1000 * batches


def test_plans_and_array_go_with_the_pair(machine: FakeMachine, gpu: CudaBackend) -> None:
    pair = gpu.fft_pair(gpu.asarray(np.zeros((6, 1, 8, 8), np.complex64)))
    pair.forward(2)
    gc.disable()
    try:
        assert len(machine.stream.memory) == 2
        del pair
        assert not machine.stream.memory
    finally:
        gc.enable()
