"""MDA scans with their raw frames: the file says where the probe was, the files beside it what was measured there."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ptychogui.errors import AmbiguousPairingError, DataError
from ptychogui.io.dataset import Dataset, Value
from ptychogui.io.fingerprint import listed, looked_at
from ptychogui.io.hdf5.quantities import CENTER
from ptychogui.io.mda.apply_preset import AppliedPreset, apply_preset
from ptychogui.io.mda.format import Mda, read_mda
from ptychogui.io.mda.presets import Named, choose_preset
from ptychogui.io.notes import NO_POSITIONS, notes_besides
from ptychogui.io.pairing.facts import FileFacts, ScanPlan
from ptychogui.io.pairing.pair import Pairing, pair_as_read
from ptychogui.io.raw.file_series import Pattern, is_pattern
from ptychogui.io.raw.raw_scan import frame_source
from ptychogui.io.read_options import ReadOptions
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path

_log = logging.getLogger(__name__)

_NAMED = re.compile(r"(\d{4,})_\d{2}$|(\d+)$")
"""The scan's number at the end of a file's name; saveData adds _01, _02 ... where there is such a file already."""

_FIELD = re.compile(r"#0?\d{0,2}[di]")

_WORDS = re.compile(r"(?:[^{}]|\{\{|\}\}|\{stem\}|\{scan(?::0?\d{0,2}d?)?\})*")
"""A pattern of a preset: nothing in braces but the scan's name and number; other braces are twice."""

_SAME = 0.01
"""Relative difference up to which MDA file and detector say the same of a quantity."""


@dataclass(frozen=True)
class MdaScan:
    """What the MDA file of a scan says by itself, before any frames are looked for.

    Attributes:
        path: the file.
        named: the preset it was read by.
        found: values and positions.
        number: of the scan.
        notes: what is missing or odd.
    """

    path: Path
    named: Named
    found: AppliedPreset
    number: int
    notes: tuple[str, ...]

    @property
    def values(self) -> Mapping[str, Value]:
        """Parameter path -> value with the PV or column that it is from."""
        return self.found.values


def read_mda_scan(path: Path, options: ReadOptions) -> MdaScan:
    """Read a scan without its frames.

    Raises:
        DataError: the file or the preset can't be read, or they don't fit each other.
    """
    mda = read_mda(path)
    named, preset_notes = choose_preset(mda, path, options.beamline)
    found = apply_preset(named, mda)
    number, number_notes = scan_number(path, mda)
    return MdaScan(path, named, found, number, (*preset_notes, *found.notes, *number_notes))


class FramesNotFoundError(DataError):
    """A scan has no raw files where they were looked for.

    Attributes:
        places: paths and patterns that were tried.
    """

    def __init__(self, message: str, places: tuple[str, ...]) -> None:
        super().__init__(message, places)
        self.places = places


def open_mda(path: Path, options: ReadOptions) -> Dataset:
    """Open a scan: positions and values from the MDA file, frames from the files that its preset or the user names.

    What the detector's files say of beam and detector fills the gaps, and goes before what a preset only guesses.
    Positions and frames meet by line and point; what has no partner is left out and said, and nothing moves up. Where
    they can meet in several ways the scan has an `ambiguity` and no positions.

    Raises:
        DataError: the file, the preset or the frames can't be read, or the frames are not found; the message lists
            where they were looked for.
    """
    scan = read_mda_scan(path, options)
    found = scan.found
    told = find_files(path, scan.named, scan.number, options)
    source = frame_source(None, told)
    ambiguity = None
    try:
        pairing = pair_lines(found, source, told, scan.named)
    except AmbiguousPairingError as problem:
        _log.debug("positions and frames are left unpaired: %s", problem)
        pairing, ambiguity = _unpaired(source, problem), problem
    except DataError:
        source.close()
        raise
    values, value_notes = _merged(found, source)
    pairing = _with_frames(pairing, source)
    return Dataset(
        path=path,
        format="MDA",
        frames=source.frames,
        frame_rows=pairing.rows,
        positions_m=found.positions_m[pairing.kept] if ambiguity is None else None,
        values=values,
        bad_pixels=source.bad_pixels,
        bad_if_inverted=source.bad_if_inverted,
        notes=(*scan.notes, *value_notes, *pairing.notes),
        facts={**found.facts, **source.facts},
        files=source.files,
        is_series=source.is_series,
        lost_frames=source.lost_frames,
        is_whole=pairing.is_whole,
        ambiguity=ambiguity,
        reopen=source.reopen,
        closer=source.close,
    )


def _with_frames(pairing: Pairing, source: Dataset) -> Pairing:
    """Return pairs without those whose frame is a missing part of a virtual dataset."""
    if source.lost_frames is None:
        return pairing
    there = ~source.lost_frames[pairing.rows]
    return replace(pairing, rows=pairing.rows[there], kept=pairing.kept[there])


