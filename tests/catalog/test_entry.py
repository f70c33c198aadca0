"""What the index keeps of a result: read off its header, and off its names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ptychogui.catalog.catalog import find, look_through
from ptychogui.catalog.entry import FileContent, content_of
from ptychogui.catalog.folders import name_folders
from ptychogui.catalog.index import Index
from ptychogui.io.result_header import SourceFile, read_header
from tests.catalog.conftest import Make


def content(path: Path) -> FileContent:
    return content_of(path, read_header(path), 5_000_000_000)


@pytest.mark.parametrize(
    ("title", "source", "number"),
    [
        ("fly_0012", "", 12),
        ("dec_comm_8.800keV_scan152_p5_s256_ts1_i50", "", 152),
        ("velo_0007", "", 7),
        ("Scan #40", "", 40),
        ("siemens star", "/data/scan_0033.h5", 33),
        ("siemens star", "/data/star.h5", None),
        ("sample3 scan 12", "", 12),
        ("20261130123456", "", None),
    ],
)
def test_the_number_of_the_scan(make: Make, title: str, source: str, number: int | None) -> None:
    sources = (SourceFile(source, 1, ""),) if source else ()
    assert content(make("r.cxi", title=title, sources=sources)).values["scan"] == number


def test_what_is_not_said_is_not_known(make: Make) -> None:
    path = make("r.cxi", parameters="no JSON", errors=np.array([2.0, np.nan]), finished="", energy_eV=0.0, title="")
    found = content(path)
    assert (found.values["engine"], found.values["error"], found.values["energy_eV"]) == ("", 2, None)
    assert found.values["title"] == "r"
    assert found.parameters == {}


def test_dates_are_those_of_the_file_or_of_its_last_change(make: Make) -> None:
    assert content(make("a.cxi", finished="2026-11-30T10:00:00Z")).values["made_s"] == 1796032800
    path = make("b.cxi")
    header = read_header(path)
    for name in ("finished", "made"):
        object.__setattr__(header, name, "some day")
    assert content_of(path, header, 5_000_000_000).values["made_s"] == 5


def test_a_chain_of_engines_is_each_of_them_once(make: Make) -> None:
    assert content(make("r.cxi", {"reconstruction.engine": "dm:5,lsqml:5,dm:5"})).values["engine"] == "dm,lsqml"


def test_thumbnails_are_kept_with_the_index(home: Path, results: Path, make: Make) -> None:
    picture = np.repeat(np.linspace(0, 255, 256 * 200).astype(np.uint8).reshape(200, 256, 1), 3, axis=-1)
    make("gray.cxi", thumbnail=picture)
    name_folders([results])
    look_through()
    with Index() as index:
        jpeg = index.thumbnail(find("gray")[0].id)
        assert index.thumbnail(12345) is None
    assert jpeg is not None
    image = Image.open(io.BytesIO(jpeg))
    assert (image.size, image.mode) == ((256, 200), "L")
    assert np.abs(np.asarray(image).astype(int) - picture[..., 0]).max() < 12
