from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.errors import DataError
from ptychogui.io.mda.format import (
    CTRL_CHAR,
    DBR_STRING,
    Detector,
    ExtraPv,
    Mda,
    Positioner,
    Scan,
    Trigger,
    is_mda,
    read_mda,
)  # fmt: skip
from ptychogui.io.mda.mda_writer import mda_bytes, write_mda

_FUZZED = int(os.environ.get("MDA_FUZZ", "400"))
"""Damaged files that are read; set MDA_FUZZ to try more."""

_REAL = ("14BMC_0015.mda", "2iddf_0106.mda", "mts_0347.mda", "sample1.mda")


@pytest.fixture
def real(shared_data: Path) -> Path:
    return shared_data / "mda"


class TestRealFiles:
    def test_every_type_of_pv_gives_the_value_that_its_list_says(self, real: Path) -> None:
        mda = read_mda(real / "sample1.mda")
        one_to_ten = list(range(1, 11))
        said: dict[str, Any] = {
            "xxx:userCalc1.CALC": "exp(-.5*(a-b)^2/c^2)", "xxx:saveData_realTime1D": "No",
            "xxx:saveData_scanNumber": [2], "xxx:saveData_fileSystem": "D:/data", "xxx:scan1.P1SM": "LINEAR",
            "xxx:SR_ao.DISP": [0], "xxx:SR_ao.PREC": [1], "xxx:SR_bo.IVOV": [1], "xxx:SR_ao.SCAN": "Event",
            "xxx:SR_ao.VAL": [1.0], "xxx:SR_scaler.RATE": [1.0], "xxx:SR_ao.DESC": "string",
            "xxx:SR_ao.OUT": "link NPP NMS", "xxx:SR_ao.RVAL": [1], "xxx:SR_bi.SVAL": [1],
            "xxx:SR_string_array": "1",
            **{f"xxx:SR_{kind}_array": one_to_ten
               for kind in ("char", "double", "float", "long", "short", "uchar", "ulong", "ushort")},
        }  # fmt: skip
        assert set(mda.pvs) == set(said)
        for name, value in said.items():
            found = mda.pvs[name].value
            assert (found == value) if isinstance(value, str) else np.array_equal(found, value), name
        assert (mda.scan.requested, mda.scan.acquired, mda.scan.rank) == (10, 10, 1)
        assert mda.pvs["xxx:SR_ao.PREC"].description == "sample short" and not mda.notes

    @pytest.mark.parametrize(
        ("name", "dims", "names", "pvs"),
        [
            ("14BMC_0015.mda", (41,), ["14BMC:scan1"], 0),
            ("mts_0347.mda", (41, 21), ["mts:scan2", "mts:scan1"], 6),
            ("2iddf_0106.mda", (20, 41, 21), ["2iddf:scan3", "2iddf:scan2", "2iddf:scan1"], 6),
        ],
    )
    def test_loops_are_there_with_all_their_lines(
        self, real: Path, name: str, dims: tuple[int, ...], names: list[str], pvs: int
    ) -> None:
        mda = read_mda(real / name)
        assert mda.dims == dims and mda.regular and not mda.notes and len(mda.pvs) == pvs
        level: list[Scan] = [mda.scan]
        for loop, points in zip(names, dims, strict=True):
            assert {scan.name for scan in level} == {loop}
            assert all(scan.acquired == scan.requested == points for scan in level)
            assert all(len(axis.values) == points for scan in level for axis in scan.positioners)
            assert all(len(one.values) == points for scan in level for one in scan.detectors)
            level = [line for scan in level for line in scan.lines if line is not None]
        assert not level

    @pytest.mark.parametrize("name", _REAL[1:])
    def test_what_is_written_again_is_the_file_to_the_byte(self, real: Path, name: str) -> None:
        assert mda_bytes(read_mda(real / name)) == (real / name).read_bytes()


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_SOME = st.integers(0, 3)


@st.composite
def _positioners(draw: st.DrawFn, values: np.ndarray) -> Positioner:
    name, description, mode, unit, readback, of_readback, its_unit = (draw(_TEXT) for _ in range(7))
    return Positioner(draw(_SOME), name, description, mode, unit, readback, of_readback, its_unit, values)


@st.composite
def _scans(draw: st.DrawFn, rank: int) -> Scan:
    requested = draw(st.integers(0, 4))
    acquired = draw(st.integers(0, requested))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    lines = tuple(draw(_scans(rank - 1)) if i < acquired else None for i in range(requested)) if rank > 1 else ()
    return Scan(
        rank, draw(_TEXT), draw(_TEXT), requested, acquired,
        tuple(draw(_positioners(rng.standard_normal(requested))) for _ in range(draw(_SOME))),
        tuple(Detector(i, draw(_TEXT), draw(_TEXT), draw(_TEXT), rng.standard_normal(requested).astype(np.float32))
              for i in range(draw(_SOME))),
        tuple(Trigger(i, draw(_TEXT), float(i)) for i in range(draw(_SOME))), lines,
    )  # fmt: skip


