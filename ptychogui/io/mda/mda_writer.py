"""Writer of MDA files, for simulated scans and tests. Their layout is described in io.mda.format."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ptychogui.io.mda.format import CTRL_CHAR, NUMBERS, ExtraPv, Mda, Scan


def write_mda(path: Path, mda: Mda) -> None:
    """Write a file, as `read_mda` reads it.

    Args:
        path: where.
        mda: what. `notes` are not written; lines that are None have no place in the file.
    """
    path.write_bytes(mda_bytes(mda))


def mda_bytes(mda: Mda) -> bytes:
    """Return the contents of a file."""
    head = 20 + 4 * len(mda.dims)
    scan = _scan(mda.scan, head)
    header = struct.pack(
        f">f2i{len(mda.dims)}i2i", mda.version, mda.number, len(mda.dims), *mda.dims, mda.regular,
        head + len(scan) if mda.pvs else 0,
    )  # fmt: skip
    return header + scan + (_pvs(mda.pvs.values()) if mda.pvs else b"")


def _scan(scan: Scan, start: int) -> bytes:
    """Return a loop that begins at a byte of the file, with the loops within it behind."""
    names = _text(scan.name) + _text(scan.time)
    counts = struct.pack(">3i", len(scan.positioners), len(scan.detectors), len(scan.triggers))
    described = b"".join(
        [struct.pack(">i", axis.number) + b"".join(map(_text, (
            axis.name, axis.description, axis.mode, axis.unit, axis.readback_name, axis.readback_description,
            axis.readback_unit))) for axis in scan.positioners]
        + [struct.pack(">i", one.number) + b"".join(map(_text, (one.name, one.description, one.unit)))
           for one in scan.detectors]
        + [struct.pack(">i", one.number) + _text(one.name) + struct.pack(">f", one.command) for one in scan.triggers]
    )  # fmt: skip
    values = b"".join(
        [_values(axis.values, ">f8", scan) for axis in scan.positioners]
        + [_values(one.values, ">f4", scan) for one in scan.detectors]
    )
    first = start + 12 + (4 * scan.requested if scan.rank > 1 else 0)
    lines, offsets = [], []
    place = first + len(names) + len(counts) + len(described) + len(values)
    for line in scan.lines:
        lines.append(b"" if line is None else _scan(line, place))
        offsets.append(0 if line is None else place)
        place += len(lines[-1])
    assert len(offsets) == (scan.requested if scan.rank > 1 else 0), "there must be a line, or None, for each point"
    front = struct.pack(f">3i{len(offsets)}i", scan.rank, scan.requested, scan.acquired, *offsets)
    return b"".join([front, names, counts, described, values, *lines])


def _values(values: np.ndarray, kind: str, scan: Scan) -> bytes:
    assert values.shape == (scan.requested,), f"{values.shape} values for {scan.requested} points"
    return values.astype(kind).tobytes()


def _pvs(pvs: Iterable[ExtraPv]) -> bytes:
    parts = [_pv(pv) for pv in pvs]
    return struct.pack(">i", len(parts)) + b"".join(parts)


def _pv(pv: ExtraPv) -> bytes:
    head = _text(pv.name) + _text(pv.description) + struct.pack(">i", pv.kind)
    if pv.kind not in NUMBERS:
        return head + _text(str(pv.value))
    values = np.frombuffer(pv.value.encode(), np.uint8) if isinstance(pv.value, str) else pv.value
    assert pv.kind == CTRL_CHAR or not isinstance(pv.value, str), f"{pv.name}: text is of kind {CTRL_CHAR} or 0"
    return head + struct.pack(">i", len(values)) + _text(pv.unit) + values.astype(NUMBERS[pv.kind]).tobytes()


def _text(text: str) -> bytes:
    content = text.encode()
    if not content:
        return struct.pack(">i", 0)
    return struct.pack(">2i", len(content), len(content)) + content + b"\0" * (-len(content) % 4)
