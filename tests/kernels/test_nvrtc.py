"""The GPU's own compilers take the kernels, for every architecture, and need no slow memory for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.backends.compiler import kernel_source
from ptychogui.backends.cuda import CudaBackend, cuda_options
from ptychogui.backends.signatures import SIGNATURES, product
from ptychogui.paths import kernels_folder
from tests.engines.test_launches import cells
from tests.kernels.nvrtc import TARGETS, CompileError, compile_for

REGISTERS = 80
"""Three blocks of 256 threads with 80 registers each fill the 65536 of a multiprocessor: 24 warps, enough to hide the
memory's latency in kernels that do little but load and store. Most need 20 to 64, pie_summed_update by CUDA 13 for
sm_90 all 80."""

SHARED_BYTES = 2048
"""A number a warp for each of a few sums: so little that registers alone say how many blocks fit into a GPU."""


@pytest.mark.parametrize(("toolkit", "architecture"), TARGETS)
def test_kernels_compile_and_stay_in_registers(toolkit: int, architecture: int) -> None:
    compiled = compile_for(toolkit, architecture, kernel_source(), cuda_options())
    assert set(compiled.usage) == set(SIGNATURES)
    assert not [line for line in compiled.log.splitlines() if line.strip() and "deprecated" not in line]
    for kernel, usage in compiled.usage.items():
        assert (usage.spill_bytes, usage.stack_bytes) == (0, 0), kernel
        assert usage.registers <= REGISTERS, kernel
        assert usage.shared_bytes <= SHARED_BYTES, kernel


@pytest.mark.parametrize(("n", "positions", "column"), [(128, 200, 1), (256, 50, 2)])
def test_blocks_and_registers_are_those_of_the_table(repo_root: Path, n: int, positions: int, column: int) -> None:
    usage = compile_for(12, 90, kernel_source(), cuda_options()).usage
    sizes = {"count": positions, "N": n, "C": -(-n // CudaBackend.chunk_rows)}
    for cell in cells(repo_root, "Blocks and barriers"):
        sig = SIGNATURES[cell[0].strip("`")]
        rows = n if sig.name == "probe_direction" else sig.rows  # it is launched on the rows of a window
        blocks = "H" if rows == "rows" else product(str(rows), sizes)
        assert cell[column] == str(blocks), sig.name
        assert usage[sig.name].registers <= int(cell[4]), sig.name


_HUGE_ARRAY = """
extern "C" __global__ void planted(float* values, int n) {
    float local[4000];
    for (int i = 0; i < n; i++) local[(i * i) % 4000] = values[i];
    for (int i = 0; i < n; i++) values[i] += local[(i * 7) % 4000];
}
"""
_TOO_MUCH_AT_ONCE = """
extern "C" __global__ void __launch_bounds__(1024) planted(float* values, int n) {
    float kept[128];
    #pragma unroll
    for (int i = 0; i < 128; i++) kept[i] = values[i * n];
    __syncthreads();
    #pragma unroll
    for (int i = 0; i < 128; i++) values[i * n + 1] = kept[i] * kept[127 - i];
}
"""


@pytest.mark.parametrize("toolkit", [12, 13])
def test_planted_local_memory_is_reported(toolkit: int) -> None:
    assert compile_for(toolkit, 80, _HUGE_ARRAY, ()).usage["planted"].stack_bytes >= 16000
    assert compile_for(toolkit, 80, _TOO_MUCH_AT_ONCE, ()).usage["planted"].spill_bytes > 0


@pytest.mark.parametrize("toolkit", [12, 13])
def test_an_error_names_the_kernel_file_and_its_line(toolkit: int) -> None:
    lines = (kernels_folder() / "update.cu").read_text().splitlines()
    line = lines.index("KERNEL row_max(") + 1
    source = kernel_source().replace("KERNEL row_max(", "KERNEL row_max(oops ")
    with pytest.raises(CompileError, match=rf"update\.cu\({line}\): error"):
        compile_for(toolkit, 80, source, cuda_options())
