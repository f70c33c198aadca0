"""The simulated scans of the quality page, and what is run on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ptychogui.engines import ENGINES
from ptychogui.params.model import describe
from ptychogui.physics.simulation import Recipe

REFERENCE = Recipe(scan_dims=(20, 20))
"""400 positions of a zone plate's beam on a Siemens star, 128 x 128 pixels, 1e6 photons a pattern, sub-pixel."""


@dataclass(frozen=True)
class Run:
    """One reconstruction: its name in figures, its engine, and other parameters than the defaults."""

    label: str
    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self, iterations: int, threads: int) -> dict[str, Any]:
        """Return what api.reconstruct takes."""
        return {"engine": self.engine, "iterations": iterations, "device": "cpu", "threads": threads, **self.options}

    def command(self, scan: str, iterations: int, threads: int) -> str:
        """Return the command line that does the same."""
        return command(scan, self.parameters(iterations, threads))


def command(scan: str, parameters: Mapping[str, Any]) -> str:
    """Return the command line that does what api.reconstruct does with some parameters."""
    names = {param.name: param.option for param in describe()}
    options = (_option(names[name], value) for name, value in parameters.items())
    return " ".join(["ptychogui reconstruct", scan, *options])


def _option(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else name.replace("--", "--no-", 1)
    return f"{name} {value}"


@dataclass(frozen=True)
class Case:
    """A simulated scan with the runs that are compared on it."""

    name: str
    title: str
    text: str
    recipe: Recipe
    runs: tuple[Run, ...]


_CHOICES: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "groups stay small": {"batch_growth": False},
    "random groups": {"grouping": "random"},
    "compact groups": {"grouping": "compact"},
    "one group": {"batch_size": 400},
    "one group, momentum": {"batch_size": 400, "momentum": 0.5},
    "Gaussian amplitudes": {"noise_model": "gaussian"},
    "variable probe": {"opr_modes": 2},
}


def _each(options: Mapping[str, Any] | None = None) -> tuple[Run, ...]:
    return tuple(Run(engine, engine, options or {}) for engine in ENGINES)


def cases() -> tuple[Case, ...]:
    """Return all cases; every engine runs on each but the last, which takes LSQML apart."""
    kept = {"position_correction": "never"}
    return (
        Case("one-mode", "One mode", "The reference scan: 400 positions, 128 x 128 pixels, 1e6 photons a pattern.",
             REFERENCE, _each()),
        Case("three-modes", "Three modes", "The same with a beam of three modes that hold 70, 20 and 10 % of the "
             "power, and three modes modelled.",
             replace(REFERENCE, mode_fractions=(0.7, 0.2, 0.1)), _each({"probe_modes": 3})),
        Case("position-errors", "Position errors", "The same as the reference, but the engines are told positions with "
             "random errors of 1.5 pixels rms on each axis, which LSQML refines.",
             replace(REFERENCE, position_error_m=1.5 * REFERENCE.object_pixel_m),
             (*_each(), Run("lsqml, positions kept", "lsqml", kept))),
        Case("low-dose", "Low dose", "The same as the reference with 1e4 photons a pattern.",
             replace(REFERENCE, photons=1e4), _each()),
        Case("choices", "What each choice buys", "LSQML on the reference scan, as it is, and with one choice made "
             "otherwise each time: groups that do not grow, groups drawn at random or of neighbors, all positions at "
             "once without and with momentum, the likelihood of Gaussian amplitudes, a probe for every position.",
             REFERENCE, tuple(Run(label, "lsqml", options) for label, options in _CHOICES.items())),
    )  # fmt: skip
