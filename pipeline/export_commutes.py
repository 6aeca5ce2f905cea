"""What a run knows of commutes, added up so far that it may leave: no way, no crash, no village.

What leaves, and what does not
    `commute_rates`, `commute_factories` and `commute_groups`, with factories by name. Who
    travels which road stays: of `commute_flows` only the totals of each site leave, and no
    row of `commute_routes`, `commute_driven`, `commute_hours` and `commute_crashes`.

Few persons
    One to four crashes or persons hurt are not told, nor a rate that they can be computed
    from; where they are of one factory alone, the next smallest factory is not told either,
    for the sum over all is known. Groups of fewer than five workers are merged, first over
    shifts, then over factories, so that sums stay.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.commute_tables import MIN_PERSONS, SUMS, merge_small
from pipeline.runs import load_table

__all__ = ["COMMUTE_LAYERS", "hide_few_hurt", "merge_groups", "read_commute_layers"]

COMMUTE_LAYERS = ("commute_rates", "commute_factories", "commute_groups")
COUNTS = {"n_crashes": "crashes_", "n_hurt": "hurt_"}  # and how their rates begin
FACTORY = "factory_id"
UNKNOWN = "unknown"
TOO_FEW = "fewer than five: not told"
GROUP_SUMS = ["workers_per_day", "worker_km_per_year", "worker_km_dark", "known"]


def read_commute_layers(folder: Path, factories: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return `COMMUTE_LAYERS` of a run; none for a run of a version before there were any.

    Parameters
    ----------
    folder
        Of the run.
    factories
        Of the run: `factory_id`, `name`.
    """
    if not all((folder / f"{name}.parquet").is_file() for name in COMMUTE_LAYERS):
        return {}
    rates, expected, groups = (load_table(folder, name) for name in COMMUTE_LAYERS)
    names = factories.set_index("factory_id")["name"].astype("object")
    names = names[~names.index.duplicated()]
    is_factory = rates["dimension"].eq(FACTORY)
    named = rates["group"].map(names).where(rates["group"].ne(UNKNOWN), UNKNOWN)
    rates = hide_few_hurt(rates).assign(
        dimension=rates["dimension"].mask(is_factory, "factory"),
        group=rates["group"].mask(is_factory, named),
    )
    to_work = groups[groups["direction"].eq("to_work")]
    n_workers = to_work.groupby("factory_id")["workers_per_day"].sum()
    is_few = expected["factory_id"].map(n_workers).fillna(0).lt(MIN_PERSONS)
    told = expected.columns.drop(["factory_id", "reason"])
    few = expected[told].notna().any(axis=1) & is_few
    expected = expected.assign(
        **{name: expected[name].mask(few) for name in told},
        reason=expected["reason"].mask(few, TOO_FEW),
    )
    return {
        "commute_rates": rates,
        "commute_factories": name_factories(expected, names),
        "commute_groups": name_factories(merge_groups(groups), names),
    }


def name_factories(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Return a table with the factory's name first, in place of its number in the records."""
    named = table["factory_id"].map(names).astype("str")
    rest = table.drop(columns="factory_id")
    return pd.concat([named.rename("name"), rest], axis=1)


def hide_few_hurt(rates: pd.DataFrame) -> pd.DataFrame:
    """Return rates whose counts of one to four, and what tells them, are empty.

    Parameters
    ----------
    rates
        As a run stores them: `dimension`, `group`, counts, rates and `reason`.
    """
    hidden = rates.copy()
    own = rates["dimension"].eq(FACTORY)
    for count, start in COUNTS.items():
        n = rates[count].astype("Int64")
        is_few = n.between(1, MIN_PERSONS - 1).astype(bool)
        others = n[own & ~is_few & n.gt(0)]
        if (is_few & own).sum() == 1 and len(others):
            is_few = is_few | (n.index == others.astype("int64").idxmin())
        about = [str(name) for name in rates if str(name).startswith(start)]
        reason = hidden["reason"].mask(is_few & hidden["reason"].eq(""), TOO_FEW)
        rates_left = {name: rates[name].mask(is_few) for name in about}
        hidden = hidden.assign(**rates_left, **{count: n.mask(is_few)}, reason=reason)
    return hidden


def merge_groups(groups: pd.DataFrame) -> pd.DataFrame:
    """Merge the groups of a factory with fewer than five workers, as the table of flows does.

    Parameters
    ----------
    groups
        `commute_groups` of a run: a row a factory, vehicle, shift and direction.

    Returns
    -------
    merged
        The same columns; `shift` is `any` where a shift has too few workers, `factory_id` is
        missing where the factory has. Sums stay.
    """
    if not len(groups):
        return groups
    directions = pd.Categorical(groups["direction"])
    known = groups.assign(
        known=groups["worker_km_day"] + groups["worker_km_dark"], segment_id=directions.codes
    ).rename(columns=dict(zip(GROUP_SUMS, SUMS, strict=True)))
    columns = ["segment_id", "mode", "shift", *SUMS]
    parts, nameless = [], []
    for factory_id, own in known.groupby("factory_id", sort=True):
        named, others = merge_small(own[columns])
        parts.append(named.assign(factory_id=factory_id))
        nameless.append(others)
    rest = pd.concat(nameless).groupby(columns[:3], as_index=False)[SUMS].sum()
    table = pd.concat([*parts, rest.assign(factory_id=None)], ignore_index=True)
    table = table.rename(columns=dict(zip(SUMS, GROUP_SUMS, strict=True)))
    return pd.DataFrame(
        table.assign(
            direction=pd.Series(directions.categories[table["segment_id"]], index=table.index),
            worker_km_day=table["known"] - table["worker_km_dark"],
            worker_km_unknown=table["worker_km_per_year"] - table["known"],
        )
    )[[*groups.columns]]
