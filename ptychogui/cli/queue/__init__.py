"""`ptychogui queue`: put jobs into the queue, look at them, and say what is to become of them."""

from __future__ import annotations

import click

from ptychogui.cli.queue.add import add, continue_command
from ptychogui.cli.queue.orders import clear, move, order_commands
from ptychogui.cli.queue.show import list_command, log_command, show


@click.group(commands=(add, list_command, show, log_command, *order_commands(), move, continue_command, clear))
def queue() -> None:
    """Put jobs into the queue, look at them, and say what is to become of them; ptychogui run does them.

    JOB is the number that add prints. Jobs stay in the queue whatever ends, until they are removed or cleared.
    """


__all__ = ["queue"]
