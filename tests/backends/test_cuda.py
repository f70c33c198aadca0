"""The CUDA backend: on a fake CuPy everywhere, on a real one where there is a GPU."""

from __future__ import annotations

import gc
import sys
import weakref
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft

from ptychogui.backends import cuda, open_backend
from ptychogui.backends.base import Array
from ptychogui.backends.cuda import CudaBackend, cuda_options, launch_shape
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.engines import Estimate, create_engine
from ptychogui.errors import DeviceError, MemoryBudgetError
from ptychogui.params.model import Reconstruction
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import narrow_beam
from tests.kernels.cases import SIZES, Size, assert_agree, expected, random_launch


@pytest.mark.parametrize(
    ("rows", "columns", "wanted"),
    [(1, 5, (1, 32)), (70, 32, (70, 32)), (70, 33, (70, 64)), (9, 100, (9, 128)), (9, 256, (9, 256)),
     (9, 1000, (9, 256)), (1 << 20, 256, (1 << 16, 256)), (1, 1, (1, 32))],
)  # fmt: skip
def test_launch_shape(rows: int, columns: int, wanted: tuple[int, int]) -> None:
    assert launch_shape(rows, columns) == wanted


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
    for kernel in ("shift_probe", "gather_object"):
        launch = random_launch(SIGNATURES[kernel], size)
        gpu.bind(kernel, **{name: gpu.asarray(array) for name, array in launch.arrays.items()})(*launch.scalars)
    rows = size.symbols["H"] - 3
    assert machine.launches == [("shift_probe", 2 * 3 * 16, 32), ("gather_object", rows, 32)]


def test_wrong_array_is_refused_before_a_launch(gpu: CudaBackend) -> None:
    rows = gpu.empty((4, 9), np.float64)
    with pytest.raises(TypeError, match="row_max: rows is float64"):
        gpu.bind("row_max", most=gpu.empty((4,), np.float32), rows=rows)


def test_ffts_are_in_place_not_normalised_and_touch_only_their_slots(gpu: CudaBackend) -> None:
    _check_ffts(gpu)


def test_plans_are_kept_for_a_few_counts(machine: FakeMachine, gpu: CudaBackend) -> None:
    pair = gpu.fft_pair(gpu.asarray(np.zeros((6, 1, 8, 8), np.complex64)))
    for count in (3, 2, 3, 2):
        pair.forward(count)
        pair.inverse(count)
    assert machine.plans == [(3, 1, 8, 8), (2, 1, 8, 8)]
    for count in (1, 4, 5, 6):
        pair.forward(count)
    pair.forward(3)
    assert len(machine.plans) == 7


def test_a_copy_to_the_host_is_of_the_moment_it_was_asked_for(machine: FakeMachine, gpu: CudaBackend) -> None:
    array: Array = gpu.asarray(np.arange(4, dtype=np.float32))
    waits = len(machine.stream.waits)
    asked = gpu.read_later(array)
    array[...] = 7
    assert len(machine.stream.waits) == waits
    assert asked.wait().tolist() == [0, 1, 2, 3]
    assert len(machine.stream.waits) == waits + 1


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
        memory.append(weakref.ref(gpu._leaving[-1][1]))
    assert all(held() is not None for held in memory)
    gpu.read_later(array).wait()
    gpu.write_later(array, np.zeros(3, np.int32))
    assert all(held() is None for held in memory)


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
    failing = _raiser(cuda_of_cupy.runtime.CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"))
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
    settings = _settings(sub_pixel=sub_pixel, batch_size=batch_size, orthogonalize_every=2, phase_constraint=1)
    plain = NumpyBackend()
    plain.slices = gpu.slices
    wanted = _reconstructed(plain, settings)
    got = _reconstructed(gpu, settings)
    assert np.isfinite(got.object).all()
    assert np.array_equal(got.object, wanted.object) and np.array_equal(got.probe, wanted.probe)


def test_run_calls_work_in_order_on_one_worker(gpu: CudaBackend) -> None:
    calls: list[tuple[int, ...]] = []
    gpu.run([(0, 3), (3, 5), (5, 6)], lambda *call: calls.append(call))
    assert calls == [(0, 0, 0, 3), (0, 0, 3, 5), (0, 0, 5, 6)]


def test_batch_fills_half_of_the_l2(gpu: CudaBackend) -> None:
    assert gpu.batch_size(1 << 20) == 4
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
    monkeypatch.setattr(cuda, "included_files", lambda: [tmp_path / "other.cuh"])
    digests = [next(option for option in options if "DIGEST" in option) for options in (before, cuda_options())]
    assert digests[0] != digests[1]


def test_gpus_are_listed_without_opening_them(machine: FakeMachine) -> None:
    first, second = cuda.list_devices()
    assert (first.name, first.title, first.usable) == ("cuda:0", "NVIDIA A", True)
    assert (second.name, second.memory_total_bytes, second.reason) == ("cuda:1", 80 << 30, "")
    assert not machine.log


def test_free_memory_comes_from_the_driver(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"0000:00:00.0": 11, "0000:01:00.0": 22}
    nvml: Any = ModuleType("pynvml")
    nvml.NVMLError = type("NVMLError", (Exception,), {})
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetHandleByPciBusId = lambda bus_id: bus_id
    nvml.nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(free=free[handle])
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert [device.memory_free_bytes for device in cuda.list_devices()] == [11, 22]
    nvml.nvmlInit = _raiser(nvml.NVMLError("no driver"))
    assert [device.memory_free_bytes for device in cuda.list_devices()] == [80 << 30, 80 << 30]


def test_gpu_that_does_not_answer_is_listed_as_not_usable(machine: FakeMachine) -> None:
    machine.gpus[0] = ""
    first, second = cuda.list_devices()
    assert not first.usable and "does not answer" in first.reason and "nvidia-smi" in first.reason
    assert second.usable


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "there is no NVIDIA driver"),
        ("cudaErrorNoDevice: no CUDA-capable device is detected", "shows no GPU"),
        ("cudaErrorUnknown: unknown error", "CUDA does not start .*unknown error"),
    ],
)
def test_reason_when_cuda_does_not_start(machine: FakeMachine, said: str, reason: str) -> None:
    machine.driver_error = said
    with pytest.raises(DeviceError, match=f"device 'cuda:0' can't be used: .*{reason}"):
        open_backend("cuda:0")


