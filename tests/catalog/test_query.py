"""The search: which words mean what, and what is said of those that mean nothing."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from ptychogui.catalog.catalog import find, look_through, mark
from ptychogui.catalog.folders import name_folders
from ptychogui.catalog.query import parse_query
from ptychogui.errors import ParameterError
from tests.catalog.conftest import Make
from tests.io.foreign.makers import field


@pytest.fixture
def filled(home: Path, results: Path, make: Make) -> Path:
    make("scan_0012.cxi", {"reconstruction.engine": "lsqml", "experiment.probe_modes": 3})
    make("scan_0040.cxi", {"reconstruction.engine": "dm:5,lsqml:5"}, energy_eV=6200.0, finished="2026-11-02T12:00:00")
    make("other/star.cxi", {"reconstruction.engine": "epie"}, notes=("The beam was LOST",), probe=field((1, 8, 8)))
    mark(results / "scan_0012.cxi", stars=4, tags=("paper", "sharp"), note="for figure 2")
    name_folders([results])
    look_through()
    return results


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "scan_0012 scan_0040 star"),
        ("STAR", "star"),
        ("lost", "star"),
        ('"was lost"', "star"),
        ('"lost was"', ""),
        ("other/", "star"),
        ("figure", "scan_0012"),
        ("paper", "scan_0012"),
        ("scan:12", "scan_0012"),
        ("scan:12-40", "scan_0012 scan_0040"),
        ("scan:13..40", "scan_0040"),
        ("scan>12", "scan_0040"),
        ("engine:lsqml", "scan_0012 scan_0040"),
        ("engine:lsqml engine:dm", "scan_0040"),
        ("-engine:lsqml", "star"),
        ("-scan:12", "scan_0040 star"),
        ("modes>2", "scan_0012 scan_0040"),
        ("modes<=1", "star"),
        ("probe_modes:3", "scan_0012"),
        ("probe_modes>=1 -probe_modes:3", "scan_0040 star"),
        ("energy:6.2keV", "scan_0040"),
        ("energy:8-9keV", "scan_0012 star"),
        ("energy:8keV-9keV", "scan_0012 star"),
        ("pixel:10nm", "scan_0012 scan_0040 star"),
        ("error<1.3 iterations:2", "scan_0012 scan_0040 star"),
        ("date:2026-11-30", "scan_0012 star"),
        ("date:2026-11", "scan_0012 scan_0040 star"),
        ("date:2026-11-01..2026-11-03", "scan_0040"),
        ("date<2026-11-30", "scan_0040"),
        ("date>2026-11-30", ""),
        ("starred", "scan_0012"),
        ("-starred", "scan_0040 star"),
        ("stars>=4", "scan_0012"),
        ("stars:5", ""),
        ("tag:sharp", "scan_0012"),
        ("tag:shar", ""),
        ("state:done title:star", "star"),
        ("program:ptychogui", "scan_0012 scan_0040 star"),
    ],
)
def test_what_is_found(filled: Path, text: str, expected: str) -> None:
    assert sorted(entry.title for entry in find(text)) == expected.split()


def test_the_latest_come_first_and_no_more_than_asked_for(filled: Path, make: Make) -> None:
    assert [entry.title for entry in find("engine:lsqml")] == ["scan_0012", "scan_0040"]
    assert len(find("", limit=1)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modus>2", "no field 'modus', the nearest is 'modes'"),
        ("modes>two", "modes: 'two' is no number"),
        ("modes>", "needs a value"),
        ("energy:8kV", "no number in eV"),
        ("scan:40-12", "the larger one"),
        ("engine>dm", "engine can't be compared by >"),
        ("date:someday", "'someday' is no date"),
        ("date:2026-11-03..2026-11-01", "the later one"),
        ("stars:7", "0 to 5"),
        ('"open', "not closed"),
        ('a"b c"', "can't be understood"),
        ("grouping>2", "can't be compared by >"),
    ],
)
def test_what_can_not_be_meant_is_said(text: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        parse_query(text)


def test_days_are_those_of_the_local_time() -> None:
    today = date(2026, 3, 29)
    begin, end = parse_query("date:today", today).values
    assert (begin, end) == (datetime(2026, 3, 29).timestamp(), datetime(2026, 3, 30).timestamp())
    assert parse_query("date:yesterday", today).values[1] == begin
    assert parse_query("date:week", today).values == (datetime(2026, 3, 23).timestamp(), end)
    assert parse_query("date:2024", today).values == (
        datetime(2024, 1, 1).timestamp(),
        datetime(2025, 1, 1).timestamp(),
    )
