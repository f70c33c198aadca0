"""Commands are loaded when they are asked for: a light one begins without what heavy ones need."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from ptychogui import cli
from ptychogui.cli.catalog import catalog
from ptychogui.cli.lazy_group import LazyGroup
from ptychogui.cli.queue import queue


@pytest.mark.parametrize("group", [cli.main, queue, catalog])
def test_every_command_is_where_it_is_said_to_be(group: click.Command) -> None:
    assert isinstance(group, LazyGroup)
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None and command.name == name
    assert group.get_command(context, "no such command") is None


def test_the_queue_is_listed_without_engines_and_scipy() -> None:
    code = (
        "import sys; from ptychogui import cli\n"
        "try: cli.main(['queue', 'list'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = ('scipy', 'ptychogui.engines', 'ptychogui.cli.batch', 'cupy')\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "\n", said.stdout + said.stderr
