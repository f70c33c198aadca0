"""What the window can do: one table of actions, and the menus and the tool bar as lists of their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
        shortcut: the keys that do it.
        icon: NAME of resources/icons/NAME.svg, "" for none.
        primary: whether it is the one that the user looks for: it is drawn on the accent color.
        job: whether it is done with the jobs that are chosen in the queue.
        page: name of the page that it turns to, "" where it does something else.
        dock: name of the dock that it calls back or closes, "" where it does something else.
        switch: whether it is on or off.
        choice: name of the group of actions of which one is chosen, "" for none.
        value: what it stands for in its group.
        enabled: whether it can be done as things stand.
        hint: as things stand, what to do before it can be done; "" for nothing.
        visible: whether it is there at all as things stand.
        checked: of a switch that follows what is shown: whether it is on.
    """

    key: str
    text: str
    tip: str
    shortcut: str
    icon: str = ""
    primary: bool = False
    job: bool = False
    page: str = ""
    dock: str = ""
    switch: bool = False
    choice: str = ""
    value: str = ""
    enabled: Callable[[WindowState], bool] = _always
    hint: Callable[[WindowState], str] = _no_hint
    visible: Callable[[WindowState], bool] = _always
    checked: Callable[[WindowState], bool] | None = None

    @property
    def full_tip(self) -> str:
        """What it does, with its keys."""
        return f"{self.tip} ({self.shortcut})"

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return self.switch or bool(self.dock)


@dataclass(frozen=True)
class Menu:
    """A menu: keys of actions, LINE between them, and menus in it."""

    title: str
    entries: tuple[str | Menu, ...] = ()


def _theme(value: str, text: str, tip: str, shortcut: str) -> Action:
    return Action(f"theme-{value}", text, tip, shortcut, choice="theme", value=value)


def _job(
    key: str, text: str, tip: str, shortcut: str, icon: str = "", visible: Callable[[WindowState], bool] = _always
) -> Action:
    """Make an action on the jobs that are chosen."""
    return Action(key, text, tip, shortcut, icon or key, job=True,
                  enabled=lambda window: key in window.may, visible=visible)  # fmt: skip


def _dock(name: str, text: str, tip: str, shortcut: str) -> Action:
    """Make the switch of a dock."""
    return Action(f"dock-{name}", text, tip, shortcut, dock=name)


def _may_resume(window: WindowState) -> bool:
    return "resume" in window.may


def _may_release_all(window: WindowState) -> bool:
    return window.has_held and not window.has_waiting


def _may_release(window: WindowState) -> bool:
    return "release" in window.may


