"""Measures that leave a run: the pieces of road of windows, and no rate of few workers."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from geo.corridor_windows import build_corridor_windows
from geo.lixels import build_lixels
from pipeline.export_measures import (
    draw_corridors,
    draw_windows,
    find_few,
    hide_rates,
    overlap_windows,
)

CRS = 32648


@pytest.fixture
def segments():
    """A road of 600 m, drawn against its kilometres in the middle, and a lane beside it."""
    lines = [
        LineString([(0, 0), (250, 0)]),
        LineString([(450, 0), (250, 0)]),
        LineString([(450, 0), (600, 0)]),
        LineString([(0, 50), (100, 50)]),
    ]
    return gpd.GeoDataFrame(
        {
            "segment_id": range(4),
            "length_m": [line.length for line in lines],
            "corridor_id": pd.array([7, 7, 7, None], dtype="Int64"),
            "chainage_u_km": [0.0, 0.45, 0.45, np.nan],
            "chainage_v_km": [0.25, 0.25, 0.6, np.nan],
        },
        geometry=lines,
        crs=CRS,
    )


@pytest.fixture
def windows():
    start = np.arange(4) / 10
    return pd.DataFrame(
        {
            "site_id": [f"W{i}" for i in range(4)],
            "corridor_id": 7,
            "from_km": start,
            "to_km": start + 0.3,
            "exposure": 1.0,
            "crash_rate": 2.0,
            "n_crashes": 3,
        }
    )


def test_a_window_is_drawn_where_it_lies(windows, segments):
    drawn = draw_windows(windows, segments, np.zeros(4, dtype=bool))
    expected = [LineString([(i * 100, 0), (i * 100 + 300, 0)]) for i in range(4)]
    for shape, line in zip(drawn.geometry, expected, strict=True):
        assert shape.geom_type == "MultiLineString"
        assert shape.buffer(1e-6).covers(line)
        assert shape.length == pytest.approx(300)
    assert drawn.crs == segments.crs


def test_windows_of_a_segment_that_few_workers_pass_tell_no_rate(windows, segments):
    drawn = draw_windows(windows, segments, np.array([False, False, True, False]))
    assert drawn["exposure"].isna().tolist() == [False, False, True, True]
    assert drawn["crash_rate"].isna().tolist() == [False, False, True, True]
    assert drawn["n_crashes"].tolist() == [3] * 4
    assert windows["exposure"].notna().all()


def test_drawn_windows_are_as_long_as_the_run_says(segments):
    made = build_corridor_windows(build_lixels(segments, lixel_length_m=50), segments)
    table = made.table.assign(site_id=made.table["window_id"].astype(str), exposure=1.0)
    drawn = draw_windows(table, segments, np.zeros(4, dtype=bool))
    assert drawn.length.to_numpy() == pytest.approx(made.table["road_m"].to_numpy())


def test_a_whole_road_is_one_shape_and_hides_what_one_segment_hides(segments):
    corridor = {"site_id": ["C7"], "corridor_id": [7.0], "exposure": [4.0], "site_type": "corridor"}
    corridors = pd.DataFrame({**corridor, "lon": 0.0, "lat": 0.0})
    known = draw_corridors(corridors, segments, np.array([False, False, False, True]))
    assert known.length.tolist() == [600.0]
    assert known["exposure"].tolist() == [4.0]
    assert known["corridor_id"].tolist() == [7]
    hidden = draw_corridors(corridors, segments, np.array([True, False, False, False]))
    assert hidden["exposure"].isna().all()


def test_no_windows_and_no_roads_are_no_shapes(windows, segments):
    none = np.zeros(4, dtype=bool)
    assert len(draw_windows(windows.iloc[:0], segments, none)) == 0
    elsewhere = draw_windows(windows.assign(corridor_id=9), segments, none)
    assert elsewhere.geometry.isna().all()


def test_few_are_one_to_four_and_nobody_is_not_few():
    sites = pd.DataFrame({"workers_per_day": [0.0, 0.4, 4.9, 5.0, np.nan]})
    assert find_few(sites).tolist() == [False, True, True, False, False]
    assert not find_few(pd.DataFrame({"n_crashes": [1]})).any()


def test_every_column_that_rests_on_exposure_is_hidden():
    table = pd.DataFrame(
        {
            "site_id": ["S1", "S2"],
            **dict.fromkeys(["exposure", "crash_rate_low", "rate_over_critical"], 1.0),
            "rank_critical_rate": pd.array([1, 2], dtype="Int64"),
            "excess_expected": 1.0,
        }
    )
    hidden = hide_rates(table, ["S2"])
    first, second = (hidden.loc[row, hidden.columns[1:-1]].isna() for row in (0, 1))
    assert not first.any()
    assert second.all()
    assert hidden["excess_expected"].notna().all()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(1, 9)), max_size=12),
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 20), st.integers(1, 9)), max_size=12),
)
def test_overlaps_are_those_of_every_pair(windows, stretches):
    length = {road: own for road, _, own in windows}  # windows of a road are equally long
    rows = [(road, start, start + length[road]) for road, start, _ in windows]
    table = pd.DataFrame(rows, columns=["corridor_id", "from_km", "to_km"], dtype=float)
    table = table.astype({"corridor_id": "int64"})
    road, low, width = np.array(stretches, dtype=float).reshape(-1, 3).T
    window, stretch = overlap_windows(table, road.astype(int), low, low + width)
    expected = {
        (i, j)
        for i, (a, start, end) in enumerate(rows)
        for j, (b, first, extent) in enumerate(stretches)
        if a == b and start <= first + extent and first <= end
    }
    assert set(zip(window.tolist(), stretch.tolist(), strict=True)) == expected
