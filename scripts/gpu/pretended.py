"""A dry run: a pretended GPU in place of a real one, and work that is small enough for it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any, TypeVar

PRETENDED = "PTYCHOGUI_GPU_PRETENDED"
"""Set in the environment of a step, and so of its children, where the GPU is pretended."""

_T = TypeVar("_T")
_INSTALLED = ExitStack()
"""Holds the pretended modules until the process ends."""
_MACHINES: list[Any] = []


def is_pretended() -> bool:
    """Whether this is a dry run."""
    return PRETENDED in os.environ


def smaller(full: _T, small: _T) -> _T:
    """Return the one for a real GPU, or the other in a dry run."""
    return small if is_pretended() else full


def pretend_if_asked() -> None:
    """In a dry run let `import cupy` find the pretended one from now on; it has one GPU, with a small cache."""
    if not is_pretended():
        return
    import pytest

    from tests.backends.fake_cupy import installed

    machine = _INSTALLED.enter_context(installed(pytest.MonkeyPatch()))
    machine.gpus, machine.l2_bytes = ["NVIDIA Pretended"], 1 << 15
    _MACHINES.append(machine)


def lose_pretended() -> None:
    """Have every call fail from now on, as on a GPU that is lost."""
    _MACHINES[-1].faults.plan(1, "lost")
