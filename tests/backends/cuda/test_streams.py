"""Whether a GPU waits for Python: seen from an event in the middle of each iteration."""

from __future__ import annotations

import pytest

from ptychogui.backends.cuda import CudaBackend
from tests.backends.fake_cupy import FakeMachine


@pytest.mark.parametrize(
    ("first_half_is_done", "told"),
    [
        ("11111", [None, None, None, None, True]),  # two iterations that plan FFTs do not count
        ("110110111", [None] * 8 + [True]),
        ("0" * 14, [None] * 13 + [False]),
        ("10" * 7, [None] * 13 + [False]),
    ],
)
def test_a_host_is_the_slower_one_where_the_device_is_done_three_times_on_end(
    machine: FakeMachine, gpu: CudaBackend, first_half_is_done: str, told: list[bool | None]
) -> None:
    pace, array = gpu.pace(), gpu.empty((1,), "float32")
    seen = []
    for done in first_half_is_done:
        pending = gpu.read_later(array)
        pace.half_way()
        machine.is_quick = done == "1"
        seen.append(pace.host_is_slower())
        pending.wait()
    assert seen == told and len(machine.stream.waits) == len(told), "nothing waits but what the test waits for"