def _merged(found: AppliedPreset, source: Dataset) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return values of the MDA file, and where it has none those of the frames' file; and what is odd about the latter.

    Where both have a quantity, and differ, a note says which one is taken.
    """
    gaps = found.guesses & source.values.keys()
    off = off_detector(found, source)
    said = {path: value for path, value in found.values.items() if path not in gaps and not (off and path == CENTER)}
    notes = [*notes_besides(source.notes, NO_POSITIONS), *off]
    for path in sorted(said.keys() & source.values.keys()):
        taken, other = said[path], source.values[path]
        if taken.value is None or not np.allclose(taken.value, other.value, rtol=_SAME, atol=0):
            texts = [f"{format_text(by_path()[path], value.value)} ({value.place})" for value in (taken, other)]
            notes.append(f"{by_path()[path].title.lower()}: {texts[0]} is taken, not {texts[1]}")
    return {**source.values, **said}, tuple(notes)


def off_detector(found: AppliedPreset, source: Dataset) -> tuple[str, ...]:
    """Say if the pattern center is no place on the detector, by the size of its frames; it is not to be used then."""
    center, shape = found.values.get(CENTER), source.frames.shape[1:]
    if center is None or all(-0.5 <= at < size - 0.5 for at, size in zip(center.value, shape, strict=True)):
        return ()
    at = f"({center.value[0]:g}, {center.value[1]:g})"
    where = f"off the detector of {shape[0]} x {shape[1]} px"
    return (f"the pattern center of {center.place} is {at}, {where}, and is ignored",)


def scan_number(path: Path, mda: Mda) -> tuple[int, tuple[str, ...]]:
    """Return a scan's number, by the file's name where that ends with one, and what is odd about it."""
    match = _NAMED.search(path.stem)
    if match is None:
        return mda.number, ()
    number = int(match[1] or match[2])
    ends = {int(part) for part in re.findall(r"\d+", path.stem)[-2:]}
    if number == mda.number or mda.number not in ends:
        odd = f"the file's name says scan {number}, its header {mda.number}; frames of scan {number} are looked for"
        return number, () if number == mda.number else (odd,)
    return mda.number, ()


def frame_patterns(path: Path, named: Named, number: int) -> list[str]:
    """Return where a preset looks for the frames of a scan, as paths with '#' in place of the line.

    Args:
        path: the MDA file.
        named: the preset.
        number: of the scan.

    Raises:
        DataError: a pattern of the preset holds something else than {scan} and {stem}.
    """
    for text in named.preset.frames.patterns:
        if not _WORDS.fullmatch(text):
            raise DataError(
                f"{named.path}: frames.patterns can hold {{stem}} and {{scan:03d}}, with up to 99 digits, and any "
                f"other brace only twice; correct '{text}'"
            )
    filled = (text.format(scan=number, stem=path.stem) for text in named.preset.frames.patterns)
    return [os.path.normpath(path.parent / text) for text in filled]


def find_files(
    path: Path, named: Named, number: int, options: ReadOptions
) -> ReadOptions:  # fmt: skip
    """Say how the frames are read: by what the user says, or else by the first of the preset's patterns that has files.

    Args:
        path: the MDA file.
        named: its preset.
        number: of the scan.
        options: what the user says.

    Raises:
        FramesNotFoundError: no pattern has files.
    """
    patterns = [options.file_pattern] if options.file_pattern else frame_patterns(path, named, number)
    looked = [there for text in patterns for there in _expanded(text)]
    for text in looked:
        looked_at(text)
        numbers = Pattern.parse(text).numbers() if is_pattern(text) and _has_folder(text) else []
        if numbers or os.path.isfile(text):
            dataset_path = options.dataset_path or named.preset.frames.dataset_path
            per_file = options.patterns_per_file or named.preset.frames.patterns_per_file
            return replace(options, file_pattern=text, dataset_path=dataset_path, patterns_per_file=per_file)
    said = "; ".join(looked) or "nowhere, since the preset has no patterns"
    raise FramesNotFoundError(
        f"no raw frames of {path} are found by preset {named.name}. Looked for: {said}. Give --file-pattern, such "
        "as raw/scan012_#04d.h5, or another --beamline",
        tuple(looked),
    )


def _has_folder(pattern: str) -> bool:
    return os.path.isdir(os.path.dirname(pattern.split("#")[0]) or ".")


def _expanded(pattern: str) -> list[str]:
    """Return a pattern with its '*' filled in as the files there have it; itself if none fits. Several are refused."""
    if "*" not in pattern:
        return [pattern]
    field = _FIELD.search(pattern)
    before, after = (pattern[: field.start()], pattern[field.end() :]) if field else (pattern, "")
    shape = re.compile(re.escape(before).replace(r"\*", "([^/]*)") + r" *\d+" + re.escape(after))
    wanted = "*".join(map(glob.escape, f"{before}*{after}".split("*")))
    listed(wanted)
    names = glob.glob(wanted)
    ways = {match.groups() for name in names if (match := shape.fullmatch(name))}
    if len(ways) > 1:
        raise DataError(f"the files of several series fit {pattern}: {', '.join(sorted(map('_'.join, ways)))}")
    for way in ways:
        for text in way:
            pattern = pattern.replace("*", text, 1)
    return [pattern]


def pair_lines(found: AppliedPreset, source: Dataset, told: ReadOptions, named: Named) -> Pairing:
    """Pair what was measured with the frames, by the lines of the scan as it was planned.

    Raises:
        AmbiguousPairingError: there are several ways to do so.
        DataError: there is none.
    """
    lines, points = found.dims
    plan = ScanPlan(
        lines * points, found.dims if lines > 1 else None, found.line * points + found.point, can_swap=False
    )
    counts_from = named.preset.frames.first_file
    facts = FileFacts(
        first_file=told.first_file,
        per_file=told.patterns_per_file,
        first_frame=told.first_frame,
        counts_from=counts_from,
        by=f"preset {named.name} counts files from {counts_from}",
        is_series=source.is_series,
    )
    return pair_as_read(source.files, plan, facts)


def _unpaired(source: Dataset, problem: AmbiguousPairingError) -> Pairing:
    """Return all frames, whose positions are not known."""
    return Pairing(np.arange(source.frames.shape[0]), np.arange(0), (str(problem),), is_whole=False)
