"""Roads and points of the tools: what is left out, and how it is told."""

import logging

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, MultiLineString, MultiPoint, Point

from core.errors import InputError, TableError
from pipeline.commands.road_points import (
    name_left_out,
    read_numbers,
    read_road_points,
    read_roads,
    warn_of_replaced,
    write_left_out,
)

CRS = 32648
X, Y = 480_000, 1_270_000


def write(path, shapes, crs=CRS, layer=None, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS).to_crs(crs)
    frame.to_file(path, layer=layer) if layer else frame.to_file(path)
    return path


@pytest.fixture
def road(tmp_path):
    return read_roads(write(tmp_path / "road.gpkg", [LineString([(X, Y), (X + 900, Y)])]))


@pytest.fixture
def warned(caplog):
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def test_every_point_is_used_or_left_out_with_a_reason(road, tmp_path, warned):
    place = gpd.GeoSeries([Point(X + 10, Y + 3)], crs=CRS).to_crs(4326).iloc[0]
    far = gpd.GeoSeries([Point(X + 10, Y + 70)], crs=CRS).to_crs(4326).iloc[0]
    lon, lat = f"{place.x:.9f}", f"{place.y:.9f}"
    rows = [(lon, lat), (lat, lon), ("x", lat), ("", ""), ("999", lat), ("480000", "1270000")]
    rows += [(f"{far.x:.9f}", f"{far.y:.9f}"), (lon, lat)]
    path = tmp_path / "events.csv"
    pd.DataFrame(rows, columns=["lon", "lat"]).assign(n=range(8)).to_csv(path, index=False)
    points = read_road_points(path, road, what="events", max_distance_m=50)
    assert points.reason.tolist() == [
        None,
        "longitude and latitude that look swapped",
        "coordinates that are no numbers",
        "no coordinates",
        "coordinates outside the range of degrees",
        "coordinates that look like metres, not degrees",
        "no line within 50 m",
        None,
    ]
    points = points.leave_out(read_numbers(points, "n") != 0, "no luck in column 'n'")
    assert points.reason[7] == "no luck in column 'n'"
    assert points.reason[6] == "no line within 50 m"
    assert points.positions.offset == pytest.approx([10], abs=1e-3)
    summary = points.summarise("events")
    assert (summary["n_events"], summary["n_events_left_out"]) == (8, 7)
    assert summary["events_max_m"] == pytest.approx(3, abs=1e-3)
    assert summary["events_left_out"][0] == {
        "reason": "longitude and latitude that look swapped", "n": 1, "first_row": 1
    }  # fmt: skip
    out = tmp_path / "result.gpkg"
    listed = pd.read_csv(write_left_out([points, points], out))
    assert name_left_out(out).name == "result.left_out.csv"
    assert listed["row"].tolist() == 2 * [1, 2, 3, 4, 5, 6, 7]
    assert listed["distance_m"][5] == pytest.approx(70)
    points.report(name_left_out(out))
    (told,) = warned()
    assert "7 of 8 events are left out: 1 with longitude and latitude that look swapped" in told
    assert "nearest line 70 m" in told
    assert told.endswith("result.left_out.csv.")


def test_nothing_left_is_an_error_that_says_why(road, tmp_path):
    far = write(tmp_path / "far.gpkg", [Point(X + 2e6, Y)] * 3 + [Point()])
    points = read_road_points(far, road, what="events", max_distance_m=50)
    with pytest.raises(InputError, match="none of 4 events can be used: 3 with no line within 50"):
        points.report(tmp_path / "x.csv")
    wide = read_road_points(far, road, what="events", max_distance_m=1e9)
    assert wide.is_used.tolist() == [True] * 3 + [False]
    none = write(tmp_path / "none.gpkg", [])
    with pytest.raises(TableError, match="holds no rows"):
        read_road_points(none, road, what="events", max_distance_m=50)
    with pytest.raises(InputError, match="missing: n"):
        read_numbers(points, "n")


def test_lines_without_length_and_lines_twice_are_told(tmp_path, warned):
    a, b = LineString([(X, Y), (X + 500, Y)]), LineString([(X, Y), (X, Y + 300)])
    dot = LineString([(X + 9, Y + 9)] * 2)
    path = write(tmp_path / "r.gpkg", [a, MultiLineString([b, dot]), dot, a.reverse()])
    roads = read_roads(path)
    assert roads.summary == {
        "n_lines": 5, "n_lines_without_length": 1, "n_lines_repeated": 1, "n_edges": 3,
        "length_km": 1.3,
    }  # fmt: skip
    short, twice = warned()
    assert "1 of 4 lines have no length, first row 2" in short
    assert (
        "1 of 4 lines lie exactly on another, wholly or in part (0.5 km), first row 3 on row 0"
        in (twice)
    )


def test_layers_and_columns_that_would_go_unseen_are_told(road, tmp_path, warned):
    path = tmp_path / "two.gpkg"
    write(path, [Point(X, Y)], layer="gates", nkde_per_km=[1])
    write(path, [Point(X, Y)], layer="schools")
    points = read_road_points(path, road, what="places", max_distance_m=50)
    warn_of_replaced(points, ["nkde_per_km", "other"])
    layers, columns = warned()
    assert "holds 2 layers (gates, schools); the first, gates, is read" in layers
    assert "nkde_per_km: there already" in columns
    single = write(tmp_path / "multi.gpkg", [MultiPoint([(X, Y)])])
    assert len(read_road_points(single, road, what="places", max_distance_m=50)) == 1
    assert np.isfinite(points.where.distance_m).all()
