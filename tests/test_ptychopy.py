"""ptychopy's functions: its users' scripts run with another import alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui import ptychopy
from ptychogui.api import read_result, reconstruct
from ptychogui.errors import DataError, OutputError, ParameterError
from ptychogui.io.simulated import write_scan
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

LISTING_1 = """
import ptychopy
# Define the command string with parameters for reconstruction
cmdstr="./ptycho -jobID=sim512 -beamSize=110e-9 -scanDims=30,30 -step=50e-9,50e-9 -i=100 -size=512 \
-lambda=2.4796837508399954e-10 -dx_d=172e-6 -z=1 -simulate=1 -blind=0"
# Define the number of iterations
its = 100
# Init the reconstruction
ptychopy.epieinit(cmdstr)
# Reconstruct its iterations
for i in range(its):
    ptychopy.epiestep()
# Get back the object and probe result
resobj=ptychopy.epieresobj()
resprobe=ptychopy.epieresprobe()
# Clear up resource
ptychopy.epiepost()
"""

SMALL = "-beamSize=0.8e-6 -scanDims=3,4 -step=0.3e-6,0.3e-6 -i=3 -size=64 -lambda=1.5e-10 -dx_d=150e-6 -z=2 -simulate=1"
OF_SCAN: dict[str, Any] = {"lambd": 1.24e-10, "z": 2.0, "dx_d": 150e-6}
PREFIXES = ("epie", "dm", "lsqml", "mls")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, and leave no job behind."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    return simulate(Recipe(n=64, scan_dims=(3, 3), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6))


def function(prefix: str, name: str) -> Any:
    return getattr(ptychopy, prefix + name)


def table(path: str) -> np.ndarray:
    read: np.ndarray = np.genfromtxt(path, delimiter=",", dtype=complex)
    return read.astype(np.complex64)


def test_listing_1_of_the_paper_runs(folder: Path) -> None:
    """Its calls are literal; the scan is a smaller one."""
    script = LISTING_1.replace("import ptychopy", "from ptychogui import ptychopy")
    for large, small in {"-size=512": "-size=64", "=30,30": "=4,4", "172e-6": "688e-6", "= 100": "= 3"}.items():
        assert large in script
        script = script.replace(large, small)
    names: dict[str, Any] = {}
    exec(script, names)
    assert (names["resobj"].ndim, names["resobj"].dtype) == (2, np.complex64)
    assert (names["resprobe"].shape, names["resprobe"].dtype) == ((1, 64, 64), np.complex64)
    np.testing.assert_array_equal(table("data/sim512_object_0.csv"), names["resobj"])
    np.testing.assert_array_equal(table("data/sim512_probes_0.csv"), names["resprobe"][0])
    result = read_result("data/sim512.cxi")
    np.testing.assert_array_equal(result.object, names["resobj"])
    assert (result.state, len(result.errors), result.title) == ("stopped", 3, "sim512")
    assert "-scanDims=4,4" in result.command


@pytest.mark.parametrize("prefix", PREFIXES)
def test_steps_and_the_whole_give_the_same(prefix: str) -> None:
    command = f"./ptycho -jobID=one {SMALL} -probeModes=2"
    assert function(prefix, "init")(command, device="numpy") is True
    assert [function(prefix, "step")() for _ in range(3)] == [True] * 3
    object_, probe = function(prefix, "resobj")(), function(prefix, "resprobe")()
    assert function(prefix, "post")() is True
    assert (object_.ndim, object_.dtype, probe.shape) == (2, np.complex64, (2, 64, 64))
    whole = function(prefix, "")(command.replace("=one", "=two"), device="numpy")
    np.testing.assert_array_equal(whole, object_)
    np.testing.assert_array_equal(function(prefix, "cmdstr")(command, device="numpy"), object_)
    for job in ("one", "two"):
        np.testing.assert_array_equal(table(f"data/{job}_object_0.csv"), object_)
        np.testing.assert_array_equal(table(f"data/{job}_probes_0.csv"), probe.reshape(-1, 64))
    engine = "lsqml" if prefix == "mls" else prefix
    assert f'"engine": "{engine}"' in read_result("data/one.cxi").parameters
    assert read_result("data/two.cxi").state == "done"


def test_keywords_are_the_command_string() -> None:
    from_text = ptychopy.epie(f"-jobID=text {SMALL} -updateProbe=2", device="numpy")
    keywords = {
        "jobID": "words", "beamSize": 0.8e-6, "scanDimsx": 3, "scanDimsy": np.int64(4), "stepx": 0.3e-6, "T": 0,
        "stepy": 0.3e-6, "iter": 3, "size": 64, "lambd": 1.5e-10, "dx_d": 150e-6, "z": 2, "simulate": True, "lf": "",
        "updateProbe": 2, "binaryOutput": 0, "probeGuess": None, "PPS": 20, "delta_p": 0.1, "rotate90": 0, "fp": "",
    }  # fmt: skip
    np.testing.assert_array_equal(ptychopy.epie(device="numpy", **keywords), from_text)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("begins", ["corner", "center"])
def test_arrays_give_the_bits_of_a_file(scan: SimulatedScan, prefix: str, begins: str) -> None:
    write_scan("scan.cxi", scan)
    engine = "lsqml" if prefix == "mls" else prefix
    options: dict[str, Any] = {"engine": engine, "iterations": 3, "device": "numpy", "energy_eV": 10000.0}
    if engine == "lsqml":
        options["noise_model"] = "gaussian"
    *_, last = reconstruct("scan.cxi", "from_file.cxi", detector_pixel_m=150e-6, distance_m=2.0, **options)
    assert last.estimate is not None
    center = begins == "center"
    counts = scan.counts if center else np.fft.ifftshift(scan.counts, axes=(1, 2))
    dead = scan.bad_pixels if center else np.fft.ifftshift(scan.bad_pixels)
    assert not dead.any()
    wavelength_m = 1.2398419843320026e-6 / 10000
    keywords = {**OF_SCAN, "lambd": wavelength_m, "iter": 3, "device": "numpy", "spiralScan": 0, "qx": 300, "qy": 20}
    if center:
        keywords["fftShiftData"] = 1
    if scan.recipe.bit_depth:
        keywords["bitDepth"] = scan.recipe.bit_depth
    object_ = function(prefix, "np")("arrays", counts, scan.positions_m, **keywords)
    np.testing.assert_array_equal(object_, last.estimate.object)
    function(prefix, "npinit")("steps", counts, scan.positions_m, **keywords)
    for _ in range(3):
        function(prefix, "step")()
    np.testing.assert_array_equal(function(prefix, "resobj")(), last.estimate.object)
    np.testing.assert_array_equal(function(prefix, "resprobe")(), last.estimate.probe)
    function(prefix, "post")()
    np.testing.assert_allclose(read_result("data/steps.cxi").positions_m, read_result("from_file.cxi").positions_m)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_command_that_is_refused_leaves_the_current_job_alone(prefix: str) -> None:
    command = f"./ptycho -jobID=one {SMALL}"
    function(prefix, "init")(command, device="numpy")
    function(prefix, "step")()
    with pytest.raises(ParameterError):
        function(prefix, "init")(f"{command} -zzz=1", device="numpy")
    assert function(prefix, "step")() is True
    function(prefix, "post")()
    assert len(read_result("data/one.cxi").errors) == 2


def test_the_file_of_a_whole_scan_can_be_the_pattern(scan: SimulatedScan) -> None:
    write_scan("scan.cxi", scan)
    object_ = ptychopy.epie("./ptycho -jobID=job -fp=scan.cxi -i=2", device="numpy")
    *_, last = reconstruct("scan.cxi", "same.cxi", engine="epie", iterations=2, device="numpy")
    assert last.estimate is not None
    np.testing.assert_array_equal(object_, last.estimate.object)


def test_raw_files_and_arrays_give_the_same(scan: SimulatedScan) -> None:
    """Raster positions, frames of a line in a file each, as at the APS."""
    for line in range(3):
        with h5py.File(f"scan_{line + 1:04d}.h5", "w") as file:
            file["entry/data/data"] = scan.counts[3 * line : 3 * line + 3]
    shared = "-scanDims=3,3 -step=0.3e-6 -lambda=1.4e-10 -z=1.92 -dx_d=150e-6 -size=48 -i=2 -updateProbe=1"
    files = ptychopy.epie(
        f"-jobID=files -fp=scan_#04d.h5 -fs=1 -dpf=3 {shared} -qxy=32,32 -hdf5path=/entry/data/data", device="numpy"
    )
    arrays = ptychopy.epienp(
        "arrays", scan.counts[:, 8:56, 8:56], fftShiftData=1, scanDimsx=3, scanDimsy=3, stepx=0.3e-6, stepy=0.3e-6,
        lambd=1.4e-10, z=1.92, dx_d=150e-6, i=2, updateProbe=1, device="numpy", fs=1, dpf=3,
    )  # fmt: skip
    np.testing.assert_array_equal(files, arrays)
    assert len(read_result("data/files.cxi").sources) == 3


def test_first_probe_and_object_may_be_arrays(scan: SimulatedScan) -> None:
    counts = np.fft.ifftshift(scan.counts, axes=(1, 2))
    first = np.full((90, 100), 0.5j)
    ptychopy.epienpinit("a", counts, scan.positions_m, first, scan.probe, beamSize=1e-6, device="numpy", **OF_SCAN)
    object_, probe = ptychopy.epieresobj(), ptychopy.epieresprobe()
    middle = object_[object_.shape[0] // 2, object_.shape[1] // 2]
    assert middle == 0.5j
    likeness = abs(np.vdot(probe, scan.probe)) / np.linalg.norm(probe) / np.linalg.norm(scan.probe)
    assert likeness == pytest.approx(1, abs=1e-5)
    np.save("probe.npy", scan.probe)
    np.save("object.npy", first)
    ptychopy.epienpinit(
        "b", counts, scan.positions_m, probeGuess="probe.npy", objectGuess="object.npy", device="numpy", **OF_SCAN
    )
    np.testing.assert_array_equal(ptychopy.epieresobj(), object_)
    np.testing.assert_array_equal(ptychopy.epieresprobe(), probe)


def test_jobs_of_one_process_share_nothing() -> None:
    """What one job set is not there in the next, and two algorithms do not meet."""
    alone = ptychopy.epie(f"-jobID=a {SMALL}", device="numpy")
    ptychopy.epieinit(f"-jobID=b {SMALL} -phaseConstraint=3 -probeModes=3 -rotate90=1", device="numpy")
    ptychopy.dminit(f"-jobID=c {SMALL}", device="numpy")
    ptychopy.epiestep()
    ptychopy.dmstep()
    ptychopy.epieinit(f"-jobID=d {SMALL}", device="numpy")
    for _ in range(3):
        ptychopy.epiestep()
        ptychopy.dmstep()
    np.testing.assert_array_equal(ptychopy.epieresobj(), alone)
    ptychopy.epiepost()
    assert ptychopy.dmresobj().shape == alone.shape
    ptychopy.dmpost()
    assert sorted(path.name for path in Path("data").glob("*.cxi")) == ["a.cxi", "c.cxi", "d.cxi"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_without_a_job_there_is_nothing_to_step(prefix: str) -> None:
    function(prefix, "init")(SMALL, device="numpy")
    function(prefix, "post")()
    for name in ("step", "resobj", "resprobe", "post"):
        words = re.escape(f"{prefix}{name}(): no job is under way; call {prefix}init() first")
        with pytest.raises(ParameterError, match=words):
            function(prefix, name)()
    assert not list(Path("data").iterdir())


def test_more_steps_than_iterations_go_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ptychogui.ptychopy")
    ptychopy.epieinit(f"-jobID=long {SMALL}", device="numpy")
    for _ in range(5):
        ptychopy.epiestep()
    ptychopy.epiepost()
    result = read_result("data/long.cxi")
    assert (len(result.errors), result.state) == (5, "stopped")
    assert result.errors[4] < result.errors[2]
    assert "more steps were asked for than -i says" in caplog.text


def test_binary_takes_the_place_of_csv() -> None:
    object_ = ptychopy.epie(f"-jobID=raw {SMALL} -binaryOutput=1", device="numpy")
    assert sorted(path.name for path in Path("data").iterdir()) == ["raw.cxi", "raw_object_0.bin", "raw_probes_0.bin"]
    np.testing.assert_array_equal(np.fromfile("data/raw_object_0.bin", "<c8").reshape(object_.shape), object_)


def test_what_is_saved_on_the_way_is_numbered(folder: Path) -> None:
    ptychopy.epieinit(f"./ptycho -jobID=a -save=1 {SMALL}", device="numpy")
    ptychopy.epiestep()
    first = ptychopy.epieresobj()
    np.testing.assert_array_equal(table("data/a_object_1.csv"), first)
    ptychopy.epiestep()
    ptychopy.epiestep()
    ptychopy.epiepost()
    np.testing.assert_array_equal(table("data/a_object_1.csv"), first)
    kinds = {f"a_{what}_{number}.csv" for what in ("object", "probes") for number in (0, 1, 2)}
    assert {path.name for path in (folder / "data").iterdir()} == {"a.cxi", *kinds}


def test_a_time_limit_ends_the_whole() -> None:
    ptychopy.epie(f"-jobID=soon {SMALL} -T=1e-9", device="numpy")
    assert read_result("data/soon.cxi").state == "stopped"
    assert len(read_result("data/soon.cxi").errors) == 1


def test_what_an_algorithm_does_not_heed_is_said(caplog: pytest.LogCaptureFixture) -> None:
    ptychopy.dm(f"{SMALL} -PPS=20", device="numpy")
    assert "dm(): -PPS has no effect in DM" in caplog.text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ptychopy.epie("./ptycho -scanDim=3,3"), "there is no flag -scandim; the nearest is -scanDims"),
        (lambda: ptychopy.epie(f"{SMALL} -algorithm=DM"), "is ePIE, but -algorithm says dm"),
        (lambda: ptychopy.epie(SMALL, iter=3), "not both"),
        (lambda: ptychopy.epie(7), "not int"),  # type: ignore[arg-type]
        (lambda: ptychopy.epie(), "there is no scan to reconstruct"),
        (lambda: ptychopy.epie(scanDimx=3), "no keyword 'scanDimx'; the nearest is scanDimsx"),
        (lambda: ptychopy.epie(size=np.ones(2)), "size is a number or a text, not ndarray"),
        (lambda: ptychopy.epie(scanDimsx=3), "scanDimsx=3 needs scanDimsy as well"),
        (lambda: ptychopy.epienp("a", np.ones((2, 64, 64)), np.zeros((2, 2))), "does not say the photon energy"),
        (lambda: ptychopy.epienp("a", np.ones((2, 64, 64)), np.zeros((2, 2)), simulate=1), "leave out the arrays"),
        (lambda: ptychopy.epienp("a", np.ones((2, 64, 64)), **OF_SCAN), "has no scan positions"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(words)):
        call()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((np.ones((2, 64)), np.zeros((2, 2))), "(positions, rows, columns), but these are 2 x 64"),
        ((np.ones((2, 64, 64)), np.zeros((3, 2))), "2 patterns need positions of 2 x 2 numbers"),
        ((np.ones((2, 64, 64), complex), None), "patterns are real numbers, not complex128"),
        ((np.ones((2, 64, 64)), None, np.ones((2, 3, 4))), "objectNP: an object has rows and columns"),
        ((np.ones((2, 64, 64)), None, None, np.ones((3, 4))), "probeNP: a probe is square"),
    ],
)
def test_wrong_arrays_are_named(arrays: Any, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        ptychopy.lsqmlnp("a", *arrays)


def test_a_file_in_the_place_of_the_folder_is_named() -> None:
    Path("data").touch()
    with pytest.raises(OutputError, match=r"can't make the folder .*data for results"):
        ptychopy.epieinit(SMALL, device="numpy")


def test_a_name_that_is_too_long_for_a_file_is_cut() -> None:
    ptychopy.epieinit(f"{SMALL} -jobID={'x' * 300}", device="numpy")
    ptychopy.epiestep()
    ptychopy.epiepost()
    assert {file.name.strip("x") for file in Path("data").iterdir()} == {".cxi", "_object_0.csv", "_probes_0.csv"}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_noise_is_that_of_the_paper(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    function(prefix, "")(f"-jobID=paper {SMALL}", device="numpy")
    assert read_result("data/paper.cxi").noise_model == ("gaussian" if prefix in ("lsqml", "mls") else "")
    assert "no effect" not in caplog.text
