"""Raw frames as a scan by themselves: a single stack, a master with its files, or a series of files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, RawFile, Value
from ptychogui.io.hdf5.files import open_h5, reading
from ptychogui.io.notes import NO_POSITIONS, Note, notes_about
from ptychogui.io.raw.file_series import Pattern, is_pattern
from ptychogui.io.raw.hdf5_frames import grid_note
from ptychogui.io.raw.joined_frames import PartFile, join, rejoin
from ptychogui.io.raw.masters import part_files
from ptychogui.io.raw.nexus import placed, read_header
from ptychogui.io.raw.stack import kind_of, open_stack
from ptychogui.io.raw.virtual_datasets import frames_there, with_lost_pixels
from ptychogui.io.read_options import ReadOptions

_MOST_GAPS = 100_000
"""Numbers that may be missing in a series; more are a number that means something else."""

_SHOWN_PROBLEMS = 4


def supports_raw(path: Path) -> bool:
    """Whether a file can hold frames and nothing else; text is left out, since it may be anything.

    Raises:
        DataError: it is HDF5, but damaged.
    """
    kind = kind_of(path)
    if kind == "HDF5":
        open_h5(path).close()
    return kind not in ("", "CSV")


def open_raw(path: Path, options: ReadOptions) -> Dataset:
    """Open a single raw file: a stack, or a master that names the files with the frames.

    What an HDF5 file says of beam and detector by the names of NeXus is taken from it; see `nexus`.

    Raises:
        DataError: it can't be read or holds no frames; of several stacks the message lists those that there are.
        ParameterError: the frames of a headerless file have no known size.
    """
    kind = kind_of(path)
    if kind == "HDF5":
        with open_h5(path) as file, reading(path, "its content"):
            parts = part_files(path, file, options.dataset_path)
        if parts:
            _check_any_there(path, parts)
            return _joined(path, "HDF5 master", parts)
    stack = open_stack(path, options)
    frames, *size = stack.frames.shape
    file_ = RawFile(path, 0, 0, frames, modified_s=path.stat().st_mtime)
    header = read_header(path, (size[0], size[1]))
    kept, lost_notes = frames_there(stack.lost, frames)
    grid_notes = (grid_note(stack.grid),) if stack.grid else ()
    dims = {"experiment.scan_dims": Value(stack.grid, "the grid of frames")} if stack.grid else {}
    return Dataset(
        path=path,
        format=kind,
        frames=stack.frames,
        frame_rows=kept,
        positions_m=None,
        values={**dims, **header.values},
        bad_pixels=with_lost_pixels(stack.lost, header.mask.bad if header.mask else None),
        bad_if_inverted=with_lost_pixels(stack.lost, header.mask.inverted if header.mask else None),
        notes=(
            Note("the file has no scan positions", NO_POSITIONS),
            *grid_notes,
            *stack.notes,
            *lost_notes,
            *header.notes,
        ),
        facts=stack.facts,
        files=(file_,),
        lost_frames=None if stack.lost is None else stack.lost.frames,
        reopen=partial(open_stack, path, options),
        closer=stack.close,
    )


def _check_any_there(path: Path, parts: list[PartFile]) -> None:
    """Refuse a master without any of its files, and name the first."""
    if not any(os.path.exists(part.path) for part in parts):
        raise DataError(
            f"{path}: none of the {len(parts)} files with the frames is there, the first is {parts[0].path.name} with "
            f"{parts[0].options.dataset_path}; put them beside it"
        )


def open_series(pattern: str, options: ReadOptions) -> Dataset:
    """Open a series of raw files: every number from the first on, whether its file is there or not.

    The first number is that which the user says, or else that of the first file that is there.

    Beam and detector are as the first file that can be read says, where that is HDF5; see `nexus`.

    Args:
        pattern: path with '#' in place of the number.
        options: first number, and how each file is read.

    Raises:
        DataError: none of the files is there or can be read, or the pattern is none.
    """
    series = Pattern.parse(pattern)
    there = series.numbers()
    numbers = [number for number in there if number >= (options.first_file or 0)]
    if not numbers:
        sought = series.path(options.first_file or 0)
        raise DataError(f"no file {sought} is there, nor a later one; {_others(series, there)}")
    first = numbers[0] if options.first_file is None else options.first_file
    if numbers[-1] - first > len(numbers) + _MOST_GAPS:
        raise DataError(
            f"the files of {pattern} have numbers up to {numbers[-1]}, but only {len(numbers)} are there; correct the "
            "pattern"
        )
    parts = [PartFile(series.path(number), number, options) for number in range(first, numbers[-1] + 1)]
    return _joined(Path(pattern), "series of raw files", parts)


def frame_source(path: Path | None, options: ReadOptions) -> Dataset:
    """Open the raw files that a scan's own file does not hold: a series by its pattern, or a single file.

    For readers of files that only hold positions, such as MDA. Positions and frames are paired by `pairing.pair`.

    Args:
        path: a single raw file or a pattern; None for that of `options`.
        options: how it is read.

    Raises:
        DataError: it can't be read.
    """
    name = options.file_pattern if path is None else str(path)
    if is_pattern(name):
        return open_series(name, options)
    source = open_raw(Path(name), options)
    return replace(source, values=placed(source.values, source.path.name))


def all_notes(dataset: Dataset) -> tuple[str, ...]:
    """Return a scan's notes, and then which of its raw files give no frames, if no note is about them."""
    untold = [file for file in dataset.files if not notes_about(dataset.notes, [file.path])]
    return (*dataset.notes, *_file_notes(untold))


