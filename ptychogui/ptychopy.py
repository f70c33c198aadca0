"""ptychopy's functions for its users' scripts: import this module in place of ptychopy.

from ptychogui import ptychopy

ptychopy.epieinit("./ptycho -jobID=sim512 -beamSize=110e-9 -scanDims=30,30 -step=50e-9,50e-9 -size=512 -simulate=1")
for i in range(100):
    ptychopy.epiestep()
resobj = ptychopy.epieresobj()
ptychopy.epiepost()

Every algorithm has the same functions; X stands for epie, dm, lsqml or, as ptychopy calls LSQML, mls:

- `X(para)` and `Xcmdstr(para)` do a whole reconstruction, write it, and return the object; `Xnp` does so with arrays.
- `Xinit(para)` or `Xnpinit` begins one, `Xstep()` does one iteration, `Xresobj()` and `Xresprobe()` copy the object,
  complex64 (rows, columns), and the probe, complex64 (modes, N, N); `Xpost()` writes the result and frees the device.

`para` is a command string; ptychopy's keywords (jobID, scanDimsx, lambd, iter, ...) do as well, and `device="cpu"` says
where to run. Results are `data/<jobID>.cxi`, `data/<jobID>_object_0.csv` and `data/<jobID>_probes_0.csv`; with -save=n
there are `_object_1.csv` after n iterations, `_object_2.csv` after 2n, and so on.
"""

from __future__ import annotations

import difflib
import logging
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.array_files import as_object, as_probe
from ptychogui.io.in_memory import scan_of
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.job_values import heeded_values, job_layers, make_job, plan_job, scan_source
from ptychogui.jobs.prepare.prepared_job import InMemory
from ptychogui.jobs.results.result_paths import as_given, file_stem, job_name
from ptychogui.jobs.stepped_job import SteppedJob
from ptychogui.params.chain import ENGINE_TITLES, engines_of
from ptychogui.params.commandline import read_command
from ptychogui.params.model import by_path, describe, marked

FOLDER = Path("data")
"""Where results are written, in the working folder, as ptychopy does."""

_PAIRS = {
    "qxy": ("qx", "qy"), "nxy": ("nx", "ny"), "scanDims": ("scanDimsx", "scanDimsy"), "step": ("stepx", "stepy"),
}  # fmt: skip
"""Flags of a command string whose value is two keywords."""

_OTHER_NAMES = {"lambd": "lambda", "iter": "i"}
"""Keyword -> flag of a command string, where they differ."""

_PAPER = {"reconstruction.noise_model": "gaussian"}
"""What the paper's algorithms do where this program's own default is another."""

_OF_FILES = {"preprocessing.center_px", *marked("reading")} - {"experiment.beamline"}
"""Parameters that say how to read and crop a file, and nothing of arrays that are cropped."""

_HALVES = {half: (flag, halves) for flag, halves in _PAIRS.items() for half in halves}

_log = logging.getLogger(__name__)

_Values = dict[str, tuple[Any, str]]


