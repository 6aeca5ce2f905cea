"""Three linked tables of a register: one import, and crashes completed from the others."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SafeCommuteError, TableError
from records.fields import KINDS
from records.linked import complete_crashes, read_completed_crashes
from records.tables import list_frame_columns, to_record_frame


def frame(kind: str, rows: list[dict[str, object]]) -> pd.DataFrame:
    spec = KINDS[kind]
    names = list_frame_columns(spec)
    defaults = {"source": "police", "import_id": 1, "row_number": 1, "corrected_fields": "",
                "has_time": False}  # fmt: skip
    columns = {name: [row.get(name, defaults.get(name)) for row in rows] for name in names}
    return to_record_frame(columns, spec)


def crash(number: str, **values: object) -> dict[str, object]:
    return {"crash_id": f"r{number}", "source_id": number,
            "occurred_at": pd.Timestamp(2024, 3, 5), **values}  # fmt: skip


def person(number: str, injury: str | None, **values: object) -> dict[str, object]:
    return {"crash_source_id": number, "injury": injury, **values}


def test_what_a_crash_lacks_is_taken_from_its_tables():
    crashes = frame("crash", [crash("1"), crash("2"), crash("3"), crash("1", source="insurer")])
    people = frame(
        "casualty",
        [
            person("1", "fatal", road_user="pedestrian"),
            person("1", "slight", road_user="motorcycle_driver"),
            person("1", "slight"),
            person("2", "uninjured"),
            person("2", None),
        ],
    )
    vehicles = frame("vehicle", [{"crash_source_id": "1", "type": "motorcycle_driver"},
                                 {"crash_source_id": "1", "type": "bus"},
                                 {"crash_source_id": None, "type": "van"}])  # fmt: skip
    found, notes = (done := complete_crashes(crashes, vehicles, people)).frame, done.notes
    assert found["n_killed"].fillna(-1).tolist() == [1, -1, -1, -1]
    assert found["n_serious"].fillna(-1).tolist() == [0, -1, -1, -1]
    assert found["n_slight"].fillna(-1).tolist() == [2, -1, -1, -1]
    assert found["n_vehicles"].fillna(-1).tolist() == [2, -1, -1, -1]
    assert found["road_users"].tolist() == ["bus;motorcycle_driver;pedestrian", "", "", ""]
    assert found["severity"].fillna("").tolist() == ["fatal", "", "", ""]
    assert found.dtypes.equals(crashes.dtypes)
    assert notes["n_killed counted from casualties"] == 1


def test_what_a_crash_says_stays_and_disagreement_is_noted():
    crashes = frame("crash", [crash("1", n_killed=0, n_slight=1, severity="slight",
                                    road_users="car", n_vehicles=3)])  # fmt: skip
    people = frame("casualty", [person("1", "fatal"), person("1", "slight")])
    done = complete_crashes(crashes, frame("vehicle", []), people)
    pd.testing.assert_frame_equal(
        done.frame.drop(columns="n_serious"), crashes.drop(columns="n_serious")
    )
    assert done.notes["n_killed is not the number of such casualties; kept as reported"] == 1
    assert not any(note.startswith("n_slight is not") for note in done.notes)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["fatal", "serious", "slight", "uninjured"]), max_size=8))
def test_counts_add_up_to_the_hurt(injuries):
    people = frame("casualty", [person("1", injury) for injury in injuries])
    done = complete_crashes(frame("crash", [crash("1")]), frame("vehicle", []), people).frame
    hurt = done[["n_killed", "n_serious", "n_slight"]].sum(axis=1).item()
    assert hurt == sum(injury != "uninjured" for injury in injuries)
    assert done["n_killed"].notna().item() == bool(injuries)


CRASHES = (
    "source_id,occurred_at,lon,lat,n_killed\n1,2024-03-05,104.9,11.5,1\n2,2024-03-06,104.8,11.6,0\n"
)
PEOPLE = "casualty_id,crash_source_id,injury\na,1,fatal\nb,2,fatal\nc,9,slight\nd,2,odd\n"
VEHICLES = "vehicle_id,crash_source_id,type\nv,1,bus\n"


@pytest.fixture
def tables(write):
    return (
        write(CRASHES, "crashes.csv"),
        {"casualty": write(PEOPLE, "people.csv"), "vehicle": write(VEHICLES, "vehicles.csv")},
    )


def test_three_files_go_in_together(database, take, tables, tmp_path):
    crashes, linked = tables
    report = take(crashes, linked=linked, rejects_dir=tmp_path / "rejects")
    assert [one.kind for one in report.linked] == ["vehicle", "casualty"]
    people = report.linked[1]
    assert (people.read, people.accepted, people.rejected) == (4, 3, 1)
    assert people.rejects_file.endswith(".rejects.csv")
    assert sum(people.notes.values()) == 1  # crash 9 is not there
    assert report.notes["n_killed is not the number of such casualties; kept as reported"] == 1
    assert database.read("crash", "a").sort_values("source_id")["n_killed"].tolist() == [1, 0]
    done = read_completed_crashes(database, "a").frame.sort_values("source_id")
    assert done["n_killed"].tolist() == [1, 0]
    assert done["n_slight"].tolist() == [0, 0]
    assert done["road_users"].tolist() == ["bus", ""]
    assert done["severity"].tolist() == ["fatal", "fatal"]
    again = take(crashes, linked=linked)
    assert [again.unchanged, *(one.unchanged for one in again.linked)] == [2, 1, 3]


def test_if_one_table_cannot_be_read_none_is_taken(database, take, tables, write):
    crashes, linked = tables
    linked["casualty"] = write("name,age\nx,3\n", "other.csv")
    with pytest.raises(TableError, match="crash_source_id"):
        take(crashes, linked=linked)
    linked["casualty"] = write("casualty_id,crash_source_id,injury\n", "empty.csv")
    assert take(crashes, linked=linked).linked[1].read == 0
    with pytest.raises(SafeCommuteError):
        take(crashes, linked={"crash": crashes})
    assert database.count("crash", "a") == 2