def _file_notes(files: Sequence[RawFile]) -> tuple[str, ...]:
    """Say which raw files give no frames, the first ones by name."""
    problems = [file.problem for file in files if file.problem]
    more = len(problems) - _SHOWN_PROBLEMS
    told = problems if more <= 1 else [*problems[:_SHOWN_PROBLEMS], f"{more} more files are missing or can't be read"]
    return tuple(told)


def _joined(path: Path, form: str, parts: list[PartFile]) -> Dataset:
    frames, files, facts = join(parts)
    good = [file for file in files if not file.problem]
    header = read_header(path if path.is_file() else good[0].path, frames.shape[1:])
    kept, lost_notes = frames_there(frames.lost, frames.shape[0])
    noted = *_summed([part.note for part in parts if part.note]), *_summed(frames.notes)
    span = f"{len(good)} of {len(files)}, {files[0].path.name} to {files[-1].path.name}"
    return Dataset(
        path=path,
        format=form,
        frames=frames,
        frame_rows=kept,
        positions_m=None,
        values=header.values if path.is_file() else placed(header.values, good[0].path.name),
        bad_pixels=with_lost_pixels(frames.lost, header.mask.bad if header.mask else None),
        bad_if_inverted=with_lost_pixels(frames.lost, header.mask.inverted if header.mask else None),
        notes=(Note("the files have no scan positions", NO_POSITIONS), *noted, *lost_notes, *header.notes),
        facts={"files": span, **facts},
        files=files,
        lost_frames=None if frames.lost is None else frames.lost.frames,
        is_series=not path.is_file(),
        reopen=partial(rejoin, parts, files),
        closer=frames.close,
    )


def _summed(said: Sequence[str]) -> tuple[str, ...]:
    """Return one note for those of several files: that of the first, and of how many others the same is true."""
    others = {0: "", 1: "", 2: "; so is 1 other"}.get(len(said), f"; so are {len(said) - 1} others")
    return (said[0] + others,) if said else ()


def _others(series: Pattern, there: list[int]) -> str:
    if there:
        return f"the numbers go from {there[0]} to {there[-1]}: give --first-file {there[0]}, or correct the pattern"
    return f"no file there fits '{series.text}'; correct the pattern"
