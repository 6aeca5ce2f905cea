"""How bad crashes are: killed or seriously injured (KSI), and one weighted score (EPDO)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import ConfigError, VocabularyError
from core.vocabulary import Severity
from models.arrays import BoolArray, FloatArray, require_counts, require_same_length

__all__ = ["UNKNOWN_SEVERITY", "compute_epdo", "is_ksi"]

UNKNOWN_SEVERITY = "unknown"


def is_ksi(severity: pd.Series) -> BoolArray:
    """Tell which crashes killed or seriously injured somebody.

    Parameters
    ----------
    severity
        `Severity` words, missing where not recorded, shape (n_crashes,).

    Returns
    -------
    is_ksi
        True for fatal and serious, shape (n_crashes,). A crash of unknown severity
        is not counted as KSI: report the number of unknowns beside the number of KSI.

    Raises
    ------
    VocabularyError
        If a word is not a severity.
    """
    known = severity.dropna()
    words = [word.value for word in Severity]
    strange = known[~known.isin(words)]
    if len(strange):
        raise VocabularyError.unknown_word("severity", strange.iloc[0], words)
    worst = [Severity.FATAL.value, Severity.SERIOUS.value]
    return np.asarray(severity.isin(worst), dtype=np.bool_)


def compute_epdo(
    severity_counts: Mapping[str, ArrayLike], epdo_weights: Mapping[str, float]
) -> FloatArray:
    """Weight crashes by severity: equivalent-property-damage-only (EPDO) score.

    Parameters
    ----------
    severity_counts
        Crashes per site for each severity word, arrays of shape (n_sites,); the word
        `unknown` may be given too.
    epdo_weights
        Weight of one crash for each severity word [damage-only crashes], > 0.

    Returns
    -------
    epdo_score
        Sum of count times weight [damage-only crashes], shape (n_sites,).

    Raises
    ------
    VocabularyError
        If a severity has no weight.
    ConfigError
        If a weight is not a positive number, or there are no counts or no weights.
    InputError
        If counts are not counts, or the arrays' lengths differ.

    Notes
    -----
    A crash of unknown severity takes the smallest weight, so the score is a lower
    bound where some are unknown. One death outweighs many slight crashes: with few
    crashes the score follows chance. Rank by it beside, not instead of, counts.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., chapter 4.
    """
    if not severity_counts or not epdo_weights:
        what = "no severity counts" if not severity_counts else "no weights"
        message = f"epdo: {what} were given; give counts and a weight for each severity."
        raise ConfigError(message)
    for word, weight in epdo_weights.items():
        if not (np.isfinite(weight) and weight > 0):
            message = f"epdo_weights: weight of {word!r} is {weight}; give a number above 0."
            raise ConfigError(message)
    counts: dict[str, FloatArray] = {}
    for word, values in severity_counts.items():
        if word != UNKNOWN_SEVERITY and word not in epdo_weights:
            raise VocabularyError.unknown_word("severity", word, list(epdo_weights))
        counts[word] = require_counts(f"severity_counts[{word!r}]", values)
    n_sites = require_same_length(**counts)
    least = min(epdo_weights.values())
    score = np.zeros(n_sites)
    for word, values in counts.items():
        score += values * epdo_weights.get(word, least)
    return score
