"""What a run says of its commutes in figures and words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.settings import Settings
from core.vocabulary import Light
from geo.exposure_totals import Exposure

__all__ = ["count_lost", "count_modelled", "describe", "list_assumptions", "warn"]
__all__ += ["warn_of_shares", "warn_of_workers"]

FEW, MANY = 0.5, 1.1  # of a factory's workers: beyond, its origins do not go with it
MODELLED = "modelled"  # so begins what origins say of themselves that nobody reported


def count_lost(unrouted: pd.DataFrame, trips: pd.DataFrame) -> dict[str, int]:
    """Count origins none of whose workers have a route, by reason."""
    key = ["origin", "gate"]
    all_workers = trips.groupby(key)["workers"].sum()
    without = unrouted.groupby(key)["workers"].sum().reindex(all_workers.index, fill_value=0.0)
    wholly = all_workers.index[np.isclose(without, all_workers)]
    first = unrouted.drop_duplicates(key).set_index(key)["reason"]
    return {str(reason): int(n) for reason, n in first.reindex(wholly).value_counts().items()}


def describe(
    exposure: Exposure,
    trips: pd.DataFrame,
    unrouted: pd.DataFrame,
    records: tuple[pd.DataFrame, pd.DataFrame],
    problems: pd.DataFrame,
) -> dict[str, Any]:
    """Return the figures of the summary; the records are factories and origins."""
    factories, origins = records
    groups = exposure.groups
    to_work = groups[groups["direction"] == "to_work"]
    all_km = exposure.worker_km_per_year
    on_segments = float(exposure.segments["worker_km_per_year"].sum())
    lights = {light.value: float(groups[f"worker_km_{light.value}"].sum()) for light in Light}
    known = factories["workers"].dropna()
    with_origins = factories["factory_id"].isin(origins["factory_id"])
    return {
        "n_factories": len(factories),
        "n_factories_without_origins": int((~with_origins).sum()),
        "n_origins": len(origins),
        "workers_of_factories": int(known.sum()),
        "workers_of_origins": float(trips["workers"].sum()),
        "workers_routed": float(to_work["workers_per_day"].sum()),
        "workers_without_route": float(unrouted["workers"].sum()) if len(unrouted) else 0.0,
        "without_route_by_reason": unrouted.groupby("reason")["workers"].sum().to_dict()
        if len(unrouted)
        else {},
        "worker_km_per_year": all_km,
        "conservation_error": abs(on_segments / all_km - 1.0) if all_km else 0.0,
        "worker_km_by_light": lights,
        "worker_km_by_mode": groups.groupby("mode")["worker_km_per_year"].sum().to_dict(),
        "n_shift_texts_not_read": len(problems),
        **count_modelled(origins),
    }


def count_modelled(origins: pd.DataFrame) -> dict[str, float]:
    """Count origins that say of themselves that they are modelled.

    So begins their identifier (`safecommute tools demand` writes it so), note or source.

    Returns
    -------
    figures
        `n_origins_modelled`, `workers_modelled` of them.
    """
    is_modelled = np.zeros(len(origins), dtype=bool)
    for name in ("origin_id", "place_note", "source"):
        said = origins[name].astype("str").str.strip().str.lower()
        is_modelled |= said.str.startswith(MODELLED).fillna(value=False).to_numpy(dtype=bool)
    workers = origins["workers"].astype("float64").fillna(0.0)
    return {
        "n_origins_modelled": int(is_modelled.sum()),
        "workers_modelled": float(workers[is_modelled].sum()),
    }


def warn(
    problems: pd.DataFrame, factories: pd.DataFrame, origins: pd.DataFrame, shifts: pd.DataFrame
) -> list[str]:
    """Return what a reader must know of the shifts and of homes that nobody reported."""
    found = [
        f"Shifts of factory {row.factory_id} ({row.shifts!r}) cannot be read: {row.reason}; the "
        "light of its commutes is unknown."
        for row in problems.head(3).itertuples()
    ]
    n_unknown = int(shifts.loc[shifts["start_min"].isna(), "factory_id"].nunique())
    if n_unknown and len(factories):
        found.append(
            f"{n_unknown} of {len(factories)} factories have no known shift; the light of their "
            "commutes is unknown, not day."
        )
    modelled = count_modelled(origins)
    if modelled["n_origins_modelled"]:
        workers = origins["workers"].astype("float64").sum()
        found.append(
            f"The homes of {modelled['workers_modelled']:,.0f} of {workers:,.0f} workers are "
            "modelled, not reported."
        )
    return found


def warn_of_shares(origins: pd.DataFrame, bad_share: pd.Series) -> list[str]:
    """Return which origins are left out because of their shares, as `records.shares` says."""
    bad = bad_share.dropna()
    if bad.empty:
        return []
    ids = origins.loc[bad.index, "origin_id"].tolist()
    named = [f"{one} ({why})" for one, why in zip(ids[:3], bad.tolist(), strict=False)]
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return [f"{len(bad)} origin(s) left out, correct them: {', '.join(named)}{more}."]


def warn_of_workers(factories: pd.DataFrame, origins: pd.DataFrame) -> list[str]:
    """Return where factories and their origins do not go together, with the workers."""
    own = factories.set_index("factory_id")["workers"].astype("float64")
    of_origins = origins.groupby("factory_id")["workers"].sum().astype("float64").reindex(own.index)
    without = own[~own.index.isin(origins["factory_id"])]
    found = []
    if len(without):
        found.append(
            f"{len(without)} of {len(own)} factories, with {without.sum():,.0f} workers, have no "
            f"origins, first {without.index[0]}: their commutes are not known."
        )
    for is_off, than in (
        (of_origins > MANY * own, "more workers than"),
        (of_origins < FEW * own, "fewer than half the workers of"),
    ):
        if is_off.any():
            first = str(is_off.idxmax())
            found.append(
                f"The origins of {int(is_off.sum())} of {len(own)} factories tell of {than} the "
                f"factory's record, first {first}: {of_origins.loc[first]:,.0f} of "
                f"{own.loc[first]:,.0f}; correct the one or the other."
            )
    return found


def list_assumptions(settings: Settings, year: int) -> list[str]:
    """Return what was assumed, in words."""
    return [
        f"{settings.working_days_per_year:g} working days a year, the same for all.",
        f"Workers arrive {settings.arrival_margin_min:g} minutes before their shift and leave as "
        "long after it; overtime is not in it.",
        "The way home is the way to work driven back.",
        "Within a factory, how workers travel, which shift they have and where they live are "
        "taken as independent; shifts without a stated share have the same number of workers.",
        "Who rides as passenger, otherwise, or nobody knows how, travels the roads that a "
        "motorcycle takes.",
        f"Dark: the sun more than {-settings.dark_below_deg:g} degrees below the horizon, on the "
        f"days of {year}, time zone {settings.time_zone}.",
    ]
