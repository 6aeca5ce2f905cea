"""The software finds what was planted, and nothing where nothing was planted."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import shapely

from core.settings import Settings
from pipeline.areas import AreaSources, add_area
from pipeline.imports import import_records
from pipeline.run import run_area
from pipeline.workspace import open_workspace
from sample.write import DEFAULT_SEED, write_sample

pytestmark = pytest.mark.slow
NEAR_M = 40.0
KEY = "sample"
OTHER_SEED = 1  # the default one is recovered in tests/pipeline/test_demo.py


@pytest.fixture
def find_hotspots(tmp_path):
    """Return a function: draw a sample, run its roads and crashes, give the run and the truth.

    Its factories are left out: commutes take most of the time, and the published hotspots do not
    depend on them.
    """

    def find(seed, *, with_hotspots):
        data, settings = tmp_path / "data", Settings()
        write_sample(data, seed=seed, with_hotspots=with_hotspots)
        workspace = open_workspace(tmp_path / "home")
        sources = AreaSources(roads=data / "osm" / "sample.osm.pbf", kind="osm")
        add_area(workspace, KEY, sources, name="Drawn again (SYNTHETIC)", settings=settings)
        import_records(workspace, "crash", data / "sample" / "crashes.csv", area=KEY)
        manifest = run_area(workspace, KEY, settings=settings)
        assert manifest["n_snapped"] > 1_000
        truth = json.loads((data / "sample" / "truth.json").read_text("utf-8"))
        return workspace.runs_folder(KEY) / manifest["run_id"], truth["hotspots"]

    return find


@pytest.mark.parametrize("seed", [OTHER_SEED])
def test_planted_hotspots_are_in_the_top_ten(find_hotspots, seed):
    run, planted = find_hotspots(seed, with_hotspots=True)
    hotspots = gpd.read_parquet(run / "hotspots.parquet").sort_values("rank")
    lines = gpd.GeoSeries([shapely.LineString(spot["line"]) for spot in planted], crs=4326)
    areas = lines.to_crs(hotspots.crs).buffer(NEAR_M)
    top = hotspots.head(10).geometry
    n_found = sum(bool(top.intersects(area).any()) for area in areas)
    assert n_found >= 5
    n_false = int((~hotspots.geometry.intersects(areas.union_all())).sum())
    assert n_false <= 2
    variants = gpd.read_parquet(run / "hotspot_variants.parquet")
    variants = variants[(variants["control"] != "pointwise") & (variants["null_model"] != "length")]
    assert set(variants["method"]) == {"window", "density", "gi_star"}
    for keys, found in variants.groupby(["method", "null_model", "control"]):
        assert sum(bool(found.intersects(area).any()) for area in areas) >= 5, keys
        assert (~found.intersects(areas.union_all())).sum() <= 3, keys


@pytest.mark.parametrize("seed", [DEFAULT_SEED, OTHER_SEED])
def test_nothing_is_found_where_nothing_was_planted(find_hotspots, seed):
    run, planted = find_hotspots(seed, with_hotspots=False)
    assert planted == []
    assert len(gpd.read_parquet(run / "hotspots.parquet")) <= 1
