from __future__ import annotations

from collections.abc import Iterator

import pytest

from ptychogui.backends.cuda import CudaBackend
from tests.backends.fake_cupy import FakeMachine


@pytest.fixture
def gpu(machine: FakeMachine) -> Iterator[CudaBackend]:
    """The second GPU of the pretended machine."""
    with CudaBackend(1) as backend:
        yield backend
