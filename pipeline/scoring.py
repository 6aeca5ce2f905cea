"""From placed crashes to scored sites and described hotspots."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from models.screening import OverdispersionEstimate
from pipeline.account import Job, Period
from pipeline.frame import Frame
from pipeline.hotspots import describe_hotspots, keep_identities
from pipeline.runs import find_published_run, list_runs, load_manifest, load_table
from pipeline.scan import scan_lixels
from pipeline.sites import build_sites
from pipeline.workspace import Workspace

__all__ = ["Results", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the records say about the roads."""

    sites: gpd.GeoDataFrame
    lixels: gpd.GeoDataFrame
    hotspots: gpd.GeoDataFrame
    dispersion: OverdispersionEstimate


def score(job: Job, frame: Frame, placed: gpd.GeoDataFrame, period: Period) -> Results:
    """Count, scan, and describe the hotspots."""
    settings = job.settings
    on_road = placed[placed["lixel_id"].notna()]
    with job.account.step("hotspots") as counts:
        sites = build_sites(
            frame.segments,
            frame.network.intersections,
            on_road,
            years=period.years,
            epdo_weights=settings.epdo_weights,
        )
        lixel_class = frame.segments["road_class"].to_numpy()[frame.lixels["segment_id"]]
        scan = scan_lixels(
            frame.lixels,
            pd.Series(lixel_class),
            on_road["lixel_id"].to_numpy(dtype=np.int64),
            frame.windows,
            frame.adjacency,
            reference=settings.hotspot_reference,
            fdr=settings.hotspot_fdr,
            min_crashes=settings.hotspot_min_crashes,
            max_length_m=settings.hotspot_max_length_m,
        )
        hotspots = describe_hotspots(
            scan,
            frame.segments,
            frame.network.places,
            frame.corridors,
            on_road,
            years=period.years,
            fdr=settings.hotspot_fdr,
            epdo_weights=settings.epdo_weights,
        )
        previous, first_free = find_previous_hotspots(job.workspace, job.area.key)
        hotspots = keep_identities(hotspots, scan, previous, first_free)
        names = hotspots.set_index("number")["hotspot_id"]
        lixels = scan.lixels.assign(
            hotspot_id=pd.Series(scan.labels).map(names).astype("str").to_numpy()
        )
        counts.update(rows_in=len(on_road), rows_out=len(hotspots))
    return Results(
        sites=sites,
        lixels=lixels,
        hotspots=hotspots.drop(columns="number"),
        dispersion=scan.dispersion,
    )


def find_previous_hotspots(workspace: Workspace, key: str) -> tuple[gpd.GeoDataFrame | None, int]:
    """Return the hotspots whose identities go on, and the first number never used."""
    runs = list_runs(workspace.home, key)
    if not runs:
        return None, 1
    published = find_published_run(workspace.home, key)
    path = published or workspace.runs_folder(key) / runs[0].run_id
    used = max(
        load_manifest(workspace.runs_folder(key) / run.run_id)["last_hotspot_number"]
        for run in runs
    )
    return gpd.GeoDataFrame(load_table(path, "hotspots")), used + 1
