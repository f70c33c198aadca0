"""Sixteen small scans with truth, and what a user who knows it would try by hand on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from ptychogui.physics.simulation import Recipe
from scripts.evidence.cases import Run

SMALL = Recipe(n=64, detector_pixel_m=150e-6, probe_diameter_m=700e-9, scan_dims=(14, 14))
"""196 positions of a small beam on a Siemens star, 64 x 64 pixels, 70 % overlap, 1e6 photons a pattern, a spiral."""

_ITERATIONS = 100, 300
_AUTO = "auto"

_LEFT_OPEN = dict.fromkeys(
    ("probe_modes", "opr_modes", "intensity_correction", "position_correction", "iterations"), "auto"
)
"""What a user can leave to the program, besides the noise model, which it finds by itself."""


@dataclass(frozen=True)
class Contest:
    """A scan on which nothing set, settings by hand and another program are compared.

    Attributes:
        name: of the scan.
        recipe: what it is made from.
        said: parameters that its user gives in any case, such as a wrong size of the probe.
        known: parameters that only who knows the truth can set.
    """

    name: str
    recipe: Recipe
    said: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)

    @property
    def modes(self) -> int:
        """How many modes the beam has."""
        return len(self.recipe.mode_fractions)

    @property
    def is_off(self) -> bool:
        """Whether the scan was not where it is said to be."""
        return self.recipe.position_error_m > 0

    @property
    def stem(self) -> str:
        """The name in names of files."""
        return self.name.replace(",", "").replace("%", "percent").replace(" ", "-")

    @property
    def pattern(self) -> str:
        """The scan pattern, in words."""
        return f"{self.recipe.scan}, jitter" if self.recipe.jitter_m else self.recipe.scan

    def auto(self) -> Run:
        """Return the run of a user who leaves everything to the program."""
        return Run(_AUTO, "", {**self.said, **_LEFT_OPEN})

    def grid(self) -> tuple[Run, ...]:
        """Return the settings by hand: noise model, growth of groups and iterations, with the true number of modes."""
        base = {**self.said, "probe_modes": self.modes, **self.known}
        return tuple(
            _by_hand({**base, "noise_model": model, "batch_growth": growth, "iterations": iterations})
            for model, growth, iterations in product(("gaussian", "poisson"), (True, False), _ITERATIONS)
        )

    def nearby(self, best: Run) -> tuple[Run, ...]:
        """Return what is tried from the best of the grid on, one thing changed at a time."""
        return tuple(_by_hand({**best.options, **change}) for change in self._changes())

    def _changes(self) -> Iterator[Mapping[str, Any]]:
        yield {"probe_modes": self.modes + 1}
        if self.modes > 1:
            yield {"probe_modes": self.modes - 1}
        yield {"position_correction": "never"}
        if self.is_off:
            yield {"position_correction": "20"}
        if self.known:
            yield dict.fromkeys(self.known, 0) | {"intensity_correction": "off"}
        else:
            yield {"intensity_correction": "on"}
        yield {"opr_modes": 2}
        yield {"grouping": "compact"}


def _by_hand(options: Mapping[str, Any]) -> Run:
    """Name a run after what differs from the defaults."""
    return Run(_label(options), "lsqml", options)


def _label(options: Mapping[str, Any]) -> str:
    words = [f"{options['iterations']}", str(options["noise_model"]), f"{options['probe_modes']} modes"]
    words += [] if options["batch_growth"] else ["small groups"]
    words += [f"{options['opr_modes']} OPR"] if options.get("opr_modes") else []
    words += ["intensities"] if options.get("intensity_correction") == "on" else []
    words += [f"positions {options['position_correction']}"] if "position_correction" in options else []
    words += [str(options["grouping"])] if "grouping" in options else []
    return ", ".join(words)


def contests() -> tuple[Contest, ...]:
    """Return all scans: dose, overlap and pattern vary together; six have something else that is wrong."""
    pixel_m = SMALL.object_pixel_m
    jitter_m, lost_m = 2 * pixel_m / 2**0.5, 2 * pixel_m / 2**0.5
    large, varies = {"probe_diameter_m": 1.3 * SMALL.probe_diameter_m}, {"opr_modes": 1, "intensity_correction": "on"}

    def scan(photons: float, overlap: float, pattern: Any = "spiral", **more: Any) -> Recipe:
        dims = (20, 20) if overlap > 0.75 else SMALL.scan_dims
        return replace(SMALL, photons=photons, overlap=overlap, scan=pattern, scan_dims=dims, **more)

    return (
        Contest("plain", scan(1e6, 0.7)),
        Contest("hardly any light", scan(1e3, 0.8)),
        Contest("little light", scan(1e4, 0.7, "raster", jitter_m=jitter_m)),
        Contest("Gaussian beam", scan(1e4, 0.6, "hexagonal", probe="gaussian", probe_diameter_m=500e-9)),
        Contest("much light, little overlap", scan(1e7, 0.5)),
        Contest("raster", scan(1e6, 0.7, "raster")),
        Contest("raster, much light", scan(1e7, 0.6, "raster")),
        Contest("raster, little light", scan(1e5, 0.8, "raster")),
        Contest("probe guess 30 % large", scan(1e6, 0.6, "raster", jitter_m=jitter_m), said=large),
        Contest("hexagonal", scan(1e6, 0.7, "hexagonal")),
        Contest("fly scan", scan(1e5, 0.7, "fly")),
        Contest("two modes", scan(1e6, 0.7, "raster", jitter_m=jitter_m, mode_fractions=(0.8, 0.2))),
        Contest("three modes", scan(1e7, 0.8, mode_fractions=(0.7, 0.2, 0.1))),
        Contest("positions off by 2 px", scan(1e6, 0.7, "hexagonal", position_error_m=lost_m)),
        Contest("a beam that varies", scan(1e6, 0.7, probe_variation=0.1, intensity_rms=0.1), known=varies),
        Contest("a bad day",
                scan(1e5, 0.65, "fly", mode_fractions=(0.8, 0.2), position_error_m=lost_m), said=large),
    )  # fmt: skip
