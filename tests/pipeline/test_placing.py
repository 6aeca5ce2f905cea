"""Crashes without coordinates in a run: by road and kilometre, by village, or listed."""

from __future__ import annotations

import pytest

from pipeline.imports import import_records
from pipeline.run import run_area
from pipeline.runs import load_table

HEADER = "source_id,occurred_at,lon,lat,road_name,village,severity\n"


@pytest.fixture
def place(workspace, recorded_area, settings, tmp_path):
    """Import rows, run, and return the rows' crashes."""

    def run(*rows):
        path = tmp_path / "more.csv"
        path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
        import_records(workspace, "crash", path, area=recorded_area)
        manifest = run_area(workspace, recorded_area, settings=settings)
        crashes = load_table(workspace.runs_folder(recorded_area) / manifest["run_id"], "crashes")
        ids = [row.split(",")[0] for row in rows]
        return crashes.set_index("source_id").loc[ids], manifest

    return run


def test_a_road_and_kilometre_is_placed_on_the_road_or_says_why_not(place):
    found, manifest = place(
        "km,2021-06-01,,,NR90 km 4.4,,slight",
        "khmer,2021-06-02,,,ផ្លូវជាតិលេខ៩០ គ.ម ៤,,slight",
        "far,2021-06-03,,,NR90 km 50,,slight",
        "other,2021-06-04,,,NR7 km 3,,slight",
        "village,2021-06-05,,,,Testville,slight",
    )
    assert found["site_id"].notna().tolist() == [True, True, False, False, False]
    assert found["location_quality"].tolist() == ["C", "C", "D", "D", "D"]
    assert found["placed_by"].tolist() == ["road_km"] * 4 + ["village"]
    assert found["lon"].iloc[0] == pytest.approx(104.8 + 4400 / 109_130, abs=2e-4)
    assert found["lat"].iloc[:2].tolist() == pytest.approx([11.4, 11.4], abs=1e-5)
    assert found["unplaced_reason"].tolist()[2:] == [
        "kilometre beyond the road's end",
        "no road of that name in the area",
        "no coordinates",
    ]
    assert manifest["unplaced"]["kilometre beyond the road's end"] == 1


def test_the_area_s_roads_tell_a_lost_sign_at_import(place):
    found, _ = place("sign,2021-06-01,104.83,-11.4,,,slight")
    assert found["place_note"].item() == "a sign looks lost: -11.4, 104.83"
    assert found["unplaced_reason"].item() == "no coordinates: a sign looks lost"
