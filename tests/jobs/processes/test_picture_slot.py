"""The slot: a reader gets a whole picture or none, whatever the writer does meanwhile."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest

from ptychogui.engines.base import Estimate
from ptychogui.jobs.processes.picture_slot import PictureSlot

PICTURES = 400
SHAPES = [((40, 50), (1, 8, 8)), ((300, 400), (3, 64, 64)), ((120, 80), (2, 16, 16))]


def filled(value: int, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Estimate:
    obj, probe = (np.full(shape, value, np.complex64) for shape in shapes)
    return Estimate(obj, probe)


@pytest.fixture
def slot() -> Iterator[PictureSlot]:
    slot = PictureSlot()
    yield slot
    slot.close()


def write(slot: PictureSlot, value: int, shapes: tuple[tuple[int, ...], tuple[int, ...]] = SHAPES[0]) -> int:
    return slot.write(filled(value, shapes))


def value_of(slot: PictureSlot, sequence: int) -> float | None:
    estimate = slot.read(sequence, *SHAPES[0])
    return None if estimate is None else float(estimate.object[0, 0].real)


def test_a_picture_comes_back_as_it_was(slot: PictureSlot) -> None:
    rng = np.random.default_rng(0)
    for shapes in SHAPES:
        obj, probe = (rng.normal(size=(*shape, 2)).astype(np.float32).view(np.complex64)[..., 0] for shape in shapes)
        estimate = Estimate(obj, probe)
        read = slot.read(slot.write(estimate), *shapes)
        assert read is not None
        np.testing.assert_array_equal(read.object, estimate.object)
        np.testing.assert_array_equal(read.probe, estimate.probe)


def test_the_last_two_pictures_are_there_and_older_ones_are_not(slot: PictureSlot) -> None:
    sequences = [write(slot, value) for value in range(5)]
    assert [value_of(slot, sequence) for sequence in sequences] == [None, None, None, 3, 4]


def test_a_picture_that_is_being_written_is_not_read(slot: PictureSlot) -> None:
    before, during = write(slot, 1), write(slot, 2)
    slot._halves[during % 2]._ticket()[0] = -during
    assert value_of(slot, during) is None
    assert value_of(slot, before) == 1


def test_a_picture_that_is_replaced_during_the_copy_is_not_read(
    slot: PictureSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = write(slot, 1)
    half = slot._halves[sequence % 2]
    places = half._places

    def overtaken(shapes: object) -> list[np.ndarray]:
        half._ticket()[0] = sequence + 2
        return places(shapes)

    monkeypatch.setattr(half, "_places", overtaken)
    assert value_of(slot, sequence) is None


def test_a_picture_never_written_is_not_read(slot: PictureSlot) -> None:
    assert slot.read(1, (1000, 1000), (1, 8, 8)) is None


def _write_many(pipe: Connection, slot: PictureSlot) -> None:
    for number in range(1, PICTURES + 1):
        pipe.send((slot.write(filled(number, SHAPES[number % 3])), number))
    pipe.recv()


def test_no_picture_is_ever_torn_while_another_process_writes_as_fast_as_it_can(slot: PictureSlot) -> None:
    shared_before = sorted(os.listdir("/dev/shm"))
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    writer = context.Process(target=_write_many, args=(theirs, slot), daemon=True)
    writer.start()
    seen = []
    for _ in range(PICTURES):
        sequence, number = pipe.recv()
        estimate = slot.read(sequence, *SHAPES[number % 3])
        if estimate is not None:
            assert np.all(estimate.object == number)
            assert np.all(estimate.probe == number)
            seen.append(number)
    pipe.send("enough")
    writer.join()
    assert writer.exitcode == 0
    assert seen[-1] == PICTURES
    assert sorted(os.listdir("/dev/shm")) == shared_before
