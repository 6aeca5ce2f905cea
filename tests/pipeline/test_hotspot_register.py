"""A place keeps its number, whatever runs come in between."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, MultiLineString

from core.errors import MissingDataError
from models.screening import estimate_overdispersion
from pipeline.hotspot_register import REGISTER_FILE, find_known_hotspot, read_register, take_up_run
from pipeline.hotspots import keep_identities
from pipeline.runs import publish_run
from pipeline.scan import Scan
from pipeline.workspace import open_workspace, write_json

AREA = "test"
CRS = 32648
N_LIXELS = 40
LIXEL_M = 50.0
EAST, NORTH = 480_000.0, 1_260_000.0


def make_line(first: int, last: int) -> LineString:
    """Lixels from the first to the last, without it, of one straight road."""
    return LineString([(EAST + LIXEL_M * n, NORTH) for n in (first, last)])


LIXELS = gpd.GeoDataFrame(
    {"lixel_id": np.arange(N_LIXELS), "length_m": LIXEL_M},
    geometry=[make_line(n, n + 1) for n in range(N_LIXELS)],
    crs=CRS,
)


@pytest.fixture
def workspace(tmp_path):
    return open_workspace(tmp_path / "home")


def make_run(workspace, day, *stretches, publish=True, old=False):
    """Find these stretches (first and last lixel) on a day of March; return the hotspots."""
    labels = np.full(N_LIXELS, -1)
    for number, (first, last) in enumerate(stretches):
        labels[first:last] = number
    dispersion = estimate_overdispersion(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    scan = Scan(lixels=LIXELS, labels=labels, dispersion=dispersion)
    table = gpd.GeoDataFrame(
        {"number": range(len(stretches)), "name": [f"NR90 km {a}" for a, _ in stretches]},
        geometry=[MultiLineString([make_line(*ends)]) for ends in stretches],
        crs=CRS,
    )
    date = f"2026-03-{day:02d}"
    table = keep_identities(table, scan, read_register(workspace, AREA), date)
    run_id = f"202603{day:02d}T120000Z-00000000"
    folder = workspace.runs_folder(AREA) / run_id
    folder.mkdir(parents=True)
    table.drop(columns=["first_seen", "back_since"] if old else []).to_parquet(
        folder / "hotspots.parquet"
    )
    numbers = table["hotspot_id"].str[1:].astype("int64")
    manifest = {
        "created_at": f"{date}T12:00:00+00:00",
        "period": {"start": "2021-01-01", "end": "2025-12-31"},
        "last_hotspot_number": int(numbers.max()) if len(table) else 0,
        **dict.fromkeys(("n_crashes", "n_hotspots"), len(table)),
    }
    write_json(folder / "run.json", manifest)
    if old:  # as before there was a register
        if publish:
            write_json(workspace.published_path(AREA), {"run_id": run_id})
        return table
    take_up_run(workspace, AREA, run_id, is_published=False)
    if publish:
        publish_run(workspace, AREA, run_id)
    return table


def test_results_without_hotspots_in_between_take_no_number_away(workspace):
    first = make_run(workspace, 1, (2, 6), (20, 26))
    assert first["hotspot_id"].tolist() == ["H1", "H2"]
    assert first["is_new"].all()
    make_run(workspace, 2)
    again = make_run(workspace, 3, (20, 26), (2, 6), (32, 35))
    assert again["hotspot_id"].tolist() == ["H2", "H1", "H3"]
    assert again["is_new"].tolist() == [False, False, True]
    assert again["first_seen"].tolist() == ["2026-03-01", "2026-03-01", "2026-03-03"]
    assert again["back_since"].tolist() == ["2026-03-03", "2026-03-03", ""]
    later = make_run(workspace, 4, (2, 6))  # it is still the same return
    assert later["back_since"].tolist() == ["2026-03-03"]


def test_a_place_found_elsewhere_for_a_while_is_itself_again(workspace):
    make_run(workspace, 1, (2, 6), (20, 26))
    wrong = make_run(workspace, 2, (2, 6), (30, 36))
    assert wrong["hotspot_id"].tolist() == ["H1", "H3"]
    undone = make_run(workspace, 3, (2, 6), (20, 26))
    assert undone["hotspot_id"].tolist() == ["H1", "H2"]
    assert not undone["is_new"].any()
    assert undone["back_since"].tolist() == ["", "2026-03-03"]


def test_what_is_known_outlives_deleted_runs(workspace):
    make_run(workspace, 1, (2, 6), (20, 26))
    make_run(workspace, 2, (2, 6))
    for folder in workspace.runs_folder(AREA).glob("2026*"):
        shutil.rmtree(folder)
    again = make_run(workspace, 3, (10, 14), (20, 26))
    assert again["hotspot_id"].tolist() == ["H3", "H2"]


def test_a_page_learns_when_a_place_was_a_hotspot_last(workspace):
    make_run(workspace, 1, (2, 6), (20, 26))
    make_run(workspace, 2, (2, 6))
    known = find_known_hotspot(workspace.runs_folder(AREA), "H2")
    assert (known.name, known.last_seen, known.period_end) == (
        "NR90 km 20",
        "2026-03-01",
        "2025-12-31",
    )
    assert find_known_hotspot(workspace.runs_folder(AREA), "H9") is None
    assert find_known_hotspot(workspace.runs_folder("other"), "H2") is None


def test_a_trial_moves_no_published_place_but_its_numbers_stay_taken(workspace):
    make_run(workspace, 1, (2, 6))
    trial = make_run(workspace, 2, (5, 20), (30, 34), publish=False)
    assert trial["hotspot_id"].tolist() == ["H2", "H3"]  # 50 m are not half of 200
    assert trial["is_new"].all()
    assert find_known_hotspot(workspace.runs_folder(AREA), "H3") is None
    later = make_run(workspace, 3, (2, 6), (30, 34), (36, 39))
    assert later["hotspot_id"].tolist() == ["H1", "H3", "H4"]
    assert later["is_new"].tolist() == [False, True, True]
    assert later["first_seen"].tolist() == ["2026-03-01", "2026-03-03", "2026-03-03"]


def test_the_latest_place_comes_first_where_places_overlap(workspace):
    make_run(workspace, 1, (2, 14))
    make_run(workspace, 2, (12, 22))  # a quarter only is shared
    found = make_run(workspace, 3, (2, 22))
    assert found["hotspot_id"].tolist() == ["H2"]


def test_runs_from_before_the_register_are_taken_up(workspace):
    make_run(workspace, 1, (2, 6), (20, 26), old=True)
    (workspace.runs_folder(AREA) / REGISTER_FILE).unlink(missing_ok=True)
    make_run(workspace, 2, old=True)
    again = make_run(workspace, 3, (20, 26), (30, 34))
    assert again["hotspot_id"].tolist() == ["H2", "H3"]
    assert again["first_seen"].tolist() == ["2026-03-01", "2026-03-03"]


def test_a_broken_register_says_what_to_do(workspace):
    make_run(workspace, 1, (2, 6))
    path = workspace.runs_folder(AREA) / REGISTER_FILE
    path.write_text(json.dumps({"hotspots": []}), encoding="utf-8")
    with pytest.raises(MissingDataError, match="made anew from the runs"):
        read_register(workspace, AREA)
