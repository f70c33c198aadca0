"""Pictures in mails: what they are, and that they stay below a limit."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from ptychogui.errors import DataError
from ptychogui.io.result import Result, write_result
from ptychogui.notify.attachments import IN_MAIL, pictures_of, thumbnails_of
from tests.io.makers import make_result


def _large(rows: int = 300, columns: int = 420) -> Result:
    rng = np.random.default_rng(3)
    phase = np.cumsum(rng.normal(size=(rows, columns)), axis=1) / 30
    return make_result(object=np.exp(1j * phase).astype(np.complex64), object_origin_m=None, title="fly0012")


def test_thumbnail_phase_and_magnitude_of_a_result(tmp_path: Path) -> None:
    write_result(tmp_path / "fly.cxi", _large())
    small, phase, magnitude = pictures_of(tmp_path / "fly.cxi", 8_000_000)
    assert (small.name, small.kind) == ("fly.png", "image/png")
    assert max(Image.open(io.BytesIO(small.content)).size) <= 256
    assert [one.name for one in (phase, magnitude)] == ["fly_phase8.tif", "fly_magnitude8.tif"]
    image = tifffile.imread(io.BytesIO(phase.content))
    assert image.dtype == np.uint8 and image.shape == (300, 420) and not phase.note


@pytest.mark.parametrize("limit_bytes", [400_000, 200_000, 100_000, 60_000])
def test_pictures_are_scaled_down_to_a_limit(limit_bytes: int, tmp_path: Path) -> None:
    write_result(tmp_path / "fly.cxi", _large())
    found = pictures_of(tmp_path / "fly.cxi", limit_bytes)
    assert len(found) == 3
    assert sum(len(one.content) for one in found) * IN_MAIL <= limit_bytes


def test_pictures_for_which_there_is_no_room_are_left_out(tmp_path: Path) -> None:
    write_result(tmp_path / "fly.cxi", _large())
    small = pictures_of(tmp_path / "fly.cxi", 100_000)[0]
    room_bytes = len(small.content) * IN_MAIL
    assert pictures_of(tmp_path / "fly.cxi", room_bytes + 100) == [small]
    assert pictures_of(tmp_path / "fly.cxi", room_bytes - 1) == []


def test_a_picture_that_is_scaled_down_says_so_and_has_its_own_pixel(tmp_path: Path) -> None:
    write_result(tmp_path / "fly.cxi", _large())
    _, phase, _ = pictures_of(tmp_path / "fly.cxi", 200_000)
    with tifffile.TiffFile(io.BytesIO(phase.content)) as file:
        (page,) = file.pages
        shape, told = page.shape, page.description
    block = 420 // shape[1]
    assert block > 1 and shape == (300 // block, 420 // block)
    assert phase.note == f"scaled down {block} times"
    assert f'"pixel_size_m": {1e-8 * block}' in told


def test_thumbnails_of_many_results_as_far_as_there_is_room(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.cxi" for number in range(3)]
    for path in paths:
        write_result(path, _large())
    (tmp_path / "broken.cxi").write_text("no result")
    one = len(thumbnails_of(paths[:1], 10**6)[0].content)
    found = thumbnails_of([tmp_path / "broken.cxi", *paths], int(2.5 * one * IN_MAIL))
    assert [picture.name for picture in found] == ["0.png", "1.png"]


def test_there_is_no_such_result(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        pictures_of(tmp_path / "gone.cxi", 1000)
