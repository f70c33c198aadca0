"""Finished pictures: the phase with its scale bar and gray scale, the probe modes with their powers."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ptychogui.pictures.colors import complex8, gray8, perceptual8
from ptychogui.pictures.levels import robust_levels

_FONT = "DejaVu Sans"
_SMALLEST_PX = 480
"""A picture's image is magnified by a whole number until its longer side has at least this many pixels."""

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def draw_phase(
    phase: np.ndarray, pixel_m: float, *, scanned: np.ndarray | None = None, label: str = "phase", color: bool = False
) -> np.ndarray:
    """Draw a phase image with a scale bar and a legend below it.

    Args:
        phase: float (rows, columns), rad.
        pixel_m: size of a pixel; no scale bar if 0.
        scanned: bool (rows, columns), the pixels that set the limits of the gray scale; all when None.
        label: what the picture shows.
        color: perceptual color map instead of gray.

    Returns:
        uint8 RGB (rows, columns, 3).
    """
    limits = robust_levels(phase, scanned)
    zoom = _zoom(phase.shape)
    image = _magnify(_mapped(phase, limits, color), zoom)
    font = _font(image.shape[1])
    margin = int(font.size)
    canvas = Image.new("RGB", (image.shape[1], image.shape[0] + 3 * margin), _WHITE)
    canvas.paste(Image.fromarray(image), (0, 0))
    draw = ImageDraw.Draw(canvas)
    if pixel_m > 0:
        _draw_scale_bar(draw, image.shape[0], image.shape[1], pixel_m / zoom, font)
    texts = (f"{limits[0]:.2f}", f"{limits[1]:.2f} rad  {label}")
    left = margin // 2
    top = image.shape[0] + margin
    draw.text((left, top), texts[0], _BLACK, font, anchor="lt")
    left += math.ceil(draw.textlength(texts[0], font)) + margin // 2
    bar_px = max(image.shape[1] // 4, 2 * margin)
    ramp = np.broadcast_to(np.linspace(*limits, bar_px), (margin, bar_px))
    canvas.paste(Image.fromarray(_mapped(ramp, limits, color)), (left, top))
    draw.text((left + bar_px + margin // 2, top), texts[1], _BLACK, font, anchor="lt")
    return np.asarray(canvas)


def draw_modes(probe: np.ndarray, pixel_m: float) -> np.ndarray:
    """Draw probe modes side by side on the color wheel: hue is the phase, lightness the magnitude of each mode.

    Args:
        probe: complex (modes, N, N).
        pixel_m: size of a pixel; no scale bar if 0.

    Returns:
        uint8 RGB (rows, columns, 3), each mode labeled with its part of the power.
    """
    zoom = _zoom((probe.shape[1], probe.shape[2] * len(probe)))
    tiles = np.concatenate([_magnify(complex8(mode), zoom) for mode in probe], axis=1)
    powers = np.sum(np.abs(probe.astype(np.complex128)) ** 2, axis=(1, 2))
    canvas = Image.fromarray(tiles)
    draw = ImageDraw.Draw(canvas)
    side = tiles.shape[1] // len(probe)
    font = _font(side)
    for number, power in enumerate(powers / (powers.sum() or 1.0)):
        draw.text((number * side + font.size // 2, font.size // 2), f"{power:.1%}", _WHITE, font, anchor="lt")
    if pixel_m > 0:
        _draw_scale_bar(draw, tiles.shape[0], side, pixel_m / zoom, font)
    return np.asarray(canvas)


def nice_length(longest_m: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is at most `longest_m`."""
    power = 10.0 ** math.floor(math.log10(longest_m))
    return next(factor * power for factor in (5.0, 2.0, 1.0) if factor * power <= longest_m * (1 + 1e-9))


def length_label(length_m: float) -> str:
    """Write a length with the unit that suits it: "500 nm", "2 µm"."""
    for unit, factor in (("mm", 1e-3), ("µm", 1e-6), ("nm", 1e-9)):
        if length_m >= factor * (1 - 1e-9):
            return f"{length_m / factor:.3g} {unit}"
    return f"{length_m / 1e-12:.3g} pm"


def _mapped(values: np.ndarray, limits: tuple[float, float], color: bool) -> np.ndarray:
    if color:
        return perceptual8(values, limits)
    return np.repeat(gray8(values, limits)[..., None], 3, axis=-1)


def _zoom(shape: tuple[int, ...]) -> int:
    return max(1, -(-_SMALLEST_PX // max(shape)))


def _magnify(image: np.ndarray, zoom: int) -> np.ndarray:
    return image.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _font(width_px: int) -> ImageFont.FreeTypeFont:
    size = max(11, width_px // 40)
    try:
        return ImageFont.truetype(f"{_FONT.replace(' ', '')}.ttf", size)
    except OSError:  # not on this system
        font = ImageFont.load_default(size=size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


def _draw_scale_bar(
    draw: ImageDraw.ImageDraw, rows: int, columns: int, pixel_m: float, font: ImageFont.FreeTypeFont
) -> None:
    """Draw a white bar with its length, on a dark ground, into the lower left corner of rows x columns pixels."""
    length_m = nice_length(columns * pixel_m / 4)
    length_px = round(length_m / pixel_m)
    label = length_label(length_m)
    if font.getname()[0] != _FONT:  # Pillow's own font has no µ
        label = label.replace("µ", "u")
    pad = int(font.size) // 2
    ground_px = max(length_px, math.ceil(draw.textlength(label, font))) + 2 * pad
    top = rows - int(2.6 * font.size) - pad
    draw.rectangle((pad, top, pad + ground_px, rows - pad), fill=_BLACK)
    draw.text((pad + ground_px / 2, top + pad / 2), label, _WHITE, font, anchor="mt")
    start = pad + (ground_px - length_px) // 2
    draw.rectangle(
        (start, rows - pad - int(0.8 * font.size), start + length_px, rows - pad - int(0.4 * font.size)), fill=_WHITE
    )
