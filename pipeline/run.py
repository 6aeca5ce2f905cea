"""One run: from an area's network and records to an immutable folder of results."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd

from core.progress import Progress, no_progress
from core.provenance import (
    compute_file_sha256,
    compute_sha256_of_values,
    find_versions,
    utc_now_text,
)
from core.settings import Settings
from models.screening import CLEARLY_OVERDISPERSED
from pipeline.account import Account, Job, Period
from pipeline.areas import load_area
from pipeline.attributes import add_attributes
from pipeline.commute_risk import CommuteRisk, add_to_sites, assess_commutes, write_commutes
from pipeline.commutes import prepare_commutes, read_commute_records
from pipeline.frame import Frame, prepare_frame
from pipeline.hotspot_register import take_up_run
from pipeline.layers import write_risk_raster
from pipeline.matching import Crashes, read_crashes
from pipeline.placing import place, require_period, select_period
from pipeline.scoring import Results, score
from pipeline.site_measures import SiteMeasures, measure_sites, write_site_measures
from pipeline.tiles import write_run_tiles
from pipeline.workspace import Workspace, appearing_whole, write_json
from records.database import Database

__all__ = ["run_area"]

MAX_HOURS_OFF = 3.0  # legal time may be some hours off the sun


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """Everything a run found, to be kept."""

    risk: CommuteRisk
    results: Results
    measures: SiteMeasures


def run_area(
    workspace: Workspace,
    key: str,
    *,
    settings: Settings,
    since: date | None = None,
    until: date | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Score one study area and keep the result as a new run.

    Finished steps whose inputs have not changed are taken from the cache. The run's
    folder appears only when it is complete; what is published stays as it was.

    Parameters
    ----------
    workspace, key
        Whose records and which area.
    settings
        What can be tuned; kept in the manifest.
    since, until
        First and last day looked at; by default the months from the first crash to
        the last.

    Returns
    -------
    dict
        The manifest, as kept in `run.json`.

    Raises
    ------
    InputError
        If `since` is after `until`.
    MissingDataError
        If there is no such area.
    NotEnoughDataError
        If no crash of the period has a place on the network.
    """
    require_period(since, until)
    area = load_area(workspace, key)
    with workspace.locked(key):
        job = Job(workspace=workspace, area=area, settings=settings, account=Account(progress))
        frame = prepare_frame(job)
        with Database(workspace.database_url) as database:
            with job.account.step("crash reports") as counts:
                found = read_crashes(database, key)
                n_merged = found.n_reports - len(found.frame)
                counts.update(
                    rows_in=found.n_reports,
                    rows_out=len(found.frame),
                    rows_dropped=n_merged,
                    reason=f"{n_merged} merged with another report" if n_merged else "",
                )
            records = read_commute_records(database, key)
        frame = add_attributes(job, frame, records.factories)
        warn_of_repeats(job, found)
        warn_of_time_zone(job, frame)
        crashes, period = select_period(found.frame, since, until, job.account)
        placed = place(job, frame, crashes, period, found.digest)
        commutes = prepare_commutes(job, frame, records, period)
        risk = assess_commutes(job, commutes, placed, records.casualties, frame.segments, period)
        results = score(job, frame, placed, commutes, period)
        results = replace(results, sites=add_to_sites(results.sites, commutes))
        measures = measure_sites(job, frame, placed, results.sites, period)
        learnt = Learnt(risk=risk, results=results, measures=measures)
        return keep_run(job, frame, placed, learnt, period, found.digest)


def warn_of_repeats(job: Job, found: Crashes) -> None:
    """Warn when several sources report crashes and were never compared."""
    sources = found.sources_not_compared
    if sources:
        job.account.warnings.append(
            f"{len(sources)} sources report crashes here ({', '.join(sources[:3])}, ...) and were "
            f"never compared: a crash that two of them report counts twice. Type `safecommute "
            f"duplicates find {job.area.key}` and run again."
        )


def warn_of_time_zone(job: Job, frame: Frame) -> None:
    """Warn when the clocks of the settings are hours off the sun of the area."""
    west, _, east, _ = frame.network.summary["bounds_wgs84"]
    zone = job.settings.time_zone
    offset = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
    hours, by_sun = offset.total_seconds() / 3600, (west + east) / 2 / 15
    if abs(hours - by_sun) > MAX_HOURS_OFF:
        job.account.warnings.append(
            f"time zone {zone} is {abs(hours - by_sun):.0f} hours off the sun here, so daylight "
            "and dark are wrong: set time_zone in a file given with --settings."
        )


