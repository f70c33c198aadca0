"""The CUDA backend: on a fake CuPy everywhere, on a real one where there is a GPU."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.base import Array
from ptychogui.backends.cuda import CudaBackend, backend as backend_module, cuda_options
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.errors import DeviceError, MemoryBudgetError
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import check_ffts, epie_settings, raiser, reconstructed


def test_wrong_array_is_refused_before_a_launch(gpu: CudaBackend) -> None:
    rows = gpu.empty((4, 9), np.float64)
    with pytest.raises(TypeError, match="row_max: rows is float64"):
        gpu.bind("row_max", most=gpu.empty((4,), np.float32), rows=rows)


def test_ffts_are_in_place_not_normalised_and_touch_only_their_slots(gpu: CudaBackend) -> None:
    check_ffts(gpu)


def test_a_copy_to_the_host_is_of_the_moment_it_was_asked_for(machine: FakeMachine, gpu: CudaBackend) -> None:
    array: Array = gpu.asarray(np.arange(4, dtype=np.float32))
    waits = len(machine.stream.waits)
    asked = gpu.read_later(array)
    array[...] = 7
    assert len(machine.stream.waits) == waits
    assert asked.wait().tolist() == [0, 1, 2, 3]
    assert len(machine.stream.waits) == waits + 1


@pytest.mark.parametrize("step", [1, 2])
def test_memory_of_the_host_may_be_changed_or_let_go_once_it_is_written(
    machine: FakeMachine, gpu: CudaBackend, step: int
) -> None:
    given, array = np.arange(8, dtype=np.float32)[::step], gpu.empty((8 // step,), np.float32)
    gpu.write(array, given)
    copy = gpu.asarray(given + 1)
    wanted = given.tolist()
    given += 5
    gpu.xp.multiply(array, np.float32(1), out=array)
    assert gpu.to_numpy(array).tolist() == wanted
    assert gpu.to_numpy(copy).tolist() == [value + 1 for value in wanted]


def test_a_copy_to_the_device_may_leave_late(machine: FakeMachine, gpu: CudaBackend) -> None:
    array, given = gpu.empty((3,), np.int32), np.array([1, 2, 3], np.int32)
    waits = len(machine.stream.waits)
    for _ in range(3):
        gpu.write_later(array, given)
        given += 3
    asked = gpu.read_later(array)
    assert len(machine.stream.waits) == waits
    assert asked.wait().tolist() == [7, 8, 9]


def test_page_locked_memory_is_kept_until_its_copy_has_left(machine: FakeMachine, gpu: CudaBackend) -> None:
    array = gpu.empty((3,), np.int32)
    memory = []
    for i in range(2):
        gpu.write_later(array, np.full(3, i, np.int32))
        memory.append(weakref.ref(gpu._under_way[-1][1]))
    assert all(held() is not None for held in memory)
    gpu.read_later(array).wait()
    gpu.write_later(array, np.zeros(3, np.int32))
    assert all(held() is None for held in memory)


def test_page_locked_memory_is_kept_until_its_copy_is_there_though_nobody_waits(gpu: CudaBackend) -> None:
    first = gpu.read_later(gpu.asarray(np.ones(3, np.float32)))
    memory = weakref.ref(first.copy)
    del first
    assert memory() is not None
    gpu.read_later(gpu.asarray(np.zeros(3, np.float32))).wait()
    gpu.read_later(gpu.empty((3,), np.float32))
    assert memory() is None


def test_copies_are_there_before_a_gpu_is_closed(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        asked = gpu.read_later(gpu.asarray(np.ones(3, np.float32)))
        assert np.isnan(asked.copy).all()
    assert asked.copy.tolist() == [1, 1, 1]


def test_kernels_read_page_locked_memory_and_are_waited_for_before_it_goes(
    machine: FakeMachine, gpu: CudaBackend
) -> None:
    given = np.arange(18, dtype=np.float32).reshape(3, 6)
    locked, most = gpu.page_locked(given, np.array([0, 2])), gpu.empty((2,), np.float32)
    before = machine.taken_bytes
    given[...] = 0
    gpu.bind("row_max", most=most, rows=locked)(2)
    assert gpu.to_numpy(most).tolist() == [5, 17]
    assert machine.taken_bytes == before and "synchronize" not in machine.log
    del locked
    gc.collect()
    assert machine.log[-1] == "synchronize"


def test_memory_that_can_not_be_locked_is_said_with_numbers(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda_of_cupy = machine.modules["cupy.cuda"]
    failing = raiser(cuda_of_cupy.runtime.CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"))
    monkeypatch.setattr(cuda_of_cupy, "PinnedMemory", failing)
    with (
        pytest.raises(MemoryBudgetError, match=r"can't lock 0\.02 GB .*cudaErrorMemoryAllocation"),
        CudaBackend(0) as gpu,
    ):
        gpu.page_locked(np.zeros((3, 10**7), np.uint8), np.array([0, 2]))


def test_work_on_a_side_queue_is_done_for_what_is_queued_after_joining(machine: FakeMachine, gpu: CudaBackend) -> None:
    rows: Array = gpu.asarray(np.ones((2, 6), np.float32))
    most: Array = gpu.asarray(np.zeros(2, np.float32))
    launch, queue = gpu.bind("row_max", most=most, rows=rows), gpu.side_queue()
    waits = len(machine.stream.waits)
    machine.queued.clear()
    queue.run(lambda: launch(2))
    assert most.host.tolist() == [0, 0]
    queue.join()
    assert most.host.tolist() == [1, 1] and len(machine.stream.waits) == waits
    assert [(queued.beside, queued.what) for queued in machine.queued] == [
        (False, "record"), (True, "wait"), (True, "row_max"), (True, "record"), (False, "wait")
    ]  # fmt: skip
    assert machine.queued[0].event == machine.queued[1].event != machine.queued[3].event == machine.queued[4].event


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
@pytest.mark.parametrize("batch_size", [1, None])
def test_epie_gives_the_bits_of_the_numpy_backend(gpu: CudaBackend, sub_pixel: str, batch_size: int | None) -> None:
    settings = epie_settings(sub_pixel=sub_pixel, batch_size=batch_size, orthogonalize_every=2, phase_constraint=1)
    plain = NumpyBackend()
    plain.slices = gpu.slices
    wanted = reconstructed(plain, settings)
    got = reconstructed(gpu, settings)
    assert np.isfinite(got.object).all()
    assert np.array_equal(got.object, wanted.object) and np.array_equal(got.probe, wanted.probe)


def test_run_calls_work_in_order_on_one_worker(gpu: CudaBackend) -> None:
    calls: list[tuple[int, ...]] = []
    gpu.run([(0, 3), (3, 5), (5, 6)], lambda *call: calls.append(call))
    assert calls == [(0, 0, 0, 3), (0, 0, 3, 5), (0, 0, 5, 6)]


@pytest.mark.parametrize(("l2_mib", "batch_mib"), [(50, 25), (16, 8), (6, 32), (0, 32)])
def test_a_batch_fills_half_of_the_l2_where_that_fills_the_gpu(
    machine: FakeMachine, l2_mib: int, batch_mib: int
) -> None:
    machine.l2_bytes = l2_mib << 20
    gpu = CudaBackend(0)
    assert gpu.batch_size(1 << 20) == batch_mib
    assert gpu.batch_size(1 << 30) == 1


def test_free_memory_counts_what_cupy_keeps(machine: FakeMachine) -> None:
    machine.free_memory_bytes = 5000
    assert CudaBackend(0).memory_free_bytes() == 6000


def test_device_and_stream_are_entered_and_left(machine: FakeMachine) -> None:
    with CudaBackend(1):
        assert machine.log == ["+device 1", "+stream"]
    assert machine.log[2:] == ["free", "-stream", "-device 1"]


def test_kernels_that_do_not_compile_are_quoted_and_the_device_is_left(machine: FakeMachine) -> None:
    machine.compile_error = "update.cu(7): error: identifier 'oops' is undefined"
    with pytest.raises(DeviceError, match=r"cuda:0 can't compile the kernels: update\.cu\(7\)"):
        CudaBackend(0).__enter__()
    assert machine.log[-2:] == ["-stream", "-device 0"]


def test_too_little_memory_is_said_with_numbers(machine: FakeMachine) -> None:
    with (
        pytest.raises(MemoryBudgetError, match=r"cuda:0 has too little memory .*34,359,738,368 bytes"),
        CudaBackend(0) as gpu,
    ):
        gpu.empty((1 << 35,), np.uint8)
    assert machine.log[-1] == "-device 0"


def test_failure_of_the_device_is_ours_and_others_pass(machine: FakeMachine) -> None:
    error = machine.modules["cupy.cuda.runtime"].CUDARuntimeError
    with pytest.raises(DeviceError, match=r"cuda:0 failed .*cudaErrorIllegalAddress"), CudaBackend(0):
        raise error("cudaErrorIllegalAddress: an illegal memory access was encountered")
    with pytest.raises(KeyError), CudaBackend(0):
        raise KeyError("a bug")


def test_options_change_with_the_included_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cuda_options()
    (tmp_path / "other.cuh").write_text("// other")
    monkeypatch.setattr(backend_module, "included_files", lambda: [tmp_path / "other.cuh"])
    digests = [next(option for option in options if "DIGEST" in option) for options in (before, cuda_options())]
    assert digests[0] != digests[1]
