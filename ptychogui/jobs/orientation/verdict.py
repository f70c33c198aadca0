"""The verdict on a scan's orientation by the evidence, and how sure it is; cases.py says what there is to tell.

Each kind of evidence compares two classes at every position; the mean over its standard error, z, is in units of what
chance gives. The two are independent and add up as (z1 + z2) / sqrt(2) (Stouffer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from ptychogui.jobs.orientation.cases import CLASSES, Case, options_text

_OVERLAPPING = 4
"""Neighboring positions that see the same part of the sample, and so count as one."""

_SURE_Z, _LIKELY_Z, _MOST_Z = 4.0, 2.5, 100.0
_RESOLVED = 0.6
"""Part of the next class's misfit, without the photons' share, below which a fit shows the object as it is."""

_CLEAR, _VISIBLE = 0.85, 0.45
"""Correlations of phase and absorption. Wrong reconstructions reach 0.3, and samples without absorption 0.7."""


class Certainty(Enum):
    """How sure an answer is."""

    SURE = "sure"
    LIKELY = "likely"
    UNKNOWN = "can't tell"


@dataclass(frozen=True)
class Evidence:
    """What was found in a scan.

    Attributes:
        misfits: float (4, 2), error of each class in photon-noise units, begun with the beam and with its conjugate.
        fits: float (4, positions), mean square misfit of each pattern that was fitted, with the better beam.
        curls: float (4, all positions), squared curl at each.
        beams: float (2, positions), as `fits`, of the class that fits best, for the two beams.
        correlation: of phase and absorption in the object of the class that fits best, its turn taken with sign 1.
        beam_is_known: whether the beam was given; a guess may as well be the conjugate.
    """

    misfits: np.ndarray
    fits: np.ndarray
    curls: np.ndarray
    beams: np.ndarray
    correlation: float
    beam_is_known: bool

    def z(self, winner: int) -> float:
        """Return by how much a class is better than any other, in standard errors; the least of the three."""
        pairs = [(self.fit_z(winner, other) + self.curl_z(winner, other)) / np.sqrt(2) for other in _others(winner)]
        return float(min(pairs))

    def fit_z(self, one: int, other: int) -> float:
        """Return by how many standard errors a class fits better than another."""
        return standard_errors(self.fits[other] - self.fits[one])

    def curl_z(self, one: int, other: int) -> float:
        """Return by how many standard errors a class has less curl than another."""
        return standard_errors(self.curls[other] - self.curls[one])

    def misfit(self, place: tuple[int, int]) -> float:
        """Return the error of a case; a guessed beam leaves the sign open, and the better one counts."""
        number, sign = place
        both = self.misfits[number]
        return float(both[0 if sign > 0 else 1] if self.beam_is_known else both.min())


@dataclass(frozen=True)
class Verdict:
    """What to make of a scan's orientation.

    Attributes:
        ranking: all cases, the best first.
        chosen: the one to take; that of the job where nothing speaks against it.
        sure: how sure its class is: chosen or its equivalents.
        sign: how sure it is that phases have the right sign.
        why: the reasons, a sentence each.
        mirrored: cases that fit as well and give the object's mirror image.
        conjugated: cases that differ by 180 degrees: phases of the other sign.
        values: the parameters to change, path -> value; empty where the job has them right.
    """

    ranking: tuple[Case, ...]
    chosen: Case
    sure: Certainty
    sign: Certainty
    why: tuple[str, ...]
    mirrored: tuple[Case, ...]
    conjugated: tuple[Case, ...]
    values: Mapping[str, Any]

    @property
    def options(self) -> str:
        """Return what to type for the chosen case, "" for frames and scan as they come."""
        needed = {path: value for path, value in self.chosen.values.items() if value or path in self.values}
        return options_text(needed)


def judge(cases: Sequence[Case], evidence: Evidence) -> Verdict:
    """Rank the cases and say which one it is, and how sure that is."""
    winner = max(range(len(CLASSES)), key=evidence.z)
    sure = _certainty(evidence.z(winner), (_LIKELY_Z, _SURE_Z))
    right, sign = _sign(evidence) if winner == _best_fit(evidence) else (0, Certainty.UNKNOWN)
    if sure is Certainty.UNKNOWN:
        right, sign = 0, Certainty.UNKNOWN
    curls = evidence.curls.mean(axis=1) / max(evidence.curls.mean(axis=1).max(), np.finfo(np.float64).tiny)
    known = [replace(case, misfit=evidence.misfit(case.place), curl=float(curls[case.place[0]])) for case in cases]
    current = next(case for case in known if case.current)
    ranking = sorted(known, key=lambda case: _rank(case, current, winner, right))
    chosen = current if sure is Certainty.UNKNOWN else ranking[0]
    mirrored = [case for case in ranking if case.place == chosen.place and case is not chosen]
    conjugated = [case for case in ranking if case.place == (chosen.place[0], -chosen.place[1])]
    values = {path: value for path, value in chosen.values.items() if value != current.values[path]}
    why = (*_class_reasons(evidence, winner, sure), *_sign_reasons(evidence, sure, chosen.place[1], sign))
    return Verdict(tuple(ranking), chosen, sure, sign, why, tuple(mirrored), tuple(conjugated), values)


def standard_errors(differences: np.ndarray) -> float:
    """Return the mean of differences at positions, in units of its standard error: at most 100."""
    mean, error = differences.mean(), differences.std() / np.sqrt(max(len(differences) / _OVERLAPPING, 1.0))
    return float(mean / max(error, abs(mean) / _MOST_Z)) if mean else 0.0


def _rank(case: Case, current: Case, winner: int, right: int) -> tuple[Any, ...]:
    """Order cases: the winner's class, then by error; the right sign, the job's own, the job's scan, the simplest."""
    number, sign = case.place
    error = case.misfit if number != winner else 0.0
    other_scan = case.mirror_columns != current.mirror_columns
    return number != winner, error, right * sign < 0, not case.current, other_scan, case.changes


