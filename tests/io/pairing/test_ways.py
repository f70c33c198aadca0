"""Positions and files are paired in the true way, or all ways are listed: never in another one."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ptychogui.errors import AmbiguousPairingError, DataError
from ptychogui.io.dataset import RawFile
from ptychogui.io.pairing.facts import FileFacts, ScanPlan
from ptychogui.io.pairing.pair import Pairing, pair_as_read
from ptychogui.io.pairing.ways import DIMS, FIRST_FILE, FIRST_FRAME, PER_FILE

NOW_S = 1e9


@dataclass(frozen=True)
class Scan:
    """A scan as it was measured: what each file holds, by number, as the positions of its frames; -1 is of none."""

    files: Mapping[int, Sequence[int]]
    plan: ScanPlan
    truth: Mapping[str, int]

    def raw(self, first: int | None = None) -> list[RawFile]:
        """Return the files as a reader finds them: from the first that is there, or that the user names."""
        made, row = [], 0
        for number in range(min(self.files) if first is None else first, max(self.files) + 1):
            frames = self.files.get(number)
            problem = "" if frames is not None else f"there is no file {number}"
            made.append(RawFile(Path(f"f_{number}.h5"), number, row, len(frames or ()), problem,
                                None if frames is None else NOW_S - 1e6))  # fmt: skip
            row += len(frames or ())
        return made

    def true_pairs(self, first: int = 0) -> dict[int, int]:
        """Position -> row in the stack of all frames of files from a number on."""
        owners = [owner for number in sorted(self.files) if number >= first for owner in self.files[number]]
        return {owner: row for row, owner in enumerate(owners) if owner >= 0}


def lines(count: int, points: int, first: int = 0, **truth: int) -> Scan:
    """Make a whole scan of a file for each line."""
    files = {first + line: range(line * points, (line + 1) * points) for line in range(count)}
    return Scan(files, ScanPlan(count * points, (count, points)), {FIRST_FILE: first, FIRST_FRAME: 0, **truth})


def paired(scan: Scan, **said: Any) -> Pairing:
    return pair_as_read(scan.raw(said.get("first_file")), scan.plan, FileFacts(**said), NOW_S)


def asked(scan: Scan, **said: Any) -> AmbiguousPairingError:
    with pytest.raises(AmbiguousPairingError) as caught:
        paired(scan, **said)
    return caught.value


def values(error: AmbiguousPairingError) -> list[dict[str, Any]]:
    return [dict(one.values) for one in error.alternatives]


def without(scan: Scan, *numbers: int) -> Scan:
    return replace(scan, files={number: held for number, held in scan.files.items() if number not in numbers})


def holding(scan: Scan, **frames: Sequence[int]) -> Scan:
    return replace(scan, files={**scan.files, **{int(name[1:]): held for name, held in frames.items()}})


# The property


@st.composite
def damaged(draw: st.DrawFn) -> Scan:
    """Draw a scan in which one thing went wrong, or nothing."""
    count, points, first = draw(st.integers(3, 7)), draw(st.sampled_from([1, 4, 6, 12])), draw(st.integers(0, 3))
    scan = lines(count, points, first)
    if points == 1 or draw(st.booleans()):
        scan = replace(scan, plan=ScanPlan(scan.plan.positions))
    return draw(st.sampled_from(DAMAGES))(draw, scan)


def whole(_draw: st.DrawFn, scan: Scan) -> Scan:
    return scan


def lose_ends(draw: st.DrawFn, scan: Scan) -> Scan:
    """Lose files at the beginning, at the end or at both."""
    numbers = sorted(scan.files)
    early, late = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    kept = numbers[early : len(numbers) - late][:]
    return without(scan, *set(numbers) - set(kept or numbers[:1]))


def lose_inside(draw: st.DrawFn, scan: Scan) -> Scan:
    return without(scan, draw(st.sampled_from(sorted(scan.files)[1:-1])))


def add_files(draw: st.DrawFn, scan: Scan) -> Scan:
    """Add files of another scan, or darks, before or behind."""
    held = [-1] * draw(st.sampled_from([1, len(scan.files[min(scan.files)])]))
    early = draw(st.booleans())
    number = min(scan.files) - 1 if early else max(scan.files) + 1
    return scan if number < 0 else replace(scan, files={**scan.files, number: held})


def stop_in_a_line(draw: st.DrawFn, scan: Scan) -> Scan:
    last = draw(st.sampled_from(sorted(scan.files)))
    held = scan.files[last]
    kept = {number: frames for number, frames in scan.files.items() if number < last}
    return replace(scan, files={**kept, last: list(held)[: draw(st.integers(1, len(held)))]})


def spare_trigger(draw: st.DrawFn, scan: Scan) -> Scan:
    """Begin or end every line with a frame too many or too few."""
    if len(scan.files[min(scan.files)]) == 1:
        return scan
    how, early = draw(st.sampled_from([-1, 1])), draw(st.booleans())
    changed = {number: _shifted(list(held), how, early) for number, held in scan.files.items()}
    plan = replace(scan.plan, dims=(len(scan.files), len(scan.files[min(scan.files)])))
    return Scan(changed, plan, {**scan.truth, FIRST_FRAME: how if early else 0})


def _shifted(held: list[int], how: int, early: bool) -> list[int]:
    if how > 0:
        return [-1, *held] if early else [*held, -1]
    return held[1:] if early else held[:-1]


DAMAGES = [whole, lose_ends, lose_inside, add_files, stop_in_a_line, spare_trigger]


@given(damaged())
def test_a_scan_is_paired_as_it_was_measured_or_all_ways_are_listed(scan: Scan) -> None:
    try:
        found = paired(scan)
    except AmbiguousPairingError as error:
        for said in _offered(error):
            pairs = paired(scan, **said)
            if _is_true(scan, pairs, said.get("first_file", 0)):
                return
        raise AssertionError(f"the truth is not among {error}") from None
    except DataError:
        return
    assert _is_true(scan, found)


def _offered(error: AmbiguousPairingError) -> list[dict[str, int]]:
    """Return all that the question offers, with what lies between two numbers."""
    one_by_one = [{_NAMES[path]: value for path, value in one.values.items()} for one in error.alternatives]
    for one, following in zip(error.alternatives, error.alternatives[1:], strict=False):
        if "any number up to the next" in one.text:
            low, high = ({_NAMES[path]: value for path, value in way.values.items()} for way in (one, following))
            one_by_one += [{**low, name: n} for name in low for n in range(low[name], high[name])]
    return one_by_one


_NAMES = {FIRST_FILE: "first_file", PER_FILE: "per_file", FIRST_FRAME: "first_frame"}


def _is_true(scan: Scan, found: Pairing, first: int = 0) -> bool:
    """Whether each pair is a true one, by frames that know their positions, and there are some."""
    if not len(found.kept):
        return False
    truth = scan.true_pairs(first)
    here = scan.plan.here[found.kept].tolist()
    return all(truth.get(position) == row for position, row in zip(here, found.rows.tolist(), strict=True))


@given(damaged(), st.integers(0, 4))
def test_what_the_user_says_is_obeyed(scan: Scan, first: int) -> None:
    if first > max(scan.files):
        return
    try:
        found = paired(scan, first_file=first, first_frame=0, per_file=len(scan.files[min(scan.files)]))
    except AmbiguousPairingError as error:
        raise AssertionError("asked what was said") from error
    except DataError:
        return
    size = len(scan.files[min(scan.files)])
    for position, row in zip(found.kept.tolist(), found.rows.tolist(), strict=True):
        file = next(file for file in scan.raw(first) if file.first_row <= row < file.first_row + file.frames)
        assert (file.number - first, row - file.first_row) == divmod(position, size)


# Case by case


@pytest.mark.parametrize("first", [1, 7, 500_000])
def test_files_that_begin_with_another_number_are_all_there(first: int) -> None:
    found = paired(replace(lines(60, 1, first), plan=ScanPlan(60)))
    assert found.is_whole and found.rows.tolist() == list(range(60))
    assert any(f"taken to begin with number {first}, since there are as many as the scan needs, 60" in note
               for note in found.notes)  # fmt: skip


@pytest.mark.parametrize("points", [1, 6])
def test_the_first_or_the_last_file_may_be_missing(points: int) -> None:
    scan = lines(20, points)
    scan = replace(scan, plan=ScanPlan(20)) if points == 1 else scan
    error = asked(without(scan, 0))
    assert values(error) == [{FIRST_FILE: 0}, {FIRST_FILE: 1}]
    assert [one.text for one in error.alternatives] == ["file 0 is missing", "file 20 is missing"]
    assert "--first-file 0 if file 0 is missing, or --first-file 1 if file 20 is missing" in str(error)
    assert paired(without(scan, 19)).kept.tolist() == list(range(19 * points))


def test_a_file_too_many_may_be_the_first_or_the_last() -> None:
    scan = holding(lines(5, 6), f5=[-1] * 6)
    error = asked(scan)
    assert values(error) == [{FIRST_FILE: 0}, {FIRST_FILE: 1}]
    assert [one.text for one in error.alternatives] == ["file 5 is not of this scan", "file 0 is not of this scan"]
    notes = paired(scan, first_file=1).notes
    assert notes == ()
    assert paired(scan, first_file=0).notes == ("1 file (number 5) belongs to no line of the scan and is left out",)


def test_a_file_with_a_single_frame_is_no_line() -> None:
    found = paired(holding(lines(5, 12, first=1), f0=[-1]))
    assert found.is_whole and found.rows.tolist() == list(range(1, 61))
    assert "1 file (number 0) belongs to no line of the scan and is left out" in found.notes


def test_a_scan_that_was_stopped_in_a_line_begins_where_files_begin_with_0() -> None:
    scan = replace(lines(4, 6), plan=ScanPlan(60, (10, 6)))
    stopped = holding(scan, f3=range(18, 20))
    assert paired(stopped).kept.tolist() == list(range(20))
    shifted = Scan({number + 1: held for number, held in stopped.files.items()}, stopped.plan, {})
    error = asked(shifted)
    assert values(error) == [{FIRST_FILE: 0}, {FIRST_FILE: 1}]
    assert error.alternatives[1].text == "files 5 to 10 are missing"


def test_a_hole_inside_leaves_no_doubt() -> None:
    found = paired(without(lines(5, 6, first=1), 3))
    assert found.kept.tolist() == [*range(12), *range(18, 30)]
    assert "line 3: there is no file 3; its 6 positions are left out" in found.notes


@pytest.mark.parametrize(("extra", "texts"), [
    (1, ["the last frame of each line has no position", "the first frame of each line has no position"]),
    (-1, ["the first position of each line has no frame", "the last position of each line has no frame"]),
])  # fmt: skip
def test_a_trigger_too_many_or_too_few_in_every_line_is_asked_about(extra: int, texts: list[str]) -> None:
    scan = lines(5, 8)
    odd = replace(scan, files={number: _shifted(list(held), extra, early=True) for number, held in scan.files.items()})
    error = asked(odd)
    assert [one.text for one in error.alternatives] == texts
    assert values(error) == [{FIRST_FRAME: min(extra, 0)}, {FIRST_FRAME: max(extra, 0)}]
    found = paired(odd, first_frame=extra)
    assert _is_true(odd, found) and found.notes


def test_a_trigger_too_many_is_asked_about_where_nothing_is_said_of_lines() -> None:
    """Six files of 11 for 60 positions: lines of 10 with a frame too many, or files that go on and on."""
    scan = replace(lines(6, 10), plan=ScanPlan(60))
    odd = replace(scan, files={number: [-1, *held] for number, held in scan.files.items()})
    error = asked(odd)
    assert values(error) == [
        {PER_FILE: 10, FIRST_FRAME: 0}, {PER_FILE: 10, FIRST_FRAME: 1},
        {PER_FILE: 11, FIRST_FRAME: 0}, {PER_FILE: 11, FIRST_FRAME: 6},
    ]  # fmt: skip
    assert error.alternatives[1].text == "a file is a line of 10 and the first frame of each line has no position"
    assert _is_true(odd, paired(odd, per_file=10, first_frame=1))


def test_one_odd_line_among_many_is_no_rule() -> None:
    assert paired(holding(lines(5, 8), f2=range(16, 23))).kept.tolist() == [*range(23), *range(24, 40)]


@pytest.mark.parametrize(("frames", "skips"), [(61, [0, 1]), (59, [-1, 0]), (63, [0, 1, 2, 3]), (80, [0, 20])])
def test_a_stack_with_frames_too_many_or_too_few(frames: int, skips: list[int]) -> None:
    file = [RawFile(Path("stack.npy"), 0, 0, frames, modified_s=0.0)]
    said = FileFacts(is_series=False)
    with pytest.raises(AmbiguousPairingError, match="60 scan positions and") as caught:
        pair_as_read(file, ScanPlan(60), said, NOW_S)
    assert values(caught.value) == [{FIRST_FRAME: skip} for skip in skips]
    last = pair_as_read(file, ScanPlan(60), replace(said, first_frame=skips[-1]), NOW_S)
    assert last.rows[0] == max(skips[-1], 0) and len(last.rows) == min(frames - max(skips[-1], 0), 60)
    first = pair_as_read(file, ScanPlan(60), replace(said, first_frame=skips[0]), NOW_S)
    assert first.kept[0] == max(-skips[0], 0)


def test_a_master_lists_all_its_files() -> None:
    """Its first link is the first file; where frames are missing, or too many, is another question."""
    files = [RawFile(Path(f"d_{n}.h5"), n, (n - 1) * 20, count, "", 0.0) for n, count in enumerate((20, 20, 20, 1), 1)]
    said = FileFacts(is_series=False)
    assert pair_as_read(files[:3], ScanPlan(60), said, NOW_S).is_whole
    assert pair_as_read(files[:2], ScanPlan(60), replace(said, first_frame=0), NOW_S).kept.tolist() == list(range(40))
    with pytest.raises(AmbiguousPairingError) as caught:
        pair_as_read(files, ScanPlan(60), said, NOW_S)
    assert values(caught.value) == [{FIRST_FRAME: 0}, {FIRST_FRAME: 1}]
    found = pair_as_read(files, ScanPlan(60), replace(said, first_frame=1), NOW_S)
    assert found.rows.tolist() == list(range(1, 61))


def test_exchanged_dimensions_are_asked_about() -> None:
    error = asked(replace(lines(3, 4), plan=ScanPlan(12, (4, 3))))
    assert values(error) == [{DIMS: (3, 4)}, {PER_FILE: 4}]
    assert "give --scan-dims 3,4 if" in str(error) and "--patterns-per-file 4 if" in str(error)


class TestPreset:
    """A beamline's usual first number settles what it can, and no more."""

    USUAL = FileFacts(counts_from=1, by="preset x counts files from 1")

    def pair(self, scan: Scan) -> Pairing:
        return pair_as_read(scan.raw(), scan.plan, self.USUAL, NOW_S)

    def test_the_last_file_is_missing(self) -> None:
        found = self.pair(without(lines(5, 4, first=1), 5))
        assert found.kept.tolist() == list(range(16))
        assert any("there is no file 5, the last: preset x counts files from 1" in note for note in found.notes)

    def test_the_first_file_is_missing(self) -> None:
        found = self.pair(without(lines(5, 4, first=1), 1))
        assert found.kept.tolist() == list(range(4, 20))
        assert "line 1: there is no file 1; its 4 positions are left out" in found.notes

    def test_a_stopped_scan_with_a_file_before_the_usual_first(self) -> None:
        """The file of the line under way is there, so that three lines of five have four files: 0 to 3."""
        scan = lines(4, 4)
        error_scan = replace(scan, plan=ScanPlan(20, (5, 4), np.arange(12), can_swap=False))
        with pytest.raises(AmbiguousPairingError) as caught:
            self.pair(error_scan)
        assert values(caught.value) == [{FIRST_FILE: 0}, {FIRST_FILE: 1}]

    def test_the_scans_own_point_counts_find_the_place(self) -> None:
        """Lines of 12, 12 and 5 points; files 7 to 10, of which the last is of the next scan."""
        here = np.array([*range(24), *range(24, 29)])
        scan = Scan({7: range(12), 8: range(12, 24), 9: range(24, 29), 10: [-1] * 12},
                    ScanPlan(36, (3, 12), here, can_swap=False), {FIRST_FILE: 7})  # fmt: skip
        assert _is_true(scan, self.pair(scan))


def test_a_stack_of_the_points_that_were_measured_is_read_in_their_order() -> None:
    here = np.array([0, 1, 2, 3, 6, 7])
    file = [RawFile(Path("stack.npy"), 0, 0, 6, modified_s=0.0)]
    found = pair_as_read(file, ScanPlan(12, (3, 4), here, can_swap=False), FileFacts(is_series=False), NOW_S)
    assert found.rows.tolist() == found.kept.tolist() == list(range(6))


def test_the_question_can_go_through_a_pipe() -> None:
    error = asked(without(lines(5, 6), 0))
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.alternatives == error.alternatives
