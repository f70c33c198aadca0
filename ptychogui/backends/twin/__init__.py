"""Every kernel again in numpy, written to be read: the specification in tests, and the fallback where none compiles.

Each file of kernels/ has a module of its name here, and each kernel a function of its name there. It takes the arrays,
then the scalars of its signature, and changes the written arrays in place. Sizes follow from the arrays. Shapes and
dtypes are those of backends/signatures.py; the sources of the equations are in kernels/*.cu.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from ptychogui.backends.twin import (
    coupled,
    dm,
    held_out,
    lattice,
    likelihood,
    lsqml,
    overlap,
    positions,
    update,
    variable,
    wavefield,
)

__all__ = ["TWINS"]

_MODULES = (coupled, dm, held_out, lattice, likelihood, lsqml, overlap, positions, update, variable, wavefield)

TWINS: Mapping[str, Callable[..., None]] = {
    name: function
    for module in _MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
}
"""The twin of each kernel, by the kernel's name."""
