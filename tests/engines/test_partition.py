from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ptychogui.backends.host import LANES, HostBackend
from ptychogui.engines.partition import split_batches


@given(
    start=st.integers(0, 50), count=st.integers(1, 200), slots=st.integers(1, 9), lanes=st.sampled_from([1, 2, 4, 16])
)
def test_lanes_get_even_runs_in_batches_that_fit(start: int, count: int, slots: int, lanes: int) -> None:
    batches = split_batches(start, start + count, slots, lanes)
    used = min(lanes, count)
    by_lane = [[batch for batch in batches[lane::lanes] if batch[1] > batch[0]] for lane in range(used)]
    assert all(last - first <= slots for first, last in batches)
    assert all(before[1] == after[0] for lane in by_lane for before, after in pairwise(lane))
    assert all(lane == batches[number::lanes][: len(lane)] for number, lane in enumerate(by_lane)), "empty: last"
    runs = [(lane[0][0], lane[-1][1]) for lane in by_lane]
    assert [first for first, _ in runs] + [start + count] == [start] + [last for _, last in runs]
    lengths = [last - first for first, last in runs]
    assert max(lengths) - min(lengths) <= 1
    assert [len(lane) for lane in by_lane] == [-(-length // slots) for length in lengths]


@pytest.mark.parametrize("count", [1, 2, 13, 14, 15, 99])
def test_two_workers_share_positions_evenly(count: int) -> None:
    done = np.zeros((2, count), int)

    def note(worker: int, _lane: int, start: int, stop: int) -> None:
        done[worker, start:stop] += 1

    with HostBackend(2) as host:
        host.run(split_batches(0, count, 2, LANES), note)
    assert (done.sum(axis=0) == 1).all()
    shares = done.sum(axis=1)
    assert abs(shares[0] - shares[1]) <= 1
