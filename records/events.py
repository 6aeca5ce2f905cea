"""Reports and the pairs merged among them → one row per crash.

An event is a connected set of merged pairs; a report in no pair is an event of its own.
Reports stay as they were sent; what several say of one crash is put together like this:

Order of trust
    For words and times the first report that says something counts, in the order of
    `TRUST`: the police record at the roadside, hospitals and insurers examine claims, a
    factory tells what it was told. Others follow; among equals the one recorded earlier.
Severity
    The worst: who reports later knows of deaths within 30 days, who reports early cannot.
Persons killed, seriously and slightly injured
    Those of the worst report that gives all three (of several, the one with most killed,
    then serious, then slight). Taking the largest of each from different reports
    would count a person twice who was serious in one and died in the other. Only where no
    worst report gives all three is it the largest known of each.
Place
    The report whose place is known best: put there by a person; coordinates; coordinates
    rounded to about 100 m; a road and kilometre; a village, commune or district; none.
    Longitude, latitude, how they were found and what was amiss go together, as do a road and
    the kilometre on it, a village and its code; what that report leaves out is taken from
    the others. `import_id` and `row_number` are that report's, so that a wrong place can be
    found and mended.
Time
    Of the first report that gives a time of day; else the first date.
Others
    Vehicles: the largest number known. Road users, and fields that a person corrected: all that
    are named. On the way to or from
    work: yes if any says yes, no if any says no. `unknown` is no answer where another has
    one. `crash_id`, `source` and `source_id` are those of the smallest identifier, so that a
    crash keeps its name whatever order its reports came in.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from core.errors import TableError
from core.vocabulary import PlaceMethod, Severity, YesNoUnknown

__all__ = ["TRUST", "find_events", "merge_reports"]

TRUST: Final = ("police", "rcvis", "hospital", "health", "insur", "nssf", "factory")
COARSE_DECIMALS: Final = 3  # of a degree: about 100 m
SEPARATOR: Final = ";"
UNKNOWN: Final = YesNoUnknown.UNKNOWN.value
COUNTS: Final = ("n_killed", "n_serious", "n_slight")
POINT: Final = ("lon", "lat", "import_id", "row_number")
ABOUT_POINT: Final = ("place_", "placed_", "location_")  # columns that begin so go with it
TOGETHER: Final = (("road_name", "road_km"), ("village_code", "village"))
PLACE_NAMES: Final = ("commune", "district", "province")
JOINED: Final = ("road_users", "corrected_fields")
KEPT: Final = ("crash_id", "source", "source_id")  # of the report that names the event
RULED: Final = frozenset(
    {
        *KEPT,
        *POINT,
        *PLACE_NAMES,
        *COUNTS,
        *JOINED,
        *(name for names in TOGETHER for name in names),
        *("occurred_at", "has_time", "severity", "n_vehicles", "is_worker_commute"),
    }
)


def find_events(reports: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series[str]:
    """Return the event of each report: the smallest identifier of its reports.

    Parameters
    ----------
    reports
        With `crash_id`, each once.
    pairs
        `left_id`, `right_id`, `decision`; only merged ones of two of these reports count.

    Returns
    -------
    event_id
        In the order of the reports, with their index.
    """
    names = pd.Index(reports["crash_id"])
    merged = pairs[pairs["decision"].eq("merged")]
    left, right = names.get_indexer(merged["left_id"]), names.get_indexer(merged["right_id"])
    is_here = (left >= 0) & (right >= 0)
    ones = np.ones(int(is_here.sum()), dtype=np.int8)
    links = sparse.coo_array((ones, (left[is_here], right[is_here])), shape=(len(names),) * 2)
    _, component = connected_components(links, directed=False)
    first = reports["crash_id"].groupby(component).min()
    return pd.Series(first.reindex(component).array, index=reports.index, name="event_id")


def merge_reports(reports: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per crash.

    Parameters
    ----------
    reports
        Crash records as `Database.read` returns them.
    pairs
        `left_id`, `right_id`, `decision`.

    Returns
    -------
    events
        The columns of the reports, `n_reports` (Int64), `sources` and `report_ids` (joined
        by ";", sorted), ordered by `crash_id`, index 0..n-1. A crash with one report has
        that report's values.

    Raises
    ------
    TableError
        If a column is missing or an id repeated.
    """
    missing = [one for one in ("crash_id", "source", "occurred_at") if one not in reports]
    if missing:
        raise TableError.missing_columns("reports", missing, list(map(str, reports.columns)))
    again = reports["crash_id"].duplicated()
    if again.any():
        first = reports.loc[again, "crash_id"].iloc[0]
        message = (
            f"reports: {again.sum()} crash_id(s) are repeated, first {first!r}; keep one each."
        )
        raise TableError(message)
    event = find_events(reports, pairs)
    events = reports[event.eq(reports["crash_id"])].sort_values("crash_id", ignore_index=True)
    n_reports = event.value_counts().reindex(events["crash_id"]).to_numpy()
    several = event.isin(events.loc[n_reports > 1, "crash_id"])
    names = reports.loc[several, ["source", "crash_id"]].astype("str").fillna("")
    sources = events["source"].astype("str").fillna("").to_numpy(dtype=object)
    report_ids = events["crash_id"].to_numpy(dtype=object)
    at = np.flatnonzero(n_reports > 1)
    if len(at):
        grouped = reports[several].assign(event_id=event[several])
        for name, values in _merge_fields(grouped).items():
            events[name] = _put(events[name], at, values)
        sources[at] = _join_sorted(names["source"], event[several])
        report_ids[at] = _join_sorted(names["crash_id"], event[several])
    return events.assign(
        n_reports=pd.array(n_reports, dtype="Int64"),
        sources=pd.Series(sources, dtype="str"),
        report_ids=pd.Series(report_ids, dtype="str"),
    )


