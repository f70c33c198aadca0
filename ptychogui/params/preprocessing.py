"""The parameters of the group "preprocessing", declared once, as all in params/model.py are.

Pairs are (row, column). Values are SI; the unit is in the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PositiveInt

from ptychogui.params.spec import Group, TextForm, param

_RANGES = re.compile(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?")


def numbers_in(text: str) -> tuple[range, ...]:
    """Return the numbers that "3,17-20" means, in their order.

    Raises:
        ValueError: the text has another form, or a range runs backwards.
    """
    plain = "".join(text.split())
    if not _RANGES.fullmatch(plain):
        raise ValueError("must be numbers and ranges of them, such as 3,17-20")
    ranges = []
    for part in filter(None, plain.split(",")):
        first, _, last = part.partition("-")
        ranges.append(range(int(first), int(last or first) + 1))
    if not all(ranges) or any(numbers.start < 1 for numbers in ranges):
        raise ValueError("must be numbers from 1 on, and ranges that run upwards")
    return tuple(sorted(ranges, key=lambda numbers: numbers.start))


def numbers_text(ranges: Iterable[range]) -> str:
    """Write numbers as "3,17-20", those that follow each other as one range."""
    joined: list[range] = []
    for numbers in sorted(ranges, key=lambda numbers: numbers.start):
        if joined and numbers.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, numbers.stop))
        else:
            joined.append(numbers)
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in joined)


def without_number(ranges: Iterable[range], number: int) -> tuple[range, ...]:
    """Return the same numbers but for one."""
    parts = [
        part
        for numbers in ranges
        for part in (
            (range(numbers.start, number), range(number + 1, numbers.stop)) if number in numbers else (numbers,)
        )
    ]
    return tuple(part for part in parts if part)  # fmt: skip


def _to_numbers(value: Any) -> Any:
    """Bring numbers to their one way of writing."""
    return numbers_text(numbers_in(value)) if isinstance(value, str) else value


NumbersText = Annotated[str, BeforeValidator(_to_numbers), TextForm("N,N-N,...")]
"""Numbers as a parameter holds them: their text."""


class Preprocessing(Group):
    """From raw detector frames to the patterns that the engine sees."""

    center_px: tuple[float, float] | None = param(
        None, "Pattern center", "Row and column of the direct beam on the detector; the array's center when not known.",
        unit="px", flag="qxy", marks=("of measured scans", "for now"))  # fmt: skip
    find_center: bool = param(
        False, "Find the center", "Take for the center what the mean of frames from all over the scan is symmetric "
        "about, unless the pattern center is within two pixels of it.", advanced=True,
        marks=("of measured scans",))  # fmt: skip
    size_px: int | None = param(
        None, "Crop size", "Rows and columns cut out of each pattern about its center: the probe's array size. "
        "The largest even size that fits when not given.",
        unit="px", flag="size", ge=16, le=4096, multiple_of=2)  # fmt: skip
    bin_px: int = param(
        1, "Binning", "Rows and columns of detector pixels whose counts are added up to one pixel of a pattern. The "
        "center stays in detector pixels; the crop size is in joined ones.",
        unit="px", ge=1, le=16, advanced=True, marks=("of measured scans",))  # fmt: skip
    threshold_counts: float = param(
        0.0, "Threshold", "Counts below this are noise and are set to zero.",
        unit="counts", flag="threshold", ge=0)  # fmt: skip
    subtract_threshold: bool = param(
        False, "Subtract threshold", "Take the threshold off the counts above it as well.", advanced=True)  # fmt: skip
    background_file: Path | None = param(
        None, "Background file", "NPY, TIFF or HDF5 image of the detector with the counts of a frame without beam, "
        "which are subtracted from every frame; what is below zero then becomes zero.", advanced=True,
        marks=("of measured scans", "for now"))  # fmt: skip
    bit_depth: int | None = param(
        None, "Bit depth", "Bits of a detector pixel; counts at or above 2^bits - 1 are saturated and left free.",
        unit="bit", flag="bitDepth", ge=1, le=32, marks=("geometry",))  # fmt: skip
    saturation_counts: float | None = param(
        None, "Saturation", "Counts at or above it are saturated and left free; besides what the bit depth says.",
        unit="counts", gt=0, advanced=True, marks=("geometry",))  # fmt: skip
    rotate90: int = param(
        0, "Rotate", "Quarter turns, counter-clockwise, of every pattern.", flag="rotate90", ge=0, le=3,
        marks=("geometry",))  # fmt: skip
    flip_rows: bool = param(False, "Flip rows", "Turn every pattern upside down (after rotation).", marks=("geometry",))
    flip_columns: bool = param(
        False, "Flip columns", "Mirror every pattern left to right (after rotation).", marks=("geometry",))  # fmt: skip
    transpose: bool = param(
        False, "Transpose", "Exchange rows and columns of every pattern (after the flips).",
        marks=("geometry",))  # fmt: skip
    data_are: Literal["counts", "amplitudes"] = param(
        "counts", "Data are", "What the frames hold: photon counts, or their square roots.",
        flag="sqrtData", advanced=True, marks=("of measured scans", "geometry"))  # fmt: skip
    direct_beam: Literal["center", "corner"] = param(
        "center", "Direct beam at", "Where the frames hold the direct beam: at their center, as a detector does, or at "
        "element [0, 0], as an FFT does.", flag="fftShiftData", advanced=True,
        marks=("of measured scans", "geometry"))  # fmt: skip
    mask_file: Path | None = param(
        None, "Mask file", "NPY, TIFF or HDF5 image of the detector that is non-zero on bad pixels, which are left "
        "free. Added to the file's own mask.", flag="beamstopMask", advanced=True, marks=("geometry",))  # fmt: skip
    invert_mask: bool = param(
        False, "Invert mask", "The file's own mask is 1 (True) on good pixels and 0 on bad ones. A Mask file is read "
        "as before.", advanced=True, marks=("geometry",))  # fmt: skip
    invert_mask_file: bool = param(
        False, "Invert mask file", "The Mask file is 1 (True) on good pixels and 0 on bad ones. The file's own mask is "
        "read as before.", advanced=True, marks=("geometry",))  # fmt: skip
    find_bad_pixels: bool = param(
        False, "Find bad pixels", "Leave pixels free that never count, shine, never change or flicker among good "
        "neighbors, and whole areas that do not count, in frames from all over the scan.", advanced=True)  # fmt: skip
    dataset_path: str = param(
        "", "Data path in file", "HDF5 path of the frames, such as /entry/data/data; found by the reader when empty.",
        flag="hdf5path", advanced=True, marks=("reading", "of measured scans", "of one scan"))  # fmt: skip
    file_pattern: str = param(
        "", "File pattern", "Path of the raw files with '#' and a width in place of the number, such as "
        "scan012_#04d.h5.", flag="fp", advanced=True,
        marks=("reading", "of measured scans", "of one scan", "names a scan"))  # fmt: skip
    first_file: int | None = param(
        None, "First file", "Number of the raw file of the first position, or the first scan line; what the "
        "beamline's preset says, or the only one by which all files find their place, when not given.", flag="fs",
        advanced=True, ge=0, marks=("reading", "of measured scans", "of one scan"))  # fmt: skip
    patterns_per_file: int | None = param(
        None, "Patterns per file", "Number of diffraction patterns in each raw file; as many as are found when not "
        "given.", flag="dpf", advanced=True, ge=1, marks=("reading", "of measured scans", "of one scan"))  # fmt: skip
    first_frame: int | None = param(
        None, "First frame", "Place, from 0, of the first position's frame in each line's raw file, or in all frames "
        "where files are no lines; negative where the first positions have no frame; 0 when not given and nothing "
        "speaks for another.", advanced=True, ge=-100_000_000, le=100_000_000,
        marks=("reading", "of measured scans", "of one scan"))  # fmt: skip
    excluded_frames: NumbersText = param(
        "", "Excluded frames", "Numbers, from 1, of frames in the scan that are left out with their positions, such as "
        "3,17-20.", advanced=True, marks=("of measured scans", "of one scan"))  # fmt: skip
    raw_shape_px: tuple[PositiveInt, PositiveInt] | None = param(
        None, "Raw frame size", "Rows and columns of a headerless raw frame.",
        unit="px", flag="nxy", advanced=True, marks=("reading", "of one scan"))  # fmt: skip
    strict: bool = param(
        False, "Refuse doubtful scans", "Refuse a scan of which preflight says 'stop', instead of a warning.",
        advanced=True)  # fmt: skip
    unfinished_files: Literal["skip", "wait"] = param(
        "skip", "Unfinished files", "What to do about raw files that are missing or still being written: skip leaves "
        "their positions out, wait goes on when all frames are there.", advanced=True,
        marks=("of measured scans",))  # fmt: skip
    wait_limit_s: float = param(
        60.0, "Wait at most", "How long no raw file has to have changed until waiting ends and what is there is used.",
        unit="s", gt=0, advanced=True)  # fmt: skip
