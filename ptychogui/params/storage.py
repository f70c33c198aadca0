"""Parameters and their origins as JSON: an attribute of the result file, a preset, a job on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters, by_path, checked
from ptychogui.params.origins import Origin, Source

_RENAMED = {"reconstruction.position_search": "reconstruction.position_correction"}
"""Names that older versions wrote."""

SCHEMA_VERSION = 1
"""Raised when a stored name changes its meaning; a new parameter needs no new version."""


def to_json(parameters: Parameters, origins: Mapping[str, Origin] | None = None) -> str:
    """Write parameters, and where each value came from, as JSON text that `from_json` reads back exactly."""
    return json.dumps(to_tree(parameters, origins), default=str, indent=1)


def to_tree(parameters: Parameters, origins: Mapping[str, Origin] | None = None) -> dict[str, Any]:
    """Return what `to_json` writes, for a text of which it is a part; paths in it are to be written by str."""
    return {
        "schema": SCHEMA_VERSION,
        "parameters": parameters.model_dump(),
        "origins": {path: [origin.source.name, origin.place] for path, origin in (origins or {}).items()},
    }


def from_json(text: str) -> tuple[Parameters, dict[str, Origin]]:
    """Read what `to_json` wrote, in this version or an older one. A parameter that is not there gets its default.

    Raises:
        ParameterError: the text is not JSON of this kind, has another schema version, or a name or value that this
            version of ptychogui does not know.
    """
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise ParameterError(f"stored parameters are not JSON: {error}") from None
    return from_tree(tree)


def from_tree(tree: Any) -> tuple[Parameters, dict[str, Origin]]:
    """Read what JSON gives back of what `to_tree` returned.

    Raises:
        ParameterError: as `from_json` does.
    """
    version = tree.get("schema") if isinstance(tree, dict) else None
    if version != SCHEMA_VERSION:
        raise ParameterError(
            f"stored parameters have schema version {version!r}, this ptychogui reads version {SCHEMA_VERSION}; "
            "use the version of ptychogui that wrote them"
        )
    defaults = {path: Origin(Source.DEFAULT) for path in by_path()}
    stored = {path: _origin(path, entry) for path, entry in _renamed(dict(tree.get("origins", {}))).items()}
    return checked(_with_new_names(tree.get("parameters", {}))), defaults | stored


def _renamed(origins: dict[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(path, path): entry for path, entry in origins.items()}


def _with_new_names(parameters: Any) -> Any:
    """Give values of older versions the names that they have now."""
    for before, after in _RENAMED.items():
        (group, old), (_, new) = before.split("."), after.split(".")
        values = parameters.get(group) if isinstance(parameters, dict) else None
        if isinstance(values, dict) and old in values:
            values[new] = values.pop(old)
    return parameters


def _origin(path: str, entry: Any) -> Origin:
    if path not in by_path():
        raise ParameterError(f"stored origins: no parameter is called '{path}'")
    try:
        source, place = entry
        return Origin(Source[source], str(place))
    except (KeyError, TypeError, ValueError):
        raise ParameterError(f"stored origins: {path} = {entry!r} is not [source, place]") from None
