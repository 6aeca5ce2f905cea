"""From significant lixels to hotspots: stretches with a limit, a summary, an identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from core.errors import InputError
from models.arrays import BoolArray, FloatArray, IntArray, require_counts, require_same_length
from models.rates import compute_poisson_interval

__all__ = [
    "NO_HOTSPOT",
    "IdentityMatch",
    "grow_hotspots",
    "keep_hotspots",
    "match_identities",
    "match_known_places",
    "summarise_hotspots",
]

NO_HOTSPOT = -1
PREFIX = "H"


def grow_hotspots(
    score: ArrayLike,
    is_significant: ArrayLike,
    length_m: ArrayLike,
    adjacency: sparse.csr_array,
    *,
    max_length_m: float,
) -> IntArray:
    """Join touching significant lixels to stretches, the strongest first.

    Parameters
    ----------
    score
        Strength of evidence per lixel, more is stronger, shape (n_lixels,).
    is_significant
        Lixels that may be part of a hotspot, shape (n_lixels,).
    length_m
        Length of each lixel [m], shape (n_lixels,).
    adjacency
        Symmetric, true where two lixels touch, shape (n_lixels, n_lixels).
    max_length_m
        No stretch grows longer than this [m]; one lixel alone may be longer.

    Returns
    -------
    labels
        0 for the stretch with the strongest lixel, 1 for the next, ...; -1 for
        lixels in none, shape (n_lixels,).

    Raises
    ------
    InputError
        If shapes differ, a score of a significant lixel or a length is missing, or
        `max_length_m` is not positive.

    Notes
    -----
    Lixels are taken by falling score, ties by lower id. Each joins all the stretches
    it touches that fit together with it within the limit, strongest stretch first; it
    begins a new one if it touches none; it stays outside, as a shoulder, if it touches
    only stretches that are full. So a long significant stretch is cut at its weakest
    places. Depends on nothing but scores, ids and adjacency: the same input gives the
    same labels, and with distinct scores the ids do not matter.
    """
    order, graph, length = _prepare_growth(score, is_significant, length_m, adjacency, max_length_m)
    parent = np.arange(order.size)  # lixels are numbered by rank: 0 is the strongest
    is_in = np.zeros(order.size, dtype=np.bool_)
    total = length.copy()
    indptr, indices = graph.indptr, graph.indices

    def find_root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = int(parent[item])
        return item

    for item in range(order.size):
        touching = indices[indptr[item] : indptr[item + 1]]
        roots = sorted({find_root(int(other)) for other in touching if is_in[other]})
        fits = False
        for root in roots:  # a root is the strongest lixel of its stretch
            home = find_root(item)
            if total[home] + total[root] <= max_length_m:
                first, second = sorted((home, root))
                parent[second] = first
                total[first] += total[second]
                fits = True
        is_in[item] = fits or not roots

    labels = np.full(np.asarray(length_m).size, NO_HOTSPOT, dtype=np.int64)
    members = np.flatnonzero(is_in)
    seeds = np.array([find_root(int(item)) for item in members], dtype=np.int64)
    labels[order[members]] = np.unique(seeds, return_inverse=True)[1]
    return labels


def _prepare_growth(
    score: ArrayLike,
    is_significant: ArrayLike,
    length_m: ArrayLike,
    adjacency: sparse.csr_array,
    max_length_m: float,
) -> tuple[IntArray, sparse.csr_array, FloatArray]:
    """Check the input; return significant lixels by rank, their graph and lengths."""
    scores = np.asarray(score, dtype=np.float64)
    chosen = np.asarray(is_significant, dtype=np.bool_)
    length = np.asarray(length_m, dtype=np.float64)
    n_lixels = require_same_length(score=scores, is_significant=chosen, length_m=length)
    if adjacency.shape != (n_lixels, n_lixels):
        message = f"adjacency: shape {adjacency.shape} for {n_lixels} lixels; build it for these."
        raise InputError(message)
    if not max_length_m > 0:
        message = f"max_length_m is {max_length_m}; give a length above 0 metres."
        raise InputError(message)
    ids = np.flatnonzero(chosen)
    is_bad = np.isnan(scores[ids]) | ~(length[ids] > 0)
    if is_bad.any():
        message = (
            f"hotspots: {int(is_bad.sum())} significant lixel(s) lack a score or a length, "
            f"first lixel {ids[is_bad][0]}; check the scan."
        )
        raise InputError(message)
    order = ids[np.argsort(-scores[ids], kind="stable")].astype(np.int64)
    graph = sparse.csr_array(adjacency[order, :][:, order])
    return order, graph, length[order]


def keep_hotspots(labels: IntArray, is_kept: BoolArray) -> IntArray:
    """Drop the hotspots not kept and number the others anew, in the same order.

    Parameters
    ----------
    labels
        Label per lixel, -1 for none, shape (n_lixels,).
    is_kept
        One value a hotspot, shape (n_hotspots,).
    """
    kept = np.asarray(is_kept, dtype=np.bool_)
    new = np.where(kept, np.cumsum(kept) - 1, NO_HOTSPOT)
    lookup = np.append(new, NO_HOTSPOT)  # label -1 takes the last
    return np.asarray(lookup[labels], dtype=np.int64)


def summarise_hotspots(
    labels: IntArray,
    *,
    n_crashes: ArrayLike,
    expected: ArrayLike,
    length_m: ArrayLike,
    p_value: ArrayLike,
    q_value: ArrayLike,
    years: float,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Sum up each hotspot over its own lixels.

    Parameters
    ----------
    labels
        Label per lixel, -1 for none, shape (n_lixels,).
    n_crashes, expected
        Crashes and expected crashes per lixel over the study period.
    length_m
        Length per lixel [m].
    p_value, q_value
        Of the window of each lixel.
    years
        Length of the study period [years], > 0.
    confidence
        Confidence level of the interval of the rate ratio [share].

    Returns
    -------
    summary
        One row a hotspot, indexed by label: `n_lixels`, `length_m`, `n_crashes`,
        `expected_crashes`, `excess_crashes`, `rate_ratio`, `ci_low`, `ci_high` (exact
        Poisson, expectation taken as known), `crashes_per_km_year`, `p_value`,
        `q_value` (best window; the smallest of its lixels).

    Raises
    ------
    InputError
        If lengths differ, counts are not counts or `years` is not positive.

    Notes
    -----
    The stretch was chosen because it has many crashes, on these same crashes: rate
    ratio and excess are too high on average (selection), the interval does not mend
    that. The next years will show fewer (regression to the mean).
    """
    counts = require_counts("n_crashes", n_crashes)
    columns = {
        "n_lixels": np.ones(len(labels)),
        "length_m": np.asarray(length_m, dtype=np.float64),
        "n_crashes": counts,
        "expected_crashes": np.asarray(expected, dtype=np.float64),
    }
    best = {"p_value": np.asarray(p_value, float), "q_value": np.asarray(q_value, float)}
    require_same_length(labels=labels, **columns, **best)
    if not years > 0:
        message = f"years is {years}; the study period must be longer than nothing."
        raise InputError(message)
    frame = pd.DataFrame({**columns, **best})[labels != NO_HOTSPOT]
    groups = frame.groupby(labels[labels != NO_HOTSPOT])
    summary = groups[list(columns)].sum()
    summary.index.name = "label"
    low, high = compute_poisson_interval(summary["n_crashes"].to_numpy(), confidence)
    mean = summary["expected_crashes"].to_numpy()
    summary["excess_crashes"] = summary["n_crashes"] - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        summary["rate_ratio"] = summary["n_crashes"] / mean
        summary["ci_low"], summary["ci_high"] = low / mean, high / mean
    summary["crashes_per_km_year"] = summary["n_crashes"] / (summary["length_m"] / 1000.0) / years
    summary[["p_value", "q_value"]] = groups[["p_value", "q_value"]].min()
    whole: pd.DataFrame = summary.astype({"n_lixels": np.int64, "n_crashes": np.int64})
    return whole


