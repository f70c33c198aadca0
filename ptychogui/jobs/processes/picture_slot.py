"""Pictures from the engine process to the window: shared memory that holds the newest one.

The memory has no name, so nothing is left of it when the processes end, however they end. There are two halves, each
with a ticket that says which picture it holds: the writer takes turns, so a reader that comes late finds another
ticket, before or after its copy, and knows that the picture is gone.
"""

from __future__ import annotations

import mmap
import os
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np

from ptychogui.engines.base import Estimate

_HEADER_BYTES = 64


class PictureSlot:
    """Shared memory for the newest estimate; goes to a spawned child as an argument of its main function."""

    def __init__(self, descriptors: tuple[Any, Any] | None = None) -> None:
        """Make new memory, or take over that of another process."""
        self._halves = [_Half(d.detach()) for d in descriptors] if descriptors else [_Half(_new()), _Half(_new())]
        self._written = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return PictureSlot, (tuple(DupFd(half.descriptor) for half in self._halves),)

    def write(self, estimate: Estimate) -> int:
        """Store an estimate in place of the last but one; return its sequence number."""
        self._written += 1
        self._halves[self._written % 2].write(self._written, (estimate.object, estimate.probe))
        return self._written

    def read(self, sequence: int, object_shape: tuple[int, ...], probe_shape: tuple[int, ...]) -> Estimate | None:
        """Copy the estimate of this sequence number; None if a newer one took its place."""
        arrays = self._halves[sequence % 2].read(sequence, (object_shape, probe_shape))
        return Estimate(object=arrays[0], probe=arrays[1]) if arrays else None

    def close(self) -> None:
        """Give the memory back, as far as this process is concerned."""
        for half in self._halves:
            half.close()


class _Half:
    """Memory for one picture: the ticket, then its arrays. It grows with the pictures."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map = self._grown_map(_HEADER_BYTES)

    def write(self, sequence: int, arrays: tuple[np.ndarray, ...]) -> None:
        self._reserve([array.shape for array in arrays], grow=True)
        ticket = self._ticket()
        ticket[0] = -sequence
        for array, place in zip(arrays, self._places([array.shape for array in arrays]), strict=True):
            place[...] = array
        ticket[0] = sequence

    def read(self, sequence: int, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray] | None:
        if not self._reserve(shapes, grow=False) or self._ticket()[0] != sequence:
            return None
        arrays = [place.copy() for place in self._places(shapes)]
        return arrays if int(self._ticket()[0]) == sequence else None

    def close(self) -> None:
        self._map.close()
        os.close(self.descriptor)

    def _reserve(self, shapes: Any, grow: bool) -> bool:
        """Map as much memory as these complex64 arrays need; make it, if asked to."""
        needed = _HEADER_BYTES + sum(8 * int(np.prod(shape)) for shape in shapes)
        if len(self._map) < needed and (grow or os.fstat(self.descriptor).st_size >= needed):
            self._map.close()
            self._map = self._grown_map(needed)
        return len(self._map) >= needed

    def _grown_map(self, size: int) -> mmap.mmap:
        if os.fstat(self.descriptor).st_size < size:
            os.ftruncate(self.descriptor, size)
        return mmap.mmap(self.descriptor, size)

    def _ticket(self) -> np.ndarray:
        """Number of the picture that is held, negative while it is being written."""
        return np.frombuffer(self._map, np.int64, 1)

    def _places(self, shapes: Any) -> list[np.ndarray]:
        places, offset = [], _HEADER_BYTES
        for shape in shapes:
            flat = np.frombuffer(self._map, np.complex64, int(np.prod(shape)), offset)
            places.append(flat.reshape(shape))
            offset += places[-1].nbytes
        return places


def _new() -> int:
    return os.memfd_create("ptychogui-picture")
