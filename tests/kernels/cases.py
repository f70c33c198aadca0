"""Random arguments for any kernel, drawn from the table of signatures, and how two results are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ptychogui.backends.signatures import SIGNATURES, Signature, product
from ptychogui.backends.twin import TWINS
from ptychogui.physics.pattern_storage import KINDS, compact, widened

Arrays: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True)
class Launch:
    """A kernel with its arrays, by name, and its scalars, in order."""

    kernel: str
    arrays: Arrays
    scalars: tuple[float, ...]


@dataclass(frozen=True)
class Size:
    """Dimensions of a random launch: N, modes, slots in use of 4, and whether each slot has its own probe."""

    n: int
    modes: int
    count: int
    own_probes: bool

    def __str__(self) -> str:
        return f"N{self.n}-M{self.modes}-count{self.count}-{'P=B' if self.own_probes else 'P=1'}"

    @property
    def symbols(self) -> dict[str, int]:
        """Size of every dimension that signatures name."""
        slots = 4
        return {
            "N": self.n, "M": self.modes, "B": slots, "P": slots if self.own_probes else 1, "L": 3, "G": 6, "n": 7,
            "F": 9, "K": 5, "H": 2 * self.n + 3, "W": 2 * self.n, "S": 6, "R": 2 * self.n + 8, "C": 2, "Q": 3, "E": 6,
            "T": self.modes + 2, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "8": 8, "11": 11, "Y": 2,
        }  # fmt: skip


SIZES = (Size(5, 1, 4, False), Size(9, 2, 1, True), Size(16, 3, 3, False), Size(33, 5, 2, True))

_WALKED = {"probe_step": "M N", "probe_power": "N", "momentum_step": "H", "scale_waves": "M N",
           "probe_direction": "N", "move_probe": "N", "add_lanes": "N", "overlap_windows": "C N",
           "overlap_add_chunks": "N", "overlap_solve_probe": "N"}  # fmt: skip
"""What `start` and `count` are rows of, in kernels where they are no positions."""


def random_launch(sig: Signature, size: Size, seed: int = 0) -> Launch:
    """Draw arguments whose indices stay inside the arrays; windows overlap each other at random."""
    rng = np.random.default_rng([seed, *sig.name.encode()])
    arrays = {}
    for spec in sig.arrays:
        shape = tuple(size.symbols[symbol] for symbol in spec.shape.split())
        draw = _DRAW[spec.name if spec.name in _DRAW else spec.dtype]
        arrays[spec.name] = draw(rng, shape, size)
    return Launch(sig.name, arrays, tuple(_scalars(sig, size, rng)[name] for name, _ in sig.scalars))


def _scalars(sig: Signature, size: Size, rng: np.random.Generator) -> dict[str, float]:
    """Leave something undone at both ends of whatever is walked."""
    walked = _WALKED.get(sig.name)
    return {
        "kept": 2, "ring": 6, "moves": 1,
        "start": 1, "count": product(walked, size.symbols) - 3 if walked else size.count, "first": 1,
        "lane": 1, "used": 2, "fresh": int(rng.integers(2)), "top": 2, "rows": size.symbols["H"] - 3,
        "light": int(rng.integers(2)), "slices": 2,
        "step": 0.7, "alpha": 0.3, "keep": 0.6, "object_step": 0.9, "probe_step": 0.8, "damping": 0.1,
        "learned": 1, "floor": 2.0, "at": 1, "a": -0.8, "b": 0.9, "c": 1.7, "bound": 0.8, "w": 0.1, "factor": 0.25,
    }  # fmt: skip


def _any_c64(rng: np.random.Generator, shape: tuple[int, ...], _: Size) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def _any_f32(rng: np.random.Generator, shape: tuple[int, ...], _: Size) -> np.ndarray:
    return rng.uniform(0, 3, shape).astype(np.float32)


def _patterns(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    """Draw counts, a fifth of them free; each size of a launch holds them in another type."""
    counts, free = rng.poisson(2.0, shape), rng.random(shape) < 0.2
    kind = KINDS[size.modes % 3]
    return widened(compact(np.where(free, -1, np.sqrt(counts)).astype(np.float32)), kind)


def _places(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    return rng.permutation(size.symbols["F"])[: shape[0]].astype(np.int32)


def _sources(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    return rng.integers(-1, size.symbols["K"], shape).astype(np.int32)


def _pixels(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    """Draw pixels of a pattern, a quarter of them none."""
    drawn = rng.integers(size.n**2, size=shape)
    return np.where(rng.random(shape) < 0.25, -1, drawn).astype(np.int32)


def _order(rng: np.random.Generator, shape: tuple[int, ...], _: Size) -> np.ndarray:
    return rng.permutation(shape[0]).astype(np.int32)


def _corners(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    """Draw windows that leave the object's rim free, where there is no slope."""
    room = [size.symbols[symbol] - size.n for symbol in "HW"]
    return rng.integers(1, room, shape).astype(np.int32)


