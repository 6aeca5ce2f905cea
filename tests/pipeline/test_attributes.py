"""Attributes of segments, through the commands and in runs."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml

from core.errors import ConfigError, DataSourceError, GeometryError, VocabularyError
from core.progress import no_progress
from geo.network import read_network
from pipeline.account import Account, Job
from pipeline.areas import AreaSources, add_area, add_raster, load_area
from pipeline.attributes import (
    ATTRIBUTE_COLUMNS,
    GATE_COLUMN,
    add_attributes,
    combine,
    locate_gates,
)
from pipeline.frame import prepare_frame
from pipeline.imports import import_records
from pipeline.workspace import read_json, write_json
from records.database import Database
from tests.geo.file_server import serve
from tests.geo.raster_files import write_raster

WEST, NORTH = 104.75, 11.45


@pytest.fixture
def rasters(tmp_path):
    """A plane that rises eastwards, light only in the west, 50 people on each pixel."""
    pixel, columns, rows = 0.001, 200, 120
    options = {"west": WEST, "north": NORTH, "pixel": pixel, "crs": 4326}
    height = np.tile(5.0 * np.arange(columns), (rows, 1)).astype("float32")
    light = np.full((rows, columns), 3.0, dtype="float32")
    light[:, columns // 2 :] = np.nan
    people = np.full((rows, columns), 50.0, dtype="float32")
    return {
        "relief": write_raster(tmp_path / "relief.tif", height, **options),
        "night_lights": write_raster(tmp_path / "light.tif", light, **options, nodata=np.nan),
        "population": write_raster(tmp_path / "people.tif", people, **options),
    }


@pytest.fixture
def measure(workspace, area, settings):
    """Do the part of a run that ends with the attributes; return its account and segments."""

    def run():
        account = Account(no_progress)
        known = load_area(workspace, area)
        job = Job(workspace=workspace, area=known, settings=settings, account=account)
        with Database(workspace.database_url) as database:
            factories = database.read("factory", area)
        frame = add_attributes(job, prepare_frame(job), factories)
        steps = {step.name: step for step in account.steps}
        return steps, frame, gpd.read_parquet(frame.segments_file)

    return run


def test_without_sources_attributes_are_there_and_unknown(measure):
    steps, frame, segments = measure()
    assert set(ATTRIBUTE_COLUMNS) <= set(segments)
    assert segments.columns[-1] == "geometry"
    assert segments["mean_grade_pct"].isna().all()
    assert segments["building_per_km"].isna().all()
    assert (segments["has_school_within_200m"] == "unknown").all()
    assert (segments[GATE_COLUMN] == "unknown").all()
    assert segments["curvature_change_deg_km"].notna().all()
    assert segments["junction_per_km"].notna().all()
    step = steps["attributes"]
    assert step.rows_in == step.rows_out == len(segments)
    assert "no raster of relief, night_lights, population" in step.reason
    assert "no factory has coordinates" in step.reason
    known = frame.attributes_account["known_share"]
    assert known["mean_grade_pct"] == 0
    assert known["junction_per_km"] == 1


def test_rasters_added_later_are_measured_and_the_rest_is_not_built_again(
    measure, workspace, area, rasters, call
):
    measure()
    for role, path in rasters.items():
        result = call("area", "raster", area, role, str(path), "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["sha256"] == load_area(workspace, area).sha256[role]
    steps, _, segments = measure()
    assert steps["network"].cached
    assert steps["lixels"].cached
    assert not steps["attributes"].cached
    assert "pixels of 111 m, steps of 111 m, grades over 111 m" in steps["attributes"].reason
    trunk = segments[segments["road_class"] == "trunk"]
    assert trunk["mean_grade_pct"].to_numpy() == pytest.approx(100 * 5 / 109.13, rel=0.01)
    side = segments[segments["road_class"] == "residential"]
    assert side["max_grade_pct"].max() < 0.1
    people = 50 / (0.10913 * 0.11062)  # on a pixel's square kilometres
    assert segments["population_per_km2"].to_numpy() == pytest.approx(people, rel=0.01)
    east = gpd.GeoSeries(trunk.geometry.centroid, crs=segments.crs).to_crs(4326).x.to_numpy()
    lit = trunk["night_light"].notna().to_numpy()
    assert lit[east < WEST + 0.098].all()
    assert not lit[east > WEST + 0.102].any()
    assert set(trunk["night_light"].dropna()) == {3.0}
    assert measure()[0]["attributes"].cached


def test_gates_of_factories_are_looked_for_and_only_the_join_is_made_again(
    measure, workspace, area, tmp_path
):
    measure()
    path = tmp_path / "factories.csv"
    path.write_text("factory_id,name,lon,lat,workers\nF1,Gate,104.8,11.4001,9\n", encoding="utf-8")
    import_records(workspace, "factory", path, area=area)
    layout = sorted(workspace.cache_folder(area).glob("layout-*"))
    _, _, segments = measure()
    assert sorted(workspace.cache_folder(area).glob("layout-*")) == layout
    near = segments[segments[GATE_COLUMN] == "yes"]
    assert 1 <= len(near) < 5
    assert set(segments[GATE_COLUMN]) == {"yes", "no"}


def test_an_area_known_from_before_rasters_still_loads_and_keeps_its_network(
    workspace, area, settings, make_roads
):
    path = workspace.area_folder(area) / "area.json"
    before = read_json(path)
    assert set(before["files"]) == {"roads"}
    write_json(path, before)
    assert load_area(workspace, area).sha256 == before["sha256"]
    sources = AreaSources(roads=make_roads(), kind="osm")
    again, _ = add_area(workspace, area, sources, name=None, settings=settings)
    assert again.added_at == before["added_at"]
    assert len(list(workspace.cache_folder(area).glob("network-*"))) == 1


def test_an_area_added_with_rasters_keeps_copies(
    workspace, make_roads, rasters, settings, tmp_path
):
    sources = AreaSources(roads=make_roads(), kind="osm", rasters=rasters)
    area, _ = add_area(workspace, "full", sources, name=None, settings=settings)
    for role, path in rasters.items():
        copy = area.find_file(workspace, role)
        assert copy.read_bytes() == path.read_bytes()
    assert add_area(workspace, "full", sources, name=None, settings=settings)[0] == area
    other = AreaSources(roads=make_roads(), kind="osm", rasters={"relief": rasters["population"]})
    with pytest.raises(ConfigError, match="use `safecommute area raster full relief"):
        add_area(workspace, "full", other, name=None, settings=settings)
    replaced = add_raster(workspace, "full", "relief", rasters["population"])
    assert replaced.sha256["relief"] == replaced.sha256["population"]
    assert not area.find_file(workspace, "relief").exists()
    density = add_raster(workspace, "full", "population_density", rasters["population"])
    assert "population" not in density.files
    assert density.find_file(workspace, "population_density").is_file()


def test_a_raster_of_elsewhere_or_of_nothing_is_refused(
    workspace, area, rasters, tmp_path, make_roads, settings
):
    far = write_raster(
        tmp_path / "far.tif", np.ones((9, 9)), west=10, north=50, pixel=0.01, crs=4326
    )
    with pytest.raises(GeometryError, match=r"far\.tif: covers .*none of the area's roads"):
        add_raster(workspace, area, "relief", far)
    with pytest.raises(VocabularyError, match="weather"):
        add_raster(workspace, area, "weather", far)
    (tmp_path / "x.asc").write_text("ncols 1")
    with pytest.raises(DataSourceError, match="GeoTIFF"):
        add_raster(workspace, area, "relief", tmp_path / "x.asc")
    assert set(load_area(workspace, area).files) == {"roads"}
    people = dict.fromkeys(("population", "population_density"), rasters["population"])
    both = AreaSources(roads=make_roads(), kind="osm", rasters=people)
    with pytest.raises(ConfigError, match="give one"):
        add_area(workspace, "both", both, name=None, settings=settings)
    missed = AreaSources(roads=make_roads(), kind="osm", rasters={"relief": far})
    with pytest.raises(GeometryError):
        add_area(workspace, "missed", missed, name=None, settings=settings)
    assert not (workspace.area_folder("missed") / "area.json").exists()


def test_gates_that_are_elsewhere_are_told(call, tmp_path, make_roads, caplog):
    network, gates = tmp_path / "net", tmp_path / "gates.csv"
    assert call("tools", "network", str(make_roads()), "--out", str(network)).exit_code == 0
    words = ["--network", str(network), "--gates", str(gates), "--out", str(tmp_path / "s.gpkg")]
    gates.write_text("lon,lat\n-51.2,-30.1\n104.8,11.4\n11.4,104.8\n", encoding="utf-8")
    assert call("tools", "attributes", *words).exit_code == 0
    assert "1 of 3 gates lie more than 5 km from every road, first row 0 (-51.2, " in caplog.text
    assert "1 with longitude and latitude that look swapped, first row 2" in caplog.text
    gates.write_text("lon,lat\n11.4,104.8\n", encoding="utf-8")
    refused = call("tools", "attributes", *words)
    assert "1 of 1 gates cannot be used" in str(refused.exception)


def test_the_tool_works_alone_and_says_what_is_unknown(call, tmp_path, make_roads, rasters):
    network, out = tmp_path / "net", tmp_path / "segments.parquet"
    assert call("tools", "network", str(make_roads()), "--out", str(network)).exit_code == 0
    (tmp_path / "gates.csv").write_text("lon,lat\n104.8,11.4\n,\n", encoding="utf-8")
    words = [
        "--network",
        str(network),
        "--relief",
        str(rasters["relief"]),
        "--osm",
        str(make_roads()),
    ]
    words += ["--gates", str(tmp_path / "gates.csv"), "--out", str(out), "--json"]
    result = call("tools", "attributes", *words)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    segments = gpd.read_parquet(out)
    assert summary["n_segments"] == len(segments) == len(read_network(network).segments)
    assert summary["known_share"]["mean_grade_pct"] == 1
    assert summary["known_share"][GATE_COLUMN] == 1
    assert summary["known_share"]["population_per_km2"] == 0
    assert any(note.startswith("too few in the file") for note in summary["notes"])


def test_bridges_and_tunnels_have_no_grade(call, tmp_path, rasters, make_roads):
    roads = make_roads()
    text = roads.read_text(encoding="utf-8").replace('k="lit" v="no"', 'k="bridge" v="yes"')
    roads.write_text(text, encoding="utf-8")
    network, out = tmp_path / "net", tmp_path / "s.parquet"
    call("tools", "network", str(roads), "--out", str(network))
    words = ["--network", str(network), "--relief", str(rasters["relief"]), "--out", str(out)]
    assert call("tools", "attributes", *words).exit_code == 0
    segments = gpd.read_parquet(out)
    assert segments["mean_grade_pct"].isna().tolist() == segments["is_bridge"].tolist()
    assert segments["elevation_m"].notna().all()


def test_no_segments_and_no_factories():
    none = gpd.GeoDataFrame({"segment_id": []}, geometry=[], crs=32648)
    assert combine(none, [], None).shape == (0, len(ATTRIBUTE_COLUMNS))
    assert locate_gates(pd.DataFrame({"lon": [None], "lat": [None]}, dtype=float), none) is None
    line = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 0)])], crs=32648)
    assert combine(line, [], None)[GATE_COLUMN].tolist() == ["unknown"]


def test_public_data_are_listed_fetched_and_kept(call, workspace, root, rasters, caplog):
    listed = json.loads(call("fetch", "list", "--json").stdout)["sources"]
    assert {"worldpop-khm", "osm-cambodia", "viirs-annual"} <= {one["name"] for one in listed}
    assert "worldpop-khm" in call("fetch", "list").stdout
    text = (root / "data" / "sources" / "worldpop-khm.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    own = workspace.home / "sources"
    own.mkdir()
    content = rasters["population"].read_bytes()
    (own / "broken.yaml").write_text("a: [", encoding="utf-8")
    with serve(content) as files:
        values |= {"name": "mine", "url": files.url, "file_name": "mine.tif"}
        (own / "mine.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        found = json.loads(call("fetch", "mine", "--json").stdout)
        again = json.loads(call("fetch", "mine", "--json").stdout)
    assert (found["was_there"], again["was_there"], found["n_bytes"]) == (False, True, len(content))
    assert "broken.yaml: manifest cannot be read" in caplog.text
    assert "mine" in call("fetch", "list").stdout
    broken = call("fetch", "broken")
    assert (broken.exit_code, "broken.yaml" in str(broken.exception)) == (1, True)
    assert found["file"] == str(workspace.home / "fetched" / "mine.tif")
    assert "area raster KEY population" in found["next"]


def test_fetching_says_what_it_cannot(call):
    unknown = call("fetch", "nothing")
    assert unknown.exit_code == 1
    assert "safecommute fetch list" in str(unknown.exception)
    account = call("fetch", "viirs-annual")
    assert account.exit_code == 1
    assert "needs an account" in str(account.exception)
