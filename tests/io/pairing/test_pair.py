"""Positions meet their own frames and no others: against a dictionary, and case by case in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ptychogui.errors import AmbiguousPairingError, DataError
from ptychogui.io.dataset import RawFile
from ptychogui.io.pairing.facts import FileFacts, ScanPlan
from ptychogui.io.pairing.pair import Pairing, pair, pair_as_read

NOW_S = 1e9


def files(*counts: int | None, first: int = 1, age_s: float = 1e6) -> list[RawFile]:
    """Make files with so many frames each; None is a missing one."""
    made, row = [], 0
    for number, count in enumerate(counts, start=first):
        path = Path(f"scan_{number:04d}.h5")
        problem = "" if count is not None else f"there is no file {path.name}"
        made.append(RawFile(path, number, row, count or 0, problem, None if count is None else NOW_S - age_s))
        row += count or 0
    return made


def paired(made: list[RawFile], lines: int, points: int) -> Pairing:
    return listed(made, lines * points, (lines, points))


def listed(
    made: list[RawFile], positions: int, dims: tuple[int, int] | None = None, **said: Any
) -> Pairing:  # fmt: skip
    """Pair where the user says which file is the first."""
    return pair_as_read(made, ScanPlan(positions, dims), FileFacts(first_file=made[0].number, **said), NOW_S)


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 9)), min_size=1, max_size=60, unique=True),
)
def test_every_pair_is_that_of_a_dictionary_and_none_is_lost(
    counts: list[int | None], keys: list[tuple[int, int]]
) -> None:
    made = files(*counts)
    frames = {(line, point): file.first_row + point for line, file in enumerate(made) for point in range(file.frames)}
    expected = [(position, frames[key]) for position, key in enumerate(keys) if key in frames]
    of, point = np.array(keys).T
    try:
        found = pair(made, of, point, NOW_S)
    except DataError as error:
        assert "expected" in str(error)
        return
    assert list(zip(found.kept.tolist(), found.rows.tolist(), strict=True)) == expected
    assert found.is_whole == (len(expected) == len(keys))
    assert found.is_whole or found.notes


@given(st.integers(1, 6), st.integers(2, 6), st.data())
def test_a_line_with_a_fault_never_moves_another(lines: int, points: int, data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.sampled_from([points, points, points, None, points - 1, points + 1]),
                                min_size=lines, max_size=lines))  # fmt: skip
    made = files(*counts)
    try:
        found = paired(made, lines, points)
    except DataError:
        return
    for position, row in zip(found.kept, found.rows, strict=True):
        line, point = divmod(int(position), points)
        assert row == made[line].first_row + point
    lost = sum(points - min(count or 0, points) for count in counts)
    assert len(found.kept) == lines * points - lost


def test_a_whole_scan_has_nothing_to_say() -> None:
    found = paired(files(4, 4, 4), 3, 4)
    assert found.is_whole and found.notes == ()
    np.testing.assert_array_equal(found.rows, np.arange(12))


def test_a_missing_file_takes_its_line_along() -> None:
    found = paired(files(4, None, 4), 3, 4)
    assert found.notes == ("line 2: there is no file scan_0002.h5; its 4 positions are left out",)
    np.testing.assert_array_equal(found.kept, [0, 1, 2, 3, 8, 9, 10, 11])
    np.testing.assert_array_equal(found.rows, np.arange(8))


def test_short_and_long_lines_lose_their_ends() -> None:
    found = paired(files(4, 3, 6), 3, 4)
    assert found.notes == (
        "line 2: scan_0002.h5 holds 3 frames for 4 positions; the last 1 position is left out",
        "line 3: scan_0003.h5 holds 6 frames for 4 positions; the last 2 frames are left out",
    )
    np.testing.assert_array_equal(found.kept, [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11])
    np.testing.assert_array_equal(found.rows, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])


def test_a_short_file_that_has_just_changed_may_be_unfinished() -> None:
    made = files(4, 3, age_s=2.0)
    note = "line 2: scan_0002.h5, changed 2 s ago and maybe still being written, holds 3 frames for 4 positions; "
    assert paired(made, 2, 4).notes[0].startswith(note)


def test_a_scan_that_was_ended_early_and_one_that_went_on() -> None:
    assert paired(files(4, 4), 5, 4).notes == (
        "lines 3 to 5: there is no file after scan_0002.h5; 12 positions are left out",
    )
    assert paired(files(4, 4, 4, 4), 2, 4).notes == (
        "2 files (number 3-4) belong to no line of the scan and are left out",
    )


def test_many_faults_are_summed_up() -> None:
    notes = paired(files(*[None, 4] * 8, first=0), 16, 4).notes
    assert len(notes) == 5
    assert notes[-1] == (
        "4 files (number 8, 10, 12, 14) are missing or can't be read as well; their 16 positions are left out"
    )


def test_the_first_file_is_obeyed_where_files_begin_later() -> None:
    found = paired(files(None, 4, 4, 4, first=0), 3, 4)
    assert found.kept.tolist() == list(range(4, 12)) and found.rows.tolist() == list(range(8))
    assert found.notes == (
        "line 1: there is no file scan_0000.h5; its 4 positions are left out",
        "1 file (number 3) belongs to no line of the scan and is left out",
    )


def test_what_hardly_fits_at_all_is_refused() -> None:
    with pytest.raises(DataError, match=r"800 positions were expected, 800 to a file, but there are 4 frames, 4 to"):
        paired(files(4), 20, 40)
    with pytest.raises(DataError, match="a file holds more than a line"):
        paired(files(9, 9, 9), 3, 4)
    with pytest.raises(DataError, match="only 0 positions have a frame"):
        pair(files(4, 4), np.array([5, 6]), np.array([0, 0]), NOW_S)


def test_fixed_numbers_of_frames_are_counted_through() -> None:
    made = files(5, 5, 2)
    for found in (listed(made, 12, (4, 3), per_file=5), listed(made, 12, (4, 3)), listed(made, 12)):
        np.testing.assert_array_equal(found.rows, np.arange(12))
    assert listed(made, 12, (4, 3)).notes == ("each file is taken for 5 positions, as most files hold",)


@pytest.mark.parametrize(
    ("counts", "dims", "missing"),
    [
        ((12, 12, 12), (6, 8), range(36, 48)),
        ((None, 12, 12, 12), (6, 8), range(12)),
        ((4, 4, 4, 4, None, *[4] * 7), (6, 8), range(16, 20)),
        ((None, 24), (6, 8), range(24)),
    ],
)
def test_files_that_hold_no_lines_keep_their_places_where_one_is_missing(
    counts: tuple[int | None, ...], dims: tuple[int, int], missing: range
) -> None:
    found = paired(files(*counts), *dims)
    assert sorted({*range(48)} - {*found.kept.tolist()}) == list(missing)
    there = [position for position in range(48) if position not in missing]
    np.testing.assert_array_equal(found.kept, there)
    np.testing.assert_array_equal(found.rows, np.arange(len(there)))


@pytest.mark.parametrize("counts", [(4, 4, 4, 4, 4), (13, 13, 13)])
def test_files_that_may_be_lines_or_not_are_asked_about(counts: tuple[int, ...]) -> None:
    with pytest.raises(AmbiguousPairingError, match=r"-per-file 8 .*-per-file (4|13) .*if a file is for"):
        listed(files(*counts), 48, (6, 8))
    assert listed(files(*counts), 48, (6, 8), per_file=counts[0]).rows.tolist() == list(range(min(sum(counts), 48)))


def test_a_list_of_positions_takes_the_files_as_they_are() -> None:
    made = files(5, 3, 4)
    found = listed(made, 12)
    assert found.notes == ()
    np.testing.assert_array_equal(found.rows, np.arange(12))


def test_a_list_of_positions_with_a_file_missing_is_cut_by_what_most_files_hold() -> None:
    np.testing.assert_array_equal(listed(files(4, None, 4), 12).kept, [0, 1, 2, 3, 8, 9, 10, 11])


def test_where_nothing_tells_it_is_asked() -> None:
    with pytest.raises(DataError, match=r"give --scan-dims .* or --patterns-per-file"):
        listed(files(5, None, 5, 5), 18)


def test_a_single_stack_may_be_short_or_long() -> None:
    for count in (10, 14):
        found = listed(files(count), 12, (3, 4), first_frame=0)
        np.testing.assert_array_equal(found.rows, np.arange(min(count, 12)))
        assert len(found.notes) == 1


def test_one_frame_a_file() -> None:
    found = listed(files(1, 1, None, 1, 1, 1), 6, (2, 3))
    np.testing.assert_array_equal(found.kept, [0, 1, 3, 4, 5])


def test_a_position_beyond_its_file_is_told_though_numbers_agree() -> None:
    found = pair(files(1, 1), np.array([0, 1]), np.array([0, 1]), NOW_S)
    assert found.kept.tolist() == [0] and not found.is_whole
    assert found.notes == (
        "line 2: scan_0002.h5 holds 1 frames for 2 positions; the last 1 position is left out",
    )  # fmt: skip
