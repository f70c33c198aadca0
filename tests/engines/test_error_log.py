"""Errors come in order, a fixed number of iterations late, and are the sums' root."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ptychogui.backends.base import Array
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.host import HostBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines.error_log import ErrorLog
from tests.backends.fake_cupy import FakeMachine


def test_a_host_knows_every_error_at_once() -> None:
    misfit, expected = np.full((3, 4), 2, np.float32), np.full((3, 4), 8, np.float32)
    log = ErrorLog(misfit, expected, NumpyBackend())
    log.push()
    assert log.take() == ((0.5,), ())
    misfit[:] = 8
    log.push()
    assert log.take() == ((1.0,), ())
    assert log.finish() == ((), ())


def test_a_device_is_an_iteration_ahead_and_finishes(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        misfit: Array = gpu.asarray(np.ones((3, 4), np.float32))
        log, taken = ErrorLog(misfit, gpu.asarray(np.ones((3, 4), np.float32)), gpu), []
        for iteration in range(3):
            misfit[...] = np.float32(iteration**2)
            waits = len(machine.stream.waits)
            log.push()
            assert len(machine.stream.waits) == waits
            taken.append(log.take()[0])
        assert taken == [(), (0.0,), (1.0,)]
        assert log.finish() == ((2.0,), ())
        assert log.finish() == ((), ())


def test_sums_are_of_double_precision() -> None:
    misfit, expected = np.full(1 << 22, 0.1, np.float32), np.full(1 << 22, 0.4, np.float32)
    misfit[0] = 1e9
    log = ErrorLog(misfit, expected, NumpyBackend())
    log.push()
    wanted = math.sqrt(math.fsum(misfit.tolist()) / math.fsum(expected.tolist()))
    assert log.take()[0][0] == pytest.approx(wanted, rel=1e-12)


def test_error_of_nothing_known_is_0_and_of_what_is_no_number_is_none() -> None:
    misfit, expected = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)
    log = ErrorLog(misfit, expected, NumpyBackend())
    log.push()
    misfit[0, 0] = expected[0, 0] = np.nan
    log.push()
    expected[0, 0] = 1
    log.push()
    nothing, *undefined = log.take()[0]
    assert nothing == 0
    assert len(undefined) == 2 and all(math.isnan(error) for error in undefined)


def test_bits_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(0)
    misfit, expected = (rng.random((50, 33), np.float32) for _ in range(2))
    errors = set()
    for threads in (1, 3):
        with HostBackend(threads) as host:
            log = ErrorLog(misfit, expected, host)
            log.push()
            errors.add(log.take())
    assert len(errors) == 1


def test_free_errors_come_with_the_others_and_the_host_waits_no_more(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        ones = np.ones((3, 4), np.float32)
        free: Array = gpu.asarray(np.ones((2, 3), np.float32))
        log, taken = ErrorLog(gpu.asarray(ones), gpu.asarray(ones), gpu, free), []
        for iteration in range(3):
            free[0] = np.float32(iteration**2)
            waits = len(machine.stream.waits)
            log.push()
            assert len(machine.stream.waits) == waits
            taken.append(log.take())
        assert taken == [((), ()), ((1.0,), (0.0,)), ((1.0,), (1.0,))]
        assert log.finish() == ((1.0,), (2.0,))


def test_a_free_error_of_no_counts_is_0() -> None:
    ones, free = np.ones((3, 4), np.float32), np.zeros((2, 3), np.float32)
    log = ErrorLog(ones, ones, NumpyBackend(), free)
    log.push()
    assert log.take() == ((1.0,), (0.0,))


def test_each_position_has_an_error_of_its_own() -> None:
    misfit, expected = np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)
    log = ErrorLog(misfit, expected, NumpyBackend())
    assert np.isnan(log.of_positions()).all()
    misfit[:], expected[:] = np.array([[1], [4], [9]]), 1
    np.testing.assert_allclose(log.of_positions(), [1, 2, 3])
