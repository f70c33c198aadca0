from __future__ import annotations

import pytest

from ptychogui.backends.compiler import kernel_source
from ptychogui.backends.cuda import cuda_options
from tests.kernels.nvrtc import TARGETS, compile_early, compile_no_more


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the compiler begin with the GPUs' kernels, which take minutes, while other tests run."""
    if any(item.path.name == "test_nvrtc.py" for item in session.items) and not session.config.option.collectonly:
        for toolkit, architecture in TARGETS:
            compile_early(toolkit, architecture, kernel_source(), cuda_options())


def pytest_sessionfinish() -> None:
    compile_no_more()
