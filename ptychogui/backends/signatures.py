"""One table of what every kernel takes: each argument's name, dtype and shape, checked when a kernel is bound.

A kernel's C arguments are its arrays, then its scalars, then its dimensions, in the order given here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArraySpec:
    """One array argument. `shape` names dimensions ("B M N N"; a number stands for itself)."""

    name: str
    dtype: str
    shape: str
    written: bool = False

    @property
    def symbols(self) -> list[str]:
        """Names of the dimensions, first axis first."""
        return self.shape.split()


@dataclass(frozen=True)
class Signature:
    """One kernel: its file, arrays, scalars (name, type) and the dimensions that it takes as ints.

    `rows` names the product of dimensions and scalars that its blocks walk, `columns` the one that its threads do:
    a GPU sizes its grid by them.
    """

    name: str
    file: str
    arrays: tuple[ArraySpec, ...]
    scalars: tuple[tuple[str, str], ...]
    dims: tuple[str, ...]
    rows: str
    columns: str = "N"

    def measure(self, arrays: Mapping[str, Any]) -> dict[str, int]:
        """Check arrays by name and return the size of every dimension.

        Raises:
            TypeError: an array is missing, unknown, of the wrong dtype or shape, or not contiguous; the message says
                which, what it is and what was expected. It is a bug in an engine, not bad input.
        """
        if set(arrays) != {spec.name for spec in self.arrays}:
            raise TypeError(f"{self.name} takes the arrays {[spec.name for spec in self.arrays]}, not {sorted(arrays)}")
        sizes: dict[str, int] = {}
        for spec in self.arrays:
            self._check(spec, arrays[spec.name], sizes)
        return sizes

    def _check(self, spec: ArraySpec, array: Any, sizes: dict[str, int]) -> None:
        fits = array.dtype == np.dtype(spec.dtype) and array.ndim == len(spec.symbols) and array.flags.c_contiguous
        if fits:
            for symbol, size in zip(spec.symbols, array.shape, strict=True):
                wanted = int(symbol) if symbol.isdigit() else sizes.setdefault(symbol, size)
                fits = fits and size == wanted
        if not fits:
            known = " ".join(f"{symbol}={sizes[symbol]}" for symbol in dict.fromkeys(spec.symbols) if symbol in sizes)
            order = "contiguous" if array.flags.c_contiguous else "not contiguous"
            raise TypeError(
                f"{self.name}: {spec.name} is {array.dtype} {array.shape} ({order}), "
                f"expected contiguous {spec.dtype} ({spec.shape}) with {known or 'any size'}"
            )


def _in(name: str, dtype: str, shape: str) -> ArraySpec:
    return ArraySpec(name, dtype, shape)


def _out(name: str, dtype: str, shape: str) -> ArraySpec:
    return ArraySpec(name, dtype, shape, written=True)


_WAVES = _out("waves", "complex64", "B M N N")
_PROBE = _in("probe", "complex64", "P M N N")
_OBJECT = _in("object", "complex64", "H W")
_CORNERS = _in("corners", "int32", "n 2")
_ORDER = _in("order", "int32", "n")
_RAMPS = _in("ramps", "complex64", "n 2 N")
_SUMS = _out("sums", "complex64", "L M N N")
_BATCH = (("start", "int32"), ("count", "int32"))

SIGNATURES: Mapping[str, Signature] = {
    signature.name: signature
    for signature in (
        Signature("exit_wave", "wavefield.cu",
                  (_WAVES, _PROBE, _OBJECT, _out("brightest", "float32", "B N"), _CORNERS, _ORDER),
                  _BATCH, ("M", "N", "P", "W"), "count N"),
        Signature("shift_probe", "wavefield.cu",
                  (_out("probes", "complex64", "B M N N"), _in("spectrum", "complex64", "M N N"), _RAMPS, _ORDER),
                  _BATCH, ("M", "N"), "count M N"),
        Signature("modulus", "wavefield.cu",
                  (_WAVES, _in("amplitudes", "float32", "n N N"), _out("misfit", "float32", "n N"),
                   _out("expected", "float32", "n N"), _ORDER),
                  _BATCH, ("M", "N"), "count N"),
        Signature("pie_update", "update.cu",
                  (_WAVES, _out("pulls", "complex64", "G N N"), _PROBE, _OBJECT, _in("brightest", "float32", "B"),
                   _in("strongest", "float32", "1"), _CORNERS, _ORDER),
                  (*_BATCH, ("first", "int32"), ("alpha", "float32")), ("M", "N", "P", "W"), "count N"),
        Signature("gather_object", "update.cu",
                  (_out("object", "complex64", "H W"), _in("pulls", "complex64", "G N N"), _CORNERS, _ORDER),
                  (*_BATCH, ("top", "int32"), ("rows", "int32"), ("step", "float32")), ("N", "W"), "rows", "W"),
        Signature("row_max", "update.cu",
                  (_out("most", "float32", "B"), _in("rows", "float32", "B N")),
                  (("count", "int32"),), ("N",), "count"),
        Signature("sum_waves", "update.cu",
                  (_SUMS, _in("waves", "complex64", "B M N N")),
                  (("lane", "int32"), ("count", "int32"), ("fresh", "int32")), ("M", "N"), "M N"),
        Signature("sum_waves_shifted", "update.cu",
                  (_SUMS, _in("waves", "complex64", "B M N N"), _RAMPS, _ORDER),
                  (("start", "int32"), ("lane", "int32"), ("count", "int32"), ("fresh", "int32")), ("M", "N"), "M N"),
        Signature("probe_step", "update.cu",
                  (_out("probe", "complex64", "M N N"), _in("sums", "complex64", "L M N N")),
                  (*_BATCH, ("used", "int32"), ("step", "float32")), ("M", "N"), "count"),
        Signature("probe_power", "update.cu",
                  (_out("rows", "float32", "1 N"), _in("probe", "complex64", "M N N")),
                  _BATCH, ("M", "N"), "count"),
    )
}  # fmt: skip


def product(names: str, sizes: Mapping[str, int]) -> int:
    """Multiply the named dimensions and scalars ("count N")."""
    total = 1
    for name in names.split():
        total *= sizes[name]
    return total


def signature(kernel: str) -> Signature:
    """Return a kernel's signature; a KeyError names the known ones."""
    try:
        return SIGNATURES[kernel]
    except KeyError:
        raise KeyError(f"no kernel is called '{kernel}'; there are {', '.join(SIGNATURES)}") from None


def scalar_types(sig: Signature) -> Sequence[str]:
    """Types of the C arguments behind the arrays: scalars, then dimensions."""
    return [kind for _, kind in sig.scalars] + ["int32"] * len(sig.dims)