def keep_run(
    job: Job,
    frame: Frame,
    placed: gpd.GeoDataFrame,
    learnt: Learnt,
    period: Period,
    digest: str,
) -> dict[str, Any]:
    """Write the run's folder; it takes its name only when everything is in it."""
    area, settings = job.area, job.settings
    risk, results = learnt.risk, learnt.results
    inputs = {"sources": area.sha256, "original_names": area.original, "records": digest}
    fingerprint = compute_sha256_of_values([inputs, settings.model_dump(), period.to_dict()])
    run_id = choose_run_id(job.workspace.runs_folder(area.key), fingerprint[:8])
    with appearing_whole(job.workspace.runs_folder(area.key) / run_id) as folder:
        with job.account.step("files") as counts:
            write_tables(folder, frame, placed, risk.commutes.factories, results)
            write_commutes(folder, risk)
            write_site_measures(folder, learnt.measures)
            write_run_tiles(results.sites, results.hotspots, folder)
            write_risk_raster(results.lixels, folder, years=period.years)
            counts.update(rows_in=len(results.sites), rows_out=len(results.sites))
        manifest = describe_run(job, frame, placed, results, period)
        manifest["commutes"] = risk.to_dict()
        manifest = {
            "run_id": run_id,
            "created_at": utc_now_text(),
            **manifest,
            "settings": settings.model_dump(mode="json"),
            "inputs": inputs,
            "versions": find_versions(),
            "seed": settings.seed,
            "files": {path.name: compute_file_sha256(path) for path in sorted(folder.iterdir())},
        }
        write_json(folder / "run.json", manifest)
        for path in folder.iterdir():
            path.chmod(0o444)
    take_up_run(job.workspace, area.key, run_id, is_published=False)
    return manifest


def choose_run_id(folder: Path, fingerprint: str) -> str:
    """Return the time and the inputs' fingerprint; a second later if that is taken."""
    now = datetime.now(UTC)
    while (folder / f"{now:%Y%m%dT%H%M%SZ}-{fingerprint}").exists():
        now += timedelta(seconds=1)
    return f"{now:%Y%m%dT%H%M%SZ}-{fingerprint}"


def write_tables(
    folder: Path,
    frame: Frame,
    placed: gpd.GeoDataFrame,
    factories: pd.DataFrame,
    results: Results,
) -> None:
    """Write the tables of a run; those of the network are taken from the cache."""
    link_or_copy(frame.segments_file, folder / "segments.parquet")
    for name in ("intersections", "nodes", "places"):
        getattr(frame.network, name).to_parquet(folder / f"{name}.parquet")
    placed.to_parquet(folder / "crashes.parquet")
    results.sites.to_parquet(folder / "sites.parquet")
    results.lixels.to_parquet(folder / "lixels.parquet")
    results.hotspots.to_parquet(folder / "hotspots.parquet")
    results.variants.to_parquet(folder / "hotspot_variants.parquet")
    write_json(folder / "hotspot_summary.json", results.summary)
    points = gpd.points_from_xy(factories["lon"], factories["lat"], crs=4326)
    gates = gpd.GeoDataFrame(factories, geometry=points).to_crs(frame.segments.crs)
    gates.to_parquet(folder / "factories.parquet")


def link_or_copy(source: Path, target: Path) -> None:
    """Share a file with the cache where the disk can, else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def describe_run(
    job: Job,
    frame: Frame,
    placed: gpd.GeoDataFrame,
    results: Results,
    period: Period,
) -> dict[str, Any]:
    """Return what the manifest says of the results."""
    is_placed = placed["site_id"].notna()
    distance = placed.loc[is_placed, "snap_distance_m"]
    unplaced = placed["unplaced_reason"].dropna().value_counts()
    numbers = results.hotspots["hotspot_id"].str.removeprefix("H").astype("int64")
    warnings = list(job.account.warnings)
    if results.dispersion.variance_ratio >= CLEARLY_OVERDISPERSED:
        warnings.append(results.dispersion.meaning)
    return {
        "area": job.area.key,
        "area_name": job.area.name,
        "is_synthetic": job.area.is_synthetic,
        "n_segments": len(frame.segments),
        "n_intersections": len(frame.network.intersections),
        "network_km": round(float(frame.segments["length_m"].sum()) / 1000, 3),
        "crs": frame.segments.crs.to_string(),
        "n_crashes": len(placed),
        "n_reports": int(placed["n_reports"].sum()),
        "n_snapped": int(is_placed.sum()),
        "snap_share": round(float(is_placed.mean()), 6),
        "snap_median_m": round(float(distance.median()), 3),
        "snap_p95_m": round(float(distance.quantile(0.95)), 3),
        "n_ambiguous": int(placed["is_ambiguous"].sum()),
        "location_quality": placed["location_quality"].value_counts().sort_index().to_dict(),
        "unplaced": {str(reason): int(n) for reason, n in unplaced.items()},
        "n_hotspots": len(results.hotspots),
        "n_hotspots_among_unlike_roads": int(results.hotspots["stands_out"].sum()),
        "last_hotspot_number": int(numbers.max()) if len(numbers) else 0,
        "overdispersion": {
            "variance_ratio": round(results.dispersion.variance_ratio, 4),
            "overdispersion_k": round(results.dispersion.overdispersion_k, 4),
        },
        "attributes": frame.attributes_account,
        "period": period.to_dict(),
        "steps": [step.to_dict() for step in job.account.steps],
        "warnings": warnings,
        "validation": {},
    }
