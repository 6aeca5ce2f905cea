"""Attributes of segments: slope, people around, what stands beside, junctions, bends.

Run as `python -m benchmarks.bench_attributes` for an invented country of 100,000, 300,000 and
1,000,000 segments under a raster of its size, with a building for every segment; or with
`--real FOLDER` for Porto Alegre (`poa.osm.pbf`, `poa_elevation.tif`). Each size runs in a
process of its own. Printed as JSON: seconds of each part and peak memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin

from core.settings import Settings
from geo.alignment import measure_alignment
from geo.network import build_network_from_osm
from geo.osm_features import NEARBY_KINDS, OsmFeatures, read_osm_features
from geo.raster_around import measure_around
from geo.raster_sampling import open_raster
from geo.roadside import measure_roadside, say_what_is_mapped
from geo.slope import measure_slopes
from geo.sums_nearby import measure_junction_density

SPACING_M = 180.0
UTM48 = 32648
WEST_M, SOUTH_M = 300_000.0, 1_150_000.0
COUNTRY_M = 450_000.0


def build_country(n_segments: int) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """A grid of slightly bent roads, spread over the whole country, in no order of place."""
    rng = np.random.default_rng(1)
    side = int(np.sqrt(n_segments / 2))
    towns = 25  # grids of the same size in a 5 x 5 pattern
    per_town = max(int(side / 5), 2)
    lines, nodes = [], []
    for town in range(towns):
        x0 = WEST_M + COUNTRY_M * (0.1 + (town % 5) * 0.17)
        y0 = SOUTH_M + COUNTRY_M * (0.1 + (town // 5) * 0.17)
        column, row = (a.ravel() for a in np.meshgrid(np.arange(per_town), np.arange(per_town)))
        start = np.column_stack([x0 + SPACING_M * column, y0 + SPACING_M * row])
        nodes.append(start)
        for step in ((SPACING_M, 0.0), (0.0, SPACING_M)):
            middle = start + np.array(step) / 2 + rng.normal(0, 4, start.shape)
            lines.append(np.stack([start, middle, start + np.array(step)], axis=1))
    xy = np.concatenate(lines)[:n_segments]
    xy = xy[rng.permutation(len(xy))]
    segments = gpd.GeoDataFrame(geometry=shapely.linestrings(xy), crs=UTM48)
    points = shapely.points(np.concatenate(nodes))
    return segments, gpd.GeoDataFrame(geometry=points, crs=UTM48)


def write_country_raster(path: Path, *, pixel: float, crs: int, west: float, north: float) -> None:
    """A smooth surface over the whole country, written in stripes."""
    extent = 4.3 if crs == 4326 else COUNTRY_M
    size = int(extent / pixel)
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "float32",
               "crs": crs, "transform": from_origin(west, north, pixel, pixel), "nodata": -9999,
               "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate",
               "zlevel": 1}  # fmt: skip
    across = np.sin(np.arange(size) * 40 / size)[None, :]
    with rasterio.open(path, "w", **profile) as target:
        for top in range(0, size, 256):
            n_rows = min(256, size - top)
            down = np.cos(np.arange(top, top + n_rows) * 40 / size)[:, None]
            stripe = (100 + 50 * across * down).astype("float32")
            target.write(stripe, 1, window=rasterio.windows.Window(0, top, size, n_rows))


def measure(n_segments: int, folder: str) -> dict[str, object]:
    segments, nodes = build_country(n_segments)
    rng = np.random.default_rng(2)
    beside = shapely.get_coordinates(shapely.line_interpolate_point(
        segments.geometry.to_numpy(), 0.3, normalized=True))  # fmt: skip
    spots = gpd.GeoSeries(
        shapely.points(beside + rng.normal(0, 15, beside.shape)), crs=UTM48
    ).to_crs(4326)
    lonlat = shapely.get_coordinates(spots.to_numpy())
    schools = np.asarray(spots.to_numpy()[:: max(len(spots) // 10_000, 1)], dtype=object)
    features = OsmFeatures(
        counted={"building": lonlat, "shop": lonlat[::10], "street_lamp": lonlat[::50]},
        nearby=dict.fromkeys(NEARBY_KINDS, schools),
        n_ways_skipped=0,
    )
    rasters = Path(folder)
    few = segments[:200]
    before = peak_mb()
    run_parts(few, nodes, features, rasters, {})  # compiled code is loaded
    seconds: dict[str, float] = {}
    run_parts(segments, nodes, features, rasters, seconds)
    return {
        "n_segments": len(segments),
        "seconds": seconds,
        "seconds_together": round(sum(seconds.values()), 1),
        "peak_mb": peak_mb(),
        "of_which_the_input_mb": before,
    }


def run_parts(
    segments: gpd.GeoDataFrame,
    nodes: gpd.GeoDataFrame,
    features: OsmFeatures,
    rasters: Path,
    seconds: dict[str, float],
) -> None:
    parts = {
        "slope, 30 m pixels": lambda: measure_slopes(segments, open_raster(rasters / "relief.tif")),
        "people within 1 km, 92 m pixels": lambda: measure_around(
            segments, open_raster(rasters / "people.tif"), distance_m=1000, is_count=True
        ),
        "light within 1 km, 460 m pixels": lambda: measure_around(
            segments, open_raster(rasters / "light.tif"), distance_m=1000
        ),
        "roadside": lambda: measure_roadside(segments, features, distance_m=30),
        "junctions": lambda: measure_junction_density(segments, nodes, radius_m=500),
        "bends": lambda: measure_alignment(segments),
    }
    for name, part in parts.items():
        start = time.perf_counter()
        part()
        seconds[name] = round(time.perf_counter() - start, 2)


def measure_real(folder: Path) -> dict[str, object]:
    """Porto Alegre with its own relief."""
    settings = Settings()
    network = build_network_from_osm(
        folder / "poa.osm.pbf",
        road_classes=settings.road_classes,
        max_segment_length_m=settings.max_segment_length_m,
        intersection_tolerance_m=settings.intersection_tolerance_m,
    )
    relief = open_raster(folder / "poa_elevation.tif")
    measure_slopes(network.segments[:100], relief)
    start = time.perf_counter()
    slopes = measure_slopes(network.segments, relief)
    seconds = time.perf_counter() - start
    grade = slopes.table["mean_grade_pct"]
    start = time.perf_counter()
    features = read_osm_features(folder / "poa.osm.pbf")
    return {
        "n_segments": len(grade),
        "slope_seconds": round(seconds, 3),
        "share_known": round(float(grade.notna().mean()), 4),
        "mean_grade_pct": {
            str(q): round(float(grade.quantile(q)), 2) for q in (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
        },
        "step_m": slopes.step_m,
        "smoothing_m": slopes.smoothing_m,
        "features_seconds": round(time.perf_counter() - start, 3),
        "features": features.count(),
        "mapped": dict(say_what_is_mapped(features, network.summary["network_km"])),
    }


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    options = parser.parse_args()
    if options.real:
        print(json.dumps(measure_real(options.real), indent=2))
        return
    with tempfile.TemporaryDirectory() as folder:
        degrees = {"crs": 4326, "west": 103.0, "north": 14.6}
        start = time.perf_counter()
        write_country_raster(Path(folder) / "relief.tif", pixel=1 / 3600, **degrees)
        write_country_raster(Path(folder) / "people.tif", pixel=3 / 3600, **degrees)
        write_country_raster(Path(folder) / "light.tif", pixel=15 / 3600, **degrees)
        print(f"# rasters written in {time.perf_counter() - start:.0f} s", flush=True)
        context = multiprocessing.get_context("spawn")
        for size in options.sizes:
            with context.Pool(1) as pool:
                print(json.dumps(pool.apply(measure, (size, folder))), flush=True)


if __name__ == "__main__":
    main()
