"""An import undone leaves the records as if it had never been, and forgets nothing."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, MissingDataError
from records.corrections import correct_record
from records.database import Database
from records.intake import import_file
from records.schema import IMPORTS
from records.undoing import undo_import

ROW = "{},2024-03-05 07:{:02d},104.9,{},NR4,{},0,0,1,2,car,day,yes,F01,{}"


def row(key, minute=0, severity="slight", text="", lat="11.5"):
    return ROW.format(key, minute, lat, severity, text)


def read(database):
    frame = database.read("crash", "a").drop(columns=["import_id", "row_number"])
    return frame.to_csv(index=False)


def test_what_it_added_goes_and_what_it_changed_comes_back(database, crashes, take):
    first = take(crashes(row(1), row(2, 5)))
    before, digest = read(database), database.compute_digest("a")
    writers = database.read("crash", "a")[["import_id", "row_number"]]
    second = take(crashes(row(2, 5, "fatal", "worse"), row(3, 9), name="later.csv"))
    assert (second.accepted, second.updated) == (1, 1)
    report = undo_import(database, "a", second.import_id, undone_by="ann")
    assert (report.removed, report.restored, report.file) == (1, 1, "later.csv")
    assert read(database) == before
    assert database.compute_digest("a") == digest
    assert database.read("crash", "a")[["import_id", "row_number"]].equals(writers)
    log = database.read_audit("a")
    assert sorted(log["action"]) == ["insert", "insert", "insert", "remove", "undo", "update"]
    gone = json.loads(log.loc[log["action"] == "remove", "old_values"].item())
    assert (gone["source_id"], gone["severity"]) == ("3", "slight")
    listed = database.list_imports("a").set_index("import_id")
    assert listed.loc[second.import_id, "undone_by"] == "ann"
    assert pd.isna(listed.loc[first.import_id, "undone_at"])


def test_the_same_file_can_come_in_again(database, crashes, take):
    path = crashes(row(1), row(2, 5))
    once = take(path)
    digest = database.compute_digest("a")
    undo_import(database, "a", once.import_id, undone_by="ann")
    assert database.count("crash", "a") == 0
    assert take(path).accepted == 2
    assert database.compute_digest("a") == digest


def test_a_later_import_that_stands_on_it_comes_first(database, crashes, take):
    first = take(crashes(row(1), row(2, 5)))
    second = take(crashes(row(2, 5, "fatal")))
    with pytest.raises(InputError, match=rf"1 of its records.*undo import {second.import_id}"):
        undo_import(database, "a", first.import_id, undone_by="ann")
    assert database.count("crash", "a") == 2
    undo_import(database, "a", second.import_id, undone_by="ann")
    assert undo_import(database, "a", first.import_id, undone_by="ann").removed == 2


def test_what_a_later_file_repeats_stays_with_that_file(database, crashes, take):
    first = take(crashes(row(1), row(2, 5), row(4, 30)))
    both = crashes(row(1), row(2, 5), row(3, 9), name="both months.csv")
    second = take(both)
    assert (second.unchanged, second.accepted) == (2, 1)
    report = undo_import(database, "a", first.import_id, undone_by="ann")
    assert (report.removed, report.restored, report.handed_over) == (1, 0, 2)
    found = database.read("crash", "a").sort_values("source_id")
    assert found["source_id"].tolist() == ["1", "2", "3"]
    assert set(found["import_id"]) == {second.import_id}
    assert found["row_number"].tolist() == [2, 3, 4]
    log = database.read_audit("a")
    assert log.loc[log["action"] == "insert", "import_id"].tolist() == [1, 1, 1, 2, 2, 2]
    assert take(both).unchanged == 3  # a third import, which keeps them in its turn
    assert undo_import(database, "a", second.import_id, undone_by="ann").handed_over == 3
    assert undo_import(database, "a", 3, undone_by="ann").removed == 3
    assert database.count("crash", "a") == 0


def test_repeats_within_a_later_file_are_no_reason(database, crashes, take):
    first = take(crashes(row(1)))
    later = take(crashes(row(2, 5), row(2, 5), row(3, 9), row(4, 9), name="later.csv"))
    assert later.duplicates == 2
    assert undo_import(database, "a", first.import_id, undone_by="ann").removed == 1
    assert database.count("crash", "a") == 2


def test_a_change_that_a_later_file_repeats_stays_with_that_file(database, crashes, take):
    take(crashes(row(1)))
    before = read(database)
    second = take(crashes(row(1, 0, "fatal"), name="second.csv"))
    third = take(crashes(row(1, 0, "fatal"), name="third.csv"))
    report = undo_import(database, "a", second.import_id, undone_by="ann")
    assert (report.removed, report.restored, report.handed_over) == (0, 0, 1)
    assert database.read("crash", "a")["severity"].tolist() == ["fatal"]
    assert undo_import(database, "a", third.import_id, undone_by="ann").restored == 1
    assert read(database) == before
    assert database.read("crash", "a")["import_id"].tolist() == [1]


def test_a_later_file_that_says_only_a_part_comes_first(database, crashes, write, take):
    first = take(crashes(row(1)))
    part = write("source_id,occurred_at,lon,lat\n1,2024-03-05 07:00,104.9,11.5\n", "part.csv")
    second = take(part)
    assert second.unchanged == 1
    with pytest.raises(InputError, match=r"1 later rows .* row 2 of import 2 \(part.csv\)"):
        undo_import(database, "a", first.import_id, undone_by="ann")
    undo_import(database, "a", second.import_id, undone_by="ann")
    assert undo_import(database, "a", first.import_id, undone_by="ann").removed == 1


def test_imports_from_before_repeats_were_listed_keep_the_cautious_rule(database, crashes, take):
    first = take(crashes(row(1)))
    take(crashes(row(2, 5), row(2, 5), name="later.csv"))
    with database.writing() as connection:
        connection.execute(sa.update(IMPORTS).values(lists_repeats=False))
    with pytest.raises(InputError, match=r"1 rows that were in the records already, perhaps"):
        undo_import(database, "a", first.import_id, undone_by="ann")


def test_a_later_file_with_the_same_crash_under_another_number_comes_first(database, crashes, take):
    first = take(crashes(row(1)))
    second = take(crashes(row(7), name="other.csv"))
    assert second.duplicates == 1
    with pytest.raises(InputError, match=rf"undo import {second.import_id} first"):
        undo_import(database, "a", first.import_id, undone_by="ann")
    assert database.count("crash", "a") == 1


def test_a_correction_is_not_thrown_away_unasked(database, crashes, take):
    take(crashes(row(1)))
    second = take(crashes(row(1, 0, "fatal", lat="0"), row(2, 5)))
    records = database.read("crash", "a").set_index("source_id")
    place = {"lon": "104.8", "lat": "11.6"}
    crash_id = records.loc["1", "crash_id"]
    correct_record(database, "crash", "a", crash_id, place, corrected_by="bopha")
    with pytest.raises(InputError, match=r"bopha corrected crash .*--even-corrected"):
        undo_import(database, "a", second.import_id, undone_by="ann")
    report = undo_import(database, "a", second.import_id, undone_by="ann", even_corrected=True)
    assert (report.removed, report.restored) == (1, 1)
    left = database.read("crash", "a").iloc[0]
    assert (left["severity"], left["lon"], left["lat"]) == ("slight", 104.8, 11.6)


def test_there_must_be_something_to_undo(database, crashes, take):
    report = take(crashes(row(1)))
    with pytest.raises(MissingDataError, match="import 99: area 'a' has none"):
        undo_import(database, "a", 99, undone_by="ann")
    with pytest.raises(MissingDataError, match="area 'b' has none"):
        undo_import(database, "b", report.import_id, undone_by="ann")
    undo_import(database, "a", report.import_id, undone_by="ann")
    with pytest.raises(InputError, match="was undone by ann"):
        undo_import(database, "a", report.import_id, undone_by="ann")


ROWS = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from(["slight", "serious", "fatal", ""]),
        st.sampled_from(["", "x", "é ក"]),
        st.sampled_from(["11.5", "0", "11.6"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=10, deadline=None)
@given(st.lists(ROWS, min_size=2, max_size=4))
def test_undoing_from_the_last_to_the_first_goes_back_step_by_step(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("undo")
    header = "source_id,occurred_at,lon,lat,severity,narrative"
    with Database(f"sqlite:///{folder / 'r.sqlite'}") as database:
        states, imports = [read(database)], []
        for number, rows in enumerate(files):
            path = folder / f"{number}.csv"
            lines = [f"{k},2024-03-05 07:{k:02d},104.9,{lat},{s},{t}" for k, s, t, lat in rows]
            path.write_text("\n".join([header, *lines]), encoding="utf-8")
            imports.append(import_file(database, "crash", path, area="a").import_id)
            states.append(read(database))
        for import_id, state in zip(reversed(imports), reversed(states[:-1]), strict=True):
            undo_import(database, "a", import_id, undone_by="ann")
            assert read(database) == state


DAYS = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["slight", "fatal"])), min_size=1, max_size=5
)


@settings(max_examples=15, deadline=None)
@given(st.lists(DAYS, min_size=2, max_size=4), st.data())
def test_undoing_any_import_that_may_be_leaves_what_the_others_say(tmp_path_factory, files, data):
    folder = tmp_path_factory.mktemp("any")
    paths = [folder / f"{number}.csv" for number in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        lines = [f"{key},2024-03-{key:02d},104.9,11.5,{said}" for key, said in rows]
        path.write_text("\n".join(["source_id,occurred_at,lon,lat,severity", *lines]))
    chosen = data.draw(st.integers(0, len(files) - 1))
    with Database(f"sqlite:///{folder / 'all.sqlite'}") as database:
        imports = [import_file(database, "crash", path, area="a").import_id for path in paths]
        try:
            undo_import(database, "a", imports[chosen], undone_by="ann")
        except InputError:
            return
        with Database(f"sqlite:///{folder / 'others.sqlite'}") as other:
            for at, path in enumerate(paths):
                if at != chosen:
                    import_file(other, "crash", path, area="a")
            assert database.compute_digest("a") == other.compute_digest("a")
