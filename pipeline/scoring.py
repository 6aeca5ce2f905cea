"""From placed crashes to scored sites and described hotspots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import NotEnoughDataError
from core.provenance import utc_now_text
from models.screening import OverdispersionEstimate
from pipeline.account import Job, Period
from pipeline.area_times import describe_area_times
from pipeline.commutes import Commutes
from pipeline.frame import Frame
from pipeline.hotspot_area import describe_area
from pipeline.hotspot_certainty import estimate_certainty, find_crash_places
from pipeline.hotspot_matrices import Matrices, prepare_matrices
from pipeline.hotspot_methods import METHODS, LixelTest, Smoothing, run_method
from pipeline.hotspot_nulls import Nulls, RoadFacts, build_nulls
from pipeline.hotspot_register import read_register
from pipeline.hotspot_summary import describe_search
from pipeline.hotspot_times import describe_times
from pipeline.hotspot_variants import Variant, count_agreement, find_variants, tabulate_variants
from pipeline.hotspots import describe_hotspots, keep_identities
from pipeline.scan import Scan, Stretches, scan_lixels
from pipeline.sites import build_sites

__all__ = ["SPREAD", "Results", "score"]

SPREAD: Final = "spread"  # among roads of a class, which is no null of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the records say about the roads."""

    sites: gpd.GeoDataFrame
    lixels: gpd.GeoDataFrame
    hotspots: gpd.GeoDataFrame
    variants: gpd.GeoDataFrame  # what other methods, nulls and controls find
    dispersion: OverdispersionEstimate
    summary: dict[str, Any] = field(default_factory=dict)  # of all hotspots and the whole area


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Every method against every null that can be had."""

    nulls: Nulls
    tests: list[LixelTest]
    published: LixelTest
    roads: Stretches


def score(
    job: Job,
    frame: Frame,
    placed: gpd.GeoDataFrame,
    commutes: Commutes,
    period: Period,
) -> Results:
    """Count, search, and describe the hotspots.

    Parameters
    ----------
    job, frame, period
        Of the run.
    placed
        Crashes with their sites.
    commutes
        Who passes where, and where the gates are.
    """
    settings = job.settings
    on_road = gpd.GeoDataFrame(placed[placed["lixel_id"].notna()])
    matrices = prepare_matrices(job, frame)
    with job.account.step("hotspots") as counts:
        sites = build_sites(
            frame.segments,
            frame.network.intersections,
            on_road,
            years=period.years,
            epdo_weights=settings.epdo_weights,
        )
        search = search_all(job, frame, on_road, commutes.sites, matrices)
        scan = scan_lixels(
            frame.lixels, search.published, frame.windows, search.roads,
            control=settings.hotspot_control, level=settings.hotspot_fdr,
        )  # fmt: skip
        hotspots = describe_hotspots(
            scan, frame.segments, frame.network.places, frame.corridors, on_road,
            years=period.years, epdo_weights=settings.epdo_weights,
        )  # fmt: skip
        register = read_register(job.workspace, job.area.key)
        hotspots = keep_identities(hotspots, scan, register, utc_now_text()[:10])
        names = hotspots.set_index("number")["hotspot_id"]
        lixels = scan.lixels.assign(
            hotspot_id=pd.Series(scan.labels).map(names).astype("str").to_numpy()
        )
        counts.update(rows_in=len(on_road), rows_out=len(hotspots))
    with job.account.step("certainty of hotspots") as counts:
        hotspots = add_certainty(job, frame, hotspots, scan, search, matrices, on_road)
        number = on_road["lixel_id"].astype("int64").map(pd.Series(scan.labels))
        times = describe_times(
            hotspots, on_road, number.where(number >= 0), period, seed=settings.seed
        )
        hotspots = gpd.GeoDataFrame(hotspots.join(times))
        variants = find_variants(
            search.tests, search.roads, get_published(lixels), level=settings.hotspot_fdr
        )
        hotspots = add_agreement(job, hotspots, variants)
        table = tabulate_variants(
            variants, lixels, frame.segments, frame.network.places, frame.corridors,
            search.roads, years=period.years,
        )  # fmt: skip
        summary = describe_search(search.nulls, search.tests, table, matrices, settings)
        summary["area"] = ask_area(
            job, frame, on_road, commutes, search, scan.dispersion.variance_ratio
        )
        summary["area"]["sentences"] += describe_area_times(on_road, period, seed=settings.seed)
        counts.update(rows_in=len(hotspots), rows_out=len(table))
    return Results(
        sites=sites,
        lixels=lixels,
        hotspots=hotspots.drop(columns="number"),
        variants=table,
        dispersion=scan.dispersion,
        summary=summary,
    )


def search_all(
    job: Job,
    frame: Frame,
    on_road: gpd.GeoDataFrame,
    commuted: pd.DataFrame,
    matrices: Matrices,
) -> Search:
    """Run every method against every null.

    Raises
    ------
    NotEnoughDataError
        If the null that the settings ask for cannot be had.
    """
    settings = job.settings
    n_crashes = np.bincount(
        on_road["lixel_id"].to_numpy(dtype=np.int64), minlength=len(frame.lixels)
    )
    roads = Stretches(
        n_crashes=n_crashes,
        length_m=frame.lixels["length_m"].to_numpy(),
        adjacency=frame.adjacency,
        min_crashes=settings.hotspot_min_crashes,
        max_length_m=settings.hotspot_max_length_m,
    )
    nulls = build_nulls(n_crashes, frame.lixels, gather_facts(frame, commuted))
    wanted = nulls.require(settings.hotspot_null)
    smoothing = Smoothing(windows=frame.windows, kernel=matrices.kernel)
    methods = [name for name in METHODS if name != "density" or matrices.kernel is not None]
    tests = [
        run_method(
            method, n_crashes, null, smoothing,
            seed=settings.seed, n_simulations=settings.n_simulations,
            progress=job.account.progress,
        )
        for null in nulls.models.values()
        for method in methods
    ]  # fmt: skip
    published = require_test(tests, settings.hotspot_method, wanted.name, matrices)
    return Search(nulls=nulls, tests=tests, published=published, roads=roads)


def require_test(
    tests: list[LixelTest], method: str, null_model: str, matrices: Matrices
) -> LixelTest:
    """Return the test that defines the published hotspots.

    Raises
    ------
    NotEnoughDataError
        If the method is left out here; says why.
    """
    for test in tests:
        if test.method == method and test.null.name == null_model:
            return test
    message = (
        f"hotspot_method {method!r} cannot be had here: {matrices.why_no_kernel}; choose 'window' "
        "or 'gi_star' in the settings."
    )
    raise NotEnoughDataError(message)


def gather_facts(frame: Frame, commuted: pd.DataFrame) -> RoadFacts:
    """Return the attributes of the segments, and the workers who pass them."""
    segments = pd.DataFrame(gpd.read_parquet(frame.segments_file).drop(columns="geometry"))
    ids = "S" + segments["segment_id"].astype("str")
    own = commuted.set_index("site_id").reindex(ids)
    return RoadFacts(
        segments=segments,
        worker_km_per_year=own["exposure_per_year"].fillna(0.0).to_numpy(dtype=np.float64),
        workers_per_day=own["workers_per_day"].fillna(0.0).to_numpy(dtype=np.float64),
        has_commutes=len(commuted) > 0,
    )


def get_published(lixels: pd.DataFrame) -> np.ndarray:
    """Return the identity of the published hotspot on each lixel, None for none."""
    ids = lixels["hotspot_id"].astype("object")
    return ids.where(ids.notna(), None).to_numpy(dtype=object)


def add_certainty(
    job: Job,
    frame: Frame,
    hotspots: gpd.GeoDataFrame,
    scan: Scan,
    search: Search,
    matrices: Matrices,
    on_road: gpd.GeoDataFrame,
) -> gpd.GeoDataFrame:
    """Return the hotspots with how sure their ranks are, and whether they are found again."""
    certainty = estimate_certainty(
        hotspots,
        scan,
        search.published.null,
        find_crash_places(on_road, frame.lixels, frame.segments),
        matrices,
        frame,
        settings=job.settings,
    )
    return gpd.GeoDataFrame(hotspots.join(certainty))


def add_agreement(
    job: Job, hotspots: gpd.GeoDataFrame, variants: list[Variant]
) -> gpd.GeoDataFrame:
    """Return the hotspots with the methods and nulls that find them too.

    `not_against` are the comparisons that do not find a hotspot, `SPREAD` for how much roads of
    its class differ; it stands out (`stands_out`) where there is none.
    """
    settings = job.settings
    published = {
        "method": settings.hotspot_method,
        "null_model": settings.hotspot_null,
        "control": settings.hotspot_control,
    }
    agreement = count_agreement(variants, published, hotspots["hotspot_id"])
    not_against = [
        ";".join(filter(None, ["" if q <= settings.hotspot_fdr else SPREAD, nulls]))
        for q, nulls in zip(hotspots["q_spread"], agreement["nulls_not_found"], strict=True)
    ]
    weak = pd.Series(not_against, index=hotspots.index, dtype="str")
    found = hotspots.assign(**published, not_against=weak, stands_out=weak == "")
    return gpd.GeoDataFrame(found.join(agreement.drop(columns="nulls_not_found")))


def ask_area(
    job: Job,
    frame: Frame,
    on_road: gpd.GeoDataFrame,
    commutes: Commutes,
    search: Search,
    variance_ratio: float,
) -> dict[str, Any]:
    """Return what can be said of the area as a whole."""
    factories = commutes.factories
    points = gpd.points_from_xy(factories["lon"], factories["lat"], crs=4326)
    gates = gpd.GeoSeries(points).to_crs(frame.segments.crs)
    return describe_area(
        frame,
        pd.DataFrame(gpd.read_parquet(frame.segments_file).drop(columns="geometry")),
        on_road,
        gates[~gates.is_empty],
        search.roads.n_crashes,
        search.published.null,
        variance_ratio=variance_ratio,
        seed=job.settings.seed,
    )
