"""What a finding says can be typed."""

from __future__ import annotations

from typing import Any

from ptychogui.jobs.preflight import Finding, Level
from ptychogui.params.model import describe
from ptychogui.params.options import given_values
from tests.jobs.preflight.scans import Check


def test_every_fix_can_be_typed(check: Check) -> None:
    """The options of a fix mean, on the command line, just what the fix says."""
    import click

    from ptychogui.params.options import options

    fixes = {"preprocessing.center_px": (37.0, 28.0), "preprocessing.size_px": 96, "preprocessing.bit_depth": 8,
             "experiment.energy_eV": 8800.0, "experiment.step_m": (4.2e-7, 1e-6), "devices.device": "auto",
             "experiment.probe_diameter_m": None, "reconstruction.half_precision": True,
             "reconstruction.time_limit_s": None, "reconstruction.noise_model": "poisson"}  # fmt: skip
    typed: dict[str, Any] = {}

    @click.command()
    @options(describe())
    @click.pass_context
    def command(context: click.Context, /, **_values: Any) -> None:
        typed.update({path: value for path, (value, _) in given_values(context, describe()).items()})

    import shlex

    finding = Finding("values", Level.LOOK, "", "", fixes)
    command.main(shlex.split(finding.options), standalone_mode=False)
    assert typed == fixes
