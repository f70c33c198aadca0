"""The script API: what it says on its first page works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.api import Control, Dataset, Reconstruction, open_dataset, read_result, reconstruct, scan_of
from ptychogui.errors import DataError, DeviceError, MemoryBudgetError, OutputError, ParameterError
from ptychogui.io.simulated import write_scan
from ptychogui.jobs import job_run
from ptychogui.params.storage import from_json
from ptychogui.physics.simulation import Recipe, simulate

SMALL: dict[str, Any] = {"device": "numpy", "iterations": 2}


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(n=64, scan_dims=(3, 3), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6)
    path = tmp_path_factory.mktemp("scan") / "scan.cxi"
    write_scan(path, simulate(recipe))
    return path


def test_a_file_is_reconstructed(scan_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.cxi"
    *_, last = reconstruct(str(scan_file), str(output), **SMALL, probe_modes=2)
    result = read_result(output)
    assert last.estimate is not None
    np.testing.assert_array_equal(result.object, last.estimate.object)
    assert len(result.probe) == 2
    assert [Path(source.path) for source in result.sources] == [scan_file.resolve()]


def test_an_open_scan_is_reconstructed(scan_file: Path, tmp_path: Path) -> None:
    with open_dataset(scan_file) as dataset:
        *_, last = reconstruct(dataset, tmp_path / "result.cxi", **SMALL)
    assert last.result == tmp_path / "result.cxi"


def test_a_script_can_stop_and_watch(scan_file: Path, tmp_path: Path) -> None:
    control = Control()
    stream = reconstruct(scan_file, tmp_path / "r.cxi", control=control, wants_picture=lambda _iteration: True, **SMALL)
    said = [next(stream)]
    control.stop()
    said += stream
    assert [progress.iteration for progress in said] == [0, 0]
    assert [progress.estimate is not None for progress in said] == [True, False]
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_said_at_once(scan_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no parameter is called 'iteration'"):
        reconstruct(scan_file, tmp_path / "result.cxi", iteration=3)
    with pytest.raises(ParameterError, match=r"reconstruction\.iterations = 0 \(from user: script\)"):
        reconstruct(scan_file, tmp_path / "result.cxi", iterations=0)
    with pytest.raises(DataError, match="absent"):
        reconstruct(tmp_path / "absent.cxi", tmp_path / "result.cxi")
    with pytest.raises(ParameterError, match=r"Photon energy: .*parsec"):
        reconstruct(scan_file, tmp_path / "result.cxi", energy_eV="8 parsec")
    with pytest.raises(DeviceError, match="cuda:99"):
        reconstruct(scan_file, tmp_path / "result.cxi", device="cuda:99")
    with pytest.raises(OutputError, match="which the job reads"):
        reconstruct(scan_file, scan_file)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't write"):
        reconstruct(scan_file, tmp_path / "file" / "result.cxi")


def test_quantities_may_have_units(scan_file: Path, tmp_path: Path) -> None:
    list(reconstruct(scan_file, tmp_path / "r.cxi", energy_eV="8.8 keV", probe_modes="2", **SMALL))
    result = read_result(tmp_path / "r.cxi")
    assert (result.energy_eV, len(result.probe)) == (8800.0, 2)


def test_a_result_without_a_name_is_numbered_beside_the_scan(scan_file: Path) -> None:
    names = []
    for job_id in ("", "", "a/b"):
        *_, last = reconstruct(scan_file, job_id=job_id, **SMALL)
        assert last.result is not None and last.result.parent == scan_file.parent
        names.append(last.result.name)
    assert names == ["scan-001.cxi", "scan-002.cxi", "a_b-001.cxi"]


@pytest.fixture(scope="module")
def in_memory() -> Dataset:
    recipe = Recipe(n=64, scan_dims=(3, 3), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6)
    scan = simulate(recipe)
    beam = {"energy_eV": scan.energy_eV, "distance_m": scan.distance_m, "detector_pixel_m": 150e-6}
    return scan_of(scan.counts, scan.positions_m, bad_pixels=scan.bad_pixels, **beam)


def test_jobs_of_one_scan_have_a_path_each_before_any_is_written(scan_file: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan.cxi"
    scan.write_bytes(scan_file.read_bytes())
    first, second = (reconstruct(scan, **SMALL) for _ in range(2))
    third = Reconstruction(scan, device="numpy")
    next(first)
    with pytest.raises(DeviceError, match="cuda:99"):
        reconstruct(scan, device="cuda:99")
    written = [[*job][-1].result for job in (second, first)]
    list(third.run(1))
    assert [third.save(), third.save()] == [tmp_path / "scan-003.cxi", tmp_path / "scan-004.cxi"]
    third.close()
    assert written == [tmp_path / "scan-002.cxi", tmp_path / "scan-001.cxi"]
    assert {path.name for path in tmp_path.iterdir()} == {"scan.cxi", *(f"scan-00{number}.cxi" for number in "1234")}


def test_a_path_that_a_job_has_is_refused_until_the_job_is_gone(scan_file: Path, tmp_path: Path) -> None:
    under_way = reconstruct(scan_file, tmp_path / "r.cxi", **SMALL)
    next(under_way)
    with pytest.raises(OutputError, match="the result of another job that has not ended"):
        reconstruct(scan_file, tmp_path / "r.cxi", **SMALL)
    with Reconstruction(scan_file, device="numpy") as r:
        list(r.run(1))
        with pytest.raises(OutputError, match="the result of another job that has not ended"):
            r.save(tmp_path / "r.cxi")
        under_way.close()
        assert r.save(tmp_path / "r.cxi") == r.save(tmp_path / "r.cxi") == tmp_path / "r.cxi"
    del under_way
    assert [path.name for path in tmp_path.iterdir()] == ["r.cxi"]


def test_a_scan_in_memory_gives_the_bits_of_its_file(scan_file: Path, in_memory: Dataset, tmp_path: Path) -> None:
    *_, of_file = reconstruct(scan_file, tmp_path / "file.cxi", **SMALL)
    *_, of_arrays = reconstruct(in_memory, tmp_path / "arrays.cxi", **SMALL)
    assert of_file.estimate is not None and of_arrays.estimate is not None
    np.testing.assert_array_equal(of_file.estimate.object, of_arrays.estimate.object)
    np.testing.assert_array_equal(of_file.estimate.probe, of_arrays.estimate.probe)
    result = read_result(tmp_path / "arrays.cxi")
    assert (result.sources, result.title) == ((), "scan in memory")


@pytest.mark.parametrize(("first", "then"), [("dm", "lsqml"), ("epie", "dm"), ("lsqml", "lsqml"), ("raar", "epie")])
def test_runs_are_the_stages_of_a_chain(scan_file: Path, tmp_path: Path, first: str, then: str) -> None:
    chain = f"{first}:3,{then}:4"
    *_, last = reconstruct(scan_file, tmp_path / "chain.cxi", engine=chain, device="numpy", probe_modes=2)
    moving = "lsqml" in (first, then)
    with Reconstruction(scan_file, device="numpy", probe_modes=2, engine=first, room_to_move=moving) as r:
        said = [*r.run(3, engine=first), *r.run(4, engine=then)]
        assert [progress.iteration for progress in said] == [1, 2, 3, 4, 5, 6, 7]
        assert r.save(tmp_path / "runs.cxi") == tmp_path / "runs.cxi"
        by_chain, by_runs = read_result(tmp_path / "chain.cxi"), read_result(tmp_path / "runs.cxi")
        np.testing.assert_array_equal(r.object, by_chain.object)
        np.testing.assert_array_equal(r.positions_m, by_chain.positions_m)
        np.testing.assert_array_equal(r.errors, by_chain.errors)
        np.testing.assert_array_equal(r.free_errors, by_chain.free_errors)
        assert len(r.free_errors) == 7 and np.isfinite(r.free_errors).all()
        np.testing.assert_array_equal(r.probe, by_chain.probe)
        np.testing.assert_array_equal(by_runs.object, r.object)
        np.testing.assert_array_equal(by_runs.errors, r.errors)
    assert from_json(by_runs.parameters)[0].reconstruction.engine == chain
    assert by_runs.state == by_chain.state == "done"
    assert last.iterations == said[-1].iterations == 7


def test_a_run_left_early_goes_on_from_there(scan_file: Path, tmp_path: Path) -> None:
    with Reconstruction(scan_file, device="numpy", engine="epie", csv=True) as r:
        first = r.object
        assert np.all(first == 1)
        for progress in r.run(50):
            if progress.iteration == 2:
                break
        after = r.object
        assert not np.array_equal(after, first)
        r.save(tmp_path / "early.cxi")
        *_, last = r.run(2, object_step=0.25)
        assert last.iteration == 4 == len(r.errors)
        assert r.errors[-1] < r.errors[0]
        r.save(tmp_path / "late.cxi")
        for _ in r.run(5):
            r.stop()
        assert len(r.errors) >= 4
    early, late = read_result(tmp_path / "early.cxi"), read_result(tmp_path / "late.cxi")
    np.testing.assert_array_equal(early.object, after)
    assert (early.state, late.state) == ("stopped", "done")
    assert (tmp_path / "early_object_0.csv").exists()
    settings = from_json(late.parameters)[0].reconstruction
    assert (settings.engine, settings.object_step) == ("epie:2,epie:2", 0.25)
    assert "run(object_step=0.25, iterations=2)" in late.notes


def test_a_run_that_is_stopped_before_its_first_iteration_does_none(scan_file: Path) -> None:
    with Reconstruction(scan_file, device="numpy", engine="epie") as r:
        run = r.run(3)
        r.stop()
        assert list(run) == [] and len(r.errors) == 0
        assert len(list(r.run(2))) == 2


def test_a_run_keeps_the_values_of_runs_before(scan_file: Path) -> None:
    """A value that an engine in between does not heed does not stand in its way, and is gone after it."""
    with Reconstruction(scan_file, device="numpy", engine="epie", momentum=0.5) as r:
        list(r.run(1))
        list(r.run(1, engine="dm"))
        list(r.run(1, engine="epie", object_step=0.5))
        *_, last = r.run(1)
        assert last.iteration == 4


def test_what_was_closed_says_so(scan_file: Path, tmp_path: Path) -> None:
    with Reconstruction(scan_file, device="numpy", engine="epie") as r:
        list(r.run(1))
    r.close()
    for use in (lambda: r.object, lambda: r.errors, lambda: list(r.run(1)), lambda: r.save(tmp_path / "r.cxi")):
        with pytest.raises(ParameterError, match="the reconstruction was closed"):
            use()


def test_a_crop_only_begins(scan_file: Path, tmp_path: Path) -> None:
    with Reconstruction(scan_file, device="numpy", engine="dm:2/2,lsqml:2") as r:
        list(r.run(2))
        assert r.probe.shape == (1, 64, 64)
        *_, last = reconstruct(scan_file, tmp_path / "chain.cxi", engine="dm:2/2,lsqml:2", device="numpy")
        assert last.estimate is not None
        np.testing.assert_array_equal(r.object, last.estimate.object)


def test_a_first_probe_and_object_are_taken_from_memory(in_memory: Dataset) -> None:
    probe = np.ones((64, 64), np.complex64)
    probe[20:40, 20:40] = 5j
    with Reconstruction(in_memory, probe=probe, object=np.full((200, 200), 0.5), device="numpy") as r:
        assert np.all(r.object == 0.5)
        assert abs(np.vdot(r.probe[0], probe)) == pytest.approx(np.linalg.norm(r.probe) * np.linalg.norm(probe))


def test_mistakes_in_runs_are_said_at_once(scan_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the given probe: a probe is square.* 3 x 4"):
        Reconstruction(scan_file, probe=np.ones((3, 4)), device="numpy")
    with pytest.raises(ParameterError, match="does not say the photon energy"):
        Reconstruction(scan_of(np.ones((4, 64, 64)), np.eye(4, 2)), device="numpy")
    with Reconstruction(scan_file, device="numpy", engine="epie") as r:
        with pytest.raises(ParameterError, match=r"experiment\.energy_eV can't change in a run"):
            r.run(5, energy_eV=8000.0)
        with pytest.raises(ParameterError, match=r"reconstruction\.probe_guess can't change in a run"):
            r.run(5, probe_guess=tmp_path / "p.csv")
        with pytest.raises(ParameterError, match="must be at least 1"):
            r.run(0)
        with pytest.raises(ParameterError, match=r"has no effect in DM"):
            r.run(1, engine="dm", momentum=0.5)
        assert len(r.errors) == 0
    with Reconstruction(scan_file, device="numpy", engine="epie", room_to_move=False) as r:
        with pytest.raises(ParameterError, match="no room to move"):
            r.run(1, engine="lsqml")
        list(r.run(1, engine="lsqml", position_correction="never"))
    with Reconstruction(scan_file, device="numpy", engine="epie") as r:
        list(r.run(1))
        with pytest.raises(ParameterError, match="can't be cropped by 8"):
            list(r.run(2, engine="epie/8"))
        with pytest.raises(OutputError, match="which the job reads"):
            r.save(scan_file)
        *_, last = r.run(1)
        assert last.iteration == 2


def test_mail_is_refused_where_the_script_alone_knows_the_end(scan_file: Path) -> None:
    before = sorted(scan_file.parent.iterdir())
    with pytest.raises(ParameterError, match=r"output.email has no effect in Reconstruction, .* or use reconstruct"):
        Reconstruction(scan_file, email="user@example.org", **SMALL)
    assert sorted(scan_file.parent.iterdir()) == before


def test_a_run_that_does_not_fit_leaves_all_as_it_was(scan_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reconstruction(scan_file, device="numpy", engine="epie") as r:
        list(r.run(2))
        before = r.object

        def refuse(*_: object) -> tuple[str, ...]:
            raise MemoryBudgetError("too large")

        with monkeypatch.context() as patch:
            patch.setattr(job_run, "check_memory", refuse)
            with pytest.raises(MemoryBudgetError, match="too large"):
                list(r.run(2, engine="dm"))
        np.testing.assert_array_equal(r.object, before)
        *_, last = r.run(1)
        assert last.iteration == 3
