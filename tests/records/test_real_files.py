"""Real registers, as they came: every row of every file is accounted for."""

from __future__ import annotations

import pandas as pd
import pytest

from core.errors import TableError
from records.mapping import Mapping, load_mapping

# Rows of each year's file, and those that repeat a row or another row's whole content.
ROWS = {
    2010: (25474, 2),
    2011: (23578, 10),
    2012: (20202, 5),
    2013: (20799, 27),
    2014: (17203, 7),
    2015: (19182, 1),
    2016: (12511, 8),
}


@pytest.fixture(scope="module")
def porto_alegre():
    return load_mapping("porto_alegre")


@pytest.mark.slow
@pytest.mark.parametrize("year", ROWS)
def test_porto_alegre(database, take, shared_data, porto_alegre, year):
    path = shared_data / "porto_alegre" / f"acidentes-{year}.csv"
    report = take(path, mapping=porto_alegre)
    n_rows, n_repeated = ROWS[year]
    assert (report.read, report.duplicates, report.rejected) == (n_rows, n_repeated, 0)
    found = database.read("crash", "a")
    raw = pd.read_csv(path, encoding="cp1252", low_memory=False).drop_duplicates()
    is_fatal = raw["UPS"] == 13  # the register's own weight: 13 fatal, 5 injury, 1 damage only
    assert (found["severity"] == "fatal").sum() == pytest.approx(is_fatal.sum(), abs=3)
    assert (found["severity"] != "damage_only").sum() == pytest.approx(
        (raw["UPS"] != 1).sum(), abs=3
    )
    assert found["n_slight"].sum() == pytest.approx(raw["FERIDOS"].sum(), abs=3)
    assert found["has_time"].all()
    assert found["occurred_at"].dt.year.eq(year).all()
    assert found[["lon", "lat"]].notna().all(axis=None)
    assert found["road_users"].str.contains("pedestrian").sum() == pytest.approx(
        (raw["TIPO_ACID"] == "ATROPELAMENTO").sum(), abs=3
    )
    assert found["light"].isin(["day", "dark", "unknown"]).all()


@pytest.mark.slow
def test_porto_alegre_again_changes_nothing(database, take, shared_data, porto_alegre):
    path = shared_data / "porto_alegre" / "acidentes-2016.csv"
    first = take(path, mapping=porto_alegre)
    digest = database.compute_digest("a")
    second = take(path, mapping=porto_alegre)
    assert second.unchanged == first.accepted
    assert second.duplicates == first.duplicates
    assert database.compute_digest("a") == digest


def test_villages_with_carriage_returns(database, take, shared_data):
    mapping = Mapping.model_validate(
        {
            "kind": "origin",
            "columns": {
                "origin_id": "vil_code",
                "village": "village",
                "lon": "longitude",
                "lat": "latitude",
            },
            "constants": {"factory_id": "F1"},
        }
    )
    path = shared_data / "cambodia" / "villages_points.csv"
    report = take(path, "origin", mapping=mapping)
    assert report.read == 14_073
    assert report.accepted + report.duplicates == 14_073
    found = database.read("origin", "a")
    assert found["lon"].between(102, 108).all()
    assert found["lat"].between(10, 15).all()


def test_factories_of_public_lists(database, take, shared_data):
    mapping = Mapping.model_validate(
        {
            "kind": "factory",
            "id_columns": ["name", "address"],
            "columns": {
                "name": "name",
                "lon": "lon",
                "lat": "lat",
                "workers": "total_workers",
                "brands": "brand",
                "province": "province",
            },
        }
    )
    report = take(
        shared_data / "cambodia" / "factories_public_lists.csv", "factory", mapping=mapping
    )
    assert report.read == 56
    assert report.rejected == 0
    assert database.read("factory", "a")["lon"].notna().sum() == 21


def test_a_layer_in_metres_that_calls_itself_degrees(database, take, shared_data):
    path = shared_data / "cambodia" / "provinces_utm48_trap.geojson"
    named = {"kind": "factory", "columns": {"lon": "geometry_lon", "lat": "geometry_lat"}}
    with pytest.raises(TableError, match="factory_id"):
        take(path, "factory", mapping=Mapping.model_validate(named))


def test_a_year_of_another_area_needs_its_mapping(take, shared_data):
    with pytest.raises(TableError, match="occurred_at"):
        take(shared_data / "porto_alegre" / "acidentes-2014.csv")
