"""What a job will take on its device, before it takes it."""

from __future__ import annotations

from ptychogui.backends.base import Backend
from ptychogui.engines.groups import group_capacity

_C64, _F32 = 8, 4


def memory_needed(
    positions: int, n: int, modes: int, object_shape: tuple[int, int], sub_pixel: bool, backend: Backend
) -> int:
    """Estimate the bytes an ePIE reconstruction allocates on the backend.

    Args:
        positions: number of scan positions.
        n: rows and columns of a pattern.
        modes: probe modes.
        object_shape: rows and columns of the object.
        sub_pixel: whether the probe is shifted to sub-pixel positions.
        backend: the device, which says how many batches are under way and of what size.
    """
    plane = n * n
    probe = modes * plane * _C64
    frames = positions * (plane + 2 * n) * _F32 + (positions * 2 * n * _C64 if sub_pixel else 0)
    objects = object_shape[0] * object_shape[1] * _C64
    wave = probe * (2 if sub_pixel else 1)
    pulls = group_capacity(positions) * plane * _C64
    return frames + objects + pulls + probe * (2 + backend.lanes) + backend.workers * backend.batch_size(wave) * wave
