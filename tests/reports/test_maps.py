"""Shared maps: nothing is fetched, text of records is escaped, labels are there."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, MultiLineString, Point

from core.errors import InputError
from reports.charts import render_counts, render_hour_of_week
from reports.map_style import build_map_style, choose_count_classes, find_count_class
from reports.maps import render_hotspot_map, render_page_html, render_standalone_html

CRS = 32648
FEW = choose_count_classes([1, 1, 2])
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def roads():
    lines = [
        LineString([(470_000 + 500 * i, 1_270_000), (470_500 + 500 * i, 1_270_000)])
        for i in range(3)
    ]
    values = {
        "name": [NASTY, None, "NR4"],
        "road_class": ["trunk", "residential", "trunk"],
        "n_crashes": [0, 1, 12],
    }
    return gpd.GeoDataFrame(values, geometry=lines, crs=CRS)


@pytest.fixture
def hotspot(roads):
    shape = MultiLineString([roads.geometry[2]])
    return {"hotspot_id": "H1", "name": f"NR4 {NASTY}", "n_crashes": 12, "geometry": shape}


@pytest.fixture
def crashes():
    points = [Point(471_100, 1_270_000), Point(471_200, 1_270_000), Point()]
    severity = pd.Series(["fatal", None, "slight"], dtype="str")
    return gpd.GeoDataFrame({"severity": severity}, geometry=points, crs=CRS)


@pytest.fixture
def draw(roads, hotspot, crashes):
    def drawn(**changes):
        given = {"hotspot": hotspot, "segments": roads, "crashes": crashes, **changes}
        places = gpd.GeoDataFrame(
            {"name": [NASTY], "name_km": ["អង្គស្នួល"]}, geometry=[Point(471_000, 1_270_300)], crs=CRS
        )
        return render_hotspot_map(
            given.pop("hotspot"),
            given.pop("segments"),
            given.pop("crashes"),
            **{
                "period": "in 2021",
                "is_synthetic": True,
                "classes": FEW,
                "places": places,
                **given,
            },
        )

    return drawn


def find_addresses(page):
    """Every address that a browser would fetch by itself."""
    found = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=[\"']?([^\"'\s>]+)", page)
    found += re.findall(r"url\(\s*[\"']?([^\"')]+)", page)
    return [address for address in found if not address.startswith(("data:", "#"))]


def test_standalone_page_fetches_nothing(draw):
    page = render_standalone_html(draw())
    assert find_addresses(page) == []
    assert "L.map(" in page
    assert "Leaflet 1.9" in page
    assert len(page) < 600_000


def test_page_in_the_app_fetches_from_the_app_only(draw):
    addresses = find_addresses(render_page_html(draw()))
    assert addresses
    assert all(address.startswith("/assets/") for address in addresses)


@pytest.mark.parametrize("render", [render_standalone_html, render_page_html])
def test_text_of_records_is_never_run(draw, render):
    page = render(draw())
    assert "alert(1)" in page  # the name is shown
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "\\u003cimg src=x" not in page


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_synthetic_is_said_when_it_is_so(draw, is_synthetic):
    assert ("SYNTHETIC" in render_standalone_html(draw(is_synthetic=is_synthetic))) == is_synthetic


def test_map_has_legend_scale_north_source_period_and_khmer(draw):
    page = render_standalone_html(draw())
    for words in ("none reported", "10 or more", "L.control.scale", "Roads invented"):
        assert words in page
    assert "in 2021" in page
    assert "អង្គស្នួល" in page or "\\u17a2" in page
    assert "12 crashes" in page
    assert "no crash reported" in page


def test_real_roads_are_credited(draw):
    assert "OpenStreetMap contributors" in render_standalone_html(draw(is_synthetic=False))


def test_crash_without_a_place_is_not_drawn(draw):
    assert render_standalone_html(draw()).count("L.circleMarker(") == 2


def test_hotspot_without_a_shape_is_refused(draw, hotspot):
    with pytest.raises(InputError, match="H1"):
        draw(hotspot={**hotspot, "geometry": MultiLineString()})


def test_no_roads_and_no_crashes_still_draw(draw, roads, crashes):
    page = render_standalone_html(draw(segments=roads.iloc[:0], crashes=crashes.iloc[:0]))
    assert "L.map(" in page


@pytest.mark.parametrize(
    ("n", "label"),
    [(0, None), (1, "1"), (2, "2"), (4, "3 to 4"), (9, "5 to 9"), (99, "10 or more")],
)
def test_classes_of_the_legend(n, label):
    found = find_count_class(n, FEW)
    assert (found.label if found else None) == label


def test_darkest_colour_is_kept_for_the_worst():
    counts = np.arange(1, 201)  # 5% of 200 are 191 and more
    classes = choose_count_classes(counts)
    assert [step.at_least for step in classes] == [1, 25, 50, 100, 250]
    assert [step.label for step in classes][:2] == ["1 to 24", "25 to 49"]
    assert [step.at_least for step in choose_count_classes([0, 0])] == [1, 2, 3, 5, 10]
    assert choose_count_classes([10_000] * 5)[-1].label == "500 or more"


def test_style_puts_each_site_in_one_class():
    counts = {"S1": 1, "S2": 4, "S3": 4, "S4": 0, "S5": 50}
    style = build_map_style(
        "http://h/{z}/{x}/{y}",
        zooms=range(6, 15),
        classes=FEW,
        attribution="x",
        n_by_site=counts,
    )
    match = next(x for x in style["layers"] if x["id"] == "segments-crashes")["filter"][1]
    assert match == ["match", ["get", "site_id"], ["S1"], 1, ["S2", "S3"], 3, ["S5"], 5, 0]


def test_style_reads_counts_from_the_tiles_without_a_filter():
    style = build_map_style(
        "http://h/{z}/{x}/{y}", zooms=range(6, 15), classes=FEW, attribution="x"
    )
    step = next(x for x in style["layers"] if x["id"] == "segments-crashes")["filter"][1]
    assert step[0] == "step"
    assert step[3:] == [v for i, c in enumerate(FEW, 1) for v in (c.at_least, i)]


def test_colours_get_darker_with_the_count():
    def luminance(colour):
        r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    shades = [luminance(step.colour) for step in FEW]
    assert all(np.diff(shades) < 0)


def test_hour_of_week_puts_monday_first():
    counts = [0] * 168
    counts[7] = 3  # Monday 07:00
    counts[6 * 24 + 22] = 2  # Sunday 22:00
    data = render_hour_of_week(counts).data
    assert data.loc[data["crashes"] > 0, ["day", "hour", "crashes"]].values.tolist() == [
        ["Mon", 7, 3],
        ["Sun", 22, 2],
    ]
    with pytest.raises(InputError, match="167"):
        render_hour_of_week([0] * 167)


def test_bars_keep_their_order_and_leave_out_nothing_counted():
    chart = render_counts({"b": 2, "a": 1, "c": 0}, order=["a", "b", "c"], unit="Crashes")
    assert chart.data["label"].tolist() == ["a", "b"]
