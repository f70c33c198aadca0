"""What a GPU does beside the host: events, a second stream, copies under way, and work captured in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ptychogui.backends.cuda.page_locked import page_locked

if TYPE_CHECKING:
    import cupy


class CudaPending:
    """A copy into page-locked memory, and the event behind it; see Pending. The memory must stay until that event."""

    def __init__(self, array: cupy.ndarray) -> None:
        self.copy: np.ndarray = page_locked(array.shape, array.dtype)
        array.get(out=self.copy, blocking=False)
        self.arrived = mark()

    def wait(self) -> np.ndarray:
        """Sleep until the copy is there."""
        self.arrived.synchronize()
        return np.array(self.copy)


class CudaSideQueue:
    """A stream beside the current one, tied to it by events; see SideQueue."""

    def __init__(self) -> None:
        import cupy

        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._done = mark()

    def run(self, work: Callable[[], None]) -> None:
        """Queue work behind what the current stream holds now."""
        self._stream.wait_event(mark())
        with self._stream:
            work()
            self._done = mark()

    def join(self) -> None:
        """Let the current stream wait for the work."""
        import cupy

        cupy.cuda.get_current_stream().wait_event(self._done)


class CudaPace:
    """Sees whether a GPU waits for Python; see Pace. It waits for nothing itself.

    A GPU that is the slower one comes to lag behind by the iteration that Python may be ahead. So Python is the slower
    one if, with an iteration queued, its first half is done already, several times on end. Before that FFTs are planned
    and kernels loaded, which takes Python's time once.
    """

    _FIRST, _LAST, _ON_END = 3, 14, 3

    def __init__(self) -> None:
        self._seen, self._on_end = 0, 0

    def half_way(self) -> None:
        """Queue an event."""
        self._half = mark()

    def host_is_slower(self) -> bool | None:
        """Ask for the event."""
        self._seen += 1
        self._on_end = self._on_end + 1 if self._half.done and self._seen >= self._FIRST else 0
        return True if self._on_end == self._ON_END else False if self._seen == self._LAST else None


def mark() -> cupy.cuda.Event:
    """Queue an event; waiting for it leaves the core to others."""
    import cupy

    event = cupy.cuda.Event(block=True, disable_timing=True)
    event.record()
    return event


def captured(work: Callable[[], None]) -> cupy.cuda.Graph:
    """Return what work launches on the current stream; CUDA's errors and CuPy's refusals are RuntimeErrors."""
    import cupy

    stream = cupy.cuda.get_current_stream()
    stream.begin_capture()
    try:
        work()
    finally:
        graph = stream.end_capture()
    return graph
