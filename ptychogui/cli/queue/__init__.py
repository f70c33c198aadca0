"""`ptychogui queue`: put jobs into the queue, look at them, and say what is to become of them."""

from __future__ import annotations

import click

from ptychogui.cli.lazy_group import LazyGroup

_COMMANDS = {
    "add": "add:add",
    "list": "show:list_command",
    "show": "show:show",
    "log": "show:log_command",
    **dict.fromkeys(
        ("pause", "resume", "step", "stop", "cancel", "retry", "hold", "release", "remove"), "orders:ORDERS"
    ),
    "move": "orders:move",
    "continue": "add:continue_command",
    "clear": "orders:clear",
}


@click.group(cls=LazyGroup, places={name: f"ptychogui.cli.queue.{place}" for name, place in _COMMANDS.items()})
def queue() -> None:
    """Put jobs into the queue, look at them, and say what is to become of them; ptychogui run does them.

    JOB is the number that add prints. Jobs stay in the queue whatever ends, until they are removed or cleared.
    """


__all__ = ["queue"]