def _best_fit(evidence: Evidence) -> int:
    return int(np.argmin(evidence.misfits.min(axis=1)))


def _others(winner: int) -> list[int]:
    return [number for number in range(len(CLASSES)) if number != winner]


def _certainty(value: float, levels: tuple[float, float]) -> Certainty:
    if value >= levels[1]:
        return Certainty.SURE
    return Certainty.LIKELY if value >= levels[0] else Certainty.UNKNOWN


def _sign(evidence: Evidence) -> tuple[int, Certainty]:
    """Return the sign of the turn that phases say, 0 for neither, and how sure it is."""
    correlation, votes = evidence.correlation if _is_resolved(evidence) else 0.0, 0
    for level in (_VISIBLE, _CLEAR):
        votes += int(np.sign(correlation)) * (abs(correlation) >= level)
    if evidence.beam_is_known:
        beam = standard_errors(evidence.beams[1] - evidence.beams[0])
        votes += int(np.sign(beam)) * (abs(beam) >= _SURE_Z)
    return int(np.sign(votes)), _certainty(abs(votes), (1, 2))


def _is_resolved(evidence: Evidence) -> bool:
    """Whether the best fit is so much better than the next that its object can be trusted."""
    best, following = np.sort(np.maximum(np.square(evidence.misfits.min(axis=1)) - 1, 0))[:2]
    return bool(best < _RESOLVED * following or best == 0)


def _class_reasons(evidence: Evidence, winner: int, sure: Certainty) -> list[str]:
    errors = evidence.misfits.min(axis=1)
    others = _others(winner)
    next_fit = min(others, key=lambda other: errors[other])
    next_curl = min(others, key=lambda other: evidence.curl_z(winner, other))
    fit = (
        f"of the four arrangements that patterns tell apart, the first here fits {evidence.fits.shape[1]} neighbors "
        f"with an error of {errors[winner]:.3g} (photon noise), the next with {errors[next_fit]:.3g}: "
        f"{evidence.fit_z(winner, next_fit):.1f} standard errors"
    )
    curl = (
        "the centers of mass of the patterns have the least curl in it, by" if evidence.curl_z(winner, next_curl) > 0
        else "the centers of mass of the patterns have less curl in another, by"
    )  # fmt: skip
    found = [fit, f"{curl} {abs(evidence.curl_z(winner, next_curl)):.1f} standard errors"]
    if sure is Certainty.UNKNOWN:
        found.append(
            f"together that is {evidence.z(winner):.1f} standard errors, which chance gives as well (likely from "
            f"{_LIKELY_Z:g}, sure from {_SURE_Z:g}): the sample is too weak, the photons too few, or other parameters "
            "are wrong (energy, distance, pattern center, positions)"
        )
    return found


def _sign_reasons(evidence: Evidence, sure: Certainty, taken: int, sign: Certainty) -> list[str]:
    """Say what speaks for the sign of the turn that is taken."""
    if sure is Certainty.UNKNOWN:
        return []
    correlation = evidence.correlation * taken
    matter = f"phase and absorption of the object go together with a correlation of {correlation:+.2f}"
    if not _is_resolved(evidence):
        found = [f"{matter}, but the fit is not good enough to believe it"]
    elif abs(correlation) < _VISIBLE:
        found = [f"{matter}, which says nothing"]
    else:
        found = [f"{matter}; of matter it is above 0"]
    if evidence.beam_is_known:
        beams = evidence.misfits[_best_fit(evidence)][::taken]
        found.append(f"with the given beam the error is {beams[0]:.3g}, with its conjugate {beams[1]:.3g}")
    if sign is Certainty.UNKNOWN:
        found.append("the sign of the phase can't be told: frames turned by 180 degrees fit as well")
    return found
