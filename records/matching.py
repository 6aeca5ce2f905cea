"""Find the pairs of reports that may tell of one crash, and say how likely and why.

The same crash comes from a factory, the police and an insurer, each in its own words. The
comparing is done by splink: each comparison of `records.matching_model` sorts a pair into
a level, the weights of the levels are summed, and the sum is the log of the odds that both
reports tell of one crash (Fellegi and Sunter 1969). The weights are data, not learned anew
from each import, so that two reports get the same answer in a set of thirty and in one of a
hundred thousand; only how busy the place is (`busy`) is measured on the reports given.

Nothing here merges anything: `records.settling` decides which pairs are merged, and
`records.events` makes events of them.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import TableError
from records.matching_columns import make_matching_columns
from records.matching_model import LEVELS, UNKNOWN, Weights, build_settings, load_weights
from records.reasons import write_reasons
from records.settling import DOUBTFUL, settle_pairs

__all__ = ["estimate_weights", "find_pairs", "is_compared", "score_pairs"]

DECIMALS: Final = 6  # of a probability: the same on every machine
NEEDED: Final = ("crash_id", "source", "occurred_at")
TEXTS: Final = (
    *(
        "crash_id",
        "source",
        "village_code",
        "village",
        "village_script",
        "district",
        "district_script",
    ),
    *("road", "road_script", "factory"),
)
NUMBERS: Final = ("lon", "lat", "busy")
TRUTHS: Final = ("has_time", "is_exact", "is_worker")
MOST_A_DAY: Final = 5_000
SMOOTHING: Final = 50.0  # pairs that the weights in use count for beside those counted


def find_pairs(
    reports: pd.DataFrame,
    casualties: pd.DataFrame | None = None,
    *,
    decided: pd.DataFrame | None = None,
    weights: Weights | None = None,
) -> pd.DataFrame:
    """Return every pair of reports that may tell of one crash, and what is to be done.

    Parameters
    ----------
    reports
        Crash records, one row a report: `crash_id`, `source`, `occurred_at`; used where
        present: every field of a crash.
    casualties
        Casualty records, to compare sex and age band of those hurt.
    decided
        Pairs that people decided on: `left_id`, `right_id`, `decision`, `decided_by`, and
        what else `settle_pairs` takes. They are returned as they are.
    weights
        Those of `data/matching.yaml` by default.

    Returns
    -------
    pairs
        `left_id` < `right_id`, `probability`, `reasons`, `decision` (merged, queued; of a
        person's pairs also separate), `decided_by`; in the order of the ids.

    Raises
    ------
    TableError
        If a column is missing or an id repeated.
    ConfigError
        If the weights cannot be read.
    """
    scored = score_pairs(reports, casualties, weights=weights)
    pairs = scored[["left_id", "right_id", "probability"]].assign(
        reasons=write_reasons(scored), decision="queued", decided_by="matching"
    )
    if decided is not None and len(decided):
        ids = ["left_id", "right_id"]
        is_decided = pd.MultiIndex.from_frame(pairs[ids]).isin(
            pd.MultiIndex.from_frame(decided[ids])
        )
        pairs = pd.concat([pairs[~is_decided], decided[list(pairs.columns)]])
    sources = reports.set_index("crash_id")["source"]
    return settle_pairs(pairs, sources)


def score_pairs(
    reports: pd.DataFrame,
    casualties: pd.DataFrame | None = None,
    *,
    weights: Weights | None = None,
    at_least: float = DOUBTFUL,
) -> pd.DataFrame:
    """Compare the reports and return the pairs that are likely enough.

    Parameters
    ----------
    reports, casualties, weights
        As `find_pairs` takes them.
    at_least
        Least probability returned; 0 returns every pair that was looked at.

    Returns
    -------
    scored
        `left_id` < `right_id`, `probability` [0, 1], one column per comparison of
        `records.matching_model.LEVELS` with the level it found, and what was compared, with
        `_l` and `_r`; in the order of the ids.

    Raises
    ------
    TableError
        If a column is missing or an id repeated.
    ConfigError
        If the weights cannot be read.
    """
    missing = [name for name in NEEDED if name not in reports]
    if missing:
        raise TableError.missing_columns("reports", missing, list(map(str, reports.columns)))
    again = reports["crash_id"].duplicated()
    if again.any():
        first = reports.loc[again, "crash_id"].iloc[0]
        message = (
            f"reports: {again.sum()} crash_id(s) are repeated, first {first!r}; keep one each."
        )
        raise TableError(message)
    compared = reports[is_compared(reports)].sort_values("crash_id")
    columns = make_matching_columns(compared, casualties)
    scored = _predict(columns, weights or load_weights(), at_least)
    scored = scored.rename(columns={"crash_id_l": "left_id", "crash_id_r": "right_id"})
    scored["probability"] = scored.pop("match_probability").round(DECIMALS)
    for name in LEVELS:
        scored[name] = scored.pop(f"gamma_{name}").map(_name_levels(name)).astype("object")
    return scored.sort_values(["left_id", "right_id"], ignore_index=True)


def is_compared(reports: pd.DataFrame) -> pd.Series[bool]:
    """Tell which reports can be compared: those with a date that is no stand-in for one.

    A date that more than `MOST_A_DAY` reports give, such as the first of January, is what
    somebody wrote who did not know it; comparing all of them would never end either.
    """
    day = reports["occurred_at"].dt.normalize()
    n_that_day = day.groupby(day).transform("size")
    is_told_apart: pd.Series[bool] = day.notna() & ~n_that_day.gt(MOST_A_DAY)
    return is_told_apart


def _predict(columns: pd.DataFrame, weights: Weights, at_least: float) -> pd.DataFrame:
    """Let splink compare the reports in a database of its own, in memory."""
    import duckdb  # these two take a second to load
    from splink import DuckDBAPI, Linker

    # It speaks of levels for missing values that the model does not need.
    logging.getLogger("splink").setLevel(logging.ERROR)
    names = ("autoinstall_known_extensions", "autoload_known_extensions")
    offline: dict[str, str | bool | int | float | list[str]] = dict.fromkeys(names, False)
    with duckdb.connect(":memory:", config=offline) as connection:
        table = DuckDBAPI(connection=connection).register(_to_arrow(columns))
        settings = build_settings(weights)
        linker = Linker(table, settings, log_level=None, validate_settings=False)
        found = linker.inference.predict(
            threshold_match_probability=at_least or None, warning_mode="never"
        )
        pairs: pd.DataFrame = found.as_duckdbpyrelation().df()
        return pairs


def _to_arrow(columns: pd.DataFrame) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Give every column its type, also one without any value."""
    import pyarrow as pa

    types = {name: pa.int64() for name in columns}
    types |= dict.fromkeys(TEXTS, pa.string())
    types |= dict.fromkeys(NUMBERS, pa.float64()) | dict.fromkeys(TRUTHS, pa.bool_())
    arrays = {
        name: pa.array(columns[name].astype("object"), type=types[name], from_pandas=True)
        for name in columns
    }
    return pa.table(arrays)


def _name_levels(name: str) -> dict[int, str]:
    """Return splink's number of each level: the last is 0, unknown -1."""
    levels = [level for level in LEVELS[name] if level != UNKNOWN]
    first = len(levels) - (LEVELS[name][levels[-1]] == "true")
    numbers = {first - position: level for position, level in enumerate(levels)}
    return {**numbers, -1: UNKNOWN}


def estimate_weights(
    reports: pd.DataFrame,
    true_pairs: pd.DataFrame,
    casualties: pd.DataFrame | None = None,
    *,
    weights: Weights | None = None,
) -> Weights:
    """Count the weights on reports of which all true pairs are known.

    Parameters
    ----------
    reports, casualties
        As `find_pairs` takes them.
    true_pairs
        `left_id` < `right_id` of every pair that is one crash; all others are not. Pairs
        that people decided on are no such list: only doubtful ones came before them.
    weights
        Those that count as `SMOOTHING` pairs beside the counted ones, so that what never
        occurred does not become impossible; those of `data/matching.yaml` by default.

    Returns
    -------
    Weights
        The share of each level among true pairs (m) and others (u), unknown ones left out;
        the weights of `busy` stay as they are, for they follow from density.

    References
    ----------
    Fellegi & Sunter (1969). A theory for record linkage. Journal of the American
    Statistical Association 64, 1183-1210. doi:10.1080/01621459.1969.10501049
    """
    old = weights or load_weights()
    scored = score_pairs(reports, casualties, weights=old, at_least=0.0)
    ids = ["left_id", "right_id"]
    is_true = np.asarray(
        pd.MultiIndex.from_frame(scored[ids]).isin(pd.MultiIndex.from_frame(true_pairs[ids]))
    )
    prior = (is_true.sum() + SMOOTHING * old.prior) / (len(scored) + SMOOTHING)
    m = {name: _count_levels(scored.loc[is_true, name], old.m[name]) for name in LEVELS}
    u = {name: _count_levels(scored.loc[~is_true, name], old.u[name]) for name in LEVELS}
    m["busy"], u["busy"] = old.m["busy"], old.u["busy"]
    return Weights(prior=float(prior), m=m, u=u)


def _count_levels(found: pd.Series[str], old: dict[str, float]) -> dict[str, float]:
    """Return the share of each level, the old shares counting as some pairs."""
    counts = found[found != UNKNOWN].value_counts()
    total = float(counts.sum()) + SMOOTHING
    scale = sum(old.values())
    return {
        level: (float(counts.get(level, 0)) + SMOOTHING * share / scale) / total
        for level, share in old.items()
    }
