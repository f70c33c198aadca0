"""GPUs, the only room that imports CuPy: where it is used, so that the room can say why there is no GPU."""

from __future__ import annotations

import os

from ptychogui.backends.cuda.backend import CudaBackend, cuda_options
from ptychogui.backends.cuda.errors import in_words
from ptychogui.backends.cuda.gpus import list_devices, take_slice

os.environ.setdefault("CUPY_ACCELERATORS", "")
"""Without it CuPy adds up by CUB, which takes 5 s to compile, and does not compile where CUDA's headers are not of the
compiler's version. It is read when CuPy is imported."""

__all__ = ["CudaBackend", "cuda_options", "in_words", "list_devices", "take_slice"]
