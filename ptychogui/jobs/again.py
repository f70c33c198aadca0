"""How a result is made again: its source and values, as a command line and as a Python script."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptychogui.errors import DataError
from ptychogui.io.raw.file_series import Pattern
from ptychogui.io.result_header import ResultFacts
from ptychogui.params.commandline import as_options, format_text
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Layers, Origin, Source
from ptychogui.params.spec import Param
from ptychogui.params.storage import from_json

_DEVICE = "devices.device"
_PLAIN = (bool, int, float)
_SCRIPT = """\
from ptychogui.api import reconstruct

for progress in reconstruct({arguments}):
    print(progress.iteration, progress.error)
print(progress.result)
"""


def source_and_layers(result: ResultFacts, place: Path | str) -> tuple[Path | None, Layers]:
    """Return the source and the values of the job that made a result; no source where it simulated its scan.

    Args:
        result: with its parameters and sources.
        place: where it is from, for messages.

    Raises:
        DataError: it does not say them.
        ParameterError: this version can't read its parameters.
    """
    if not result.parameters:
        raise DataError(f"{place} does not say with which parameters it was made")
    parameters, origins = from_json(result.parameters)
    if parameters.experiment.simulate:
        return None, layers_of(parameters, origins)
    if not result.sources:
        raise DataError(f"{place} does not say which scan it was made from")
    first, pattern = result.sources[0].path, parameters.preprocessing.file_pattern
    return Path(pattern if pattern and _is_of_series(first, pattern) else first), layers_of(parameters, origins)


def layers_of(parameters: Parameters, origins: Mapping[str, Origin]) -> Layers:
    """Return values with their origins as layers again."""
    layers: dict[Source, dict[str, tuple[Any, str]]] = {}
    for path, origin in origins.items():
        if origin.source is not Source.DEFAULT and path in by_path():
            layers.setdefault(origin.source, {})[path] = (parameters.get(path), origin.place)
    return Layers(layers)


def as_command(result: ResultFacts, place: Path | str) -> str:
    """Return the command line that makes a result again; the new one gets a name of its own in the working folder.

    Raises:
        PtychoError: the result does not say how it was made; see `source_and_layers`.
    """
    return command_line(*_with_device(result, place))


def as_python(result: ResultFacts, place: Path | str) -> str:
    """Return the Python script that makes a result again; the new one gets a name of its own beside the scan.

    Raises:
        PtychoError: the result does not say how it was made; see `source_and_layers`.
    """
    return script(*_with_device(result, place))


def command_line(source: Path | None, layers: Layers) -> str:
    """Return the command line of a job: its scan, None for a simulated one, and what its file does not say."""
    words = ["ptychogui", "reconstruct", *([] if source is None else [shlex.quote(os.path.abspath(source))])]
    return " ".join(word for word in (*words, as_options(_asked(layers))) if word)


def script(source: Path | None, layers: Layers) -> str:
    """Return the Python script of a job, as `command_line` does."""
    given = [f"{by_path()[path].name}={_literal(by_path()[path], value)}" for path, value in _asked(layers).items()]
    return _SCRIPT.format(arguments=", ".join([repr(None if source is None else os.path.abspath(source)), *given]))


def _with_device(result: ResultFacts, place: Path | str) -> tuple[Path | None, Layers]:
    """Return the source and values of a result, with the device on which a lane of the queue has made it."""
    source, layers = source_and_layers(result, place)
    device = from_json(result.parameters)[0].devices.device
    return source, layers if device == by_path()[_DEVICE].default else layers.with_value(_DEVICE, device)


def _asked(layers: Layers) -> dict[str, Any]:
    """Return what was laid over what the scan's file says."""
    parameters, _ = layers.resolve()
    asked = {path for kind, found in layers.values.items() if kind is not Source.FILE for path in found}
    return {path: parameters.get(path) for path in by_path() if path in asked}


def _literal(param: Param, value: Any) -> str:
    """Write a value in Python so that the script API takes exactly it."""
    if value is None or param.kind in _PLAIN:
        return repr(value)
    return repr(tuple(value)) if param.kind == "pair" else repr(format_text(param, value))


def _is_of_series(path: str, pattern: str) -> bool:
    """Whether a source is a raw file of a series, so that there was no scan file before it."""
    name = Pattern.parse(os.path.basename(pattern))
    return os.path.basename(path).startswith(name.before)
