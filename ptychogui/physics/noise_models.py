"""Noise models: which likelihood suits the readings of a scan, where nobody says.

That of photons needs photons that were counted: where a dark image, a threshold or a monitor has changed readings, a
zero does not say what it would say. It takes all of them for the object's, so that a background does more harm. And it
needs them on many pixels. Where a few hold nearly all of the light, what the object scatters lies in the dark around
them. Amplitudes, which make less of it than there is, keep the noise out of the picture until pixels have some counts.
Fewer pixels still keep the step short that goes for all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.cleaning import ReadingRules
from ptychogui.physics.frames import Patterns

_SPREAD_PX, _FEWEST_PX, _ENOUGH_COUNTS = 200.0, 100.0, 0.2
"""Pixels that share the light of a mean pattern where photons are fitted, at least: in any case, and where half of all
pixels have so many counts or more in the mean."""

_FEWEST_PHOTONS = 2.0
"""Photons that a pattern has, at least, for each of the pixels that share its light: with fewer, either model may fail,
and that of photons fails more often."""

_STEADY_PERCENT, _STEADY = 10, 0.3
"""Readings vary too little for photons where this part of the lit pixels, in percent, has a variance below this part of
the mean: that of photons is the mean at least."""

_ENOUGH_PATTERNS = 16
"""Fewest patterns whose variance says something."""

_DIMMEST, _ENOUGH_PAIRS, _SPECKLE = (0.05, 0.1, 0.25, 0.5), 200.0, 1.0
"""Shares of the pixels, the dimmest ones, of which the first that counts enough tells a background: so many pairs of
photons come to one pixel in one pattern if light does not vary. What an object scatters varies by its mean or more."""

_TOLD_UP_TO, _WHOLE, _LOOKED_AT = 1e4, 0.02, 100_000
"""Up to which counts float32 amplitudes tell whether they are whole numbers, how near to one they must be, and how many
are looked at."""

_IN_WORDS = {"gaussian": "gaussian", "auto": "of amplitudes until the model nearly fits, then of photons"}


@dataclass(frozen=True)
class NoiseModel:
    """A likelihood of counts as an engine gets it, and why it was chosen, in half a sentence.

    "gaussian" is that of amplitudes; "auto" leaves it to the engine from when on it fits photons, as soon as its model
    of the measurement is nearly right: as long as that is wrong, photons make more of it than amplitudes do.
    """

    name: str
    reason: str

    def decide(self, settings: Reconstruction) -> Reconstruction:
        """Return settings as an engine gets them: with this likelihood where they leave it to the program."""
        return settings.model_copy(update={"noise_model": self.name}) if settings.noise_model == "auto" else settings

    @property
    def note(self) -> str:
        """What is to be said of the choice."""
        return f"noise model: {_IN_WORDS[self.name]}, since {self.reason}"


def suitable_noise_model(
    patterns: Patterns, preprocessing: Preprocessing, rules: ReadingRules, has_background: bool
) -> NoiseModel:
    """Choose the likelihood that suits a scan.

    Args:
        patterns: of the scan.
        preprocessing: what they were made with.
        rules: by which readings became counts.
        has_background: whether a background was subtracted.
    """
    changed = _changed(preprocessing, rules, has_background) or _no_photons(patterns) or _background(patterns)
    if changed:
        return NoiseModel("gaussian", changed)
    spread_px = effective_pixels(patterns.mean_pattern, len(patterns.counts))
    photons, dim = float(patterns.mean_pattern.sum()), float(np.median(patterns.mean_pattern[~patterns.dead]))
    spread = f"the {photons:.3g} photons of a pattern are spread over {spread_px:.0f} pixels"
    if photons < _FEWEST_PHOTONS * spread_px:
        return NoiseModel("gaussian", f"{spread}, less than {_FEWEST_PHOTONS:g} on each")
    if spread_px >= _SPREAD_PX:
        return NoiseModel("auto", spread)
    around = f"{spread}, and half of all pixels count {dim:.2g} or"
    if spread_px >= _FEWEST_PX and dim >= _ENOUGH_COUNTS:
        return NoiseModel("auto", f"{around} more")
    return NoiseModel("gaussian", f"{around} less")


def effective_pixels(mean_pattern: np.ndarray, patterns: int) -> float:
    """Return how many pixels share the light, (sum m)^2 / sum m^2: all of them where all are equal.

    The photon noise of the means, which would look like light on few pixels, is taken off.

    Args:
        mean_pattern: float, of any shape, counts; 0 where nothing is known.
        patterns: of how many it is the mean.
    """
    means = np.asarray(mean_pattern, np.float64)
    squares = float(np.sum(means * (means - 1 / patterns)))
    return min(float(np.sum(means)) ** 2 / squares, means.size) if squares > 0 else float(means.size)


def variation_of_dim_light(patterns: Patterns) -> float | None:
    """Return the variance of the dimmest pixels' light over the scan, photon noise taken off, by its mean square.

    It is that of speckle, 1 or more, where light is scattered by the object, and near 0 where it is a background.

    Args:
        patterns: of the scan.

    Returns:
        None where too few photons are counted to tell.
    """
    known, count = ~scipy.fft.fftshift(patterns.dead), len(patterns.counts)
    if count < _ENOUGH_PATTERNS:
        return None
    means = patterns.survey.mean[known].astype(np.float64)
    order = np.argsort(means, kind="stable")
    means, variances = means[order], patterns.survey.variance[known][order] * (count / (count - 1))
    for share in _DIMMEST:
        dim = slice(math.ceil(share * means.size))
        squares = float(np.sum(means[dim] ** 2 - variances[dim] / count))
        if count * squares >= _ENOUGH_PAIRS:
            return float(np.sum(variances[dim] - means[dim])) / squares
    return None


def _changed(preprocessing: Preprocessing, rules: ReadingRules, has_background: bool) -> str:
    """Say what was done to readings that leaves no plain counts; "" where nothing was."""
    if has_background:
        return "a background was subtracted from the counts"
    if rules.noise_from < 0:
        return f"readings below zero, down to {rules.noise_from:.3g}, are no counts of photons"
    if math.ceil(preprocessing.threshold_counts) > 1:
        return f"counts below {preprocessing.threshold_counts:g} were taken for none"
    if preprocessing.subtract_threshold and preprocessing.threshold_counts > 0:
        return f"{preprocessing.threshold_counts:g} was subtracted from the counts"
    return ""


def _background(patterns: Patterns) -> str:
    """Say by what readings have a background; "" where they have none, or too few photons to tell."""
    varies = variation_of_dim_light(patterns)
    if varies is None or varies >= _SPECKLE:
        return ""
    return f"the dimmest pixels vary by {math.sqrt(max(varies, 0)):.2g} of their mean only, as a background does"


def _no_photons(patterns: Patterns) -> str:
    """Say by what readings are no counts of photons; "" where they may be."""
    share = _whole_share(patterns.patterns)
    if share < 1:
        return f"{max(1 - share, 0.01):.0%} of the readings are no whole numbers"
    if len(patterns.counts) < _ENOUGH_PATTERNS:
        return ""
    lit = patterns.survey.mean > 0
    ratio = patterns.survey.variance[lit].astype(np.float64) / patterns.survey.mean[lit]
    steady = float(np.percentile(ratio, _STEADY_PERCENT)) if ratio.size else 1.0
    return f"readings vary by {steady:.2g} of what photons do" if steady < _STEADY else ""


def _whole_share(patterns: np.ndarray) -> float:
    """Return the part of the known readings, of those whose float32 root tells, that are whole numbers."""
    if patterns.dtype.kind == "u":
        return 1.0
    some = patterns.ravel()[:: -(-patterns.size // _LOOKED_AT) or 1].astype(np.float64)
    counts = np.square(some[(some > 0) & (some < math.sqrt(_TOLD_UP_TO))])
    return float(np.mean(np.abs(counts - np.rint(counts)) < _WHOLE)) if counts.size else 0.0