@dataclass(frozen=True, slots=True)
class IdentityMatch:
    """Identity of every hotspot of this run; `is_new` where no earlier one fits."""

    hotspot_id: tuple[str, ...]
    is_new: BoolArray
    next_number: int  # for the run after this one: numbers are never used twice


def match_identities(
    labels: IntArray,
    previous_id: Sequence[str | None] | NDArray[np.object_],
    length_m: ArrayLike,
    *,
    min_overlap_share: float = 0.5,
    next_number: int = 1,
) -> IdentityMatch:
    """Give hotspots the identity they had in the run before, if it is the same place.

    Parameters
    ----------
    labels
        Label per lixel in this run, -1 for none, shape (n_lixels,).
    previous_id
        Identity ("H3") of the earlier hotspot on the same piece of road, or missing,
        shape (n_lixels,).
    length_m
        Length per lixel [m], shape (n_lixels,).
    min_overlap_share
        The shared length must reach this share of the shorter of the two [share].
    next_number
        Number of the first new identity, unless an earlier one is as high or higher.

    Returns
    -------
    match
        One identity a hotspot, by label. Each earlier identity is given once, to the
        pair with the longest shared length first (ties: lower label, then lower
        number); the others get new numbers in the order of their labels.

    Raises
    ------
    InputError
        If lengths differ or an earlier identity is not "H" and a number.
    """
    earlier = np.asarray(previous_id, dtype=object)
    require_same_length(labels=labels, previous_id=earlier)
    lixel = np.flatnonzero(~pd.isna(earlier))
    known = pd.DataFrame({"lixel": lixel, "hotspot_id": earlier[lixel], "age": 0})
    return match_known_places(
        labels, known, length_m, min_overlap_share=min_overlap_share, next_number=next_number
    )


