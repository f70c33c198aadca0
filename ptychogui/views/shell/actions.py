"""What the window can do: one table of actions, and the menus and the tool bar as lists of their keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ptychogui.window_state import WindowState


def _always(_window: WindowState) -> bool:
    return True


def _no_hint(_window: WindowState) -> str:
    return ""


@dataclass(frozen=True)
class Action:
    """One thing that the window can do.

    Attributes:
        key: its name in menus, in the tool bar and in code.
        text: what it is called; "…" where it asks something before it is done.
        tip: what it does.
        shortcut: the keys that do it, "" for none; then `no_shortcut` says why.
        no_shortcut: why there is no shortcut.
        icon: NAME of resources/icons/NAME.svg, "" for none.
        primary: whether it is the one that the user looks for: it is drawn on the accent color.
        page: name of the page that it turns to, "" where it does something else.
        switch: whether it is on or off.
        choice: name of the group of actions of which one is chosen, "" for none.
        value: what it stands for in its group.
        enabled: whether it can be done as things stand.
        hint: as things stand, what to do before it can be done; "" for nothing.
    """

    key: str
    text: str
    tip: str
    shortcut: str = ""
    no_shortcut: str = ""
    icon: str = ""
    primary: bool = False
    page: str = ""
    switch: bool = False
    choice: str = ""
    value: str = ""
    enabled: Callable[[WindowState], bool] = _always
    hint: Callable[[WindowState], str] = _no_hint

    @property
    def full_tip(self) -> str:
        """What it does, with its keys."""
        return f"{self.tip} ({self.shortcut})" if self.shortcut else self.tip


@dataclass(frozen=True)
class Menu:
    """A menu: keys of actions, LINE between them, and menus in it."""

    title: str
    entries: tuple[str | Menu, ...] = ()


def _theme(value: str, text: str, tip: str) -> Action:
    return Action(f"theme-{value}", text, tip, no_shortcut="chosen once and kept", choice="theme", value=value)


ACTIONS = (
    Action("open", "Open…", "Open a scan or a result", "Ctrl+O", icon="open"),
    Action("simulate", "Try it on a simulated scan", "Simulate a scan and reconstruct it", "Ctrl+T", icon="simulate",
           enabled=lambda window: window.may_simulate),
    Action("quit", "Quit", "Close the window", "Ctrl+Q"),
    Action("orientation", "Orientation…", "Find out which way detector and scan face", "Ctrl+D", page="orientation"),
    Action("preset", "Beamline preset…", "Say where an MDA file holds what, by pointing", "Ctrl+B"),
    Action("run", "Run", "Reconstruct the open scan", "Ctrl+R", icon="run", primary=True,
           enabled=lambda window: window.may_run, hint=lambda window: window.run_hint),
    Action("stop", "Stop", "End within seconds and keep the result", "Esc", icon="stop",
           enabled=lambda window: window.may_stop),
    Action("messages", "Messages", "What happened so far", "Ctrl+M", switch=True),
    _theme("system", "As the desktop", "Light or dark, as the desktop is"),
    _theme("light", "Light", "Dark text on a light ground"),
    _theme("dark", "Dark", "Light text on a dark ground"),
)  # fmt: skip

LINE = "-"
"""A line between entries of a menu or of the tool bar."""

EDITORS, GAP = "<editors>", "<gap>"
"""In the tool bar: the editors of a few parameters, and room that pushes what comes after it to the right."""

RECENT = Menu("Open recent")
"""Filled with the files that were opened lately."""

MENUS = (
    Menu("&File", ("open", RECENT, LINE, "simulate", LINE, "quit")),
    Menu("&Scan", ("orientation", "preset")),
    Menu("&Run", ("run", "stop")),
    Menu("&View", (Menu("Theme", ("theme-system", "theme-light", "theme-dark")), "messages")),
)

TOOL_BAR = ("open", LINE, "run", "stop", LINE, EDITORS, GAP, "simulate")