class _Algorithm:
    """One algorithm's functions, and its current job: there is one at most, and the next init takes its place."""

    def __init__(self, prefix: str, engine: str) -> None:
        self._prefix, self._engine = prefix, engine
        self._stepped: SteppedJob | None = None

    def whole(self, para: str = "", **keywords: Any) -> np.ndarray:
        """Reconstruct, and write the result; return the object, complex64 (rows, columns).

        Args:
            para: a command string, or nothing where keywords say all.
            keywords: ptychopy's, and `device`.

        Raises:
            PtychoError: the reconstruction can't be done, or diverged, or its result can't be written.
        """
        return self._whole(self._opened(*self._planned("", para, keywords, None)))

    def whole_of_arrays(
        self,
        jobID: str,
        diffractionNP: ArrayLike,
        positionNP: ArrayLike | None = None,
        objectNP: ArrayLike | None = None,
        probeNP: ArrayLike | None = None,
        **keywords: Any,
    ) -> np.ndarray:
        """Reconstruct arrays, and write the result; return the object, complex64 (rows, columns).

        Args:
            jobID: name of the result.
            diffractionNP: (positions, N, N), cropped, the direct beam at [0, 0]; at the center with fftShiftData=1.
            positionNP: (positions, 2), row and column in m; None for a raster of scanDimsx, scanDimsy, stepx, stepy.
            objectNP: (rows, columns), the first object, or None.
            probeNP: (N, N) or (modes, N, N), the first probe, or None.
            keywords: ptychopy's, and `device`.

        Raises:
            PtychoError: the reconstruction can't be done, or diverged, or its result can't be written.
        """
        given = _given(diffractionNP, positionNP, objectNP, probeNP)
        return self._whole(self._opened(*self._planned("np", "", {"jobID": jobID, **keywords}, given)))

    def init(self, para: str = "", **keywords: Any) -> bool:
        """Begin a reconstruction, in place of the current one; see `whole`."""
        self._replace(*self._planned("init", para, keywords, None))
        return True

    def init_of_arrays(
        self,
        jobID: str,
        diffractionNP: ArrayLike,
        positionNP: ArrayLike | None = None,
        objectNP: ArrayLike | None = None,
        probeNP: ArrayLike | None = None,
        **keywords: Any,
    ) -> bool:
        """Begin a reconstruction of arrays, in place of the current one; see `whole_of_arrays`."""
        given = _given(diffractionNP, positionNP, objectNP, probeNP)
        self._replace(*self._planned("npinit", "", {"jobID": jobID, **keywords}, given))
        return True

    def step(self) -> bool:
        """Do one iteration; beyond those of -i the reconstruction goes on for as many again."""
        stepped = self._current("step")
        if stepped.run.done:
            stepped.extend(stepped.settings, "more steps were asked for than -i says")
        self._told(stepped)
        return True

    def object(self) -> np.ndarray:
        """Copy the object: complex64 (rows, columns)."""
        return self._current("resobj").estimate().object

    def probe(self) -> np.ndarray:
        """Copy the probe: complex64 (modes, N, N)."""
        return self._current("resprobe").estimate().probe

    def post(self) -> bool:
        """Write the result, and free the device."""
        stepped = self._current("post")
        self._stepped = None
        with stepped:
            self._finished(stepped)
        return True

    def _current(self, function: str) -> SteppedJob:
        if self._stepped is None:
            raise ParameterError(f"{self._prefix}{function}(): no job is under way; call {self._prefix}init() first")
        return self._stepped

    def _replace(self, job: Job, given: InMemory) -> None:
        """Free the current job before the next one takes its memory."""
        if self._stepped is not None:
            self._stepped.close()
            self._stepped = None
        self._stepped = self._opened(job, given)

    def _opened(self, job: Job, given: InMemory) -> SteppedJob:
        return SteppedJob(job, given, Control(on_doubts=self._warn), as_given(job.output))

    def _warn(self, doubts: Iterable[str]) -> None:
        for doubt in doubts:
            _log.warning("%s: %s", self._prefix, doubt)

    def _planned(
        self, function: str, para: str, keywords: dict[str, Any], given: InMemory | None
    ) -> tuple[Job, InMemory]:
        name = f"{self._prefix}{function}()"
        device = keywords.pop("device", None)
        if not isinstance(para, str):
            raise ParameterError(f"{name} takes a command string, or keywords, not {type(para).__name__}")
        if para and keywords:
            raise ParameterError(f"{name} takes a command string or keywords, not both; put all into the string")
        command = para or _command_of(name, keywords)
        values = self._values(name, command)
        if given is not None:
            values = _for_arrays(name, values, given)
        if device is not None:
            values["devices.device"] = (device, f"{name}: device")
        return _job(values, command, given), given or InMemory()

    def _values(self, name: str, command: str) -> _Values:
        told = read_command(command)
        for note in told.notes:
            _log.info("%s: %s", name, note)
        values: _Values = {path: (value, told.flags[path]) for path, value in told.values.items()}
        engine = values.setdefault("reconstruction.engine", (self._engine, name))[0]
        if engine != self._engine:
            raise ParameterError(f"{name} is {ENGINE_TITLES[self._engine]}, but -algorithm says {engine}; leave it out")
        binary = values.get("output.binary", (False, ""))[0]
        values.setdefault("output.csv", (not binary, name))
        paper = {path: (value, name) for path, value in _PAPER.items()}
        return {**heeded_values(paper, engines_of(self._engine)), **self._heeded(name, values)}

    def _heeded(self, name: str, values: _Values) -> _Values:
        """Leave out what this algorithm has no use for, and say so: ptychopy's users give one list to all."""
        heeded = heeded_values(values, engines_of(self._engine))
        _warn(name, values, heeded, f"in {ENGINE_TITLES[self._engine]}")
        return heeded

    def _whole(self, stepped: SteppedJob) -> np.ndarray:
        with stepped:
            while not (stepped.run.done or stepped.run.may_end):
                self._told(stepped)
            self._finished(stepped)
            return stepped.estimate().object

    def _told(self, stepped: SteppedJob) -> None:
        for note in stepped.step().notes:
            _log.info("%s: %s", self._prefix, note)

    def _finished(self, stepped: SteppedJob) -> None:
        last = stepped.finish()
        for note in last.notes:
            _log.info("%s: %s", self._prefix, note)
        if last.result is None:
            _log.warning("%spost(): no iteration was done, so nothing is written", self._prefix)