def _slopes(rng: np.random.Generator, shape: tuple[int, ...], _: Size) -> np.ndarray:
    """Draw sums whose normal equations are far from singular, as those of two slopes are."""
    values = rng.uniform(0, 3, shape).astype(np.float32)
    values[:, 4] /= 4
    return values


def _grams(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    """Draw the lower triangles of Gram matrices far from singular."""
    shares = size.symbols["Q"]
    vectors = rng.standard_normal((*shape[:2], shares, shares, 2))
    grams = np.einsum("nckjx,ncljx->nckl", vectors, vectors) / shares + np.eye(shares)
    rows, columns = np.tril_indices(shares)
    return np.ascontiguousarray(grams[..., rows, columns], dtype=np.float32)


def _terms(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    """Draw terms of an exponent that stays about 1, as one does that is traded."""
    return np.asarray(_any_c64(rng, shape, size) * np.float32(0.1))


def _i16(rng: np.random.Generator, shape: tuple[int, ...], _: Size) -> np.ndarray:
    return rng.integers(-32767, 32768, shape).astype(np.int16)


def _bands(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> np.ndarray:
    """Draw bands of rows that lie on each other in the object and apart in the sums."""
    height = size.symbols["R"] // shape[0]
    lanes = np.arange(shape[0])
    return np.stack([3 * lanes + 1, rng.integers(4, height + 1, shape[0]), height * lanes], axis=1).astype(np.int32)


_Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...], Size], np.ndarray]
_DRAW: Mapping[str, _Draw] = {
    "frames": _patterns, "places": _places, "sources": _sources, "pixels": _pixels,
    "patterns": _patterns, "slopes": _slopes, "order": _order, "corners": _corners, "bands": _bands, "grams": _grams,
    "terms": _terms, "complex64": _any_c64, "float32": _any_f32, "int16": _i16,
}  # fmt: skip
"""By an array's name or else by its dtype: integers are indices, each with bounds of its own."""


def expected(launch: Launch) -> Arrays:
    """Return the written arrays as the numpy twin leaves them."""
    arrays = {name: array.copy() for name, array in launch.arrays.items()}
    TWINS[launch.kernel](*(arrays[spec.name] for spec in SIGNATURES[launch.kernel].arrays), *launch.scalars)
    return {spec.name: arrays[spec.name] for spec in SIGNATURES[launch.kernel].arrays if spec.written}


def assert_agree(launch: Launch, got: Arrays, wanted: Arrays) -> None:
    """Compare written arrays: what the twin left alone bit for bit, the rest within float32's rounding.

    Compilers fuse and reorder, so each of the few dozen products of a sum may be rounded otherwise: 32 units in the
    last place of the array's largest value. A wrong index or sign is off by a million times that.
    """
    for name, value in wanted.items():
        before, result = launch.arrays[name], got[name]
        kept = _bits(value) == _bits(before)
        assert np.array_equal(_bits(result)[kept], _bits(before)[kept]), f"{launch.kernel} touched too much of {name}"
        limit = 1 if value.dtype.kind == "i" else 32 * float(np.spacing(np.nanmax(np.abs(value))))
        np.testing.assert_allclose(result, value, rtol=0, atol=limit, err_msg=f"{launch.kernel}: {name}")


def _bits(array: np.ndarray) -> np.ndarray:
    """Look at an array as whole numbers, one an element or two a complex one."""
    kind = {1: np.uint8, 2: np.uint16}.get(array.dtype.itemsize, np.uint32)
    return array.view(kind)