@st.composite
def _pvs(draw: st.DrawFn) -> ExtraPv:
    kind = draw(st.sampled_from([DBR_STRING, 29, 30, CTRL_CHAR, 33, 34]))
    numbers = draw(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=5))
    unit = "" if kind == DBR_STRING else draw(_TEXT)
    if kind == DBR_STRING:
        return ExtraPv(draw(_TEXT), draw(_TEXT), kind, unit, draw(_TEXT))
    if kind == CTRL_CHAR:
        text = draw(st.text("abc xyz/:._-", min_size=1, max_size=20).filter(str.strip))
        return ExtraPv(draw(_TEXT), draw(_TEXT), kind, unit, text)
    dtype = {29: np.int32, 30: np.float32, 33: np.int32, 34: np.float64}[kind]
    return ExtraPv(draw(_TEXT), draw(_TEXT), kind, unit, np.array(numbers, dtype))


@st.composite
def _files(draw: st.DrawFn) -> Mda:
    rank = draw(st.integers(1, 4))
    found = [draw(_pvs()) for _ in range(draw(_SOME))]
    return Mda(
        draw(st.sampled_from([1.2, 1.3, 1.4])), draw(st.integers(0, 9999)),
        tuple(draw(st.integers(0, 99)) for _ in range(rank)), draw(st.booleans()), draw(_scans(rank)),
        {pv.name: pv for pv in found},
    )  # fmt: skip