def _warn(name: str, before: _Values, after: _Values, where: str) -> None:
    """Say which values were left out, but for those that ask for nothing."""
    for path, (value, _) in before.items():
        if path not in after and value != by_path()[path].default:
            _log.warning("%s: -%s has no effect %s", name, by_path()[path].flag, where)


def _for_arrays(name: str, values: _Values, given: InMemory) -> _Values:
    """Leave out what says how to read a file; positions that are given are not computed."""
    kept = {path: value for path, value in values.items() if path not in _OF_FILES}
    kept.setdefault("preprocessing.direct_beam", ("corner", name))
    if given.scan is not None and given.scan.positions_m is not None:
        kept.pop("experiment.scan_pattern", None)
    _warn(name, {path: value for path, value in values.items() if path in _OF_FILES}, kept, "on arrays")
    return kept


def _job(values: _Values, command: str, given: InMemory | None) -> Job:
    scan = None if given is None else given.scan
    source = scan_source(None, values) if scan is None else None
    job_id, _ = values.get("output.job_id", ("", ""))
    name = file_stem(job_name(source, job_id, unnamed="ptychopy"))
    _make_folder()
    output = FOLDER / f"{name}.cxi"
    if scan is None:
        return plan_job(source, values, output, command)
    return make_job(job_layers(scan, values), None, output, command, in_memory=True)


def _make_folder() -> None:
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't make the folder {FOLDER.absolute()} for results: {error.strerror}") from error


def _given(
    patterns: ArrayLike, positions_m: ArrayLike | None, first: ArrayLike | None, probe: ArrayLike | None
) -> InMemory:
    return InMemory(
        scan=scan_of(patterns, positions_m),
        probe=None if probe is None else as_probe(np.asarray(probe), "probeNP"),
        object=None if first is None else as_object(np.asarray(first), "objectNP"),
    )


def _command_of(name: str, keywords: Mapping[str, Any]) -> str:
    """Write keywords as a command string."""
    told = {keyword: value for keyword, value in keywords.items() if value is not None}
    for keyword in told:
        _check_keyword(name, keyword)
    words = ["./ptycho"]
    for keyword, value in told.items():
        flag, halves = _HALVES.get(keyword, (_OTHER_NAMES.get(keyword, keyword), (keyword,)))
        missing = [half for half in halves if half not in told]
        if missing:
            raise ParameterError(f"{name}: {keyword}={value} needs {missing[0]} as well")
        if keyword == halves[0]:
            words.append(f"-{flag}={','.join(_text(name, half, told[half]) for half in halves)}")
    return shlex.join(words)


def _check_keyword(name: str, keyword: str) -> None:
    flags = {param.flag for param in describe() if param.flag}
    known = (flags - _PAIRS.keys() - {"lambda"}) | _HALVES.keys() | _OTHER_NAMES.keys()
    if keyword not in known:
        nearest = difflib.get_close_matches(keyword, sorted(known), n=1, cutoff=0.0)[0]
        raise ParameterError(f"{name}: there is no keyword '{keyword}'; the nearest is {nearest}")


def _text(name: str, keyword: str, value: Any) -> str:
    """Write a keyword's value; numbers with all their digits, truth as 1 or 0."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, (str, int, float, Path)):
        raise ParameterError(f"{name}: {keyword} is a number or a text, not {type(value).__name__}")
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


_EPIE, _DM, _LSQML = _Algorithm("epie", "epie"), _Algorithm("dm", "dm"), _Algorithm("lsqml", "lsqml")
_MLS = _Algorithm("mls", "lsqml")

epie = epiecmdstr = _EPIE.whole
epienp, epienpinit = _EPIE.whole_of_arrays, _EPIE.init_of_arrays
epieinit, epiestep, epiepost = _EPIE.init, _EPIE.step, _EPIE.post
epieresobj, epieresprobe = _EPIE.object, _EPIE.probe

dm = dmcmdstr = _DM.whole
dmnp, dmnpinit = _DM.whole_of_arrays, _DM.init_of_arrays
dminit, dmstep, dmpost = _DM.init, _DM.step, _DM.post
dmresobj, dmresprobe = _DM.object, _DM.probe

lsqml = lsqmlcmdstr = _LSQML.whole
lsqmlnp, lsqmlnpinit = _LSQML.whole_of_arrays, _LSQML.init_of_arrays
lsqmlinit, lsqmlstep, lsqmlpost = _LSQML.init, _LSQML.step, _LSQML.post
lsqmlresobj, lsqmlresprobe = _LSQML.object, _LSQML.probe

mls = mlscmdstr = _MLS.whole
mlsnp, mlsnpinit = _MLS.whole_of_arrays, _MLS.init_of_arrays
mlsinit, mlsstep, mlspost = _MLS.init, _MLS.step, _MLS.post
mlsresobj, mlsresprobe = _MLS.object, _MLS.probe
