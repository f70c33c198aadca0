"""What a machine has: GPU, driver, CUDA, CuPy, tools; and whether CUDA's compiler takes the kernels."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import time
from typing import Any

from ptychogui import __version__
from ptychogui.backends import list_devices, open_backend
from ptychogui.backends.compiler import compiler_version, find_compiler
from scripts.gpu.figures import Figures, FoundWrongError

DEVICE = "cuda:0"
"""The GPU that all steps are about; CUDA_VISIBLE_DEVICES chooses another."""

_LIBRARIES = ("numpy", "scipy", "h5py", "pyfftw", "cupy-cuda12x", "cupy-cuda13x", "nvidia-cuda-nvrtc", "nvidia-cufft")


def look(figures: Figures) -> None:
    """Tell what is here; what can't be found out is told as that."""
    figures.tell("ptychogui", __version__)
    figures.tell("python", f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    figures.tell("libraries", {name: version for name in _LIBRARIES if (version := _version(name))})
    figures.tell_or_why("compiler", lambda: compiler_version(find_compiler()))
    for tool in ("nvcc", "compute-sanitizer", "nvidia-smi"):
        figures.tell(tool, shutil.which(tool))
    _look_at_gpu(figures)


def _look_at_gpu(figures: Figures) -> None:
    device = next(device for device in list_devices() if device.name.startswith("cuda"))
    figures.tell("gpu", device.title)
    if not device.usable:
        raise FoundWrongError(device.reason)
    figures.tell("memory_total_bytes", device.memory_total_bytes)
    figures.tell("memory_free_bytes", device.memory_free_bytes)
    backend = open_backend(DEVICE)
    cuda: Any = backend.xp.cuda
    properties = cuda.runtime.getDeviceProperties(0)
    figures.tell_or_why("compute_capability", lambda: f"{properties['major']}.{properties['minor']}")
    figures.tell_or_why("multiprocessors", lambda: int(properties["multiProcessorCount"]))
    figures.tell_or_why("l2_bytes", lambda: int(properties["l2CacheSize"]))
    figures.tell_or_why("driver_cuda", lambda: cuda.runtime.driverGetVersion())
    figures.tell_or_why("runtime_cuda", lambda: cuda.runtime.runtimeGetVersion())
    figures.tell_or_why("nvrtc", lambda: ".".join(map(str, cuda.nvrtc.getVersion())))
    figures.tell_or_why("cuda_path", lambda: cuda.get_cuda_path())
    began = time.perf_counter()
    with backend:
        figures.tell("open_and_compile_s", time.perf_counter() - began)
        figures.tell("positions_a_batch", {str(n): backend.batch_size(8 * n * n) for n in (128, 256, 512)})


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
