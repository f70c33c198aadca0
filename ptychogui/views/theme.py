"""Light and dark: one set of colors by name, from which come the palette, the style sheet and the icons' tint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from string import Template
from typing import Literal

from PyQt5.QtCore import QByteArray, QRectF, Qt
from PyQt5.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PyQt5.QtSvg import QSvgRenderer
from PyQt5.QtWidgets import QApplication, QWidget

from ptychogui.paths import resources_folder

_Role = QPalette.ColorRole

ThemeName = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Colors:
    """Every color of the window, as #rrggbb."""

    window: str
    surface: str
    field: str
    border: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    hover: str
    danger: str
    danger_tint: str
    warning_tint: str
    warning: str
    success: str
    chosen: str
    link: str


LIGHT = Colors(
    window="#f3f4f7", surface="#ffffff", field="#ffffff", border="#d5d9e0", text="#1b2330", muted="#5a6478",
    accent="#2563d9", accent_hover="#1d4fb3", on_accent="#ffffff", hover="#e6eaf2", danger="#b4233a",
    danger_tint="#fdecee", warning_tint="#fdf4e0", warning="#8a5a00", success="#14703f",
    chosen="#dbe6fb", link="#1f56c4",
)  # fmt: skip
DARK = Colors(
    window="#15181d", surface="#1d2127", field="#262b33", border="#363d48", text="#e6e9ee", muted="#98a2b3",
    accent="#2f6ae0", accent_hover="#2b5fca", on_accent="#ffffff", hover="#2c323c", danger="#ff7b8a",
    danger_tint="#3b2027", warning_tint="#392f1a", warning="#e9bd5c", success="#4cc38a",
    chosen="#22365c", link="#7fa9ff",
)  # fmt: skip


def apply_theme(app: QApplication, name: ThemeName) -> None:
    """Give the whole application a theme; 'system' takes the one whose lightness is that of the desktop's palette."""
    colors = DARK if name == "dark" or (name == "system" and _desktop_is_dark()) else LIGHT
    if app.property("styled") is None:
        app.setStyle("Fusion")
        app.setProperty("styled", True)
    app.setPalette(_palette(colors))
    app.setStyleSheet(style_sheet(colors))


def restyle(widget: QWidget) -> None:
    """Let the style sheet see a property of a widget that has changed."""
    style = widget.style()
    assert style is not None
    style.unpolish(widget)
    style.polish(widget)


def style_sheet(colors: Colors) -> str:
    """Return the style sheet of resources/style.qss with the colors filled in."""
    folder = resources_folder()
    template = Template((folder / "style.qss").read_text(encoding="utf-8"))
    return template.substitute(asdict(colors), icons=(folder / "icons").as_posix())


def icon(name: str, color: QColor, disabled: QColor | None = None) -> QIcon:
    """Draw resources/icons/NAME.svg in a color, sharp on screens of up to three times the usual density."""
    return _icon(name, color.name(), disabled.name() if disabled is not None else "")


@lru_cache(maxsize=64)
def _icon(name: str, color: str, disabled: str) -> QIcon:
    """Draw an icon once for the many places that show it."""
    drawn = QIcon()
    for size in (16, 24, 32, 48, 72):
        drawn.addPixmap(_pixmap(name, size, color), QIcon.Mode.Normal)
        if disabled:
            drawn.addPixmap(_pixmap(name, size, disabled), QIcon.Mode.Disabled)
    return drawn


def tinted(name: str, palette: QPalette) -> QIcon:
    """Draw an icon in the text color of a palette, and in its muted color when disabled."""
    return icon(
        name,
        palette.color(_Role.WindowText),
        palette.color(QPalette.ColorGroup.Disabled, _Role.WindowText),
    )


def colors_of(palette: QPalette) -> Colors:
    """Return the colors of the theme that a palette belongs to."""
    return DARK if palette.color(_Role.Window).lightness() < 128 else LIGHT


def app_icon() -> QIcon:
    """Return the program's own icon, in its own colors."""
    return icon("ptychogui", QColor(LIGHT.accent))


def _pixmap(name: str, size: int, color: str) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(_svg(name).replace("currentColor", color).encode())).render(
        painter, QRectF(0, 0, size, size)
    )
    painter.end()
    return pixmap


@cache
def _svg(name: str) -> str:
    return (resources_folder() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@cache
def _desktop_is_dark() -> bool:
    """Judge by the palette that Qt took from the desktop; the first call must precede `setPalette`."""
    return QApplication.palette().color(_Role.Window).lightness() < 128


def _palette(colors: Colors) -> QPalette:
    palette = QPalette()
    roles = {
        _Role.Window: colors.window, _Role.WindowText: colors.text, _Role.Base: colors.surface,
        _Role.AlternateBase: colors.field, _Role.Text: colors.text, _Role.PlaceholderText: colors.muted,
        _Role.Button: colors.surface, _Role.ButtonText: colors.text, _Role.BrightText: colors.danger,
        _Role.Highlight: colors.accent, _Role.HighlightedText: colors.on_accent, _Role.Link: colors.link,
        _Role.LinkVisited: colors.link, _Role.ToolTipBase: colors.surface, _Role.ToolTipText: colors.text,
        _Role.Mid: colors.border, _Role.Dark: colors.border, _Role.Light: colors.surface,
    }  # fmt: skip
    for role, color in roles.items():
        palette.setColor(role, QColor(color))
    faint = QColor(colors.muted)
    faint.setAlphaF(0.6)
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    return palette
