"""Which crashes a run looks at, and the site each belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import InputError, NotEnoughDataError
from geo.lixels import locate_lixels
from geo.placement import place_crashes
from geo.road_km import locate_road_km
from pipeline.account import Account, Job, Period
from pipeline.frame import Frame
from pipeline.steps import keep_step

__all__ = ["find_by_road_km", "place", "select_period"]

PLACING_VERSION = 5  # raise it when the same inputs give other places
EXPECTED_PLACED_SHARE = 0.8
OUTSIDE = "outside the study area"
LONG_GAP_MONTHS = 12


def require_period(since: date | None, until: date | None) -> None:
    """Refuse a period that ends before it begins.

    Raises
    ------
    InputError
        If `since` is after `until`.
    """
    if since is not None and until is not None and since > until:
        message = (
            f"--since {since} is after --until {until}: a period begins before it ends; "
            "change the two over, or correct one."
        )
        raise InputError(message)


def select_period(
    records: pd.DataFrame, since: date | None, until: date | None, account: Account
) -> tuple[pd.DataFrame, Period]:
    """Return the crashes of the period, and the period in whole months unless it is given."""
    with account.step("crash records") as counts:
        dated = records["occurred_at"]
        if until is not None and until > datetime.now(UTC).date() + timedelta(days=1):
            message = f"--until {until}: lies in the future; crashes there cannot be known yet."
            raise InputError(message)
        if since is not None:
            dated = dated[dated >= pd.Timestamp(since)]
        if until is not None:
            dated = dated[dated < pd.Timestamp(until) + pd.Timedelta(days=1)]
        if dated.notna().sum() == 0:
            message = (
                f"crash records: {len(records)} in the database, none in the period; "
                "import crashes with `safecommute import crash FILE --area KEY` "
                "or choose another period."
            )
            raise NotEnoughDataError(message)
        first = dated.min().to_period("M")
        last = dated.max().to_period("M")
        period = Period(start=since or first.start_time.date(), end=until or last.end_time.date())
        ends = pd.Series([pd.Timestamp(period.start), pd.Timestamp(period.end)])
        months = np.unique(pd.concat([dated.dropna(), ends]).dt.to_period("M").astype("int64"))
        gap = int(np.diff(months).max(initial=1)) - 1
        if gap >= LONG_GAP_MONTHS:
            account.warnings.append(
                f"No crash was reported in {gap} months running within the period "
                f"{period.start} to {period.end}: check for wrong dates, or choose the period "
                "with --since and --until; every rate divides by its length."
            )
        crashes = records.loc[dated.index].reset_index(drop=True)
        dropped = len(records) - len(crashes)
        counts.update(
            rows_in=len(records),
            rows_out=len(crashes),
            rows_dropped=dropped,
            reason=f"{dropped} outside the period" if dropped else "",
        )
    return crashes, period


def place(
    job: Job, frame: Frame, crashes: pd.DataFrame, period: Period, digest: str
) -> gpd.GeoDataFrame:
    """Give every crash its site, or the reason why it has none."""
    settings, account = job.settings, job.account
    options = {
        "max_distance_m": settings.snap_max_distance_m,
        "intersection_radius_m": settings.intersection_radius_m,
        "ambiguity_margin_m": settings.ambiguity_margin_m,
    }

    def build(folder: Path) -> None:
        located, missing = find_by_road_km(crashes, frame.segments)
        placed = place_crashes(
            located,
            frame.segments,
            frame.network.intersections,
            max_distance_m=settings.snap_max_distance_m,
            intersection_radius_m=settings.intersection_radius_m,
            ambiguity_margin_m=settings.ambiguity_margin_m,
        )
        placed["unplaced_reason"] = missing.fillna(explain_missing_place(placed))
        on_road = placed["segment_id"].notna()
        lixel_id = pd.Series(pd.NA, index=placed.index, dtype="Int64")
        lixel_id[on_road] = locate_lixels(
            frame.lixels,
            placed.loc[on_road, "segment_id"].to_numpy(dtype=np.int64),
            placed.loc[on_road, "offset_m"].to_numpy(),
        )
        placed.assign(lixel_id=lixel_id).to_parquet(folder / "crashes.parquet")

    with account.step("placement") as counts:
        inputs = [PLACING_VERSION, frame.step.key, digest, period.to_dict(), options]
        step = keep_step(job.workspace, job.area.key, "placement", inputs, build)
        placed = gpd.read_parquet(step.path / "crashes.parquet")
        unplaced = placed["unplaced_reason"].dropna()
        reasons = unplaced.value_counts()
        counts.update(
            rows_in=len(crashes),
            rows_out=len(placed) - len(unplaced),
            rows_dropped=len(unplaced),
            reason="; ".join(f"{n} {reason}" for reason, n in reasons.items()),
            cached=step.is_cached,
        )
    if len(unplaced) == len(placed):
        message = (
            f"crash records: none of {len(placed)} could be placed on the network "
            f"({counts['reason']}); check that the area and the crashes belong together."
        )
        raise NotEnoughDataError(message)
    n_inside = len(placed) - int(reasons.get(OUTSIDE, 0))
    share = (len(placed) - len(unplaced)) / n_inside
    if share < EXPECTED_PLACED_SHARE:
        account.warnings.append(
            f"Only {share:.0%} of the crashes within the study area could be placed on a road; "
            "what the map shows is incomplete. See the list of crashes not placed."
        )
    return placed


def find_by_road_km(
    crashes: pd.DataFrame, segments: gpd.GeoDataFrame
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the crashes, those that name a road and kilometre only at that place on it.

    Beside them, the reason why such a crash has no place; missing elsewhere.
    """
    reason = pd.Series(pd.NA, index=crashes.index, dtype="str")
    if not {"road_name", "road_km"} <= {*crashes.columns}:
        return crashes, reason
    is_named = crashes["road_name"].notna() & crashes["road_km"].notna()
    rows = crashes.index[is_named & crashes["lon"].isna()]
    if not len(rows):
        return crashes, reason
    found = locate_road_km(crashes.loc[rows, "road_name"], crashes.loc[rows, "road_km"], segments)
    located = crashes.copy()
    located.loc[rows, "lon"], located.loc[rows, "lat"] = found.lon, found.lat
    reason.loc[rows] = found.reason
    return located, reason


def explain_missing_place(placed: pd.DataFrame) -> pd.Series:
    """Return why each crash has no site, with what the intake found wrong with its place.

    The values themselves are left to `place_note`, so that reasons can be counted.
    """
    reason = placed["unplaced_reason"]
    note = placed["place_note"].astype("str").str.replace(r": .*", "", regex=True)
    is_explained = reason.eq("no coordinates") & note.notna() & note.ne("coordinates missing")
    return reason.mask(is_explained, "no coordinates: " + note)
