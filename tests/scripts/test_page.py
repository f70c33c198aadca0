"""The quality page says what was measured, and keeps what was not measured again."""

from __future__ import annotations

from typing import Any

from scripts.evidence.cases import cases
from scripts.evidence.contest import Decided, Followed
from scripts.evidence.contests import contests
from scripts.evidence.page import CONTEST_HEADING, RASTER_HEADING, STAR_HEADING, write_page
from scripts.evidence.rasters import Periodic
from scripts.evidence.runs import Measured
from scripts.evidence.star import StarMeasured

_MACHINE: dict[str, Any] = {
    "device": "cpu, 2 threads", "load": 0.5, "date": "2026-01-02T03:04:05", "versions": {"numpy": "2.0"},
}  # fmt: skip


def _measured(label: str) -> Measured:
    return Measured(
        label=label, engine="epie", command=f"ptychogui reconstruct scan.cxi # {label}", iterations=[1, 100],
        seconds=[0.1, 12.34], errors=[0.5, 0.0625], noise=[9.0, 1.25], frequency=[0.0, 0.5], correlation=[1.0, 0.4],
        resolved=0.98, position_px=1.76, **_MACHINE,
    )  # fmt: skip


def _star(label: str) -> StarMeasured:
    return StarMeasured(
        label=label, engine="lsqml", modes=1, command="ptychogui reconstruct star.cxi", seconds=3.21, noise=[4.0, 2.5],
        frequency=[0.0, 0.5], correlation=[1.0, 0.1], threshold=[1.0, 0.3], resolution_m=14.4e-9, result="star.cxi",
        **_MACHINE,
    )  # fmt: skip


def _followed(label: str, *errors: float) -> Followed:
    return Followed(
        label=label, command=f"ptychogui reconstruct scan.cxi # {label}", iterations=[1, 100], seconds=[0.1, 12.34],
        errors=[*errors], misfit=[9.0, 1.25], notes=[], **_MACHINE,
    )  # fmt: skip


def _decided(*rivals: Followed) -> list[Decided]:
    by_hand = _followed("100, poisson", 0.3, 0.1), _followed("300, gaussian", 0.2, 0.11)
    return [Decided(contest, _followed("auto", 0.9, 0.104), by_hand, rivals) for contest in contests()]


def _periodic(label: str, errors: list[float], peak: float, jittered: bool = False, chosen: bool = True) -> Periodic:
    return Periodic(
        label=label, engine="lsqml", jittered=jittered, chosen=chosen, iterations=[100, 300], errors=errors,
        command=f"ptychogui reconstruct scan.cxi # {label}", peaks=[peak, peak], result="result.cxi", **_MACHINE,
    )  # fmt: skip


def _rasters() -> list[Periodic]:
    return [
        _periodic("lsqml, left open", [0.05, 0.06], 20.0, chosen=False),
        _periodic("lsqml, exact", [0.05, 0.044], 2.0),
        _periodic("lsqml, jitter", [0.05, 0.04], 1.5, jittered=True),
    ]


def test_page_holds_every_case_its_figure_its_rows_and_its_commands() -> None:
    found = [(case, [_measured("one"), _measured("two")]) for case in cases()]
    page = write_page(found, [], [], [], "")
    for case in cases():
        part = page[page.index(f"## {case.title}\n") :]
        assert f"(images/quality-{case.name}.png)" in part
        off = " 1.76 |" if case.recipe.position_error_m else ""
        assert f"| two | 0.062 | 0.98 | 1.25 | 12.3 |{off}\n" in part[: part.index("```")]
        assert "ptychogui reconstruct scan.cxi # two" in part
    assert "2026-01-02 on cpu, 2 threads, load 0.5, with numpy 2.0" in page
    assert STAR_HEADING not in page


def test_a_measured_scan_gets_a_section_that_stays_until_it_is_measured_again() -> None:
    found = [(case, [_measured("one")]) for case in cases()]
    first = write_page(found, [], [], [_star("lsqml, 1 mode")], "")
    assert "| lsqml, 1 mode | 2.50 | 14 | 0.550 | 3.2 |" in first[first.index(STAR_HEADING) :]
    again = write_page(found, [], [], [], first)
    assert again[again.index(STAR_HEADING) :] == first[first.index(STAR_HEADING) :]
    renewed = write_page(found, [], [], [_star("lsqml, 3 modes")], again)
    assert "lsqml, 1 mode |" not in renewed and renewed.count(STAR_HEADING) == 1


def test_contests_say_the_best_by_hand_and_how_near_to_it_no_setting_comes() -> None:
    found = [(case, [_measured("one")]) for case in cases()]
    page = write_page(found, [], _decided(_followed("batches", 0.5, 0.3), _followed("others", 0.5, 0.2)), [], "")
    part = page[page.index(CONTEST_HEADING) :]
    assert "within 5% of the best by hand on 16 of 16 scans" in part
    assert "| raster | 1e6 | 70% | raster | 0.104 | 0.100 | 100, poisson | 0.200 | 1.04 |" in part
    assert "ptychogui reconstruct scan.cxi # 100, poisson" in part and "# 300, gaussian" not in part
    assert "| raster | 1e6 | 70% | raster | 0.104 | 0.100 | 100, poisson |  | 1.04 |" in write_page(
        found, [], _decided(), [], ""
    )


def test_rasters_are_compared_with_jitter_at_the_same_iteration() -> None:
    found = [(case, [_measured("one")]) for case in cases()]
    page = write_page(found, _rasters(), [], [], "")
    part = page[page.index(RASTER_HEADING) :]
    assert "| lsqml | exact, left open | 300 | 0.060 | 1.50 | 20.0 |" in part
    assert "| lsqml | exact | 300 | 0.044 | 1.10 | 2.0 |" in part
    assert "| lsqml | jitter | 300 | 0.040 | 1.00 | 1.5 |" in part
    assert "# lsqml, exact\n" in part and "left open\n" not in part[part.index("```") :]


def test_each_section_stays_until_it_is_measured_again() -> None:
    found = [(case, [_measured("one")]) for case in cases()]
    whole = write_page(found, _rasters(), _decided(), [_star("lsqml, 1 mode")], "")
    assert write_page(found, [], [], [], whole) == whole
    assert write_page(found, _rasters(), [], [], whole) == whole
    assert write_page(found, [], _decided(), [], whole) == whole
    assert write_page(found, [], [], [_star("lsqml, 1 mode")], whole) == whole
