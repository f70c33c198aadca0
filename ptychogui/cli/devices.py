"""`ptychogui devices`: the GPUs and CPUs of this machine that can compute, and why one can't."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from ptychogui.backends import Device, list_devices
from ptychogui.cli.shared_options import json_option
from ptychogui.cli.terminal import stdout_width, table, tell
from ptychogui.params.click_words import Command


@click.command(cls=Command)
@json_option
def devices(as_json: bool) -> None:
    """List every device of this machine, and why one can't be used."""
    found = list_devices()
    if as_json:
        tell(json.dumps([asdict(device) for device in found], indent=1))
        return
    tell(table([(device.name, device.title, _state(device)) for device in found], stdout_width()))


def _state(device: Device) -> str:
    if not device.usable:
        return f"can't be used: {device.reason}"
    memory = f"usable, {device.memory_free_bytes / 1e9:.1f} of {device.memory_total_bytes / 1e9:.1f} GB free"
    load = "" if device.load is None else f", busy {device.load:.0%}"
    return memory + load + (f"; used by {'; '.join(device.processes)}" if device.processes else "")
