from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from core.errors import InputError
from geo.sums_nearby import measure_junction_density, sum_nearby


def test_sums_are_those_of_a_tree():
    rng = np.random.default_rng(2)
    xy, weights = rng.uniform(0, 5000, (2000, 2)), rng.random((2000, 2))
    centres = rng.uniform(-1500, 6500, (300, 2))
    found = sum_nearby(xy, weights, centres, radius_m=400)
    near = cKDTree(xy).query_ball_point(centres, 400)
    assert found == pytest.approx(np.array([weights[group].sum(axis=0) for group in near]))
    assert (found == 0).any()


def test_the_radius_is_included_and_unknown_centres_sum_to_nothing():
    xy = np.array([[0.0, 0.0], [100.0, 0.0]])
    centres = np.array([[0.0, 100.0], [50.0, 0.0], [np.nan, 0.0]])
    assert sum_nearby(xy, np.ones((2, 1)), centres, radius_m=100).ravel().tolist() == [1, 2, 0]
    assert sum_nearby(xy[:0], np.ones((0, 1)), centres, radius_m=1).ravel().tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="radius_m"):
        sum_nearby(xy, np.ones((2, 1)), centres, radius_m=np.inf)


def test_junctions_per_kilometre_of_a_grid_and_of_an_open_road():
    """Streets every 100 m both ways: one crossing for each 200 m of road."""
    lines = [shapely.LineString([(x, y), (x + 100, y)]) for x in range(0, 3000, 100)
             for y in range(0, 3001, 100)]  # fmt: skip
    lines += [shapely.LineString([(x, y), (x, y + 100)]) for x in range(0, 3001, 100)
              for y in range(0, 3000, 100)]  # fmt: skip
    lines.append(shapely.LineString([(20_000, 0), (20_400, 0)]))
    lines.append(shapely.LineString([(30_000, 0), (30_000, 0)]))
    roads = gpd.GeoDataFrame(geometry=lines, crs=32648)
    grid = np.arange(0, 3001, 100)
    crossings = gpd.GeoDataFrame(
        geometry=shapely.points(*[a.ravel() for a in np.meshgrid(grid, grid)]), crs=32648
    )
    density = measure_junction_density(roads, crossings, radius_m=500)
    middle = shapely.distance(roads.geometry.to_numpy(), shapely.Point(1500, 1500)) < 300
    assert density[middle] == pytest.approx(5, abs=0.25)
    assert density[-2] == 0
    assert np.isnan(density[-1])
    assert np.isnan(measure_junction_density(roads[-1:], crossings[:0], radius_m=500)).all()
