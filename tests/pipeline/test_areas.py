"""Study areas from files as people have them."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from core.errors import CrsError
from pipeline.areas import AreaSources, add_area

MIDDLE = 104.85  # degrees east, about half-way along the trunk road


@pytest.fixture
def metres_as_degrees(tmp_path):
    """The western half of the small world in metres, in a GeoJSON that is always in degrees."""
    west = gpd.GeoSeries([shapely.box(104.7, 11.3, MIDDLE, 11.5)], crs=4326)
    path = tmp_path / "boundary.geojson"
    path.write_text(west.to_crs(32648).set_crs(4326, allow_override=True).to_json())
    return path


def test_a_boundary_in_metres_is_read_in_the_zone_of_the_roads(
    workspace, make_roads, metres_as_degrees, settings, caplog
):
    sources = AreaSources(roads=make_roads(), kind="osm", boundary=metres_as_degrees)
    _, summary = add_area(workspace, "west", sources, name=None, settings=settings)
    west, _, east, _ = summary["bounds_wgs84"]
    assert west < 104.801
    assert east == pytest.approx(MIDDLE, abs=0.0005)
    assert "says degrees but holds metres; taken to be UTM zone 48N" in caplog.text


def test_a_boundary_in_metres_of_another_place_is_refused(
    workspace, make_roads, tmp_path, settings
):
    path = tmp_path / "far.geojson"
    path.write_text(gpd.GeoSeries([shapely.box(4e5, 5e6, 5e5, 6e6)], crs=4326).to_json())
    sources = AreaSources(roads=make_roads(), kind="osm", boundary=path)
    with pytest.raises(CrsError, match=r"far\.geojson: .* no degrees"):
        add_area(workspace, "far", sources, name=None, settings=settings)