@given(mda=_files())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(mda: Mda, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("mda") / "scan.mda"
    write_mda(path, mda)
    assert is_mda(path)
    assert _plain(read_mda(path)) == _plain(mda)


def _plain(part: object) -> object:
    """Make parts comparable: arrays become their types and bytes."""
    if isinstance(part, np.ndarray):
        return part.dtype.str, part.tobytes()
    if isinstance(part, tuple):
        return tuple(map(_plain, part))
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    if hasattr(part, "__dict__"):
        return type(part).__name__, _plain(vars(part))
    return part


def _fly_scan(lines: int = 5, points: int = 4, acquired: int | None = None) -> Mda:
    inner = [
        Scan(1, "2iddf:FscanH", f"line {i}", points, points,
             (Positioner(0, "x", "fast", "FLY", "um", "x.RBV", "", "um", np.arange(points) + 0.5),),
             (Detector(0, "dwell", "", "s", np.full(points, i, np.float32)),))
        for i in range(lines)
    ]  # fmt: skip
    done = lines if acquired is None else acquired
    outer = Scan(
        2, "2iddf:Fscan1", "Nov 23, 2026 05:10:00", lines, done,
        (Positioner(0, "y", "slow", "LINEAR", "um", "", "", "", np.arange(lines) / 2),), (), (),
        tuple(line if i < done else None for i, line in enumerate(inner)),
    )  # fmt: skip
    pvs = {"e": ExtraPv("e", "energy", 34, "keV", np.array([8.8])), "t": ExtraPv("t", "title", CTRL_CHAR, "", "Au")}
    return Mda(1.4, 12, (lines, points), True, outer, pvs)


def _offset_of_line(data: bytes, line: int) -> int:
    """Where the place of a line is written, in a file of rank 2."""
    return 28 + 12 + 4 * line


def _with(data: bytes, at: int, number: int) -> bytes:
    return data[:at] + struct.pack(">i", number) + data[at + 4 :]


class TestDamage:
    def read(self, tmp_path: Path, data: bytes) -> Mda:
        (tmp_path / "scan.mda").write_bytes(data)
        return read_mda(tmp_path / "scan.mda")

    def test_a_scan_cut_short_has_the_lines_that_were_taken(self, tmp_path: Path) -> None:
        mda = self.read(tmp_path, mda_bytes(_fly_scan(acquired=3)))
        assert [line is not None for line in mda.scan.lines] == [True] * 3 + [False] * 2
        assert mda.scan.acquired == 3 and mda.pvs["e"].value == [8.8] and not mda.notes

    @pytest.mark.parametrize("garbage", [-1, 7, 2**31 - 1, 28])
    def test_places_of_lines_that_were_not_taken_are_not_looked_at(self, tmp_path: Path, garbage: int) -> None:
        data = mda_bytes(_fly_scan(acquired=3))
        assert not self.read(tmp_path, _with(data, _offset_of_line(data, 4), garbage)).notes

    @pytest.mark.parametrize("place", [0, -8, 2**31 - 1, 28])
    def test_a_line_that_can_not_be_read_is_said_and_the_others_are_there(self, tmp_path: Path, place: int) -> None:
        data = mda_bytes(_fly_scan())
        mda = self.read(tmp_path, _with(data, _offset_of_line(data, 1), place))
        assert [line is not None for line in mda.scan.lines] == [True, False, True, True, True]
        (note,) = mda.notes
        assert note.startswith("line 2 is left out as not acquired") and "byte" in note
        assert mda.pvs["e"].value == [8.8]

    def test_two_lines_at_one_place_take_no_more_than_the_file(self, tmp_path: Path) -> None:
        data = mda_bytes(_fly_scan(lines=200, points=500))
        first = struct.unpack_from(">i", data, _offset_of_line(data, 0))[0]
        for line in range(1, 200):
            data = _with(data, _offset_of_line(data, line), first)
        mda = self.read(tmp_path, data)
        assert sum(line is not None for line in mda.scan.lines) <= 200
        self.read(tmp_path, data[: len(data) // 100])

    def test_a_line_is_never_taken_for_another_one(self, tmp_path: Path) -> None:
        data = mda_bytes(_fly_scan())
        third = struct.unpack_from(">i", data, _offset_of_line(data, 3))[0]
        mda = self.read(tmp_path, _with(data, _offset_of_line(data, 1), third))
        assert [line is not None for line in mda.scan.lines] == [True, False, True, False, True]
        assert mda.notes == ("2 lines are left out: they are said to be at the same places as others",)

    def test_much_damage_is_not_told_line_by_line(self, tmp_path: Path) -> None:
        data = mda_bytes(_fly_scan(lines=300))
        for line in range(300):
            data = _with(data, _offset_of_line(data, line), -8 - line)
        assert len(self.read(tmp_path, data).notes) == 20

    def test_pvs_that_are_cut_off_cost_only_themselves(self, tmp_path: Path) -> None:
        data = mda_bytes(_fly_scan())
        mda = self.read(tmp_path, data[:-6])
        assert "e" in mda.pvs and "t" not in mda.pvs
        assert len(mda.notes) == 1 and mda.notes[0].startswith("PVs behind the first 1 are not read")

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda data: b"", "byte 0"),
            (lambda data: data[:10], "byte"),
            (lambda data: b"\x89HDF\r\n\x1a\n" + data, "no MDA file of version"),
            (lambda data: _with(data, 8, 9), "9 axes"),
            (lambda data: _with(data, 12, -3), "dimensions are"),
            (lambda data: _with(data, 28, 7), "says that its rank is 7"),
            (lambda data: _with(data, 32, 2**31 - 1), "no room"),
            (lambda data: _with(data, 36, 77), "77 of 5 points"),
        ],
    )
    def test_a_file_without_sense_is_refused_with_the_byte(
        self, tmp_path: Path, spoil: Callable[[bytes], bytes], said: str
    ) -> None:
        with pytest.raises(DataError, match=said):
            self.read(tmp_path, spoil(mda_bytes(_fly_scan())))

    def test_a_missing_file_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"can't open .*none\.mda: no such file"):
            read_mda(tmp_path / "none.mda")

    def test_damaged_files_are_read_or_refused_within_their_own_size(self, tmp_path: Path, repo_root: Path) -> None:
        rng = np.random.default_rng(1)
        folder = repo_root.parent / "shared" / "data" / "mda"
        real = [(folder / name).read_bytes() for name in _REAL[::2] + _REAL[3:] if folder.is_dir()]
        sources = [mda_bytes(_fly_scan()), mda_bytes(_fly_scan(40, 30, 20)), *real]
        path, outcomes = tmp_path / "fuzzed.mda", {True: 0, False: 0}
        tracemalloc.start()
        try:
            for _ in range(_FUZZED):
                path.write_bytes(_damaged(sources[rng.integers(len(sources))], rng))
                tracemalloc.reset_peak()
                outcomes[_reads(path)] += 1
                assert tracemalloc.get_traced_memory()[1] < 50e6
        finally:
            tracemalloc.stop()
        assert min(outcomes.values()) > _FUZZED // 20, "too few of a kind to say anything"


def _damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file off, or put nonsense in place of a few of its words, most of them near its beginning."""
    if rng.random() < 0.2:
        return data[: int(rng.integers(len(data)))]
    spoiled = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at = 4 * int(rng.integers(min(len(data), 4 ** int(rng.integers(4, 11)) // 4) // 4))
        spoiled[at : at + 4] = struct.pack(
            ">i", int(rng.choice([0, 1, -1, 2**31 - 1, -(2**31), int(rng.integers(len(data))), 3]))
        )
    return bytes(spoiled)


def _reads(path: Path) -> bool:
    try:
        read_mda(path)
    except DataError as error:
        assert str(path) in str(error)
        return False
    return True
