"""How long each kernel takes on the CPU: `pytest tests/benchmarks --benchmark-only`. Else each runs once, untimed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ptychogui.backends.host import HostBackend
from ptychogui.backends.signatures import SIGNATURES
from tests.kernels.cases import Size, assert_agree, expected, random_launch

_SIZES = (Size(128, 1, 4, True), Size(256, 1, 4, True))


@pytest.fixture(scope="module")
def host() -> Iterator[HostBackend]:
    with HostBackend(threads=1) as backend:
        yield backend


@pytest.mark.parametrize("size", _SIZES, ids=lambda size: f"N{size.n}")
@pytest.mark.parametrize("kernel", SIGNATURES)
def test_kernel(benchmark: BenchmarkFixture, host: HostBackend, kernel: str, size: Size) -> None:
    launch = random_launch(SIGNATURES[kernel], size)

    def fresh() -> tuple[tuple[object, ...], dict[str, object]]:
        for name, array in launch.arrays.items():
            arrays[name][...] = array
        return launch.scalars, {}

    arrays = {name: host.asarray(array.copy()) for name, array in launch.arrays.items()}
    benchmark.extra_info["bytes"] = sum(array.nbytes for array in arrays.values())
    benchmark.pedantic(host.bind(kernel, **arrays), setup=fresh, rounds=50, warmup_rounds=2)
    assert_agree(launch, arrays, expected(launch))
