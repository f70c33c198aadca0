"""Kernels that sum over whole windows have the blocks and registers that docs/performance.md gives them on a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.backends.compiler import kernel_source
from ptychogui.backends.cuda import CudaBackend, cuda_options
from ptychogui.backends.signatures import SIGNATURES, product
from tests.engines.test_launches import cells
from tests.kernels.nvrtc import compile_for

_CHAPTER = "Sums over whole windows"
_MULTIPROCESSORS = 132
"""Of an H100."""


@pytest.mark.parametrize(("n", "positions", "column"), [(128, 200, 1), (256, 50, 2)])
def test_blocks_are_those_of_the_table_and_enough(repo_root: Path, n: int, positions: int, column: int) -> None:
    modes, components = 1, 2
    sizes = {
        "count": positions, "N": n, "M": modes, "T": modes + components, "C": CudaBackend.chunks,
        "slices": CudaBackend.slices,
    }  # fmt: skip
    for row in cells(repo_root, _CHAPTER):
        kernel = SIGNATURES[row[0].strip("`")]
        blocks = product(kernel.rows, sizes)
        assert int(row[column]) == blocks, kernel.name
        assert blocks >= 6 * _MULTIPROCESSORS, kernel.name


@pytest.mark.parametrize("toolkit", [12, 13])
def test_registers_are_those_of_the_table(repo_root: Path, toolkit: int) -> None:
    usage = compile_for(toolkit, 90, kernel_source(), cuda_options()).usage
    for kernel, *_, registers, _ in cells(repo_root, _CHAPTER):
        assert usage[kernel.strip("`")].registers <= int(registers), kernel


def test_every_kernel_that_is_cut_into_chunks_is_in_a_table(repo_root: Path) -> None:
    listed = {row[0].strip("`") for title in (_CHAPTER, "Blocks and barriers") for row in cells(repo_root, title)}
    assert {name for name, kernel in SIGNATURES.items() if kernel.rows == "count C"} <= listed
