"""The mappings that come with the software: each code of each is read as it says.

The files are invented: rows that go through all codes of a mapping, no crash that was.
"""

from __future__ import annotations

import csv
from itertools import cycle, islice

import pytest

from records.fields import KINDS, FieldType
from records.mapping import Mapping, list_ready_mappings, load_mapping

REGISTERS = ["cadas", "kabco", "rcvis", "stats19"]
PLAIN = {
    "occurred_at": "2024-03-05",
    "time": "07:45",
    "lon": "104.9",
    "lat": "11.5",
    "injury": "fatal",
    "age_band": "30",
}


def write_codes(folder, name: str, mapping: Mapping, kind: str, *, dates: str):
    """Write rows that between them hold every code of a table of a mapping."""
    table = mapping.find_table(kind)
    assert table is not None
    picks = dict(table.columns)
    columns: dict[str, list[str]] = {}
    n_rows = max([3, *(len(codes) for codes in table.values.values())])
    for field, pick in picks.items():
        codes = list(table.values.get(field, {}))
        if pick.join and field in table.values:
            for at, column in enumerate(pick.join):
                columns[column] = [code.split("/")[at] for code in islice(cycle(codes), n_rows)]
        elif pick.join or pick.sum:
            for column in pick.columns:
                columns.setdefault(column, [str(at) for at in range(n_rows)])
        elif codes:
            columns[pick.columns[0]] = list(islice(cycle(codes), n_rows))
        elif field in {KINDS[kind].key, "crash_source_id"}:
            columns[pick.columns[0]] = [str(at) for at in range(n_rows)]
        elif KINDS_TYPES.get((kind, field)) is FieldType.COUNT:
            columns[pick.columns[0]] = ["2"] * n_rows
        elif KINDS_TYPES.get((kind, field)) is FieldType.NUMBER:
            columns[pick.columns[0]] = ["23.5"] * n_rows
        else:
            columns[pick.columns[0]] = [PLAIN.get(field, "some text")] * n_rows
        if field == "occurred_at":
            columns[pick.columns[0]] = [dates] * n_rows
    for rules in table.rules.values():
        for rule in rules:
            for column in rule.when.columns if rule.when else ():
                columns[column] = list(islice(cycle([*rule.when.equals, "farmer"]), n_rows))
    path = folder / f"{name}-{kind}.csv"
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path, n_rows


KINDS_TYPES = {(kind.name, one.name): one.type for kind in KINDS.values() for one in kind.fields}


def test_the_ready_mappings_are_there():
    assert set(list_ready_mappings()) >= {*REGISTERS, "porto_alegre"}


@pytest.mark.parametrize("name", REGISTERS)
def test_each_code_is_read(database, take, tmp_path, name):
    mapping = load_mapping(name)
    dates = {"stats19": "05/03/2024", "kabco": "03/05/2024"}.get(name, "2024-03-05")
    paths = {}
    n_rows = {}
    for kind in ("crash", "vehicle", "casualty"):
        paths[kind], n_rows[kind] = write_codes(tmp_path, name, mapping, kind, dates=dates)
    crash = paths.pop("crash")
    report = take(crash, mapping=mapping, linked=paths)
    for one in (report, *report.linked):
        assert (one.rejected, one.read) == (0, n_rows[one.kind]), one.reasons
        assert one.accepted + one.duplicates == one.read
        assert not any("not known:" in note for note in one.notes), one.notes
        table = mapping.find_table(one.kind)
        found = database.read(one.kind, "a")
        for field, codes in table.values.items():
            assert set(found[field].dropna()) == {word for word in codes.values() if word}
    assert database.read("crash", "a")["has_time"].all()
    assert str(database.read("crash", "a")["occurred_at"].iloc[0]) == "2024-03-05 07:45:00"


def test_stats19_before_2024_calls_the_collision_an_accident(database, take, write):
    crash = write(
        "accident_index,date,time,longitude,latitude,accident_severity,number_of_vehicles,"
        "light_conditions\n2020010219808,04/02/2020,09:00,-0.254001,51.462262,3,1,1\n",
        "accident.csv",
    )
    people = write(
        "accident_index,vehicle_reference,casualty_reference,casualty_class,sex_of_casualty,"
        "age_of_casualty,casualty_severity,casualty_type\n2020010219808,1,1,3,2,31,3,0\n",
        "casualty.csv",
    )
    report = take(crash, mapping=load_mapping("stats19"), linked={"casualty": people})
    assert (report.accepted, report.linked[0].accepted) == (1, 1)
    assert report.linked[0].notes == {}
    person = database.read("casualty", "a").iloc[0]
    assert person["road_user"] == "pedestrian"
    assert person["crash_source_id"] == "2020010219808"
