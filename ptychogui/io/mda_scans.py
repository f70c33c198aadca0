"""MDA scans with their raw frames: the file says where the probe was, the files beside it what was measured there."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.access import Access
from ptychogui.io.beamtime import Beamtime, apply_preset
from ptychogui.io.dataset import Dataset
from ptychogui.io.mda import Mda, read_mda
from ptychogui.io.pairing import Pairing, assign, pair
from ptychogui.io.presets import Named, choose_preset
from ptychogui.io.raw import frame_source
from ptychogui.io.series import Pattern, is_pattern

_SCAN_NUMBER = re.compile(r"(\d+)(?:_\d{1,2})?$")
_FIELD = re.compile(r"#0?\d*[di]")


def open_mda(path: Path, access: Access) -> Dataset:
    """Open a scan: positions and values from the MDA file, frames from the files that its preset or the user names.

    Positions and frames meet by line and point; what has no partner is left out and said, and nothing moves up.

    Raises:
        DataError: the file, the preset or the frames can't be read, or the frames are not found; the message lists
            where they were looked for.
    """
    mda = read_mda(path)
    named = choose_preset(mda, path, access.beamline)
    found = apply_preset(named, mda)
    source = frame_source(None, _access(path, mda, named, access))
    try:
        pairing = _pair(found, source, access.patterns_per_file)
    except DataError:
        source.close()
        raise
    return Dataset(
        path=path,
        format="MDA",
        frames=source.frames,
        frame_rows=pairing.rows,
        positions_m=found.positions_m[pairing.kept],
        values=found.values,
        notes=(*found.notes, *pairing.notes),
        facts={**found.facts, **source.facts},
        files=source.files,
        is_whole=pairing.is_whole,
        closer=source.close,
    )


def frame_patterns(path: Path, mda: Mda, named: Named) -> list[str]:
    """Return where a preset looks for the frames of a scan, as paths with '#' in place of the line."""
    match = _SCAN_NUMBER.search(path.stem)
    words = {"scan": int(match[1]) if match else mda.number, "stem": path.stem}
    try:
        return [os.path.normpath(path.parent / text.format(**words)) for text in named.preset.frames.patterns]
    except (AttributeError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{named.path}: frames.patterns can hold {{scan:03d}} and {{stem}}, not {error}") from error


def _access(path: Path, mda: Mda, named: Named, access: Access) -> Access:
    """Say how the frames are read: by what the user says, or else by the first of the preset's patterns that has files.

    Raises:
        DataError: none has.
    """
    patterns = [access.file_pattern] if access.file_pattern else frame_patterns(path, mda, named)
    looked = [there for text in patterns for there in _expanded(text)]
    for text in looked:
        numbers = Pattern.parse(text).numbers() if is_pattern(text) and _has_folder(text) else []
        if numbers or Path(text).is_file():
            first = access.first_file or (min(numbers[0], named.preset.frames.first_file) if numbers else 0)
            dataset_path = access.dataset_path or named.preset.frames.dataset_path
            return replace(access, file_pattern=text, first_file=first, dataset_path=dataset_path)
    places = "; ".join(looked) or "nowhere, since the preset has no patterns"
    raise DataError(
        f"no raw frames of {path} are found by preset {named.name}. Looked for: {places}. Give --file-pattern, such as "
        "raw/scan012_#04d.h5, or another --beamline"
    )


def _has_folder(pattern: str) -> bool:
    return os.path.isdir(os.path.dirname(pattern.split("#")[0]) or ".")


def _expanded(pattern: str) -> list[str]:
    """Return a pattern with its '*' filled in, once for each way in which files fill it; itself if none does."""
    if "*" not in pattern:
        return [pattern]
    field = _FIELD.search(pattern)
    before, after = (pattern[: field.start()], pattern[field.end() :]) if field else (pattern, "")
    shape = re.compile(re.escape(before).replace(r"\*", "([^/]*)") + r" *\d+" + re.escape(after))
    ways = {match.groups() for name in glob.glob(f"{before}*{after}") if (match := shape.fullmatch(name))}
    if len(ways) > 1:
        raise DataError(f"the files of several series fit {pattern}: {', '.join(sorted(map('_'.join, ways)))}")
    for way in ways:
        for text in way:
            pattern = pattern.replace("*", text, 1)
    return [pattern]


def _pair(found: Beamtime, source: Dataset, per_file: int | None) -> Pairing:
    """Pair what was measured with the frames, by the lines of the scan as it was planned."""
    lines, points = found.dims
    assigned = assign(source.files, lines * points, found.dims if lines > 1 else None, per_file)
    here = found.line * points + found.point
    pairing = pair(source.files, assigned.of[here], assigned.point[here])
    return replace(pairing, notes=(*assigned.notes, *pairing.notes), kept=np.asarray(pairing.kept))
