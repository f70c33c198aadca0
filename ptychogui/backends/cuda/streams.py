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
