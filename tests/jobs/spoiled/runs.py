"""Reconstructions of spoiled scans, and what is wrong with how they end."""

from __future__ import annotations

import hashlib
import math
import pickle
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ptychogui.backends.base import Backend
from ptychogui.errors import DivergedError, PtychoError
from ptychogui.io.result import read_result
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.preflight import Level, preflight
from ptychogui.jobs.prepare.prepared_job import PreparedJob
from ptychogui.jobs.runner import run_job
from tests.jobs.spoiled.ingredients import RECIPE, ingredients, object_error, write_cxi
from tests.jobs.spoiled.spoiling import Spoiling

SETTINGS = {"preprocessing.size_px": RECIPE.n, "reconstruction.engine": "lsqml", "reconstruction.iterations": 30}
WORSE = 1.5
"""Error of the object, as a part of the unspoiled scan's, above which a picture is wrong."""

_SUSPICION = "the error is still "
"""Begins the note that lists all that a poor fit may come of: it names nothing but how frames and positions meet."""

_FEWEST_WORDS = 4
"""Of a sentence."""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        error: of the object; NaN where there is none.
        refusal: why there is none.
        doubts: notes of the run, and what preflight calls worth a look or a reason to stop.
        stopped: whether preflight would stop it, or can't even open it.
        blunder: whatever else was raised.
    """

    error: float = math.nan
    refusal: str = ""
    doubts: tuple[str, ...] = ()
    stopped: bool = False
    blunder: str = ""


class Runs:
    """Runs of spoiled scans, each combination once; patterns and guesses that were seen before are not run again."""

    def __init__(self, folder: Path, backend: Backend, prepared: list[PreparedJob]) -> None:
        """Take a folder for files, an open device, and the list on which the runner's latest problem is the last."""
        self._folder, self._backend, self._prepared = folder, backend, prepared
        self._ended: dict[tuple[str, ...], Ending] = {}
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    def complaint(self, spoilings: Iterable[Spoiling]) -> str:
        """Say what is wrong with the end of a run; "" if the picture is right, or refused, or the fault is named."""
        both = tuple(sorted(spoilings, key=lambda spoiling: (spoiling.when, spoiling.name)))
        ending, plain = self.end(both), self.end(())
        said = tuple(doubt for doubt in ending.doubts if doubt not in plain.doubts)
        text = f"{ending.refusal or f'error {ending.error:.3f} for {plain.error:.3f}'}; said: {said}"
        if ending.blunder:
            return f"raised {ending.blunder}"
        if any(spoiling.hopeless for spoiling in both) and not (ending.refusal and ending.stopped):
            return f"not refused or, by preflight, not stopped: {text}"
        if ending.refusal:
            return "" if len(ending.refusal.split()) >= _FEWEST_WORDS else f"no sentence: {ending.refusal}"
        if ending.error <= WORSE * plain.error or _named(self._blamed(both, plain.error), said):
            return ""
        return f"wrong without a word: {text}"

    def _blamed(self, both: tuple[Spoiling, ...], plain: float) -> tuple[Spoiling, ...]:
        """Return those that make the picture wrong by themselves, or else all."""
        alone = [(spoiling, self.end((spoiling,))) for spoiling in both]
        return tuple(spoiling for spoiling, ending in alone if not ending.error <= WORSE * plain) or both

    def end(self, spoilings: tuple[Spoiling, ...]) -> Ending:
        """Run a scan with these spoilings, done in this order."""
        names = tuple(spoiling.name for spoiling in spoilings)
        if names not in self._ended:
            self._ended[names] = self._run(spoilings, self._folder / str(len(self._ended)))
        return self._ended[names]

    def _run(self, spoilings: tuple[Spoiling, ...], folder: Path) -> Ending:
        made = ingredients()
        for spoiling in spoilings:
            spoiling.spoil(made)
        doubts: list[str] = []
        stopped = True
        try:
            job = _job(write_cxi(folder, made))
            stopped = _is_stopped(job, doubts)
            error = self._reconstruct(job, doubts, to_the_end=any("name" in spoiling.takes for spoiling in spoilings))
            return Ending(error, "", tuple(doubts), stopped)
        except DivergedError as error:
            if not _named(spoilings, (str(error), *doubts)):
                return Ending(doubts=tuple(doubts), stopped=stopped, blunder=f"DivergedError: {error}; said: {doubts}")
            return Ending(math.nan, str(error), tuple(doubts), stopped)
        except PtychoError as error:
            return Ending(math.nan, str(error), tuple(doubts), stopped)
        except Exception as error:  # noqa: BLE001 - whatever comes is what this is to find out
            return Ending(doubts=tuple(doubts), stopped=stopped, blunder=f"{type(error).__name__}: {error}")

    def _reconstruct(self, job: Job, doubts: list[str], to_the_end: bool) -> float:
        """Return the object's error; from an earlier run of the same problem, if there was one."""
        steps = run_job(job, self._backend)
        doubts += _doubtful(next(steps).notes)
        key = _digest(self._prepared[-1])
        if key in self._known and not to_the_end:
            steps.close()
        else:
            notes = tuple(note for progress in steps for note in progress.notes)
            self._known[key] = object_error(read_result(job.output)), notes
        error, notes = self._known[key]
        doubts += _doubtful(notes)
        return error


def _job(path: Path) -> Job:
    values = {name: (value, "test") for name, value in SETTINGS.items()}
    command = shlex.join(["ptychogui", "reconstruct", str(path)])
    return make_job(job_layers(path, values), path, path.with_name(f"{path.stem}-result.cxi"), command)


def _is_stopped(job: Job, doubts: list[str]) -> bool:
    """Whether preflight says 'stop', or can't even open the scan; its doubts are told."""
    try:
        found = preflight(job)
    except PtychoError as error:
        doubts.append(str(error))
        return True
    doubts += [
        f"{finding.title}: {finding.reason}" for finding in found.findings if finding.level in (Level.LOOK, Level.STOP)
    ]
    return found.level is Level.STOP


def _named(spoilings: Iterable[Spoiling], said: Iterable[str]) -> bool:
    """Whether any of the spoilings is named in what is said."""
    words = [word.lower() for spoiling in spoilings for word in spoiling.words]
    general = [word for word in words if word in ("orientation", "pairing")]
    return any(word in text.lower() for text in said for word in (general if text.startswith(_SUSPICION) else words))


def _digest(prepared: PreparedJob) -> str:
    """Tell a problem with its settings from all others."""
    content = prepared.problem, prepared.parameters.reconstruction, prepared.frame_rows
    return hashlib.sha256(pickle.dumps(content)).hexdigest()


def _doubtful(notes: Iterable[str]) -> list[str]:
    """Leave out what a run has chosen, which is no doubt."""
    return [note for note in notes if not note.startswith("noise model: ")]
