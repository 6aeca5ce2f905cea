"""Exports of KoboToolbox and ODK go in without a mapping, repeat groups linked."""

from __future__ import annotations

import openpyxl
import pytest

from core.errors import TableError
from records.kobo import find_repeat_kind, is_export

MAIN = [
    "start",
    "end",
    "event/occurred_at",
    "event/place",
    "_event/place_latitude",
    "_event/place_longitude",
    "event/severity",
    "event/road_users",
    "event/road_users/car",
    "event/road_users/bus",
    "_id",
    "_uuid",
    "_submission_time",
    "_attachments",
    "_index",
]
SECOND = "2b1f-uuid"


def submission(uuid: str, index: int, *, day: int) -> list[object]:
    return [
        "2024-03-05T08:00:00.000+07:00",
        "2024-03-05T08:05:00.000+07:00",
        f"2024-03-0{day}T07:45:00.000+07:00",
        "11.5 104.9 0 5",
        11.5,
        104.9,
        "serious",
        "car bus",
        1,
        1,
        1000 + index,
        uuid,
        "2024-03-05T01:06:00",
        "[{'download_url': 'http://x/y.jpg'}]",
        index,
    ]


@pytest.fixture
def export(tmp_path):
    """Write an export with two submissions and three casualties in a repeat group."""

    def write_export(*, with_uuid: bool = True, swapped: bool = False):
        book = openpyxl.Workbook()
        main = book.active
        main.title = "Crash report"
        main.append(MAIN)
        rows = [submission("1a-uuid", 1, day=5), submission(SECOND, 2, day=6)]
        for row in rows:
            main.append(row)
        repeat = book.create_sheet("casualties")
        head = ["casualties/injury", "casualties/sex", "casualties/age_band", "_index"]
        head += ["_parent_table_name", "_parent_index"] + ["_submission__uuid"] * with_uuid
        repeat.append(head)
        people = [
            ("serious", "female", 24, 1, 1, "1a-uuid"),
            ("slight", "male", "", 2, 1, "1a-uuid"),
            ("unheard", "female", 31, 3, 2, SECOND),
            ("none", "male", 40, 4, 2, SECOND),
        ]
        for injury, sex, age, index, parent, uuid in people:
            key = [uuid] * with_uuid
            repeat.append([injury, sex, age, index, "Crash report", parent, *key])
        photos = book.create_sheet("photos")
        photos.append(["photos/picture", "_index", "_parent_index", "_submission__uuid"])
        photos.append(["a.jpg", 1, 1, "1a-uuid"])
        path = tmp_path / "export.xlsx"
        book.save(path)
        return path

    return write_export


@pytest.mark.parametrize("with_uuid", [True, False])
def test_a_form_with_its_repeat_group(database, take, export, with_uuid):
    report = take(export(with_uuid=with_uuid))
    assert (report.accepted, report.rejected, report.sheet) == (2, 0, "Crash report")
    (people,) = report.linked
    assert (people.kind, people.read, people.accepted, people.rejected) == ("casualty", 4, 3, 1)
    assert people.reasons == {"injury word not known: unheard": 1}
    assert report.notes["sheet 'photos' was not read"] == 1
    crash = database.read("crash", "a").set_index("source_id").loc[SECOND]
    assert (crash["lon"], crash["lat"], crash["road_users"]) == (104.9, 11.5, "bus;car")
    assert str(crash["occurred_at"]) == "2024-03-06 07:45:00"
    found = database.read("casualty", "a").sort_values("casualty_id")
    assert found["casualty_id"].tolist() == [
        "1a-uuid/casualties[1]",
        "1a-uuid/casualties[2]",
        f"{SECOND}/casualties[2]",
    ]
    assert found["crash_source_id"].tolist() == ["1a-uuid", "1a-uuid", SECOND]
    assert found["age_band"].tolist() == ["15-24", "unknown", "35-44"]
    assert not any("names a crash" in note for note in people.notes)


def test_the_same_export_again_changes_nothing(take, export):
    take(export())
    report = take(export())
    assert (report.unchanged, report.linked[0].unchanged) == (2, 3)


def test_a_rehearsal_keeps_neither(database, take, export):
    report = take(export(), dry_run=True)
    assert (report.accepted, report.linked[0].accepted) == (2, 3)
    assert database.count("crash", "a") == database.count("casualty", "a") == 0


def test_text_with_dots_and_a_point_in_one_column(database, take, write):
    rows = [
        "event.occurred_at;event.severity;event.gps;event.road_users.car;event.road_users.bus;_id;_uuid",
        "2024-03-05T07:45:00.000+07:00;slight;11.5 104.9 3.2 4.5;0;1;7;u7",
        "2024-03-06T07:45:00.000+07:00;slight;;1;1;8;u8",
    ]
    report = take(write("\n".join(rows)))
    assert report.accepted == 2
    found = database.read("crash", "a").set_index("source_id").sort_index()
    assert found.loc["u7", ["lon", "lat", "road_users"]].tolist() == [104.9, 11.5, "bus"]
    assert found.loc["u8", "road_users"] == "bus;car"
    assert found.loc["u8", "place_note"] == "coordinates missing"


def test_an_export_of_odk_central_in_two_files(database, take, write):
    crash = write(
        "SubmissionDate,event-occurred_at,event-severity,place-Latitude,place-Longitude,KEY\n"
        "2024-03-05T01:00:00Z,2024-03-05T07:45:00.000+07:00,slight,11.5,104.9,uuid:abc\n",
        "crash.csv",
    )
    people = write(
        "sex,injury,PARENT_KEY,KEY\nfemale,slight,uuid:abc,uuid:abc/casualties[1]\n",
        "crash-casualties.csv",
    )
    report = take(crash, linked={"casualty": people})
    assert (report.accepted, report.linked[0].accepted) == (1, 1)
    found = database.read("casualty", "a").iloc[0]
    assert (found["casualty_id"], found["crash_source_id"]) == ("abc/casualties[1]", "abc")
    assert not any("names a crash" in note for note in report.linked[0].notes)


def test_a_plain_table_is_no_export():
    assert not is_export(("source_id", "occurred_at", "key", "start"))
    assert is_export(("a", "_uuid", "_id"))


@pytest.mark.parametrize(
    ("sheet", "kind"),
    [
        ("casualties", "casualty"),
        ("group_vehicles", "vehicle"),
        ("Photos", ""),
        ("people", "casualty"),
    ],
)
def test_what_a_repeat_group_holds(sheet, kind):
    assert find_repeat_kind(sheet) == kind


def test_an_export_with_the_texts_of_the_questions_says_how_to_export_it(take, write):
    path = write(
        "What happened/Day and time of the crash,_id,_uuid\n2024-03-05T07:45:00,1,abc\n",
        "crash.csv",
    )
    with pytest.raises(TableError, match="XML values and headers"):
        take(path)
