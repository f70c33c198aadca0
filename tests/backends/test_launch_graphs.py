"""CUDA graphs on a pretended GPU: captured when the same comes again, replayed, dropped, and done without."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from ptychogui.backends import launch_graphs
from ptychogui.backends.base import Array
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.host import HostBackend
from ptychogui.backends.launch_graphs import GraphReplays
from ptychogui.backends.numpy_backend import NumpyBackend
from tests.backends.fake_cupy import FakeMachine


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def replays(gpu: CudaBackend, told: list[str]) -> GraphReplays:
    replays = gpu.replays(told.append, True, False)
    assert replays is not None
    return replays


def asked(machine: FakeMachine, replays: GraphReplays, work: Callable[..., None], *given: int) -> list[str]:
    """Return what the host asks the device for when it runs some work."""
    before = len(machine.stream.work)
    replays.run(work, *given)
    return machine.stream.work[before:]


def test_the_same_is_captured_at_the_second_time_and_replayed_from_the_third(
    machine: FakeMachine, gpu: CudaBackend, replays: GraphReplays, told: list[str]
) -> None:
    total: Array = gpu.asarray(np.zeros(3, np.float32))

    def work(factor: int) -> None:
        total[...] = 2
        gpu.xp.multiply(total, np.float32(factor), out=total)

    plain, before = ["xp copyto", "xp multiply"], len(machine.stream.done)
    assert [asked(machine, replays, work, 3) for _ in range(4)] == [plain, plain + plain, ["graph"], ["graph"]]
    assert machine.stream.done[before:] == 4 * plain and total.host.tolist() == [6, 6, 6]
    assert asked(machine, replays, work, 5) == plain and total.host.tolist() == [10, 10, 10]
    assert told == []


def test_what_is_given_tells_work_apart(machine: FakeMachine, gpu: CudaBackend, replays: GraphReplays) -> None:
    rows: Array = gpu.asarray(np.arange(12, dtype=np.float32).reshape(4, 3))
    most: Array = gpu.empty((4,), np.float32)
    launch = gpu.bind("row_max", most=most, rows=rows)
    for count in (1, 1, 1, 3, 3, 3, 1):
        most[...] = 0
        replays.run(launch, count)
        assert most.host.tolist() == [2, 5, 8][:count] + [0] * (4 - count)
    assert [scalars["count"] for _, scalars in machine.calls] == [1, 1, 1, 3, 3, 3, 1]
    assert machine.stream.work.count("graph") == 3


def test_graphs_read_what_arrays_hold_when_they_are_launched(gpu: CudaBackend, replays: GraphReplays) -> None:
    rows, most = gpu.asarray(np.zeros((1, 3), np.float32)), gpu.empty((1,), np.float32)
    launch = gpu.bind("row_max", most=most, rows=rows)
    for value in range(5):
        gpu.write(rows, np.full((1, 3), value, np.float32))
        replays.run(launch, 1)
        assert gpu.to_numpy(most).tolist() == [value]


def test_the_graph_that_was_not_launched_for_longest_is_dropped(
    machine: FakeMachine, gpu: CudaBackend, replays: GraphReplays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_graphs, "_KEPT", 2)
    launch = gpu.bind("row_max", most=gpu.empty((4,), np.float32), rows=gpu.empty((4, 3), np.float32))
    for count in (1, 1, 2, 2, 1, 3, 3):
        replays.run(launch, count)
    seen = [asked(machine, replays, launch, count) for count in (1, 3, 2)]
    assert seen == [["graph"], ["graph"], ["row_max"]]


def test_plans_of_a_graph_stay_with_its_array(machine: FakeMachine, gpu: CudaBackend, replays: GraphReplays) -> None:
    array: Array = gpu.asarray(np.ones((9, 1, 4, 4), np.complex64))
    pair = gpu.fft_pair(array)
    for _ in range(2):
        replays.run(pair.forward, 9)
    for count in range(1, 9):
        pair.forward(count)
    array[...] = 1
    replays.run(pair.forward, 9)
    assert array.host[:, 0, 0, 0].tolist() == [16] * 9
    pair.forward(9)
    assert machine.plans.count((9, 1, 4, 4)) == 1


@pytest.mark.parametrize("where", ["capture", "work"])
def test_where_capturing_is_refused_work_is_done_without_and_it_is_said_once(
    machine: FakeMachine, gpu: CudaBackend, replays: GraphReplays, told: list[str], where: str
) -> None:
    most: Array = gpu.asarray(np.zeros(2, np.float32))
    launch = gpu.bind("row_max", most=most, rows=gpu.asarray(np.ones((2, 3), np.float32)))

    def work(count: int) -> None:
        launch(count)
        if where == "work" and machine.stream.captured is not None:
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")

    if where == "capture":
        machine.capture_error = "cudaErrorStreamCaptureInvalidated"
    seen = [asked(machine, replays, work, count) for count in (2, 2, 2, 1, 1, 1)]
    assert seen == [["row_max"], 2 * ["row_max"], *4 * [["row_max"]]]
    assert len(machine.calls) == 6 and most.host.tolist() == [1, 1]
    (sentence,) = told
    assert sentence.startswith("no CUDA graphs") and (machine.capture_error or "cuBLAS") in sentence


def test_a_bug_in_captured_work_passes_and_ends_the_capture(machine: FakeMachine, replays: GraphReplays) -> None:
    def work() -> None:
        if machine.stream.captured is not None:
            raise TypeError("a bug")

    replays.run(work)
    with pytest.raises(TypeError, match="a bug"):
        replays.run(work)
    assert machine.stream.captured is None


@pytest.mark.parametrize("forbidden", ["makes an array", "waits", "copies from the host", "makes a plan"])
def test_the_pretended_gpu_refuses_to_capture_what_a_graph_can_not_hold(
    machine: FakeMachine, gpu: CudaBackend, replays: GraphReplays, forbidden: str
) -> None:
    array: Array = gpu.asarray(np.ones((2, 1, 4, 4), np.complex64))
    pair = gpu.fft_pair(array)
    works: dict[str, Callable[[], object]] = {
        "makes an array": lambda: array + array,
        "waits": lambda: gpu.to_numpy(array),
        "copies from the host": lambda: gpu.write_later(array, np.ones((2, 1, 4, 4), np.complex64)),
        "makes a plan": lambda: pair.forward(1) if machine.stream.captured is not None else None,
    }

    def work() -> None:
        works[forbidden]()

    replays.run(work)
    with pytest.raises(AssertionError, match="a graph is captured and"):
        replays.run(work)


def test_a_gpu_has_graphs_where_they_are_asked_for_and_a_cpu_where_all_is_kernels(gpu: CudaBackend) -> None:
    with HostBackend() as host, NumpyBackend() as plain:
        for asked, only_kernels in itertools.product((False, True), repeat=2):
            has = [backend.replays(pytest.fail, asked, only_kernels) is not None for backend in (gpu, host, plain)]
            assert has == [asked, only_kernels, False]