def test_reason_when_the_driver_counts_no_gpu(machine: FakeMachine) -> None:
    machine.gpus = []
    (device,) = cuda.list_devices()
    assert not device.usable and "shows no GPU" in device.reason


def test_reason_when_cupy_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    (device,) = cuda.list_devices()
    assert device.name == "cuda:0" and not device.usable
    assert device.reason == "CuPy is not installed: pip install 'ptychogui[cuda12]' or 'ptychogui[cuda13]'"


def test_reason_when_cupy_does_not_load(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cupy.cuda.cufft")
    monkeypatch.delattr(machine.modules["cupy.cuda"], "cufft")
    text = "=====\nFailed to import CuPy.\n  libcufft.so.11: cannot open\n====="
    monkeypatch.setattr(machine.modules["cupy.cuda"], "__getattr__", _raiser(ImportError(text)), raising=False)
    (device,) = cuda.list_devices()
    assert "does not load (Failed to import CuPy. libcufft.so.11: cannot open)" in device.reason


def _raiser(error: Exception) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.gpu
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kernel", SIGNATURES)
def test_kernel_on_a_gpu_equals_its_twin(kernel: str, size: Size) -> None:
    launch = random_launch(SIGNATURES[kernel], size)
    with CudaBackend(0) as real:
        arrays = {name: real.asarray(array) for name, array in launch.arrays.items()}
        real.bind(kernel, **arrays)(*launch.scalars)
        assert_agree(launch, {name: real.to_numpy(array) for name, array in arrays.items()}, expected(launch))


@pytest.mark.gpu
def test_ffts_on_a_gpu() -> None:
    with CudaBackend(0) as real:
        _check_ffts(real)


@pytest.mark.gpu
@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_epie_on_a_gpu_agrees_with_numpy_and_repeats_its_bits(sub_pixel: str) -> None:
    settings = _settings(sub_pixel=sub_pixel, orthogonalize_every=100)
    wanted = _reconstructed(NumpyBackend(), settings)
    results = []
    for _ in range(2):
        with CudaBackend(0) as real:
            results.append(_reconstructed(real, settings))
    np.testing.assert_allclose(results[0].object, wanted.object, atol=1e-3)
    assert np.array_equal(results[0].object, results[1].object) and np.array_equal(results[0].probe, results[1].probe)


@pytest.mark.gpu
def test_a_gpu_says_what_does_not_fit() -> None:
    with pytest.raises(MemoryBudgetError, match="cuda:0 has too little memory"), CudaBackend(0) as real:
        real.empty((1 << 45,), np.uint8)


def _check_ffts(backend: CudaBackend) -> None:
    rng = np.random.default_rng(0)
    before = (rng.standard_normal((4, 2, 9, 9)) + 1j * rng.standard_normal((4, 2, 9, 9))).astype(np.complex64)
    array = backend.asarray(before)
    pair = backend.fft_pair(array)
    pair.forward(3)
    np.testing.assert_allclose(backend.to_numpy(array)[:3], scipy.fft.fft2(before[:3]), atol=1e-4)
    pair.inverse(3)
    np.testing.assert_allclose(backend.to_numpy(array)[:3], 81 * before[:3], atol=1e-3)
    assert np.array_equal(backend.to_numpy(array)[3], before[3])


def _settings(**values: Any) -> Reconstruction:
    return Reconstruction.model_validate({"engine": "epie", "update_probe": 1, "update_modes": 2, **values})


def _reconstructed(backend: Any, settings: Reconstruction) -> Estimate:
    engine = create_engine(narrow_beam(16, 4, 5.0), settings, backend)
    for _ in range(3):
        engine.step()
    return engine.estimate()
