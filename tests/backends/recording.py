"""What an engine asks of a GPU in each iteration, recorded on a pretended one: launches, FFTs, copies, waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ptychogui.engines import Engine
from tests.backends.device_array import Wait
from tests.backends.fake_cupy import FakeMachine


@dataclass(frozen=True)
class Iteration:
    """One iteration.

    Attributes:
        work: how often each kernel, "fft", "xp NAME" and "copy ..." was queued.
        calls: every kernel with its scalars, in order.
        plans: shapes of what FFT plans were made for.
        waits: what the host waited for.
        began_at: how much had been queued before it.
    """

    work: Counter[str]
    calls: tuple[tuple[str, dict[str, float]], ...]
    plans: tuple[tuple[int, ...], ...]
    waits: tuple[Wait, ...]
    began_at: int

    @property
    def blocking(self) -> list[str]:
        """Waits for what this iteration had queued itself, each with its line; waits for earlier ones only throttle."""
        return [wait.what for wait in self.waits if wait.asked_at > self.began_at]

    def spans(self, kernel: str) -> list[tuple[int, int]]:
        """Return the positions [start, stop) of every launch of a kernel."""
        calls = (scalars for name, scalars in self.calls if name == kernel)
        return [(int(call["start"]), int(call["start"] + call["count"])) for call in calls]


def record(engine: Engine, machine: FakeMachine, iterations: int) -> list[Iteration]:
    """Do iterations and return what each asked for."""
    recorded, stream = [], machine.stream
    for _ in range(iterations):
        begin, calls, waits, plans = len(stream.work), len(machine.calls), len(stream.waits), len(machine.plans)
        engine.step()
        work = Counter(stream.work[begin:])
        made = tuple(machine.plans[plans:])
        recorded.append(Iteration(work, tuple(machine.calls[calls:]), made, tuple(stream.waits[waits:]), begin))
    return recorded
