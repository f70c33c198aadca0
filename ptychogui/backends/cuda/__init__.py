"""GPUs, the only room that imports CuPy: where it is used, so that the room can say why there is no GPU."""

from __future__ import annotations

from ptychogui.backends.cuda.backend import CudaBackend, cuda_options
from ptychogui.backends.cuda.errors import in_words
from ptychogui.backends.cuda.gpus import list_devices

__all__ = ["CudaBackend", "cuda_options", "in_words", "list_devices"]
