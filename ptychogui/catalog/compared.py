"""Two results compared: their objects, and what they were made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptychogui.errors import ParameterError
from ptychogui.io.foreign import read_any_result
from ptychogui.io.result import Result
from ptychogui.io.result_header import ResultFacts
from ptychogui.params.commandline import format_text
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Origin
from ptychogui.params.storage import from_json
from ptychogui.physics.comparison import LEAST_PX, Comparison, Picture, compare
from ptychogui.pictures.thumbnails import flatten_layers
from ptychogui.states import State

AGAINST_TRUTH = 0.5
"""Ring correlation with a truth without noise, where the half-bit threshold of two measurements means nothing."""


@dataclass(frozen=True)
class Difference:
    """A parameter in which two results differ, with its values as text and where they come from.

    Attributes:
        path: of the parameter.
        first, second: its values.
    """

    path: str
    title: str
    first: str
    second: str
    first_origin: str
    second_origin: str


@dataclass(frozen=True)
class ComparedResults:
    """Two results, compared.

    Attributes:
        objects: how the second object compares with the first one.
        differences: between the parameters.
        resolution_m: half period at the half-bit threshold; against a truth, where the correlation is 0.5. None where
            the size of a pixel is not known.
        is_against_truth: whether one of the two is the truth of a simulated scan.
        notes: what is to be known of the figures.
    """

    objects: Comparison
    differences: tuple[Difference, ...]
    resolution_m: float | None
    is_against_truth: bool
    notes: tuple[str, ...]


def compare_results(first: Path | str, second: Path | str) -> ComparedResults:
    """Read and compare two results, whoever wrote them.

    Raises:
        DataError: one of them can't be read, or their objects have nothing in common.
    """
    one, other = (read_any_result(path) for path in (first, second))
    objects = compare(picture_of(one), picture_of(other))
    is_truth = State.TRUTH in (one.state, other.state)
    half_period_px = 1 / objects.rings.falls_below(AGAINST_TRUTH)
    return ComparedResults(
        objects, tuple(differences(one, other)),
        (half_period_px * objects.pixel_m or None) if is_truth else objects.resolution_m, is_truth,
        (*objects.notes, *_notes(one, other, is_truth)),
    )  # fmt: skip


def picture_of(result: Result) -> Picture:
    """Return what of a result is compared: its object where the scan reached.

    All but a rim is compared where the scan's place is not known, or too small to compare anything on.
    """
    field, scanned = flatten_layers(result.object), result.scanned
    if scanned is None or min(np.ptp(np.nonzero(scanned), axis=1)) + 1 < LEAST_PX:
        scanned = _middle(field.shape, result.probe.shape[-1] // 2)
    return Picture(field=field, pixel_m=result.object_pixel_m, weight=scanned, origin_m=result.object_origin_m)


def differences(first: ResultFacts, second: ResultFacts) -> Iterator[Difference]:
    """Give the parameters in which two results differ, in the order in which they are declared.

    There are none where one of the two does not say them.
    """
    told = [found for found in map(_told, (first, second)) if found is not None]
    if len(told) < 2:
        return
    for path, param in by_path().items():
        values = [parameters.get(path) for parameters, _ in told]
        if values[0] != values[1]:
            texts = (format_text(param, value) for value in values)
            yield Difference(path, param.title, *texts, *(str(origins[path]) for _, origins in told))


def _told(result: ResultFacts) -> tuple[Parameters, Mapping[str, Origin]] | None:
    """Return a result's parameters with their origins; None where it does not say them."""
    try:
        return from_json(result.parameters)
    except ParameterError:
        return None


def _middle(shape: tuple[int, ...], margin: int) -> np.ndarray:
    """Return all of a picture but a rim, which is narrower where little would be left."""
    weight = np.zeros(shape, np.bool_)
    rows, columns = (min(margin, size // 4, max((size - LEAST_PX) // 2, 0)) for size in shape)
    weight[rows : shape[0] - rows, columns : shape[1] - columns] = True
    return weight


def _notes(first: Result, second: Result, is_truth: bool) -> Iterator[str]:
    if is_truth:
        yield f"one of the two is a truth without noise: the resolution is where the correlation is {AGAINST_TRUTH}"
    elif {source.path for source in first.sources} & {source.path for source in second.sources}:
        yield (
            "both are made of the same measurement, whose noise they share: their correlation says how alike they are, "
            "and may be higher than either is sharp"
        )
    if not all(map(_told, (first, second))):
        yield "not both say with which parameters they were made"
    if first.object.ndim + second.object.ndim > 4:
        yield "layers were multiplied before"