ACTIONS = (
    Action("open", "Open…", "Open a scan or a result", "Ctrl+O", icon="open"),
    Action("batch", "Batch…", "Put many scans into the queue, after a look at each", "Ctrl+Shift+B", icon="batch",
           enabled=lambda window: not window.queue_closed, hint=lambda window: window.queue_closed),
    Action("simulate", "Try it on a simulated scan", "Simulate a scan and reconstruct it", "Ctrl+T", icon="simulate"),
    Action("mail", "Mail…", "The server that sends word when jobs have ended", "Ctrl+Alt+M"),
    Action("quit", "Quit", "Close the window", "Ctrl+Q"),
    Action("undo", "Undo", "Take the last change in the form back", "Ctrl+Z", enabled=lambda window: bool(window.undo)),
    Action("redo", "Redo", "Make the change once more that was taken back last", "Ctrl+Shift+Z",
           enabled=lambda window: bool(window.redo)),
    Action("find", "Find a parameter", "By its name, its option, its ptychopy flag, or words of its explanation",
           "Ctrl+Shift+F"),
    Action("profiles", "Profiles…", "Sets of values that you keep, and what differs from them or from a result",
           "Ctrl+Shift+D"),
    Action("code", "Show as code…", "The command line and the Python script that do what Run does", "Ctrl+Alt+C"),
    Action("orientation", "Orientation…", "Find out which way detector and scan face", "Ctrl+D", page="orientation"),
    Action("preset", "Beamline preset…", "Say where an MDA file holds what, by pointing", "Ctrl+B"),
    Action("run", "Run", "Put the open scan at the end of the queue; it begins where a device is free", "Ctrl+R",
           icon="run", primary=True, enabled=lambda window: window.may_run, hint=lambda window: window.run_hint),
    _job("pause", "Pause", "Hold it after the iteration under way", "Ctrl+P",
         visible=lambda window: not _may_resume(window)),
    _job("resume", "Resume", "Let it go on", "Ctrl+Alt+P", visible=_may_resume),
    _job("step", "Step", "Do one more iteration, and hold again", "Ctrl+Shift+S"),
    _job("stop", "Stop", "End within seconds and keep the result", "Ctrl+."),
    _job("cancel", "Cancel", "End without a result", "Ctrl+Shift+."),
    _job("retry", "Retry", "Do it once more from the beginning, at the end of the queue", "Ctrl+Y"),
    _job("continue", "Continue…", "Go on from its result with more iterations", "Ctrl+G"),
    _job("hold", "Hold", "Keep it from beginning", "Ctrl+H", visible=lambda window: not _may_release(window)),
    _job("release", "Release", "Let it begin when its turn comes", "Ctrl+Shift+H", visible=_may_release),
    _job("up", "Move up", "Put it before the one in front of it", "Ctrl+Up"),
    _job("down", "Move down", "Put it behind the one after it", "Ctrl+Down", icon="move-down"),
    _job("remove", "Remove", "Take it out of the queue; a result stays", "Ctrl+Del"),
    _job("log", "Show log", "Its parameters, iterations and warnings, and its end", "Ctrl+L", icon="messages"),
    Action("hold-all", "Hold all that waits", "Begin nothing more after the jobs under way", "Ctrl+Alt+H", icon="hold",
           enabled=lambda window: window.has_waiting,
           visible=lambda window: not _may_release_all(window)),
    Action("release-all", "Release all that is held", "Let jobs begin again when their turns come", "Ctrl+Alt+R",
           icon="release", enabled=_may_release_all, visible=_may_release_all),
    Action("clear", "Clear ended", "Take all that has ended out of the list; results stay", "Ctrl+Shift+Del",
           icon="clear", enabled=lambda window: window.has_ended),
    Action("follow", "Follow what runs", "Show the job that runs, and the next one after it", "Ctrl+F", switch=True,
           checked=lambda window: window.follows),
    Action("palette", "All actions…", "Find an action by its name and do it", "Ctrl+Shift+P"),
    Action("page-scan", "Scan", "Patterns, positions and maps of the open scan", "Ctrl+1", page="scan",
           enabled=lambda window: window.card.path is not None),
    Action("page-run", "Reconstruction", "Object, probe and error of the job that is chosen", "Ctrl+2", page="run",
           enabled=lambda window: window.strip is not None),
    Action("page-results", "Past results", "Find, look at and use what was reconstructed before", "Ctrl+3",
           icon="results", page="results"),
    Action("next-page", "Next page", "Turn to the page whose tab comes next", "Ctrl+Tab"),
    Action("page-before", "Page before", "Turn to the page whose tab comes before", "Ctrl+Shift+Tab"),
    _dock("form", "Scan and parameters", "The open scan and the values for its reconstruction", "Ctrl+E"),
    _dock("preflight", "Preflight", "What is worth knowing before a run", "Ctrl+K"),
    _dock("queue", "Devices and queue", "The devices and their jobs", "Ctrl+J"),
    _dock("log", "Log", "What happened so far", "Ctrl+M"),
    Action("reset", "Reset layout", "Put all docks where they were at first", "Ctrl+Shift+L"),
    Action("help", "Guide", "The page of the guide about what you are at", "F1"),
    Action("whats-this", "What's this?", "Click on something to be told what it is", "Shift+F1"),
    Action("support", "Copy support bundle", "Copy versions, devices, settings and the end of the log, for a report",
           "Ctrl+Shift+F1"),
    Action("about", "About ptychogui…", "Versions, and the devices of this computer", "Ctrl+F1"),
    _theme("system", "As the desktop", "Light or dark, as the desktop is", "Ctrl+Alt+S"),
    _theme("light", "Light", "Dark text on a light ground", "Ctrl+Alt+L"),
    _theme("dark", "Dark", "Light text on a dark ground", "Ctrl+Alt+D"),
)  # fmt: skip

LINE = "-"
"""A line between entries of a menu or of the tool bar."""

EDITORS = "<editors>"
"""In the tool bar: the editors of a few parameters."""

RECENT = Menu("Open recent")
"""Filled with the files that were opened lately."""

MENUS = (
    Menu("&File", ("open", RECENT, "batch", LINE, "simulate", LINE, "mail", LINE, "quit")),
    Menu("&Edit", ("undo", "redo", LINE, "find", "profiles", "code")),
    Menu("&Scan", ("orientation", "preset")),
    Menu("&Run", ("run", LINE, "follow")),
    Menu("&Job", ("pause", "resume", "step", "stop", "cancel", LINE, "retry", "continue", LINE, "hold", "release", "up",
                  "down", "remove", LINE, "log", LINE, "hold-all", "release-all", "clear")),
    Menu("&View", ("palette", LINE, "page-scan", "page-run", "page-results", "next-page", "page-before", LINE,
                   "dock-form", "dock-preflight", "dock-queue", "dock-log", "reset", LINE,
                   Menu("Theme", ("theme-system", "theme-light", "theme-dark")))),
    Menu("&Help", ("help", "whats-this", LINE, "support", "about")),
)  # fmt: skip


def keys_of(menus: Sequence[Menu], way: str = "") -> Iterator[tuple[str, str]]:
    """Go through the keys of all actions in menus, each after the titles of the menus that lead to it."""
    for menu in menus:
        title = menu.title.replace("&", "")
        here = f"{way}, {title}" if way else title
        for entry in menu.entries:
            if isinstance(entry, Menu):
                yield from keys_of((entry,), here)
            elif entry != LINE:
                yield here, entry


TOOL_BAR = ("open", "batch", "page-results", LINE, "run", "pause", "resume", "stop", LINE, EDITORS)

QUEUE_HEAD = ("hold-all", "release-all", "clear")
"""Above the list of the queue."""

QUEUE_BUTTONS = (("pause", "resume"), ("step",), ("stop",), ("cancel",), ("retry",), ("continue",),
                 ("hold", "release"), ("up",), ("down",), ("remove",), ("log",))  # fmt: skip
"""Below the list of the queue, and in the menu of a job; of several in one place one is there at a time."""
