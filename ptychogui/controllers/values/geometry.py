"""The geometry that the user has typed, remembered for each beamline and detector."""

from __future__ import annotations

import json
import logging
from typing import Any

from ptychogui.errors import ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.params.commandline import format_text, parse_text
from ptychogui.params.model import by_path, marked, refusal

_log = logging.getLogger(__name__)

GEOMETRY = marked("geometry")
"""Parameters that are remembered so."""

_MOST = 50
"""Detectors that are remembered, the latest of them."""
_BEAMLINE = "beamline"


class KeptGeometry:
    """Values by detector: parameter path -> (text of the value, name of the scan that it was typed for)."""

    def __init__(self, text: str = "") -> None:
        """Take what `text` has written; what can't be read is forgotten."""
        self._kept: dict[str, dict[str, tuple[str, str]]] = {}
        try:
            self._kept = {
                str(detector): {str(path): (str(value), str(scan)) for path, (value, scan) in values.items()}
                for detector, values in (json.loads(text) if text else {}).items()
            }
        except (AttributeError, TypeError, ValueError) as error:
            _log.info("the geometry of detectors is forgotten: %s", error)

    def text(self) -> str:
        """Write all as JSON."""
        return json.dumps(self._kept)

    def keep(self, scan: Dataset, path: str, value: Any, known: bool) -> None:
        """Take what the user has typed for a scan, or that he has taken it back.

        Args:
            scan: the open one.
            path: of a parameter in GEOMETRY.
            value: of the parameter.
            known: whether there is a value of the user's at all.
        """
        detector = detector_of(scan)
        values = {kept: text for kept, text in self._kept.pop(detector, {}).items() if kept != path}
        if known:
            values[path] = format_text(by_path()[path], value), scan.path.name
        if values:
            self._kept = dict([*self._kept.items(), (detector, values)][-_MOST:])

    def of(self, scan: Dataset) -> dict[str, tuple[Any, str]]:
        """Return what was typed for another scan of the same detector: parameter path -> (value, scan)."""
        found: dict[str, tuple[Any, str]] = {}
        for path, (text, name) in self._kept.get(detector_of(scan), {}).items():
            try:
                value = parse_text(by_path()[path], text)
            except (KeyError, ParameterError) as error:
                _log.info("a remembered value is forgotten: %s: %s", path, error)
                continue
            if path in GEOMETRY and not refusal(path, value):
                found[path] = value, name
        return found


def detector_of(scan: Dataset) -> str:
    """Return what scans of one beamline and detector have in common; without a beamline those of one folder."""
    rows, columns = scan.frames.shape[1:]
    place = scan.facts.get(_BEAMLINE) or str(scan.path.absolute().parent)
    return f"{scan.format}, {rows} x {columns}, {place}"
