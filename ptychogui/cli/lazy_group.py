"""A group of commands that loads a command's module when it is asked for, so that a light one begins at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands lie in modules of their own.

    Args:
        places: name -> "module:attribute"; the attribute is the command, or has it by its name.
        extra: as for click.Group.
    """

    def __init__(self, *args: Any, places: Mapping[str, str], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.places = dict(places)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which the group has them."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None where there is none of this name."""
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        command: click.Command = found[cmd_name] if isinstance(found, Mapping) else found
        return command
