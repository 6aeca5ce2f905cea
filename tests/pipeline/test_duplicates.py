"""`duplicates` as a person calls it, and what a run makes of what was decided."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from pipeline.imports import import_records
from pipeline.matching import read_crashes
from pipeline.run import run_area
from pipeline.runs import load_table
from records.database import Database

HEADER = (
    "source_id,occurred_at,lon,lat,severity,n_killed,n_serious,n_slight,road_users,factory_id,"
    "road_name,village"
)
LON = 104.82  # on the trunk road of the small world
FILES = {
    "police": [
        f"p1,2021-03-08 06:40,{LON},11.40002,serious,0,1,0,car;motorcycle_driver,",
        f"p2,2021-06-20 18:10,{LON + 0.02},11.40002,slight,0,0,1,motorcycle_driver,,NR90,Testville",
        f"p3,2021-11-29 05:50,{LON + 0.04},11.40002,damage_only,0,0,0,car;van,",
    ],
    "insurer": [
        f"i1,2021-03-08 06:55,{LON + 0.0005},11.40005,fatal,1,0,0,car;motorcycle_driver,F1",
        f"i2,2021-06-20,{LON + 0.031},11.40302,serious,0,2,0,,",
    ],
    "factory F1": [f"f1,2021-03-08 06:30,{LON},11.4001,serious,0,1,0,motorcycle_driver,F1"],
}


@pytest.fixture
def reported(workspace, area, tmp_path):
    """The small world with six reports of four crashes, by three sources."""
    for source, rows in FILES.items():
        path = tmp_path / f"{source}.csv"
        path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
        import_records(workspace, "crash", path, area=area, source=source)
    return area


@pytest.fixture
def say(call):
    """Call `duplicates` with --json; return what it printed."""

    def invoke(*words: str):
        done = call("duplicates", *words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return invoke


@pytest.fixture
def names(workspace, reported):
    """Return the id of each report by the number its source gave it."""
    with Database(workspace.database_url) as database:
        found = database.read("crash", reported)
    return dict(zip(found["source_id"], found["crash_id"], strict=True))


def test_find_list_decide_and_undo(say, names, reported):
    counts = say("find", reported)
    assert counts == {
        "area": "test", "reports": 6, "not_compared": 0, "crashes": 4,
        "merged": 3, "queued": 1, "separate": 0, "by_people": 0, "new": 4, "changed": 0,
    }  # fmt: skip
    assert say("find", reported) == {**counts, "new": 0}
    (waiting,) = say("list", reported)["pairs"]
    pair = waiting["left_id"], waiting["right_id"]
    assert set(pair) == {names["p2"], names["i2"]}
    assert 0.5 <= waiting["probability"] < 0.97
    assert waiting["reasons"].startswith("on the same date, the time not known; 1.2 km apart")
    assert {waiting["left_source"], waiting["right_source"]} == {"police", "insurer"}
    assert {waiting["left_source_id"], waiting["right_source_id"]} == {"p2", "i2"}
    merged = say("list", reported, "--decision", "merged")["pairs"]
    assert {one["decided_by"] for one in merged} == {"matching"}
    assert {one["left_occurred_at"][:10] for one in merged} == {"2021-03-08"}
    assert {one["right_severity"] for one in merged} <= {"serious", "fatal"}
    assert len(merged) == 3

    decided = say("decide", reported, *reversed(pair), "merged", "--by", "Dara")
    assert decided == {
        "area": "test", "left_id": min(pair), "right_id": max(pair), "decision": "merged",
        "decided_by": "Dara", "changed": 1,
    }  # fmt: skip
    assert say("list", reported)["pairs"] == []
    assert say("find", reported)["by_people"] == 1
    undone = say("undo", reported, *pair)
    assert (undone["decision"], undone["decided_by"]) == ("queued", "matching")
    first = merged[0]["left_id"], merged[0]["right_id"]
    assert say("undo", reported, *first, "--by", "Dara")["decision"] == "queued"
    assert say("find", reported)["by_people"] == 1


def test_a_person_reads_a_table(call, reported):
    assert "merged" in call("duplicates", "find", reported).stdout
    listed = call("duplicates", "list", reported).stdout.splitlines()
    header = ["left_id", "right_id", "probability", "left", "right", "reasons"]
    assert listed[0].split() == header
    assert len(listed) == 2
    assert "police p2, 2021-06-20 18:10, NR90, Testville, slight" in listed[1]
    assert "insurer i2, 2021-06-20, serious" in listed[1]
    merged = call("duplicates", "list", reported, "--decision", "merged").stdout.splitlines()
    assert merged[0].split() == [*header, "decided_by"]
    assert len(merged) == 4
    assert any("insurer i1, 2021-03-08 06:55, fatal" in line for line in merged)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("find", "nowhere"), "'nowhere'"),
        (("list", "nowhere"), "'nowhere'"),
        (("decide", "test", "x", "y", "merged"), "'x': not found in area 'test'"),
        (("decide", "test", "x", "x", "merged"), "is one report; name two"),
        (("undo", "test", "x", "y"), "pair x y: not found in area 'test'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(call, reported, words, error):
    done = call("duplicates", *words, "--json")
    assert done.exit_code == 1
    assert error in str(done.exception)
    assert "\n" not in str(done.exception)
    assert done.stdout == ""


def test_a_wrong_word_is_wrong_usage(call, reported):
    assert call("duplicates", "decide", reported, "x", "y", "perhaps").exit_code == 2


def test_a_run_counts_each_crash_once(workspace, reported, settings, say, names):
    before = run_area(workspace, reported, settings=settings)
    assert (before["n_crashes"], before["n_reports"]) == (6, 6)
    say("find", reported)
    after = run_area(workspace, reported, settings=settings)
    assert (after["n_crashes"], after["n_reports"]) == (4, 6)
    assert after["inputs"]["records"] != before["inputs"]["records"]
    step = next(one for one in after["steps"] if one["name"] == "crash reports")
    assert (step["rows_in"], step["rows_out"], step["rows_dropped"]) == (6, 4, 2)
    assert step["reason"] == "2 merged with another report"

    crashes = load_table(workspace.runs_folder(reported) / after["run_id"], "crashes")
    one = crashes[crashes["n_reports"].eq(3)].iloc[0]
    three = sorted(names[number] for number in ("p1", "i1", "f1"))
    assert one["crash_id"] == three[0]
    assert one["report_ids"] == ";".join(three)
    assert one["sources"] == "factory F1;insurer;police"
    assert one["severity"] == "fatal"
    assert (one["n_killed"], one["n_serious"], one["n_slight"]) == (1, 0, 0)
    assert one["occurred_at"] == pd.Timestamp("2021-03-08 06:40")
    assert one["factory_id"] == "F1"

    for pair in say("list", reported, "--decision", "merged")["pairs"]:
        say("decide", reported, pair["left_id"], pair["right_id"], "separate")
    undone = run_area(workspace, reported, settings=settings)
    assert undone["inputs"] == before["inputs"]
    for name in ("crashes", "sites", "lixels"):
        one, other = (
            load_table(workspace.runs_folder(reported) / run["run_id"], name)
            for run in (undone, before)
        )
        named = ["hotspot_id"] if "hotspot_id" in one else []  # numbers are never used again
        pd.testing.assert_frame_equal(one.drop(columns=named), other.drop(columns=named))


def test_without_merged_pairs_crashes_are_the_reports(workspace, reported):
    with Database(workspace.database_url) as database:
        reports, records_digest = (
            database.read("crash", reported),
            database.compute_digest(reported),
        )
        found = read_crashes(database, reported)
    pd.testing.assert_frame_equal(found.frame[list(reports)], reports)
    assert (found.n_reports, found.digest) == (len(reports), records_digest)
