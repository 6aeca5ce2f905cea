"""The step that measures sites: a small town, by hand and without enough to say anything."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point

from core.errors import MissingDataError
from core.settings import Settings
from geo.lixels import build_lixels
from pipeline.measure_columns import choose_top
from pipeline.measure_list import MEASURES, SITE_TYPES, find_measure
from pipeline.site_labels import label_intersections, label_segments
from pipeline.site_measures import (
    SCREENING_TABLES,
    build_exposure,
    build_yardsticks,
    compute_measures,
    load_screening_summary,
    load_worst,
    write_site_measures,
)

YEARS = 2.0
N = 40  # segments of 200 m in a row, an intersection between each two


@pytest.fixture(scope="module")
def town():
    lines = [LineString([(200 * i, 0), (200 * (i + 1), 0)]) for i in range(N)]
    ends = np.arange(N) * 0.2
    segments = gpd.GeoDataFrame(
        {
            "segment_id": np.arange(N),
            "intersection_u": pd.array([pd.NA, *range(N - 1)], dtype="Int64"),
            "intersection_v": pd.array([*range(N - 1), pd.NA], dtype="Int64"),
            "name": ["Long Road"] * (N - 1) + [None],
            "road_class": ["primary"] * 30 + ["residential"] * 10,
            "length_m": 200.0,
            "corridor_id": pd.array([0] * (N - 1) + [pd.NA], dtype="Int64"),
            "chainage_u_km": [*ends[:-1], np.nan],
            "chainage_v_km": [*(ends[:-1] + 0.2), np.nan],
        },
        geometry=lines,
        crs=32648,
    )
    intersections = gpd.GeoDataFrame(
        {
            "intersection_id": np.arange(N - 1),
            "n_arms": 3,
            "has_signals": False,
            "is_roundabout": False,
            "road_class": "primary",
            "name": None,
        },
        geometry=[Point(200 * (i + 1), 0) for i in range(N - 1)],
        crs=32648,
    )
    corridors = pd.DataFrame({"corridor_id": [0], "label": ["Long Road"]})
    village = gpd.GeoDataFrame(
        {"name": ["Small Town"], "kind": ["village"]}, geometry=[Point(4000, 300)], crs=32648
    )
    intersections = label_intersections(intersections, segments, village)
    segments = label_segments(segments, village)
    return segments, intersections, build_lixels(segments, lixel_length_m=50), corridors


def make_crashes(segment, *, severity="slight", site_type="segment", intersection=None):
    n = len(segment)
    return pd.DataFrame(
        {
            "segment_id": pd.array(segment, dtype="Int64"),
            "offset_m": np.full(n, 100.0),
            "site_type": site_type,
            "intersection_id": pd.array(
                [pd.NA] * n if intersection is None else intersection, dtype="Int64"
            ),
            "severity": severity if isinstance(severity, list) else [severity] * n,
            "road_users": ["pedestrian;car"] * n,
            "is_dark": ["yes"] * n,
        }
    )


def measure(town, crashes, workers=None):
    segments, intersections, lixels, corridors = town
    sites = pd.DataFrame({"site_id": [f"S{i}" for i in range(N)]})
    if workers is not None:
        sites["workers_per_day"] = workers
        sites["worker_km_per_year"] = np.asarray(workers) * 1e4
    exposure = build_exposure(sites, YEARS)
    yardsticks = build_yardsticks(Settings(), YEARS)
    return compute_measures(
        segments, intersections, lixels, corridors, crashes, exposure, yardsticks
    )


@pytest.fixture(scope="module")
def measured(town):
    rng = np.random.default_rng(3)
    spread = rng.integers(0, N - 1, 80)
    planted = np.full(25, 7)
    severity = ["fatal"] * 3 + ["serious"] * 6 + ["slight"] * 96
    at_junction = make_crashes([3] * 20, site_type="intersection", intersection=[3] * 20)
    at_junction["offset_m"] = 195.0
    crashes = pd.concat(
        [make_crashes(np.r_[planted, spread], severity=severity), at_junction], ignore_index=True
    )
    workers = np.where(np.arange(N) < 30, 500.0, np.nan)
    return measure(town, crashes, workers)


def test_every_site_has_a_row_and_every_crash_is_counted(measured):
    table = measured.screening
    assert table["site_type"].value_counts().to_dict() == {
        "segment": N,
        "intersection": N - 1,
        "corridor": 1,
    }
    counted = table.groupby("site_type")["n_crashes"].sum()
    assert counted.to_dict() == {"segment": 105, "intersection": 20, "corridor": 125}
    assert table["site_id"].is_unique
    assert table.loc[table["site_type"].eq("corridor"), "label"].tolist() == ["Long Road"]


def test_the_planted_segment_is_the_worst_by_all_that_count(measured):
    table = measured.screening
    segments = table[table["site_type"].eq("segment")].set_index("site_id")
    worst = segments.loc["S7"]
    assert worst["n_crashes"] >= 25
    for key in ("excess_expected", "frequency", "excess_predicted", "epdo", "ksi"):
        assert worst[f"rank_{key}"] == 1, key
    assert worst["p_worst"] == 1.0 or worst["p_worst"] > 0.9
    assert worst["excess_expected_low"] < worst["excess_expected"] < worst["excess_expected_high"]
    assert worst["crashes_per_year"] == pytest.approx(worst["n_crashes"] / YEARS)
    assert worst["loss_level"] == 4
    assert worst["crash_rate"] == pytest.approx(worst["n_crashes"] / (500 * 1e4 * YEARS / 1e6))


def test_sites_are_called_what_a_person_finds(measured):
    label = measured.screening.set_index("site_id")["label"]
    assert label["S19"] == "Long Road, near Small Town (S19)"
    assert label["I19"] == "Junction on Long Road, near Small Town (I19)"
    assert label[f"S{N - 1}"] == f"Unnamed residential road, near Small Town (S{N - 1})"


def test_every_ranking_has_its_own_certainty(measured):
    table = measured.screening
    segments = table[table["site_type"].eq("segment")].set_index("site_id")
    for one in MEASURES:
        for column in one.rank_columns:
            assert column in table
    p = segments[find_measure("ksi").rank_columns[0]]
    assert p.sum() == pytest.approx(10, abs=1e-4)  # a quarter of 40 sites
    assert p["S7"] > 0.9
    assert p.drop("S7").max() < 0.6
    assert segments["p_worst_frequency"].corr(segments["n_crashes"]) > 0.5
    rate = segments["p_worst_rate"]
    assert (rate.notna() == segments["crash_rate"].notna()).all()
    assert segments.loc["S7", "rank_low_ksi"] == 1
    assert (segments["rank_low_epdo"] <= segments["rank_high_epdo"]).all()
    assert measured.summary["n_worst"]["corridor"] == 1
    assert find_measure("loss").rank_columns == ()
    has_no_say = table["eb_weight"] > 0.9991
    assert table.loc[has_no_say, ["p_worst", "rank_low", "p_worst_frequency"]].isna().all(axis=None)


def test_the_worst_are_a_small_part_of_the_places():
    assert [choose_top(n) for n in (0, 18, 20, 56, 80, 9999)] == [1, 1, 5, 10, 20, 20]


def test_a_worst_20_of_20_is_no_agreement(measured):
    pairs = pd.DataFrame(measured.summary["agreement"]["segment"])
    column = next(name for name in pairs if name.endswith("_share"))
    k = int(column.split("_")[1])
    assert (pairs.loc[pairs[column].notna(), "n_sites"] >= 4 * k).all()
    assert pairs.loc[pairs["n_sites"] < 4 * k, column].isna().all()
    assert measured.summary["agreement"]["corridor"] == []


def test_unknown_exposure_has_no_rate(measured):
    segments = measured.screening.query("site_type == 'segment'")
    assert segments["crash_rate"].notna().sum() == 30
    assert segments.loc[segments["crash_rate"].isna(), "rank_rate"].isna().all()


def test_windows_hold_segments_and_intersections(measured):
    windows = measured.corridor_windows
    assert windows["is_worst"].sum() == 1
    worst = windows[windows["is_worst"]].iloc[0]
    assert worst["from_km"] <= 1.5 <= worst["to_km"]  # kilometre of the planted crashes
    assert worst["peak_from_km"] <= 1.5 <= worst["peak_to_km"]
    at_junction = windows[(windows["from_km"] <= 0.795) & (windows["to_km"] >= 0.795)]
    assert (at_junction["n_crashes"] >= 20).all()
    assert windows["n_predicted"].notna().all()


def test_the_least_road_and_what_chance_leaves_of_it(measured):
    table = measured.high_injury
    assert table["n_ksi_crashes"].sum() == 9
    assert table["held_share"].iloc[-1] == pytest.approx(1)
    half = measured.summary["high_injury"][0]
    assert half["length_km"] <= 0.2 + 1e-9
    assert 0 <= half["held_left_out_share"] <= 1
    assert half["length_km"] <= half["length_needed_km"] < 8.0
    assert half["length_needed_low_km"] <= half["length_needed_high_km"]
    assert half["total_km"] == pytest.approx(8.0)
    assert table["holds_50"].sum() == half["n_pieces"]


def test_summary_and_tables_are_written_and_read_again(measured, tmp_path):
    write_site_measures(tmp_path, measured)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{name}.parquet" for name in SCREENING_TABLES),
        "screening_summary.json",
    }
    summary = load_screening_summary(tmp_path)
    assert summary["functions"]["segment"]["types"]
    assert summary["functions"]["segment"]["cure"][0]["column"] == "open_length_m"
    for kind in SITE_TYPES:
        for one in MEASURES:
            worst = load_worst(tmp_path, kind, one.key, n_worst=5)
            assert len(worst) <= 5
            assert one.column in worst
    top = load_worst(tmp_path, "segment", "excess_expected", n_worst=3)
    assert top["site_id"].iloc[0] == "S7"
    one = load_worst(tmp_path, "window", "ksi", n_worst=9, is_one_a_road=True)
    assert one["list_rank"].tolist() == [1]
    assert one.attrs == {"n_first": 1}
    levels = load_worst(tmp_path, "segment", "ksi_excess", n_worst=2)
    assert levels.attrs["n_first"] == 1
    assert find_measure("no such").key == MEASURES[0].key
    with pytest.raises(MissingDataError, match="run the area again"):
        load_screening_summary(tmp_path / "none")
    with pytest.raises(MissingDataError, match="run the area again"):
        load_worst(tmp_path / "none", "segment", "ksi", n_worst=1)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_crashes_and_no_named_road_are_no_failure(town, n):
    segments, intersections, lixels, corridors = town
    nameless = segments.assign(corridor_id=pd.array([pd.NA] * N, dtype="Int64"))
    bare = (nameless, intersections.iloc[:0], lixels, corridors.iloc[:0])
    found = measure(bare, make_crashes(np.arange(n)))
    assert len(found.screening) == N
    assert len(found.corridor_windows) == 0
    assert found.screening["n_crashes"].sum() == n
    if n == 0:
        assert found.screening["excess_expected"].isna().all()
        assert "no crash" in found.summary["functions"]["segment"]["reasons"]["all"]
        assert found.summary["high_injury"] == []
    assert found.screening["crash_rate"].isna().all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same(town):
    crashes = make_crashes(np.arange(30), severity=["fatal"] * 10 + ["slight"] * 20)
    one, other = measure(town, crashes), measure(town, crashes)
    pd.testing.assert_frame_equal(one.screening, other.screening)
    assert one.summary == other.summary