def _put(
    column: pd.Series[Any], at: np.ndarray[Any, Any], values: pd.Series[Any]
) -> pd.Series[Any]:
    """Return a column with other values at some positions, of the same type."""
    changed = column.copy()
    changed.iloc[at] = values.astype(column.dtype).array
    return changed


def _join_sorted(values: pd.Series[str], event: pd.Series[str]) -> np.ndarray[Any, Any]:
    """Return the distinct values of each event, sorted and joined, by event."""
    pairs = pd.DataFrame({"event": event, "value": values}).drop_duplicates()
    pairs = pairs.sort_values(["event", "value"])
    return pairs.groupby("event")["value"].agg(SEPARATOR.join).to_numpy(dtype=object)


def _merge_fields(grouped: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Return the merged columns of events with several reports, in the order of their ids."""
    trusted = _order(grouped, _rank_trust(grouped["source"]))
    placed = _order(grouped, _rank_place(grouped))
    timed = trusted
    if "has_time" in grouped:
        late = ~trusted["has_time"].astype("boolean").fillna(value=False).astype("bool")
        timed = trusted.assign(late=late).sort_values(["event_id", "late"], kind="stable")
    names = [str(name) for name in grouped]
    point = [name for name in names if name in POINT or name.startswith(ABOUT_POINT)]
    ruled = {*RULED, *point, "event_id"}
    merged = {name: _take_first(trusted, name) for name in names if name not in ruled}
    for frame, columns in ((timed, ("occurred_at", "has_time")), (placed, tuple(point))):
        first = frame.drop_duplicates("event_id")
        merged |= {name: first[name].reset_index(drop=True) for name in columns if name in first}
    merged |= {name: _take_first(placed, name) for name in PLACE_NAMES if name in grouped}
    for together in TOGETHER:
        merged |= _take_together(placed, [name for name in together if name in grouped])
    if "severity" in grouped:
        merged["severity"] = _find_worst(grouped)
    merged |= _count_persons(grouped)
    if "n_vehicles" in grouped:
        merged["n_vehicles"] = grouped.groupby("event_id")["n_vehicles"].max()
    merged |= {name: _join_words(grouped, name) for name in JOINED if name in grouped}
    if "is_worker_commute" in grouped:
        merged["is_worker_commute"] = _answer(grouped, "is_worker_commute")
    return merged


def _order(grouped: pd.DataFrame, rank: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Return the reports of each event by rank, then by trust, then as recorded."""
    recorded = [name for name in ("import_id", "row_number") if name in grouped]
    by = ["event_id", "_rank", "_trust", *recorded, "crash_id"]
    ranked = grouped.assign(_rank=rank, _trust=_rank_trust(grouped["source"]))
    return ranked.sort_values(by).drop(columns=["_rank", "_trust"])


def _rank_trust(source: pd.Series[str]) -> np.ndarray[Any, Any]:
    """Return the place of each source in the order of trust."""
    text = source.astype("str").fillna("").str.casefold()
    ranks = np.full(len(text), len(TRUST))
    for rank, word in reversed(list(enumerate(TRUST))):
        ranks[text.str.contains(word, regex=False).to_numpy()] = rank
    return ranks


def _rank_place(grouped: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return how well each report knows its place; the smaller the better."""
    methods = [word.value for word in PlaceMethod]
    if "lon" not in grouped or "lat" not in grouped:
        return np.zeros(len(grouped), dtype=int)
    point = grouped[["lon", "lat"]].astype("float64").to_numpy()
    is_coarse = np.isclose(point, np.round(point, COARSE_DECIMALS), rtol=0, atol=1e-9).all(axis=1)
    method = np.full(len(grouped), methods.index(PlaceMethod.COORDINATES))
    if "placed_by" in grouped:
        found = grouped["placed_by"].map({word: at for at, word in enumerate(methods)})
        method = found.astype("Float64").fillna(methods.index(PlaceMethod.COORDINATES)).to_numpy()
    by_coordinates = method == methods.index(PlaceMethod.COORDINATES)
    ranks = 2 * method + (is_coarse & by_coordinates)
    return np.where(np.isnan(point).any(axis=1), 2 * len(methods), ranks).astype(int)


def _take_first(ordered: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the first filled value of each event; unknown and empty count as missing."""
    values = ordered[name]
    if pd.api.types.is_string_dtype(values.dtype):
        given = values.where(values.ne("") & values.ne(UNKNOWN))
        first = given.groupby(ordered["event_id"]).first()
        return first.fillna(values.groupby(ordered["event_id"]).first())
    return values.groupby(ordered["event_id"]).first()


def _take_together(ordered: pd.DataFrame, names: list[str]) -> dict[str, pd.Series[Any]]:
    """Return these columns of the first report of each event that fills any of them."""
    if not names:
        return {}
    filled = [ordered[name].notna() & ordered[name].ne("") for name in names]
    is_filled = pd.concat(filled, axis=1).any(axis=1)
    filled_first = ordered.assign(_empty=~is_filled).sort_values(
        ["event_id", "_empty"], kind="stable"
    )
    first = filled_first.drop_duplicates("event_id").reset_index(drop=True)
    return {name: first[name] for name in names}


def _find_worst(grouped: pd.DataFrame) -> pd.Series[Any]:
    words = [word.value for word in Severity]
    rank = grouped["severity"].map({word: place for place, word in enumerate(words)})
    worst = rank.astype("Int64").groupby(grouped["event_id"]).min()
    return worst.map(dict(enumerate(words)))


def _count_persons(grouped: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Return persons killed and injured: of the worst complete report, else the largest."""
    names = [name for name in COUNTS if name in grouped]
    largest = grouped.groupby("event_id")[names].max()
    if "severity" in grouped and len(names) == len(COUNTS):
        ranks = {word.value: word.rank for word in Severity}
        rank = grouped["severity"].map(ranks).astype("Int64")
        is_worst = rank.eq(rank.groupby(grouped["event_id"]).transform("min"))
        is_complete = grouped[names].notna().all(axis=1)
        usable = grouped[is_worst.fillna(value=False).astype("bool") & is_complete]
        descending = [True, *(False for _ in names)]
        best = usable.sort_values(["event_id", *names], ascending=descending)
        best = best.drop_duplicates("event_id").set_index("event_id")[names]
        largest = best.reindex(largest.index).fillna(largest[~largest.index.isin(best.index)])
    return {name: largest[name] for name in names}


def _join_words(grouped: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the words of all reports, each once, sorted."""
    words = grouped[name].astype("str").fillna("").str.split(SEPARATOR)
    each = pd.DataFrame({"event": grouped["event_id"], "word": words}).explode("word")
    each = each.drop_duplicates().sort_values(["event", "word"])
    joined = each[each["word"].ne("")].groupby("event")["word"].agg(SEPARATOR.join)
    return joined.reindex(sorted(grouped["event_id"].unique()), fill_value="")


def _answer(grouped: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return yes if any says yes, else no if any says no, else unknown."""
    order = [YesNoUnknown.YES.value, YesNoUnknown.NO.value, UNKNOWN]
    rank = grouped[name].map({word: place for place, word in enumerate(order)})
    best = rank.astype("Int64").groupby(grouped["event_id"]).min()
    return best.map(dict(enumerate(order)))
