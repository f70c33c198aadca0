"""Errors: each crosses from a child process to its parent as it is, with all that it carries."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil

import pytest

import ptychogui
from ptychogui.errors import PtychoError

_VALUES = {"bool": True, "str": "a text"}


def _classes() -> list[type[PtychoError]]:
    for module in pkgutil.walk_packages(ptychogui.__path__, "ptychogui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[PtychoError]] = [PtychoError]
    for known in found:
        found += [one for one in known.__subclasses__() if one not in found and one.__module__.startswith("ptychogui")]
    return found


def _made(kind: type[PtychoError]) -> PtychoError:
    """Make an error of a message and values for whatever else it takes."""
    if "__init__" not in vars(kind):
        return kind("it is cut off; copy it again")
    _, message, *others = inspect.signature(kind.__init__).parameters.values()
    assert message.name == "message"
    values = {one.name: _VALUES.get(str(one.annotation), ("one", "two")) for one in others}
    return kind("it is cut off; copy it again", **values)


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: kind.__name__)
def test_an_error_can_be_sent_to_another_process_with_all_that_it_carries(kind: type[PtychoError]) -> None:
    error = _made(kind)
    sent = pickle.loads(pickle.dumps(error))
    assert type(sent) is kind and vars(sent) == vars(error)
    assert str(sent) == str(error) == "it is cut off; copy it again"