def match_known_places(
    labels: IntArray,
    known: pd.DataFrame,
    length_m: ArrayLike,
    *,
    min_overlap_share: float = 0.5,
    next_number: int = 1,
) -> IdentityMatch:
    """Give hotspots the identity of the same place, whenever it was a hotspot last.

    Parameters
    ----------
    labels
        Label per lixel in this run, -1 for none, shape (n_lixels,).
    known
        Where every identity was last: `lixel` (position), `hotspot_id` ("H3") and `age`
        (0: a hotspot until now, higher: longer ago; one value an identity). Places of
        several identities may overlap.
    length_m
        Length per lixel [m], shape (n_lixels,).
    min_overlap_share
        The shared length must reach this share of the shorter of the two [share].
    next_number
        Number of the first new identity, unless an earlier one is as high or higher.

    Returns
    -------
    match
        One identity a hotspot, by label. Each earlier identity is given once: the latest
        first, of these the pair with the longest shared length (ties: lower label, then
        lower number); the others get new numbers in the order of their labels.

    Raises
    ------
    InputError
        If lengths differ or an earlier identity is not "H" and a number.
    """
    length = np.asarray(length_m, dtype=np.float64)
    require_same_length(labels=labels, length_m=length)
    lixel = known["lixel"].to_numpy(dtype=np.int64)
    numbers = _parse_numbers(known["hotspot_id"].astype("object"))
    n_hotspots = int(labels.max(initial=NO_HOTSPOT)) + 1
    new_m = np.bincount(labels[labels >= 0], length[labels >= 0], minlength=n_hotspots)
    frame = pd.DataFrame(
        {"label": labels[lixel], "number": numbers, "length": length[lixel], "age": known["age"]}
    )
    old_m = frame.groupby("number")["length"].sum()
    groups = frame[frame["label"] >= 0].groupby(["label", "number"])
    pairs = groups.agg({"length": "sum", "age": "min"}).reset_index()
    shorter = np.minimum(
        new_m[pairs["label"].to_numpy()], old_m.reindex(pairs["number"]).to_numpy()
    )
    pairs = pairs[pairs["length"] >= min_overlap_share * shorter * (1 - 1e-9)]
    by = ["age", "length", "label", "number"]
    pairs = pairs.sort_values(by, ascending=[True, False, True, True])
    given: dict[int, int] = {}
    taken: set[int] = set()
    for label, number in zip(pairs["label"].tolist(), pairs["number"].tolist(), strict=True):
        if label not in given and number not in taken:
            given[label] = number
            taken.add(number)
    following = max(next_number, int(numbers.max(initial=0)) + 1)
    is_new = np.array([label not in given for label in range(n_hotspots)], dtype=np.bool_)
    for label in np.flatnonzero(is_new):
        given[int(label)] = following
        following += 1
    ids = tuple(f"{PREFIX}{given[label]}" for label in range(n_hotspots))
    return IdentityMatch(hotspot_id=ids, is_new=is_new, next_number=following)


def _parse_numbers(earlier: pd.Series) -> IntArray:
    """Return the number in each identity."""
    codes, words = pd.factorize(earlier)
    digits = pd.Series(words, dtype="str").str.extract(rf"^{PREFIX}(\d+)$", expand=False)
    if digits.isna().any():
        is_odd = np.isin(codes, np.flatnonzero(digits.isna()))
        message = (
            f"previous_id: {int(is_odd.sum())} identities are not 'H' and a number, "
            f"first {words[codes[is_odd][0]]!r}; check the earlier run."
        )
        raise InputError(message)
    return np.asarray(digits.astype("int64").to_numpy()[codes], dtype=np.int64)
