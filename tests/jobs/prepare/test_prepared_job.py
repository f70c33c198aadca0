"""From a job to a problem: positions, frames, room for the stages; what is missing is said with the option to give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.base import Backend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines.memory import NEEDS, Extent
from ptychogui.errors import AmbiguousPairingError, DataError, MemoryBudgetError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.notes import Note
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.prepare import open_scan as opening, prepared_job as prepare_module
from ptychogui.jobs.prepare.prepared_job import prepare
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.optics import object_pixel_m
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.pattern_storage import amplitudes_of, mark_of
from ptychogui.physics.probe import gaussian
from tests.jobs.fakes import GuardedFrames, Prepare, make_job as fake_job, result_file, scan

OUTPUT = Path("result.cxi")


def counts_of(probe: np.ndarray) -> float:
    return float((np.abs(probe) ** 2).sum(dtype=np.float64))


def test_a_scan_becomes_a_problem(prepare_scan: Prepare) -> None:
    prepared = prepare_scan(scan(), experiment__probe_modes=3)
    problem = prepared.problem
    assert problem.patterns.shape == (12, 32, 32)
    assert problem.patterns.dtype == np.uint16
    assert problem.probe.shape == (3, 32, 32)
    assert problem.probe.dtype == problem.object.dtype == np.complex64
    assert np.all(problem.object == 1)
    assert problem.object.shape == problem.geometry.object_shape
    assert prepared.object_pixel_m == pytest.approx(object_pixel_m(8000.0, 2.0, 150e-6, 32))
    assert prepared.parameters.experiment.energy_eV == 8000.0
    assert counts_of(problem.probe) == pytest.approx(16 * 1000, rel=1e-5)
    np.testing.assert_allclose(
        problem.geometry.positions_px * prepared.object_pixel_m, prepared.positions_m, rtol=0, atol=1e-15
    )


def test_a_scan_is_closed_after_success_and_failure(prepare_scan: Prepare) -> None:
    closed: list[int] = []
    prepare_scan(scan(closer=lambda: closed.append(1)))
    with pytest.raises(ParameterError):
        prepare_scan(scan(known=False, closer=lambda: closed.append(2)))
    assert closed == [1, 2]


def test_what_is_missing_is_said_once_with_the_options(prepare_scan: Prepare) -> None:
    with pytest.raises(ParameterError) as caught:
        prepare_scan(scan(known=False), experiment__distance_m=2.0)
    assert str(caught.value) == (
        "scan.h5 does not say the photon energy or the detector pixel: "
        "give --energy (in eV) and --detector-pixel (in m)"
    )


def test_a_value_that_cant_be_is_named_where_it_is_missed(prepare_scan: Prepare) -> None:
    odd = Note("the photon energy at /at/energy is 0, not a positive number, and is ignored", "experiment.energy_eV")
    notes = ("3 frames are dark", odd)
    with pytest.raises(ParameterError) as caught:
        prepare_scan(scan(known=False, notes=notes), experiment__distance_m=2.0, experiment__detector_pixel_m=1e-4)
    assert str(caught.value) == f"scan.h5 does not say the photon energy: give --energy (in eV) ({notes[1]})"


def test_a_value_that_the_user_took_out_is_not_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_dataset", lambda _path, _options: scan())
    job = make_job(job_layers(scan(), {"experiment.energy_eV": (None, "--energy")}), Path("scan.h5"), OUTPUT)
    with pytest.raises(ParameterError, match=r"^the photon energy was set to none: give --energy \(in eV\)$"):
        prepare(job)


@pytest.mark.parametrize("energy_eV", [1e-300, 1e-6, 1e12, 1e300])
def test_an_object_pixel_that_cant_be_is_refused(prepare_scan: Prepare, energy_eV: float) -> None:
    with pytest.raises(ParameterError, match=r"an energy of .* eV, a distance of 2 m .* which can't be: check them"):
        prepare_scan(scan(), experiment__energy_eV=energy_eV)


@pytest.mark.parametrize("reach_m", [1e3, 1e300, 1e308])
def test_an_object_beyond_all_arrays_names_what_makes_it(prepare_scan: Prepare, reach_m: float) -> None:
    with pytest.raises(DataError, match=r"\(an energy of 8000 eV, .* m; the positions reach over .* m x .* m\)$"):
        prepare_scan(scan(positions_m=(np.indices((3, 4)).reshape(2, -1).T - 1.5) * reach_m))


def test_positions_that_cant_be_used_matter_only_where_they_are_needed(prepare_scan: Prepare, tmp_path: Path) -> None:
    def broken() -> Dataset:
        return scan(positions_m=None, positions_problem="scan.h5: 2 of 12 positions are not numbers")

    with pytest.raises(DataError, match=r"2 of 12 positions are not numbers; give --positions-file or repair the file"):
        prepare_scan(broken())
    path = tmp_path / "positions.csv"
    path.write_text("\n".join(f"{k}e-7, 0" for k in range(12)))
    assert len(prepare_scan(broken(), experiment__positions_file=path).positions_m) == 12


def test_the_users_value_goes_before_the_files(prepare_scan: Prepare) -> None:
    assert prepare_scan(scan(), experiment__energy_eV=4000.0).parameters.experiment.energy_eV == 4000.0


@pytest.mark.parametrize("pattern", ["raster", "spiral"])
def test_positions_are_computed_where_asked(prepare_scan: Prepare, pattern: str) -> None:
    prepared = prepare_scan(
        scan(positions_m=None), experiment__scan_pattern=pattern, experiment__scan_dims=(3, 4),
        experiment__step_m=(1e-7, 3e-7),
    )  # fmt: skip
    assert prepared.positions_m.shape == (12, 2)
    if pattern == "raster":
        np.testing.assert_allclose(np.ptp(prepared.positions_m, axis=0), [2e-7, 9e-7])


def test_positions_come_from_a_list_where_one_is_given(prepare_scan: Prepare, tmp_path: Path) -> None:
    listed = np.random.default_rng(0).uniform(0, 1e-6, (12, 2))
    path = tmp_path / "positions.csv"
    np.savetxt(path, listed, delimiter=",")
    prepared = prepare_scan(scan(), experiment__positions_file=path, experiment__mirror_rows=True)
    np.testing.assert_allclose(prepared.positions_m, listed * [-1, 1])
    assert prepared.sources == (Path("scan.h5"), path)


def test_a_list_may_leave_out_the_frames_that_the_file_leaves_out(prepare_scan: Prepare, tmp_path: Path) -> None:
    path = tmp_path / "positions.csv"
    path.write_text("\n".join(f"{k}e-7, 0" for k in range(10)))
    rows = np.arange(2, 12)
    prepared = prepare_scan(scan(frame_rows=rows), experiment__positions_file=path)
    np.testing.assert_array_equal(prepared.frame_rows, rows)


def test_no_positions_names_the_ways_out(prepare_scan: Prepare) -> None:
    with pytest.raises(ParameterError, match=r"--positions-file, or --scan-pattern raster with --scan-dims and --step"):
        prepare_scan(scan(positions_m=None))
    with pytest.raises(ParameterError, match=r"a raster scan needs .* give --scan-dims and --step"):
        prepare_scan(scan(), experiment__scan_pattern="raster")


def test_positions_and_frames_of_unequal_count_are_refused(prepare_scan: Prepare) -> None:
    match = r"25 scan positions and 12 frames in scan\.h5 .*correct --scan-dims"
    with pytest.raises(AmbiguousPairingError, match=match):
        prepare_scan(
            scan(), experiment__scan_pattern="raster", experiment__scan_dims=(5, 5), experiment__step_m=(1e-7, 1e-7)
        )


def test_a_results_positions_are_taken_as_they_are(prepare_scan: Prepare, tmp_path: Path) -> None:
    refined = np.random.default_rng(0).uniform(0, 1e-6, (12, 2))
    path = result_file(tmp_path / "result.cxi", positions_m=refined)
    settings: dict[str, Any] = {"experiment__mirror_rows": True, "experiment__swap_axes": True}
    prepared = prepare_scan(scan(), experiment__positions_file=path, **settings, experiment__jitter_radius_px=3)
    np.testing.assert_array_equal(prepared.positions_m, refined)
    assert prepared.orientation.changes_nothing
    assert prepared.notes == (f"the positions are those of {path}, as they are there",)


def test_positions_that_move_have_room(prepare_scan: Prepare) -> None:
    still = prepare_scan(
        scan(), reconstruction__engine="lsqml", reconstruction__position_correction="never"
    ).problem.geometry
    assert still.corners.min() == 2
    assert prepare_scan(scan(), reconstruction__engine="epie").problem.geometry.corners.min() == 2
    moving = prepare_scan(scan(), reconstruction__engine="lsqml", reconstruction__position_correction="5")
    geometry = moving.problem.geometry
    assert geometry.corners.min() >= 10
    assert (np.array(geometry.object_shape) - 32 - geometry.corners.max(axis=0)).min() >= 10
    np.testing.assert_allclose(geometry.positions_px, still.positions_px)


def test_the_object_of_cropped_stages_has_whole_coarse_pixels(prepare_scan: Prepare) -> None:
    big = scan(frames=ArrayFrames(np.ones((12, 128, 128), np.uint8)))
    shape = prepare_scan(
        big, reconstruction__engine="epie:5/2,epie:5", reconstruction__coarse_levels=1
    ).problem.object.shape
    plain = prepare_scan(big, reconstruction__engine="epie").problem.object.shape
    for side, least in zip(shape, plain, strict=True):
        assert side % 4 == 0 and least <= side < least + 4


def test_a_crop_that_can_not_be_is_refused_before_frames_are_read(prepare_scan: Prepare) -> None:
    guarded = scan(frames=GuardedFrames(np.zeros((12, 32, 32), np.uint16)))
    with pytest.raises(ParameterError, match="patterns of 32 x 32 pixels can't be cropped by 2"):
        prepare_scan(guarded, reconstruction__coarse_levels=1)


def test_masks_of_file_and_user_are_joined(prepare_scan: Prepare, tmp_path: Path) -> None:
    own, users = np.zeros((2, 32, 32), bool)
    own[0, 3] = users[5, 6] = True
    np.save(tmp_path / "mask.npy", users)
    prepared = prepare_scan(scan(bad_pixels=own), preprocessing__mask_file=tmp_path / "mask.npy")
    free = np.fft.fftshift(amplitudes_of(prepared.problem.patterns[0]) == -1)
    np.testing.assert_array_equal(free, own | users)
    np.save(tmp_path / "mask.npy", users[1:])
    with pytest.raises(DataError, match=r"the mask has shape \(31, 32\) but the detector has \(32, 32\)"):
        prepare_scan(scan(), preprocessing__mask_file=tmp_path / "mask.npy")


def test_each_mask_may_be_turned_round(prepare_scan: Prepare, tmp_path: Path) -> None:
    own, users = np.zeros((2, 32, 32), bool)
    own[3, 4], users[10, 11] = True, True
    joined = int((own | users).sum())
    np.save(tmp_path / "mask.npy", users)
    np.save(tmp_path / "good.npy", (~users).astype(np.float32))
    for mask, turned, of_file, name in (
        (~own, True, False, "mask"), (own, False, True, "good"), (~own, True, True, "good"),
    ):  # fmt: skip
        prepared = prepare_scan(
            scan(bad_pixels=mask),
            preprocessing__mask_file=tmp_path / f"{name}.npy",
            preprocessing__invert_mask=turned,
            preprocessing__invert_mask_file=of_file,
        )
        assert np.count_nonzero(prepared.problem.patterns[0] == mark_of(prepared.problem.patterns.dtype)) == joined


def test_a_mask_of_everything_is_refused_and_turned_round_it_hides_nothing(prepare_scan: Prepare) -> None:
    everything = np.ones((32, 32), bool)
    with pytest.raises(DataError, match=r"the mask marks all 1024 pixels .*--invert-mask"):
        prepare_scan(scan(bad_pixels=everything))
    prepared = prepare_scan(scan(bad_pixels=everything), preprocessing__invert_mask=True)
    assert not (prepared.problem.patterns == mark_of(prepared.problem.patterns.dtype)).any()


def test_empty_patterns_are_noted(prepare_scan: Prepare) -> None:
    dataset = scan()
    dataset.frames._array[5] = 0  # type: ignore[attr-defined]
    assert prepare_scan(dataset).notes == ("1 of 12 patterns are empty and left free, the first is that of position 5",)


class SmallBackend(NumpyBackend):
    """A computer with 1 MB to spare."""

    def memory_free_bytes(self) -> int:
        return 1_000_000


class SmallDevice(SmallBackend):
    """A device of its own with 1 MB to spare."""

    name = "cuda:0"
    xp: Any = object()


@pytest.mark.parametrize(
    ("backend", "where"), [(SmallBackend(), "this computer's memory"), (SmallDevice(), "the memory of cuda:0")]
)
def test_memory_is_asked_for_before_it_is_used(prepare_scan: Prepare, backend: Any, where: str) -> None:
    guarded = scan(frames=GuardedFrames(np.zeros((12, 32, 32), np.uint16)))
    with pytest.raises(MemoryBudgetError, match=rf"needs 0\.\d+ GB of {where}, of which 0\.00 GB are free.*\(--size\)"):
        prepare_scan(guarded, backend)


def test_what_is_said_about_the_memory_is_a_note(prepare_scan: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "check_memory", lambda *_: ("few patterns fit",))
    assert "few patterns fit" in prepare_scan(scan(), NumpyBackend()).notes


def needs(size: int) -> Callable[[Extent, Reconstruction, Backend], int]:
    return lambda _extent, _settings, _backend: size


@pytest.mark.parametrize(("hungry", "title", "n"), [("dm", "DM", 64), ("lsqml", "LSQML", 128)])
def test_the_stage_that_does_not_fit_is_named(
    prepare_scan: Prepare, monkeypatch: pytest.MonkeyPatch, hungry: str, title: str, n: int
) -> None:
    for name in ("dm", "lsqml"):
        monkeypatch.setitem(NEEDS, name, needs(10**14 if name == hungry else 0))
    guarded = scan(frames=GuardedFrames(np.zeros((12, 128, 128), np.uint16)))
    with pytest.raises(
        MemoryBudgetError, match=rf"needs 1000\d\d\.\d+ GB of .* for {title} on 12 patterns of {n} x {n} "
    ):
        prepare_scan(guarded, NumpyBackend(), reconstruction__engine="dm:5/2,lsqml:5")


def test_an_absurdly_large_object_points_at_the_positions(prepare_scan: Prepare) -> None:
    positions_um = np.indices((3, 4)).reshape(2, -1).T * 0.2
    with pytest.raises(MemoryBudgetError, match=r"an object of \d{7,} x \d{7,}; .*check the unit of the positions"):
        prepare_scan(scan(positions_m=positions_um), NumpyBackend())


def test_a_simulated_scan_is_made_from_the_parameters() -> None:
    prepared = prepare(fake_job(OUTPUT))
    assert prepared.problem.patterns.shape == (12, 64, 64)
    assert prepared.parameters.experiment.energy_eV is not None
    assert prepared.sources == ()


def test_a_real_scan_becomes_a_problem(shared_data: Path) -> None:
    source = shared_data / "siemens-star.cxi"
    job = make_job(job_layers(source, {"experiment.probe_modes": (3, "test")}), source, OUTPUT)
    prepared = prepare(job)
    assert prepared.problem.patterns.shape == (516, 128, 128)
    assert prepared.problem.probe.shape == (3, 128, 128)
    assert prepared.sources == (source,)


def test_joined_pixels_halve_the_window_and_keep_the_object_pixel(prepare_scan: Prepare) -> None:
    plain, joined = prepare_scan(scan()), prepare_scan(scan(), preprocessing__bin_px=2)
    assert joined.problem.patterns.shape == (12, 16, 16)
    assert joined.object_pixel_m == pytest.approx(plain.object_pixel_m)
    assert joined.object_pixel_m == pytest.approx(object_pixel_m(8000.0, 2.0, 2 * 150e-6, 16))
    assert counts_of(joined.problem.probe) == pytest.approx(16 * 1000, rel=1e-5)
    assert joined.parameters.experiment.detector_pixel_m == 150e-6


def test_a_background_comes_off_the_patterns(prepare_scan: Prepare, tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.full((32, 32), 100, np.uint16))
    prepared = prepare_scan(scan(), preprocessing__background_file=tmp_path / "dark.npy")
    assert prepared.sources == (Path("scan.h5"), tmp_path / "dark.npy")
    counts = amplitudes_of(prepared.problem.patterns)[0] ** 2
    assert np.unique(np.rint(counts)).tolist() == [0, 900]
    np.save(tmp_path / "small.npy", np.zeros((3, 4)))
    with pytest.raises(
        DataError, match=r"small\.npy: the background has shape \(3, 4\) but the detector has \(32, 32\)"
    ):
        prepare_scan(scan(), preprocessing__background_file=tmp_path / "small.npy")


def test_the_center_that_is_found_decides_the_size(prepare_scan: Prepare) -> None:
    counts = np.zeros((12, 64, 96), np.uint16)
    counts[:, 28:33, 68:73] = np.random.default_rng(0).poisson(900, (12, 5, 5))
    prepared = prepare_scan(scan(frames=ArrayFrames(counts)), preprocessing__find_center=True)
    assert prepared.problem.patterns.shape == (12, 50, 50)
    assert prepared.notes[0].startswith("the beam is found at (30, 70) in 12 of 12 frames, 22.1 pixels from the detec")
    assert prepared.parameters.preprocessing.center_px is None
    center_of_mass = np.fft.fftshift(amplitudes_of(prepared.problem.patterns)[0])
    assert np.argwhere(center_of_mass > 0).mean(axis=0).tolist() == [25, 25]


def test_bad_pixels_that_are_found_are_free(prepare_scan: Prepare) -> None:
    counts = np.zeros((12, 32, 32), np.uint16)
    counts[:, 14:18, 14:18] = np.random.default_rng(0).poisson(900, (12, 4, 4))
    counts[:, 5, 6] = np.random.default_rng(1).poisson(500, 12)
    settings: dict[str, Any] = {"frames": ArrayFrames(counts)}
    assert prepare_scan(scan(**settings)).notes == ()
    prepared = prepare_scan(scan(**settings), preprocessing__find_bad_pixels=True)
    assert prepared.notes[0] == (
        "0 dead, 1 hot, 0 stuck, 0 flickering pixels are found in 12 of 12 frames and are left free: (5, 6)"
    )
    free = np.fft.fftshift(amplitudes_of(prepared.problem.patterns) < 0, axes=(1, 2))
    assert np.argwhere(free.all(axis=0)).tolist() == [[5, 6]]


def test_frames_and_positions_are_turned_by_one_orientation(prepare_scan: Prepare) -> None:
    settings: dict[str, Any] = {"preprocessing__rotate90": 1, "experiment__swap_axes": True}
    plain, prepared = prepare_scan(scan()), prepare_scan(scan(), **settings)
    assert prepared.orientation == Orientation(rotate90=1, swap_axes=True)
    assert prepared.notes[0] == "orientation: patterns (turned by 90 degrees), positions (axes swapped)"
    np.testing.assert_array_equal(prepared.positions_m, plain.positions_m[:, ::-1])
    assert plain.orientation.changes_nothing and plain.notes == ()


def test_the_noise_model_is_decided_by_the_patterns(prepare_scan: Prepare) -> None:
    counts = np.random.default_rng(0).poisson(3.0, (12, 32, 32)).astype(np.float32)
    scaled_counts = counts * np.linspace(0.9, 1.1, 12, dtype=np.float32)[:, None, None]
    photons = prepare_scan(scan(frames=ArrayFrames(counts)))
    scaled = prepare_scan(scan(frames=ArrayFrames(scaled_counts)))
    assert (photons.noise_model.name, scaled.noise_model.name) == ("auto", "gaussian")
    auto = Reconstruction(noise_model="auto")
    assert photons.noise_model.decide(auto).noise_model == "auto"
    assert scaled.noise_model.decide(auto).noise_model == "gaussian"
    assert photons.noise_model.decide(Reconstruction(noise_model="gaussian")).noise_model == "gaussian"
    assert scaled.decisions(auto) == (scaled.noise_model.note,)
    for settings in (Reconstruction(engine="epie", noise_model="auto"), Reconstruction(noise_model="poisson")):
        assert scaled.decisions(settings) == ()


def test_a_background_leaves_no_photons(prepare_scan: Prepare, tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.ones((32, 32)))
    prepared = prepare_scan(scan(), preprocessing__background_file=tmp_path / "dark.npy")
    assert prepared.noise_model.name == "gaussian" and "background" in prepared.noise_model.reason


def test_pixels_are_held_out_after_the_first_guesses(prepare_scan: Prepare) -> None:
    whole, part = (prepare_scan(scan(), reconstruction__held_out=share) for share in (0.0, 0.05))
    assert whole.problem.held_out is None and part.problem.held_out is not None
    assert part.problem.held_out.pixels.shape == (12, 52)
    assert np.count_nonzero(part.problem.patterns != whole.problem.patterns) == part.problem.held_out.count
    assert np.array_equal(part.problem.probe, whole.problem.probe)
    assert np.array_equal(part.survey.mean, whole.survey.mean)
    again = prepare_scan(scan(), reconstruction__held_out=0.05).problem.held_out
    assert again is not None and np.array_equal(again.pixels, part.problem.held_out.pixels)


def test_what_is_held_out_of_too_little_is_said(prepare_scan: Prepare) -> None:
    (note,) = prepare_scan(scan(), reconstruction__held_out=0.01).notes
    assert "pixels are held out, few of them with counts" in note
    (note,) = prepare_scan(scan(), reconstruction__held_out=1e-9).notes
    assert "no pixel is held out" in note


def test_what_was_measured_on_held_out_pixels_is_nowhere_else(prepare_scan: Prepare) -> None:
    """Where no probe is made of the mean pattern, or scaled by it."""
    asked = {"reconstruction__held_out": 0.05, "reconstruction__rescale_probe": False}
    own = gaussian(32, 1.0, 5.0)
    first = prepare_scan(scan(probe=own), **asked)
    held_out = first.problem.held_out
    assert held_out is not None
    counts = scan().frames.read(np.arange(12)).copy()
    for frame, pixels in zip(counts, held_out.pixels, strict=True):
        rows, columns = np.divmod(pixels[pixels >= 0], 32)
        frame[(rows + 16) % 32, (columns + 16) % 32] += 7
    other = prepare_scan(scan(probe=own, frames=ArrayFrames(counts)), **asked)
    assert other.problem.held_out is not None
    assert np.array_equal(other.problem.patterns, first.problem.patterns)
    assert np.array_equal(other.problem.probe, first.problem.probe)
    there = held_out.pixels >= 0
    changed = np.square(other.problem.held_out.amplitudes)[there] - np.square(held_out.amplitudes)[there]
    np.testing.assert_allclose(changed, 7, rtol=1e-4)
