"""A prepared launch: what the driver reads is what the kernel declares, and nothing of it goes too soon."""

from __future__ import annotations

import gc
import struct

import numpy as np
import pytest

from ptychogui.backends.base import Array
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.cuda.prepared_launch import block_threads
from ptychogui.backends.signatures import SIGNATURES
from tests.backends.fake_cupy import FakeMachine
from tests.kernels.cases import SIZES, Size, assert_agree, expected, random_launch


@pytest.mark.parametrize(
    ("columns", "wanted"), [(1, 32), (5, 32), (32, 32), (33, 64), (100, 128), (256, 256), (1000, 256)]
)
def test_a_block_has_a_power_of_two_of_threads(columns: int, wanted: int) -> None:
    assert block_threads(columns) == wanted


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kernel", SIGNATURES)
def test_launch_passes_every_argument_as_the_kernel_declares_it(
    machine: FakeMachine, gpu: CudaBackend, kernel: str, size: Size
) -> None:
    launch = random_launch(SIGNATURES[kernel], size)
    arrays = {name: gpu.asarray(array) for name, array in launch.arrays.items()}
    gpu.bind(kernel, **arrays)(*launch.scalars)
    assert machine.launches[-1][0] == kernel
    assert_agree(launch, {name: gpu.to_numpy(array) for name, array in arrays.items()}, expected(launch))


def test_grid_has_a_block_a_row_of_the_slots_in_use(machine: FakeMachine, gpu: CudaBackend) -> None:
    size = Size(16, 3, 2, False)
    for kernel in ("shift_probe", "gather_object", "fill_ramps"):
        launch = random_launch(SIGNATURES[kernel], size)
        gpu.bind(kernel, **{name: gpu.asarray(array) for name, array in launch.arrays.items()})(*launch.scalars)
    rows, positions = size.symbols["H"] - 3, launch.scalars[0]
    assert machine.launches == [("shift_probe", 2 * 3 * 16, 32), ("gather_object", rows, 32),
                                ("fill_ramps", 2 * positions, 32)]  # fmt: skip


def test_a_grid_has_an_end(machine: FakeMachine, gpu: CudaBackend) -> None:
    most: Array = gpu.asarray(np.zeros(70_000, np.float32))
    gpu.bind("row_max", most=most, rows=gpu.asarray(np.ones((70_000, 1), np.float32)))(70_000)
    assert machine.launches == [("row_max", 1 << 16, 32)] and most.host.all()


def test_scalars_are_those_of_each_launch_and_arrays_stay_as_long_as_it(machine: FakeMachine, gpu: CudaBackend) -> None:
    most: Array = gpu.asarray(np.zeros(3, np.float32))
    launch = gpu.bind("row_max", most=most, rows=gpu.asarray(np.ones((3, 4), np.float32)))
    gc.collect()
    for count in (1, np.int64(3), 2):
        launch(count)
    assert [call["count"] for _, call in machine.calls] == [1, 3, 2] and most.host.all()


@pytest.mark.parametrize("scalars", [(), (1, 2), (1.5,), ("1",)])
def test_scalars_that_the_kernel_does_not_take_are_refused(
    machine: FakeMachine, gpu: CudaBackend, scalars: tuple[object, ...]
) -> None:
    arrays = {"most": gpu.empty((3,), np.float32), "rows": gpu.empty((3, 4), np.float32)}
    launch = gpu.bind("row_max", **arrays)
    with pytest.raises(struct.error):
        launch(*scalars)
    assert machine.launches == []
