"""Layers of points: GeoJSON, GeoPackage and Shapefile say the same."""

from __future__ import annotations

import geopandas as gpd
import pytest

FORMATS = {
    "a.geojson": "GeoJSON",
    "a.gpkg": "GPKG",
    "a.shp": "ESRI Shapefile",
    "a.fgb": "FlatGeobuf",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("crs", [4326, 32648])
def test_points_of_a_layer(database, take, tmp_path, name, crs):
    if name == "a.geojson" and crs != 4326:
        pytest.skip("GeoJSON is written in degrees")
    points = gpd.points_from_xy([104.9, 104.8], [11.5, 11.6], crs=4326)
    layer = gpd.GeoDataFrame(
        {
            "source_id": ["1", "2"],
            "date": ["2024-03-05 07:45", "2024-03-06"],
            "severity": ["slight"] * 2,
        },
        geometry=points,
    )
    path = tmp_path / name
    layer.to_crs(crs).to_file(path, driver=FORMATS[name])
    assert take(path).accepted == 2
    found = database.read("crash", "a").sort_values("source_id")
    assert found["lon"].tolist() == pytest.approx([104.9, 104.8], abs=1e-6)
    assert found["lat"].tolist() == pytest.approx([11.5, 11.6], abs=1e-6)
    assert found["has_time"].tolist() == [True, False]
    assert take(path).unchanged == 2
