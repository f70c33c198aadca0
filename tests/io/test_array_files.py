"""Guesses, position lists and masks in every form a user may have them."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from ptychogui.errors import DataError
from ptychogui.io.array_files import (
    holds_result,
    object_place_m,
    read_background,
    read_mask,
    read_object,
    read_positions,
    read_probe,
)
from ptychogui.io.csv_numbers import read_complex_csv, write_complex_csv
from ptychogui.io.result import write_result
from tests.io.makers import POSITIONS_M, TRANSLATION, make_cxi, make_result


def text(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "text.csv"
    path.write_text(content, encoding="utf-8")
    return path


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
shapes = st.tuples(st.integers(1, 4), st.sampled_from([2, 4, 6]))


@given(arrays.arrays(np.float32, shapes, elements=finite))
def test_nine_digits_give_complex64_back(tmp_path_factory: pytest.TempPathFactory, numbers: np.ndarray) -> None:
    array = numbers.view(np.complex64)
    buffer = io.BytesIO()
    write_complex_csv(buffer, array)
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(buffer.getvalue())
    read = read_complex_csv(path)
    assert read.dtype == np.complex64
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    "content",
    [
        "1+2j, 0.0012345-1.2e-05j\n-3.5+0j, 4-0j\n",
        "1+2j,0.0012345-1.2e-05j\n-3.5+0j,4-0j",
        "(1+2j), (0.0012345-1.2e-05j)\n(-3.5+0j), (4+0j)\n",
        "1+2j 0.0012345+-1.2e-05j\r\n-3.5+0j\t4+-0j\r\n",
        "(1.0e+00+2.0e+00j),(1.2345e-03-1.2e-05j),\n(-3.5+0j),(4+0j),\n",
        "# a comment\n\n1 + 2i; 0.0012345 - 1.2e-05i\n-3.5; 4\n",
        "\ufeff1+2J,1.2345E-3-1.2E-5J\n-3.5,4\n",
    ],
)
def test_complex_numbers_are_read_as_anyone_writes_them(tmp_path: Path, content: str) -> None:
    expected = np.array([[1 + 2j, 0.0012345 - 1.2e-05j], [-3.5, 4]], np.complex64)
    np.testing.assert_array_equal(read_complex_csv(text(tmp_path, content)), expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1+2j, 3\n4, five\n", "line 2: 'five' is not a complex number"),
        ("# titles\n1, 2\n\n3\n", "line 4: 1 numbers, but line 2 has 2"),
        ("# nothing\n\n", "holds no numbers"),
        ("1,,2\n", "line 1: '' is not"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_complex_csv(text(tmp_path, content))


def test_a_probe_is_read_from_every_form(tmp_path: Path) -> None:
    probe = make_result().probe
    np.save(tmp_path / "p.npy", probe)
    np.save(tmp_path / "one.npy", probe[0].astype(np.complex128))
    with (tmp_path / "p.csv").open("wb") as file:
        write_complex_csv(file, probe.reshape(-1, 8))
    write_result(tmp_path / "r.cxi", make_result())
    make_cxi(tmp_path / "scan.cxi", {"entry_1/instrument_1/source_1/illumination": probe})
    for name in ("p.npy", "p.csv", "r.cxi", "scan.cxi"):
        read = read_probe(tmp_path / name)
        assert read.dtype == np.complex64
        np.testing.assert_array_equal(read, probe)
    np.testing.assert_array_equal(read_probe(tmp_path / "one.npy"), probe[:1])


def test_files_of_ptychopy_and_numpy_are_read(tmp_path: Path) -> None:
    probe = make_result().probe
    rows = probe.reshape(-1, 8)
    six = "\n".join(", ".join(f"{value.real:.6g}{value.imag:+.6g}j" for value in row) for row in rows.tolist())
    np.testing.assert_allclose(read_probe(text(tmp_path, six)), probe, rtol=1e-5)
    for separator in (",", ", ", " "):
        np.savetxt(tmp_path / "numpy.csv", rows, delimiter=separator)
        np.testing.assert_array_equal(read_probe(tmp_path / "numpy.csv"), probe)
        np.savetxt(tmp_path / "numpy.csv", make_result().object, delimiter=separator)
        np.testing.assert_array_equal(read_object(tmp_path / "numpy.csv"), make_result().object)


def test_an_object_is_read_from_every_form(tmp_path: Path) -> None:
    result = make_result()
    np.save(tmp_path / "o.npy", result.object)
    with (tmp_path / "o.csv").open("wb") as file:
        write_complex_csv(file, result.object)
    write_result(tmp_path / "r.cxi", result)
    for name in ("o.npy", "o.csv", "r.cxi"):
        np.testing.assert_array_equal(read_object(tmp_path / name), result.object)


def test_arrays_of_other_shapes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 4)))
    with pytest.raises(DataError, match=r"a probe is square.* 3 x 4"):
        read_probe(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"a probe is square.* 3 x 2"):
        read_probe(text(tmp_path, "1 2\n3 4\n5 6\n"))
    np.save(tmp_path / "a.npy", np.ones((3, 4, 4)))
    with pytest.raises(DataError, match=r"rows and columns.* 3 x 4 x 4"):
        read_object(tmp_path / "a.npy")


@pytest.mark.parametrize("read", [read_probe, read_object])
def test_files_that_hold_no_guess_are_refused(tmp_path: Path, read: type) -> None:
    np.save(tmp_path / "nan.npy", np.array([[1, np.nan], [np.inf, 0]]))
    np.save(tmp_path / "zero.npy", np.zeros((2, 2)))
    np.save(tmp_path / "text.npy", np.array(["a"]))
    np.save(tmp_path / "good.npy", np.ones((20, 20)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:-50])
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    tifffile.imwrite(tmp_path / "image.tif", np.ones((4, 4), np.uint8))
    make_cxi(tmp_path / "scan.cxi")
    for name, words in {
        "nan.npy": r"2 of 4 values .* the first is \(?nan.* at \[(0, )?0, 1\]",
        "zero.npy": "zero everywhere",
        "text.npy": "not numbers",
        "cut.npy": "cut off",
        "bytes.csv": "not a text file",
        "image.tif": "can't hold complex",
        "scan.cxi": "holds no",
        "absent.csv": "no such file",
    }.items():
        with pytest.raises(DataError, match=words):
            read(tmp_path / name)


@pytest.mark.parametrize("head", [b"row (\xb5m), column (\xb5m)\n", b"# Gr\xf6\xdfe\n", "# µm\n".encode()])
def test_a_position_list_may_be_of_an_older_encoding(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "list.csv").write_bytes(head + b"1e-6, 2e-6\n0, 1e-6\n")
    np.testing.assert_array_equal(read_positions(tmp_path / "list.csv"), [[1e-6, 2e-6], [0, 1e-6]])


@pytest.mark.parametrize("head", ["", "row, column\n", "# nm\n"])
@pytest.mark.parametrize("separator", [",", ", ", " ", "\t", ";"])
def test_positions_are_read(tmp_path: Path, head: str, separator: str) -> None:
    expected = np.array([[1e-6, -2.5e-6], [0.0, 3e-7]])
    lines = "\n".join(separator.join(map(repr, pair)) for pair in expected.tolist())
    np.testing.assert_array_equal(read_positions(text(tmp_path, head + lines)), expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1e-6, 2e-6, 0\n", "two numbers on a line .*, this one has 3"),
        ("1, nan\ninf, 2\n", r"2 of 2 positions are not numbers, the first is position 0 \(1.0, nan\)"),
        ("0, 1\n1, two\n", "line 2: 'two' is not a number"),
        ("", "holds no numbers"),
    ],
)
def test_positions_that_are_none_are_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_positions(text(tmp_path, content))


@pytest.mark.parametrize(
    "lost",
    ["nan, nan", "nan,3e-6", "2e-6,NaN", "inf, 1e-6", "1e30,1e-6", ",", "1e-6,", ",2e-6", "-,-", "null, null",
     "N/A;N/A", "1e-6 nan", "-9999 -9999", "5, 5"],
)  # fmt: skip
@pytest.mark.parametrize("at", [0, 3, 19])
def test_a_position_that_is_lost_is_no_number_and_the_others_stay(tmp_path: Path, lost: str, at: int) -> None:
    expected = np.random.default_rng(0).uniform(1e-6, 9e-6, (20, 2))
    lines = [f"{row!r},{column!r}" for row, column in expected.tolist()]
    lines[at] = lost
    expected[at] = np.nan
    np.testing.assert_array_equal(read_positions(text(tmp_path, "\n".join(lines))), expected)


def test_positions_of_a_scan_with_a_lost_one_are_read(tmp_path: Path) -> None:
    broken = np.zeros((5, 3))
    broken[:, :2] = POSITIONS_M[:, ::-1]
    broken[2, 1] = np.inf
    read = read_positions(make_cxi(tmp_path / "scan.cxi", {TRANSLATION: broken}))
    assert np.isnan(read[2]).all()
    np.testing.assert_array_equal(read[[0, 1, 3, 4]], POSITIONS_M[[0, 1, 3, 4]])


def test_a_probe_of_named_parts_is_read(tmp_path: Path) -> None:
    pairs = np.zeros((8, 8), [("imag", "f8"), ("real", "f8")])
    pairs["real"], pairs["imag"] = 2.0, -3.0
    np.save(tmp_path / "p.npy", pairs)
    np.testing.assert_array_equal(read_probe(tmp_path / "p.npy"), np.full((1, 8, 8), 2 - 3j, np.complex64))
    np.save(tmp_path / "p.npy", pairs.astype([("f0", "f8"), ("f1", "f8")]))
    with pytest.raises(DataError, match="has the fields f0, f1"):
        read_probe(tmp_path / "p.npy")


def test_a_binary_file_is_no_position_list(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match="give a result file, or a CSV file"):
        read_positions(tmp_path / "p.npy")


def test_positions_of_a_result_and_of_a_scan_are_read(tmp_path: Path) -> None:
    result = make_result()
    write_result(tmp_path / "result.cxi", result)
    np.testing.assert_array_equal(read_positions(tmp_path / "result.cxi"), result.positions_m)
    np.testing.assert_array_equal(read_positions(make_cxi(tmp_path / "scan.cxi")), POSITIONS_M)
    with pytest.raises(DataError, match="holds no scan positions; give a result file, or a CSV"):
        read_positions(make_cxi(tmp_path / "without.cxi", {TRANSLATION: None}))


def test_only_a_result_holds_a_result(tmp_path: Path) -> None:
    write_result(tmp_path / "result.cxi", make_result())
    assert holds_result(tmp_path / "result.cxi")
    assert not holds_result(make_cxi(tmp_path / "scan.cxi"))
    assert not holds_result(text(tmp_path, "1e-6, 2e-6"))
    with pytest.raises(DataError, match="no such file"):
        holds_result(tmp_path / "absent.cxi")


def test_a_result_says_where_its_object_lies(tmp_path: Path) -> None:
    for name, origin_m in (("placed", (-3e-8, -2e-8)), ("lost", None)):
        write_result(tmp_path / f"{name}.cxi", make_result(object_origin_m=origin_m))
    assert object_place_m(tmp_path / "placed.cxi") == (1e-8, (-3e-8, -2e-8))
    assert object_place_m(tmp_path / "lost.cxi") is None
    assert object_place_m(text(tmp_path, "1, 2")) is None


def test_a_mask_is_read_from_every_form(tmp_path: Path) -> None:
    bad = np.zeros((6, 7), bool)
    bad[2, 3] = bad[5, 0] = True
    np.save(tmp_path / "m.npy", bad)
    tifffile.imwrite(tmp_path / "m.tif", bad.astype(np.uint8) * 255)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["any/name"] = bad.astype(np.int32) * 8
        file["any/list"] = np.arange(4)
    for name in ("m.npy", "m.tif", "m.h5"):
        read = read_mask(tmp_path / name)
        assert read.bad.dtype == read.inverted.dtype == np.bool_
        np.testing.assert_array_equal(read.bad, bad)
        np.testing.assert_array_equal(read.inverted, ~bad)


def test_a_mask_that_is_none_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"], file["b"] = np.zeros((2, 2)), np.zeros((2, 2))
    with pytest.raises(DataError, match=r"only image in the file.*there are 2"):
        read_mask(tmp_path / "two.h5")
    np.save(tmp_path / "m.npy", np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match="2 x 3 x 4"):
        read_mask(tmp_path / "m.npy")
    (tmp_path / "cut.tif").write_bytes(b"II*\x00\x08")
    with pytest.raises(DataError, match="cut off or damaged"):
        read_mask(tmp_path / "cut.tif")


def test_backgrounds_from_every_format(tmp_path: Path) -> None:
    dark = np.arange(12, dtype=np.float32).reshape(3, 4) / 4
    np.save(tmp_path / "dark.npy", dark)
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    with h5py.File(tmp_path / "dark.h5", "w") as file:
        file["somewhere/dark"] = dark
    for name in ("dark.npy", "dark.tif", "dark.h5"):
        read = read_background(tmp_path / name)
        assert read.dtype == np.float64
        np.testing.assert_array_equal(read, dark)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 3, 4)), "a background has rows and columns"),
        (np.array([[np.nan, 1.0]]), "1 of 2 values of the background are not finite; repair the file"),
        (np.ones((2, 2), np.complex64), "a background is of real numbers, but this array is complex64"),
    ],
)
def test_what_is_no_background_is_refused(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "dark.npy", array)
    with pytest.raises(DataError, match=said):
        read_background(tmp_path / "dark.npy")
