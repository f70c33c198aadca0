"""A few iterations of every engine on a very small scan, for a tool that makes kernels slow: python -m THIS."""

from __future__ import annotations

from ptychogui.backends import open_backend
from ptychogui.engines import create_engine
from scripts.gpu.pretended import pretend_if_asked
from scripts.gpu.work.compared import VARIANTS, settings
from scripts.gpu.work.here import DEVICE
from scripts.gpu.work.scans import problem


def main() -> None:
    """Do them, one variant after the other."""
    pretend_if_asked()
    scan = problem(16, 3, 2)
    with open_backend(DEVICE) as backend:
        for values in VARIANTS.values():
            engine = create_engine(scan, settings(2, values), backend)
            for _ in range(2):
                engine.step()
            engine.finish()


if __name__ == "__main__":
    main()
