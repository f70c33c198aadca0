"""Links of HDF5 files: found where HDF5 finds them, and named where they lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.hdf5.external_files import EXTERNAL, locate
from ptychogui.io.hdf5.files import open_h5
from ptychogui.io.hdf5.links import dangling_links, missing_target
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from tests.io.makers import make_frames


def write(path: Path, **content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for place, value in content.items():
            file[place.replace("__", "/")] = value
    return path


def beside(root: Path) -> tuple[Path, str]:
    write(root / "data.h5", d=1)
    return root / "m.h5", "data.h5"


def in_a_folder(root: Path) -> tuple[Path, str]:
    write(root / "raw" / "data.h5", d=1)
    return root / "m.h5", "raw/data.h5"


def above(root: Path) -> tuple[Path, str]:
    write(root / "data.h5", d=1)
    (root / "masters").mkdir()
    return root / "masters" / "m.h5", "../data.h5"


def absolute(root: Path) -> tuple[Path, str]:
    return root / "m.h5", str(write(root / "elsewhere" / "data.h5", d=1))


def absolute_of_another_machine(root: Path) -> tuple[Path, str]:
    write(root / "data.h5", d=1)
    return root / "m.h5", "/home/dac/beamtime/2024/data.h5"


def by_the_variable(root: Path) -> tuple[Path, str]:
    write(root / "prefix" / "data.h5", d=1)
    return root / "m.h5", "data.h5"


def through_a_symbolic_link(root: Path) -> tuple[Path, str]:
    write(root / "real" / "data.h5", d=1)
    write(root / "real" / "m.h5")
    (root / "here").mkdir()
    (root / "here" / "m.h5").symlink_to(root / "real" / "m.h5")
    return root / "here" / "m.h5", "data.h5"


def nowhere(root: Path) -> tuple[Path, str]:
    return root / "m.h5", "data.h5"


def only_by_its_last_part(root: Path) -> tuple[Path, str]:
    """HDF5 takes the last part of absolute paths only."""
    write(root / "data.h5", d=1)
    return root / "m.h5", "raw/data.h5"


@pytest.mark.parametrize(
    "make",
    [beside, in_a_folder, above, absolute, absolute_of_another_machine, by_the_variable, through_a_symbolic_link,
     nowhere, only_by_its_last_part],
)  # fmt: skip
def test_a_file_is_found_where_hdf5_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], tuple[Path, str]]
) -> None:
    monkeypatch.setenv(EXTERNAL, f"{tmp_path / 'no such'}:{tmp_path / 'prefix'}")
    master, name = make(tmp_path)
    with h5py.File(master, "a") as file:
        file["link"] = h5py.ExternalLink(name, "/d")
    with open_h5(master) as file:
        opened = file.get("link")
        hdf5_finds = None if opened is None else Path(opened.file.filename).resolve()
    found = locate(master, name)
    assert (None if found is None else found.resolve()) == hdf5_finds
    assert (found is None) == (make in (nowhere, only_by_its_last_part))


@pytest.fixture
def links(tmp_path: Path) -> h5py.File:
    write(tmp_path / "there.h5", d=1, deeper=h5py.ExternalLink("gone.h5", "/x"))
    content = {
        "soft": h5py.SoftLink("/nothing"),
        "chain": h5py.SoftLink("/soft"),
        "group__relative": h5py.SoftLink("nothing"),
        "file": h5py.ExternalLink("gone.h5", "/d"),
        "dataset": h5py.ExternalLink("there.h5", "/e"),
        "twice": h5py.ExternalLink("there.h5", "/deeper"),
        "folder": h5py.ExternalLink("gone.h5", "/entry"),
        "circle": h5py.SoftLink("/circle"),
        "good": h5py.ExternalLink("there.h5", "/d"),
        "plain": 1,
    }
    return h5py.File(write(tmp_path / "m.h5", **content), "r", locking=False)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/soft", "/soft is a link to /nothing, which is not there"),
        ("/chain", "/chain is a link to /soft, and /soft is a link to /nothing, which is not there"),
        ("/group/relative", "/group/relative is a link to nothing, which is not there"),
        ("/file", "/file is a link to /d in the file gone.h5, which is not there"),
        ("/dataset", "/dataset is a link to /e in the file there.h5, which has nothing there"),
        (
            "/twice",
            "/twice is a link to /deeper in the file there.h5, where /deeper is a link to /x in the file gone.h5, "
            "which is not there",
        ),
        ("/folder/data", "/folder is a link to /entry in the file gone.h5, which is not there"),
        ("/good", ""),
        ("/plain", ""),
        ("/group", ""),
        ("/group/no", ""),
        ("/no/such", ""),
    ],
)
def test_a_link_that_leads_nowhere_is_named(links: h5py.File, place: str, said: str) -> None:
    with links:
        assert str(missing_target(links, place) or "") == said


def test_links_in_a_circle_end(links: h5py.File) -> None:
    with links:
        assert "/circle is a link to /circle" in str(missing_target(links, "/circle"))
        named = {link.place for link in dangling_links(links)}
    assert named == {"/soft", "/chain", "/group/relative", "/file", "/dataset", "/twice", "/folder", "/circle"}


def refuse(path: Path, *words: str) -> None:
    with pytest.raises(DataError) as caught, open_dataset(path):
        pass
    for word in words:
        assert word in str(caught.value)


OTHERS = {
    "matrices": np.eye(3)[None].repeat(60, 0),
    "a preview": np.zeros((64, 64, 3), np.uint8),
    "a preview with alpha": np.zeros((64, 64, 4), np.uint8),
    "a narrow table": np.zeros((60, 20, 7)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_array_is_taken_for_frames(tmp_path: Path, name: str) -> None:
    link = h5py.ExternalLink("gone.h5", "/entry/data")
    refuse(write(tmp_path / "a.nxs", entry1__other=OTHERS[name]), "no diffraction patterns at all")
    refuse(write(tmp_path / "b.nxs", entry1__other=OTHERS[name], entry1__det__data=link), "/entry1/det/data", "gone.h5")


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_array_is_taken_for_frames_where_these_usually_are(tmp_path: Path, name: str) -> None:
    refuse(write(tmp_path / "a.h5", entry__data__data=OTHERS[name]), "no diffraction patterns at all")
    path = write(tmp_path / "b.h5", entry__data__data=OTHERS[name], raw=make_frames(4))
    with open_dataset(path) as dataset:
        assert dataset.frames.shape == (4, 16, 16)


def test_a_stack_is_not_taken_in_place_of_frames_whose_link_leads_nowhere(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.nxs", entry1__flat=np.ones((4, 16, 16)), entry1__det__data=h5py.SoftLink("/entry1/lost/data")
    )
    refuse(path, "/entry1/det/data is a link to /entry1/lost/data", "--dataset-path")
    with open_dataset(path, ReadOptions(dataset_path="/entry1/flat")) as dataset:
        assert dataset.frames.shape == (4, 16, 16)


def test_a_link_that_is_not_meant_for_frames_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nxs", entry1__raw=make_frames(4), entry1__logbook=h5py.ExternalLink("log.h5", "/a"))
    with open_dataset(path) as dataset:
        assert dataset.frames.shape == (4, 16, 16)


def make_master(folder: Path, names: list[str], master: str = "m_master.h5") -> Path:
    with h5py.File(folder / master, "w") as file:
        for number, name in enumerate(names, 1):
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
    return folder / master


def numbers(path: Path) -> list[int]:
    with open_dataset(path) as dataset:
        return [int(frame[0, 0]) for frame in dataset.frames.read(dataset.frame_rows)]


@pytest.mark.parametrize(
    "name",
    ["m_data_{:06d}.h5", "/data/ma1234/m_data_{:06d}.h5", "raw/m_data_{:06d}.h5", r"D:\raw\m_data_{:06d}.h5"],
)
def test_a_masters_files_are_found_beside_it(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        write(tmp_path / f"m_data_{number:06d}.h5", entry__data__data=make_frames(3, 3 * (number - 1)))
    master = make_master(tmp_path, [name.format(1), name.format(2)])
    assert numbers(master) == [0, 1, 2, 3, 4, 5]
    with open_dataset(master) as dataset:
        said = [note for note in dataset.notes if "beside it is taken" in note]
    assert bool(said) == (not name.startswith(("m_", "/")))


def test_a_master_that_was_renamed_with_its_files_finds_them_and_says_so(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"star_data_{number:06d}.h5", entry__data__data=make_frames(3, 3 * (number - 1)))
    master = make_master(tmp_path, ["m_data_000001.h5", "m_data_000002.h5"], "star_master.h5")
    assert numbers(master) == [0, 1, 2, 3, 4, 5]
    with open_dataset(master) as dataset:
        (said,) = [note for note in dataset.notes if "beside it" in note]
    assert said == (
        "star_master.h5 names m_data_000001.h5, which is not there; star_data_000001.h5 beside it is taken; "
        "so is 1 other"
    )


def test_a_master_that_was_renamed_alone_finds_its_files(tmp_path: Path) -> None:
    write(tmp_path / "m_data_000001.h5", entry__data__data=make_frames(3))
    assert numbers(make_master(tmp_path, ["m_data_000001.h5"], "star_master.h5")) == [0, 1, 2]


def test_a_master_without_any_of_its_files_names_the_first(tmp_path: Path) -> None:
    refuse(make_master(tmp_path, ["/a/m_data_000001.h5"]), "m_master.h5", "m_data_000001.h5", "/entry/data/data")


def test_a_dataset_that_is_missing_in_a_file_that_is_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "m_data_000001.h5", entry__data__data=make_frames(3))
    write(tmp_path / "m_data_000002.h5", entry__other=make_frames(3))
    with open_dataset(make_master(tmp_path, ["m_data_000001.h5", "m_data_000002.h5"])) as dataset:
        assert dataset.frames.shape[0] == 3
        assert "/entry/data/data" in dataset.files[1].problem
