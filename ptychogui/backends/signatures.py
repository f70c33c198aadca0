"""The signatures of all kernels: each argument's name, dtype and shape, checked when a kernel is bound.

A kernel's C arguments are its arrays, then its scalars, then its dimensions, in the order given here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArraySpec:
    """One array argument. `shape` names dimensions ("B M N N"; a number stands for itself).

    `dtype` may name several ("uint8 uint16 float32"): the kernel then takes the item's size as the dimension
    "sizeof NAME".
    """

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
            sizes[f"sizeof {spec.name}"] = arrays[spec.name].dtype.itemsize
        return sizes

    def _check(self, spec: ArraySpec, array: Any, sizes: dict[str, int]) -> None:
        fits = (
            array.dtype in map(np.dtype, spec.dtype.split())
            and array.ndim == len(spec.symbols)
            and array.flags.c_contiguous
        )
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
_MEASURED = "uint8 uint16 float32"
_PATTERNS = _in("patterns", _MEASURED, "F N N")
_PLACES = _in("places", "int32", "n")
_ORDER = _in("order", "int32", "n")
_RAMPS = _in("ramps", "complex64", "n 2 N")
_SUMS = _out("sums", "complex64", "L M N N")
_BASIS = _in("basis", "complex64", "T N N")
_MIX = _in("mix", "float32", "n Q")
_GRAMS = _out("grams", "float32", "n C E")
_SHARE_PULLS = _out("pulls", "float32", "n C Q")
_BATCH = (("start", "int32"), ("count", "int32"))
_ROWS = (("top", "int32"), ("rows", "int32"))
_LANE = (("start", "int32"), ("lane", "int32"), ("count", "int32"), ("fresh", "int32"))
_LANES = (*_BATCH, ("lane", "int32"), ("slices", "int32"), ("fresh", "int32"))

SIGNATURES: Mapping[str, Signature] = {
    signature.name: signature
    for signature in (
        Signature("exit_wave", "wavefield.cu",
                  (_WAVES, _PROBE, _OBJECT, _out("brightest", "float32", "B N"), _CORNERS, _ORDER),
                  (*_BATCH, ("light", "int32")), ("M", "N", "P", "W"), "count N"),
        Signature("fetch_patterns", "wavefield.cu",
                  (_out("patterns", _MEASURED, "F N N"), _out("places", "int32", "n"),
                   _in("frames", _MEASURED, "K N N"), _in("sources", "int32", "n"), _ORDER),
                  (*_BATCH, ("kept", "int32"), ("ring", "int32")), ("N", "sizeof patterns"), "count"),
        Signature("shift_probe", "wavefield.cu",
                  (_out("probes", "complex64", "B M N N"), _in("spectrum", "complex64", "M N N"), _RAMPS, _ORDER),
                  _BATCH, ("M", "N"), "count M N"),
        Signature("modulus", "wavefield.cu",
                  (_WAVES, _PATTERNS, _PLACES, _out("misfit", "float32", "n N"), _out("expected", "float32", "n N"),
                   _ORDER),
                  _BATCH, ("M", "N", "sizeof patterns"), "count N"),
        Signature("poisson_sums", "likelihood.cu",
                  (_out("sums", "float32", "B C 3"), _in("waves", "complex64", "B M N N"), _PATTERNS, _PLACES, _ORDER),
                  (*_BATCH, ("floor", "float32")), ("M", "N", "C", "sizeof patterns"), "count C"),
        Signature("poisson_step", "likelihood.cu",
                  (_WAVES, _PATTERNS, _PLACES, _out("misfit", "float32", "n N"), _out("expected", "float32", "n N"),
                   _in("sums", "float32", "B C 3"), _ORDER),
                  (*_BATCH, ("floor", "float32")), ("M", "N", "C", "sizeof patterns"), "count C"),
        Signature("free_misfit", "held_out.cu",
                  (_out("misfits", "float32", "2 n"), _in("waves", "complex64", "B M N N"),
                   _in("pixels", "int32", "n K"), _in("amplitudes", "float32", "n K"), _ORDER),
                  _BATCH, ("M", "N", "K", "n"), "count", "K"),
        Signature("pie_update", "update.cu",
                  (_WAVES, _out("pulls", "complex64", "G N N"), _PROBE, _OBJECT, _in("brightest", "float32", "B N"),
                   _in("strongest", "float32", "1 N"), _CORNERS, _ORDER),
                  (*_BATCH, ("first", "int32"), ("alpha", "float32")), ("M", "N", "P", "W"), "count N"),
        Signature("pie_summed_update", "update.cu",
                  (_out("pulls", "complex64", "G N N"), _SUMS, _in("waves", "complex64", "B M N N"),
                   _in("probe", "complex64", "1 M N N"), _OBJECT, _in("brightest", "float32", "B N"),
                   _in("strongest", "float32", "1 N"), _CORNERS, _ORDER),
                  (*_BATCH, ("first", "int32"), ("lane", "int32"), ("slices", "int32"), ("fresh", "int32"),
                   ("alpha", "float32")), ("M", "N", "W"), "slices N"),
        Signature("gather_object", "update.cu",
                  (_out("object", "complex64", "H W"), _in("pulls", "complex64", "G N N"), _CORNERS, _ORDER),
                  (*_BATCH, ("top", "int32"), ("rows", "int32"), ("step", "float32")), ("N", "W"), "rows"),
        Signature("row_max", "update.cu",
                  (_out("most", "float32", "B"), _in("rows", "float32", "B N")),
                  (("count", "int32"),), ("N",), "count"),
        Signature("sum_waves_shifted", "update.cu",
                  (_SUMS, _in("waves", "complex64", "B M N N"), _RAMPS, _ORDER),
                  (("start", "int32"), ("lane", "int32"), ("count", "int32"), ("fresh", "int32")), ("M", "N"), "M N"),
        Signature("probe_step", "update.cu",
                  (_out("probe", "complex64", "M N N"), _in("sums", "complex64", "L M N N")),
                  (*_BATCH, ("used", "int32"), ("step", "float32")), ("M", "N"), "count"),
        Signature("momentum_step", "update.cu",
                  (_out("values", "complex64", "H W"), _out("velocity", "complex64", "H W"),
                   _out("past", "complex64", "H W")),
                  (*_BATCH, ("keep", "float32")), ("W",), "count", "W"),
        Signature("scale_waves", "update.cu",
                  (_out("scaled", "complex64", "M N N"), _in("waves", "complex64", "M N N")),
                  (*_BATCH, ("factor", "float32")), ("N",), "count"),
        Signature("probe_power", "update.cu",
                  (_out("rows", "float32", "1 N"), _in("probe", "complex64", "M N N")),
                  _BATCH, ("M", "N"), "count"),
        Signature("lsq_gradients", "lsqml.cu",
                  (_WAVES, _out("pulls", "complex64", "G N N"), _PROBE, _OBJECT, _CORNERS, _ORDER),
                  (*_BATCH, ("first", "int32")), ("M", "N", "P", "W"), "count N"),
        Signature("lsq_summed_gradients", "lsqml.cu",
                  (_out("pulls", "complex64", "G N N"), _SUMS, _out("brightness", "float32", "L N N"),
                   _in("waves", "complex64", "B M N N"), _in("probe", "complex64", "1 M N N"), _OBJECT, _CORNERS,
                   _ORDER),
                  (*_BATCH, ("first", "int32"), ("lane", "int32"), ("slices", "int32"), ("fresh", "int32")),
                  ("M", "N", "W"), "slices N"),
        Signature("add_lanes", "lsqml.cu",
                  (_out("total", "complex64", "T N N"), _out("brightness", "float32", "N N"),
                   _in("sums", "complex64", "L T N N"), _in("brights", "float32", "L N N")),
                  (*_BATCH, ("used", "int32")), ("T", "N"), "count"),
        Signature("sum_windows", "lsqml.cu",
                  (_out("brightness", "float32", "L N N"), _OBJECT, _CORNERS, _ORDER),
                  _LANES, ("N", "W"), "slices N"),
        Signature("gather_gradient", "lsqml.cu",
                  (_out("gradient", "complex64", "H W"), _out("illumination", "float32", "H W"),
                   _out("brightest", "float32", "1 H"), _in("pulls", "complex64", "G N N"),
                   _in("power", "float32", "N N"), _CORNERS, _ORDER),
                  (*_BATCH, ("top", "int32"), ("rows", "int32"), ("fresh", "int32")), ("N", "W"), "rows"),
        Signature("object_direction", "lsqml.cu",
                  (_out("gradient", "complex64", "H W"), _out("turned", "complex64", "H W"),
                   _out("sums", "float32", "2 H"), _OBJECT, _in("illumination", "float32", "H W"),
                   _in("strongest", "float32", "1")),
                  (("top", "int32"), ("rows", "int32"), ("damping", "float32")), ("H", "W"), "rows", "W"),
        Signature("probe_direction", "lsqml.cu",
                  (_out("gradient", "complex64", "M N N"), _out("beat", "complex64", "N N"),
                   _out("sums", "float32", "2 N"), _in("probe", "complex64", "M N N"),
                   _in("brightness", "float32", "N N")),
                  (*_BATCH, ("learned", "int32"), ("damping", "float32")), ("M", "N"), "count"),
        Signature("cross_terms", "lsqml.cu",
                  (_out("cross", "float32", "n C"), _in("turned", "complex64", "H W"), _in("beat", "complex64", "N N"),
                   _CORNERS, _ORDER),
                  _BATCH, ("N", "W", "C"), "count C"),
        Signature("solve_steps", "lsqml.cu",
                  (_out("steps", "float32", "2"), _in("object_sums", "float32", "2 H"),
                   _in("probe_sums", "float32", "2 N"), _in("cross", "float32", "n C"), _ORDER),
                  (*_BATCH, ("object_step", "float32"), ("probe_step", "float32")),
                  ("N", "H", "C"), "1"),
        Signature("move_object", "lsqml.cu",
                  (_out("object", "complex64", "H W"), _in("direction", "complex64", "H W"),
                   _in("steps", "float32", "2")),
                  (("top", "int32"), ("rows", "int32")), ("W",), "rows", "W"),
        Signature("move_probe", "lsqml.cu",
                  (_out("probe", "complex64", "M N N"), _out("power", "float32", "N N"),
                   _in("direction", "complex64", "M N N"), _in("steps", "float32", "2")),
                  _BATCH, ("M", "N"), "count"),
        Signature("position_slopes", "positions.cu",
                  (_out("slopes", "float32", "n 5 N"), _in("pulls", "complex64", "G N N"), _OBJECT,
                   _in("power", "float32", "N N"), _CORNERS, _ORDER),
                  (*_BATCH, ("first", "int32")), ("N", "W"), "count N"),
        Signature("solve_moves", "positions.cu",
                  (_out("moves", "float32", "n 2"), _in("slopes", "float32", "n 5 N")),
                  (("count", "int32"), ("floor", "float32")), ("N",), "count"),
        Signature("fill_ramps", "positions.cu",
                  (_out("ramps", "complex64", "n 2 N"), _in("rests", "float32", "n 2")),
                  (("count", "int32"),), ("N",), "2 count"),
        Signature("couple_shifts", "coupled.cu",
                  (_out("coupling", "float32", "n 4 N"), _in("direction", "complex64", "H W"), _OBJECT,
                   _in("power", "float32", "N N"), _in("beat", "complex64", "N N"), _CORNERS, _ORDER),
                  _BATCH, ("N", "W"), "count N"),
        Signature("eliminate_shifts", "coupled.cu",
                  (_out("shares", "float32", "n 11"), _in("slopes", "float32", "n 5 N"),
                   _in("coupling", "float32", "n 4 N"), _ORDER),
                  (*_BATCH, ("floor", "float32")), ("N",), "count"),
        Signature("solve_coupled", "coupled.cu",
                  (_out("steps", "float32", "2"), _in("object_sums", "float32", "2 H"),
                   _in("probe_sums", "float32", "2 N"), _in("cross", "float32", "n C"),
                   _in("shares", "float32", "n 11"), _ORDER),
                  (*_BATCH, ("object_step", "float32"), ("probe_step", "float32")),
                  ("N", "H", "C"), "1"),
        Signature("take_shifts", "coupled.cu",
                  (_out("moves", "float32", "n 2"), _in("shares", "float32", "n 11"), _in("steps", "float32", "2"),
                   _ORDER), _BATCH, (), "count", "2"),
        Signature("log_divergence", "lattice.cu",
                  (_out("divergence", "complex64", "H W"), _out("weights", "float32", "3 H"), _OBJECT,
                   _in("window", "float32", "H W"), _in("limits", "float32", "2")),
                  _ROWS, ("H", "W"), "rows", "W"),
        Signature("wave_sums", "lattice.cu",
                  (_out("sums", "complex64", "H Y 8 2"), _in("divergence", "complex64", "H W"),
                   _in("across", "complex64", "Y 8 W")),
                  _ROWS, ("W", "Y"), "rows Y", "W"),
        Signature("wave_factor", "lattice.cu",
                  (_out("factor", "complex64", "H W"), _in("terms", "complex64", "H Y 8 2"),
                   _in("across", "complex64", "Y 8 W")),
                  _ROWS, ("W", "Y"), "rows", "W"),
        Signature("dm_begin", "dm.cu", (_out("stored", "complex64", "S M N N"), _in("waves", "complex64", "B M N N")),
                  (("count", "int32"), ("at", "int32")), ("M", "N"), "count M N"),
        Signature("dm_reflected", "dm.cu",
                  (_out("reflected", "float32", "n 2 N"), _in("waves", "complex64", "B M N N"),
                   _in("stored", "complex64", "S M N N"), _PATTERNS, _PLACES, _ORDER),
                  (*_BATCH, ("at", "int32"), ("c", "float32")), ("M", "N", "sizeof patterns"), "count N"),
        Signature("dm_slack", "dm.cu",
                  (_out("slack", "float32", "B"), _in("reflected", "float32", "n 2 N"), _ORDER),
                  (*_BATCH, ("bound", "float32")), ("N",), "count"),
        Signature("dm_update", "dm.cu",
                  (_WAVES, _out("stored", "complex64", "S M N N"), _out("misfit", "float32", "n N"),
                   _out("expected", "float32", "n N"), _in("slack", "float32", "B"), _PATTERNS, _PLACES, _ORDER),
                  (*_BATCH, ("at", "int32"), ("a", "float32"), ("b", "float32"), ("c", "float32")),
                  ("M", "N", "sizeof patterns"), "count N"),
        Signature("dm_recall", "dm.cu", (_WAVES, _in("stored", "complex64", "S M N N")),
                  (("count", "int32"), ("at", "int32")), ("M", "N"), "count M N"),
        Signature("dm_follow", "dm.cu",
                  (_WAVES, _in("stored", "complex64", "S M N N"), _in("rotation", "complex64", "M M"),
                   _in("ramp", "complex64", "2 N")),
                  (("count", "int32"), ("at", "int32")), ("M", "N"), "count M N"),
        Signature("pack_waves", "dm.cu",
                  (_out("packed", "int16", "n M N N 2"), _out("units", "float32", "n M N"),
                   _in("stored", "complex64", "S M N N")),
                  (*_BATCH, ("at", "int32")), ("M", "N"), "count M N"),
        Signature("unpack_waves", "dm.cu",
                  (_out("stored", "complex64", "S M N N"), _in("packed", "int16", "n M N N 2"),
                   _in("units", "float32", "n M N")),
                  (*_BATCH, ("at", "int32")), ("M", "N"), "count M N"),
        Signature("overlap_object", "overlap.cu",
                  (_out("pulls", "complex64", "R W"), _out("light", "float32", "R W"),
                   _in("waves", "complex64", "B M N N"), _PROBE, _CORNERS, _ORDER),
                  (*_BATCH, ("top", "int32"), ("rows", "int32"), ("first", "int32"), ("fresh", "int32")),
                  ("M", "N", "P", "W"), "rows"),
        Signature("overlap_probe", "overlap.cu", (_WAVES, _PROBE, _OBJECT, _CORNERS, _ORDER),
                  _BATCH, ("M", "N", "P", "W"), "count N"),
        Signature("overlap_sum_probe", "overlap.cu",
                  (_SUMS, _in("waves", "complex64", "B M N N"), _PROBE, _OBJECT, _CORNERS, _ORDER),
                  (("start", "int32"), ("lane", "int32"), ("count", "int32"), ("fresh", "int32")),
                  ("M", "N", "P", "W"), "M N"),
        Signature("overlap_solve_object", "overlap.cu",
                  (_out("object", "complex64", "H W"), _out("beat", "complex64", "H W"),
                   _out("shine", "float32", "H W"), _out("pulls", "complex64", "R W"), _out("light", "float32", "R W"),
                   _in("bands", "int32", "L 3")),
                  (("top", "int32"), ("rows", "int32"), ("moves", "int32"), ("floor", "float32")),
                  ("L", "W"), "rows", "W"),
        Signature("overlap_windows", "overlap.cu",
                  (_out("cross", "complex64", "C N N"), _out("bright", "float32", "C N N"),
                   _in("beat", "complex64", "H W"), _in("shine", "float32", "H W"), _CORNERS, _ORDER),
                  _BATCH, ("N", "W", "n", "C"), "count"),
        Signature("overlap_add_chunks", "overlap.cu",
                  (_out("cross", "complex64", "C N N"), _out("bright", "float32", "C N N")),
                  _BATCH, ("N", "C"), "count"),
        Signature("overlap_solve_probe", "overlap.cu",
                  (_out("probe", "complex64", "M N N"), _out("change", "float32", "2 N"),
                   _in("cross", "complex64", "C N N"), _in("bright", "float32", "C N N"),
                   _in("pulls", "complex64", "M N N"), _in("floor", "float32", "1")),
                  (*_BATCH, ("learned", "int32"), ("w", "float32")), ("N",), "count"),
        Signature("vary_probe", "variable.cu", (_out("probes", "complex64", "B M N N"), _BASIS, _MIX, _ORDER),
                  _BATCH, ("M", "N", "Q"), "count M N"),
        Signature("vary_probe_shifted", "variable.cu",
                  (_out("probes", "complex64", "B M N N"), _BASIS, _MIX, _RAMPS, _ORDER),
                  _BATCH, ("M", "N", "Q"), "count M N"),
        Signature("sum_varied", "variable.cu",
                  (_out("sums", "complex64", "L T N N"), _in("waves", "complex64", "B M N N"), _MIX, _ORDER),
                  _LANES, ("T", "M", "N", "Q"), "slices T N"),
        Signature("sum_varied_shifted", "variable.cu",
                  (_out("sums", "complex64", "L T N N"), _in("waves", "complex64", "B M N N"), _MIX, _RAMPS, _ORDER),
                  _LANES, ("T", "M", "N", "Q"), "slices T N"),
        Signature("mix_equations", "variable.cu",
                  (_GRAMS, _SHARE_PULLS, _in("waves", "complex64", "B M N N"), _OBJECT, _BASIS, _CORNERS, _ORDER),
                  _BATCH, ("M", "N", "W", "Q", "C"), "count C"),
        Signature("mix_equations_shifted", "variable.cu",
                  (_GRAMS, _SHARE_PULLS, _in("waves", "complex64", "B M N N"), _OBJECT, _BASIS,
                   _in("spectrum", "complex64", "T N N"), _RAMPS, _CORNERS, _ORDER),
                  _BATCH, ("M", "N", "W", "Q", "C"), "count C"),
        Signature("solve_mix", "variable.cu",
                  (_out("mix", "float32", "n Q"), _GRAMS, _SHARE_PULLS),
                  (("count", "int32"), ("first", "int32"), ("damping", "float32")), ("Q", "C"), "count", "1"),
    )
}  # fmt: skip


def product(names: str, sizes: Mapping[str, int]) -> int:
    """Multiply the named dimensions and scalars ("count N")."""
    total = 1
    for name in names.split():
        total *= int(name) if name.isdigit() else sizes[name]
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
