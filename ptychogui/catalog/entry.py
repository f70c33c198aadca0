"""An entry of the catalog: what is known of a result at a glance, taken from the header of its file."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ptychogui.errors import ParameterError
from ptychogui.io.result_header import ResultHeader
from ptychogui.params.chain import engines_of
from ptychogui.texts import storable

_JPEG_QUALITY = 85
_SCAN = re.compile(r"(?:^|[^a-z])(?:scan|fly|sc|s|#)[_-]?0*(\d{1,9})(?!\d)", re.IGNORECASE)
"""A number that is said to be that of a scan."""
_LAST_NUMBER = re.compile(r"(?<!\d)(\d{1,9})\D*$")


class Entry(NamedTuple):
    """What the index knows of a result.

    Attributes:
        id: its number in the index.
        name: its path, as bytes.
        program: that wrote it.
        state: word of a State; "" where the file has none.
        scan: number of the scan; None if there is none in its name.
        engine: engines in turn, such as "dm,lsqml".
        error: the last one, in photon-noise units; None if not known. So is the free one.
        made_s: when it was made, in s since 1970.
        pixel_m: of the object; None if not known, as are energy and distance.
        source: path of the first raw file.
        tags: words, with a comma before and behind each.
    """

    id: int
    name: bytes
    title: str
    program: str
    state: str
    scan: int | None
    engine: str
    modes: int
    iterations: int
    error: float | None
    free_error: float | None
    made_s: float
    energy_eV: float | None
    distance_m: float | None
    pixel_m: float | None
    rows: int
    columns: int
    layers: int
    positions: int
    device: str
    took_s: float | None
    source: str
    stars: int
    tags: str
    note: str

    @property
    def path(self) -> Path:
        """The file."""
        return Path(os.fsdecode(self.name))

    @property
    def made(self) -> str:
        """When it was made, in the local time: ISO 8601."""
        return datetime.fromtimestamp(self.made_s).astimezone().isoformat(timespec="seconds")

    @property
    def tag_words(self) -> tuple[str, ...]:
        """The tags."""
        return tuple(word for word in self.tags.split(",") if word)


@dataclass(frozen=True)
class FileContent:
    """What is put into the index of a result's file.

    Attributes:
        values: column -> value.
        parameters: name of a parameter -> number or text.
        jpeg: its thumbnail; None where there is none.
    """

    values: Mapping[str, Any]
    parameters: Mapping[str, float | str]
    jpeg: bytes | None


def content_of(path: Path, header: ResultHeader, mtime_ns: int) -> FileContent:
    """Return what the index keeps of a result."""
    parameters = _parameters(header)
    source = storable(header.sources[0].path) if header.sources else ""
    title = header.title or path.stem
    values = {
        "title": storable(title), "program": storable(header.program),
        "state": header.state.value if header.state else "",
        "scan": _scan_number(title, source), "engine": _engines(str(parameters.get("engine", ""))),
        "modes": header.probe_shape[0], "iterations": len(header.errors), "error": _last(header.errors),
        "free_error": _last(header.free_errors), "made_s": _date_s(header) or mtime_ns * 1e-9,
        "energy_eV": header.energy_eV or None, "distance_m": header.distance_m or None,
        "pixel_m": header.object_pixel_m or None, "rows": header.object_shape[-2], "columns": header.object_shape[-1],
        "layers": header.object_shape[0] if len(header.object_shape) == 3 else 1, "positions": header.positions,
        "device": header.device, "took_s": header.took_s, "source": source,
        "said": _words(title, header, source, *map(str, header.notes)),
    }  # fmt: skip
    return FileContent(values, parameters, None if header.thumbnail is None else _jpeg(header.thumbnail))


def _words(title: str, header: ResultHeader, *texts: str) -> str:
    return storable("\n".join((title, header.program, header.device, header.command, *texts))).casefold()


def _jpeg(picture: np.ndarray) -> bytes:
    """Pack a thumbnail; its three channels are the same where it is gray."""
    is_gray = picture.ndim == 3 and bool((picture == picture[..., :1]).all())
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture[..., 0] if is_gray else picture))
    image.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _parameters(header: ResultHeader) -> dict[str, float | str]:
    """Return the values of all parameters by name; none where the file does not say them."""
    try:
        groups = json.loads(header.parameters or "{}").get("parameters", {})
        return {name: value for group in groups.values() for name, value in _plain(group)}
    except (ValueError, AttributeError):
        return {}


def _plain(group: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name, value in group.items():
        if value is not None:
            yield name, float(value) if isinstance(value, bool | int | float) else storable(str(value))


def _engines(chain: str) -> str:
    try:
        return ",".join(dict.fromkeys(engines_of(chain))) if chain else ""
    except ParameterError:
        return chain


def _scan_number(title: str, source: str) -> int | None:
    stem = Path(source).stem
    for pattern in (_SCAN, _LAST_NUMBER):
        for text in (title, stem):
            found = pattern.search(text)
            if found is not None:
                return int(found[1])
    return None


def _last(errors: np.ndarray) -> float | None:
    known = np.asarray(errors, np.float64)[np.isfinite(errors)]
    return float(known[-1]) if len(known) else None


def _date_s(header: ResultHeader) -> float | None:
    for text in (header.finished, header.made):
        try:
            return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return None
