"""Decisions on pairs of reports: kept, logged, followed at once, and taken back."""

from __future__ import annotations

import itertools
import json
import threading

import pandas as pd
import pytest
import sqlalchemy as sa

from core.errors import InputError, MissingDataError
from records.database import Database
from records.decisions import (
    AUDIT_KIND,
    compute_pairs_digest,
    decide_pair,
    list_queue,
    read_pair_history,
    read_pairs,
    record_pairs,
    undo_pair,
)
from records.events import find_events, merge_reports
from records.intake import import_file
from records.matching import find_pairs
from records.schema import AUDIT, PAIRS, RECORDS

HEADER = (
    "source_id,occurred_at,lon,lat,road_name,severity,n_killed,n_serious,n_slight,n_vehicles,"
    "road_users,light,is_worker_commute,factory_id"
)
ROW = "n{n},2024-05-20 10:0{n},104.9,11.500{n},NR4,slight,0,0,1,2,car,day,yes,F1"
SOURCES = ("police", "insurer", "factory", "police")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request, tmp_path_factory):
    """Return the URL of a database with four reports, one for all tests of a system."""
    folder = tmp_path_factory.mktemp("records")
    if request.param == "sqlite":
        made = f"sqlite:///{folder / 'records.sqlite'}"
    else:
        server = request.getfixturevalue("postgres_server")
        name = "test_decisions"
        plain = sa.engine.make_url(f"{server}/postgres").set(drivername="postgresql+psycopg")
        engine = sa.create_engine(plain, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        made = f"{server}/{name}"
    path = folder / "crashes.csv"
    rows = [ROW.format(n=n) for n in range(4)]
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    with Database(made) as opened:
        import_file(opened, "crash", path, area="a")
    return made


@pytest.fixture
def database(url):
    """Open the database as it was before any decision, the reports of three sources."""
    table = RECORDS["crash"]
    with Database(url) as opened:
        with opened.writing() as connection:
            connection.execute(sa.delete(PAIRS))
            connection.execute(sa.delete(AUDIT).where(AUDIT.c.kind == AUDIT_KIND))
            for n, source in enumerate(SOURCES):
                chosen = table.c.source_id == f"n{n}"
                connection.execute(sa.update(table).where(chosen).values(source=source, area="a"))
        yield opened


@pytest.fixture
def ids(database):
    """Return the numbers of the reports by their ids."""
    found = database.read("crash", "a")
    return dict(zip(found["crash_id"], found["source_id"].str[1:].astype(int), strict=True))


@pytest.fixture
def report(ids):
    """Return the id of the report with a number."""
    names = {n: name for name, n in ids.items()}
    return names.__getitem__


@pytest.fixture
def found(report):
    """Return pairs as matching finds them, from (number, number, probability)."""

    def make(*rows):
        pairs = [(*sorted((report(one), report(other))), p) for one, other, p in rows]
        frame = pd.DataFrame(pairs, columns=["left_id", "right_id", "probability"])
        return frame.assign(reasons="alike", decision="queued", decided_by="matching")

    return make


@pytest.fixture
def decisions(database, report, ids):
    """Return the decision on each pair, by the numbers of its reports."""

    def read():
        pairs = read_pairs(database, "a")
        keys = ("".join(sorted((str(ids[one]), str(ids[two])))) for one, two in
                zip(pairs["left_id"], pairs["right_id"], strict=True))  # fmt: skip
        return dict(zip(keys, pairs["decision"], strict=True))

    return read


CHAIN = ((0, 1, 0.99), (1, 2, 0.98), (0, 2, 0.975), (1, 3, 0.985), (2, 3, 0.6))
SETTLED = {"01": "merged", "12": "merged", "02": "merged", "13": "queued", "23": "queued"}


def test_what_matching_finds_is_kept_and_counted(database, found, decisions):
    counts = record_pairs(database, "a", found(*CHAIN))
    assert counts == {
        "merged": 3, "queued": 2, "separate": 0, "by_people": 0, "new": 5, "changed": 0
    }  # fmt: skip
    assert decisions() == SETTLED
    pairs = read_pairs(database, "a")
    assert (pairs["left_id"] < pairs["right_id"]).all()
    assert pairs["decided_by"].eq("matching").all()
    history = read_pair_history(database, "a")
    assert history["action"].tolist() == ["insert"] * 5
    assert history["old_values"].isna().all()


def test_the_same_again_changes_nothing(database, found):
    record_pairs(database, "a", found(*CHAIN))
    before = read_pairs(database, "a")
    counts = record_pairs(database, "a", found(*CHAIN).iloc[::-1])
    assert (counts["new"], counts["changed"]) == (0, 0)
    pd.testing.assert_frame_equal(read_pairs(database, "a"), before)
    assert len(read_pair_history(database, "a")) == 5


def test_a_pair_no_longer_found_is_separate_and_comes_back(database, found, decisions):
    record_pairs(database, "a", found(*CHAIN))
    counts = record_pairs(database, "a", found(*CHAIN[1:]))
    assert counts["changed"] == 3  # 0-1 is separate, so 1-3 is merged and 0-2 waits
    assert decisions()["01"] == "separate"
    gone = read_pairs(database, "a").query("decision == 'separate'").iloc[0]
    assert gone["reasons"].startswith("no longer alike")
    record_pairs(database, "a", found(*CHAIN))
    assert decisions() == SETTLED


def test_reports_of_other_areas_are_not_paired(database, found):
    counts = record_pairs(database, "b", found(*CHAIN))
    assert counts["new"] == 0
    assert len(read_pairs(database, "a")) == len(read_pairs(database, "b")) == 0


def test_a_persons_decision_outlasts_matching(database, found, report, decisions):
    record_pairs(database, "a", found(*CHAIN))
    decide_pair(database, "a", report(3), report(2), "merged", decided_by="Dara")
    counts = record_pairs(database, "a", found((2, 3, 0.01)))
    assert decisions()["23"] == "merged"
    assert counts["by_people"] == 1
    pair = read_pairs(database, "a").query("decided_by == 'Dara'").iloc[0]
    assert pair["probability"] == 0.6  # as it was when decided


def test_setting_two_apart_takes_effect_though_a_third_joins_them(
    database, found, report, decisions
):
    record_pairs(database, "a", found(*CHAIN))
    counts = decide_pair(database, "a", report(0), report(1), "separate", decided_by="Dara")
    assert decisions() == {
        "01": "separate", "12": "merged", "02": "queued", "13": "merged", "23": "queued"
    }  # fmt: skip
    assert counts["changed"] == 3
    reports = database.read("crash", "a")
    event = find_events(reports, read_pairs(database, "a")).set_axis(reports["crash_id"])
    assert event[report(0)] != event[report(1)]
    stands = undo_pair(database, "a", report(1), report(0), decided_by="Bopha")
    assert stands == ("merged", "matching")
    assert decisions() == SETTLED


def test_who_changed_what_is_in_the_audit_log(database, found, report):
    record_pairs(database, "a", found(*CHAIN))
    decide_pair(database, "a", report(0), report(1), "separate", decided_by="Dara")
    history = read_pair_history(database, "a").iloc[5:]
    left, right = sorted((report(0), report(1)))
    is_it = history["left_id"].eq(left) & history["right_id"].eq(right)
    assert history.loc[is_it, "changed_by"].tolist() == ["Dara"]
    assert history.loc[~is_it, "changed_by"].tolist() == ["matching"] * 2
    old = json.loads(history.loc[is_it, "old_values"].item())
    assert (old["decision"], old["decided_by"]) == ("merged", "matching")


def test_a_merge_by_matching_is_taken_apart_and_stays_so(database, found, report, decisions):
    record_pairs(database, "a", found((0, 1, 0.99)))
    assert undo_pair(database, "a", report(0), report(1), decided_by="Dara") == ("queued", "Dara")
    record_pairs(database, "a", found((0, 1, 1.0)))
    assert decisions() == {"01": "queued"}
    assert undo_pair(database, "a", report(0), report(1), decided_by="Dara") == (
        "merged",
        "matching",
    )


def test_one_persons_decision_gives_way_to_that_before_it(database, found, report):
    record_pairs(database, "a", found((0, 1, 0.6)))
    decide_pair(database, "a", report(0), report(1), "merged", decided_by="Dara")
    decide_pair(database, "a", report(0), report(1), "separate", decided_by="Bopha")
    stands = undo_pair(database, "a", report(0), report(1), decided_by="Sok")
    assert stands == ("merged", "Dara")


def test_a_decision_taken_twice_is_one(database, found, report):
    record_pairs(database, "a", found((0, 1, 0.6)))
    pair = report(0), report(1)
    assert decide_pair(database, "a", *pair, "merged", decided_by="Dara")["changed"] == 1
    assert decide_pair(database, "a", *pair, "merged", decided_by="Dara")["changed"] == 0
    assert len(read_pair_history(database, "a")) == 2


def test_people_may_join_what_matching_did_not_find(database, report, decisions):
    counts = decide_pair(database, "a", report(0), report(3), "merged", decided_by="Dara")
    assert counts == {"new": 1, "changed": 0}
    assert decisions() == {"03": "merged"}  # two reports of one source
    stands = undo_pair(database, "a", report(0), report(3), decided_by="Dara")
    assert stands == ("separate", "matching")


def test_undoing_every_merge_gives_the_reports_back(database, found, report):
    record_pairs(database, "a", found(*CHAIN))
    decide_pair(database, "a", report(2), report(3), "merged", decided_by="Dara")
    reports = database.read("crash", "a")
    for _ in range(20):
        pairs = read_pairs(database, "a")
        merged = pairs[pairs["decision"].eq("merged")]
        events = merge_reports(reports, pairs)
        assert events["n_reports"].sum() == len(reports)
        if merged.empty:
            break
        first = merged.iloc[0]
        undo_pair(database, "a", first["left_id"], first["right_id"], decided_by="Sok")
    pd.testing.assert_frame_equal(events[list(reports)], reports)


def test_a_contradiction_between_people_is_refused_whole(database, report, decisions):
    decide_pair(database, "a", report(0), report(1), "merged", decided_by="Dara")
    decide_pair(database, "a", report(1), report(2), "merged", decided_by="Dara")
    with pytest.raises(InputError, match="contradict what people decided"):
        decide_pair(database, "a", report(0), report(2), "separate", decided_by="Bopha")
    assert decisions() == {"01": "merged", "12": "merged"}


REFUSED = [
    ((0, 1), "maybe", "Dara", InputError, "use merged or separate"),
    ((0, 0), "merged", "Dara", InputError, "is one report; name two"),
    ((0, 1), "merged", "matching", InputError, "needs the name of a person"),
    ((0, 1), "merged", " ", InputError, "needs the name of a person"),
    ((0, None), "merged", "Dara", MissingDataError, "'zzz': not found in area 'a'"),
]


def test_what_cannot_be_decided_is_refused(database, report, decisions):
    for pair, decision, person, error, match in REFUSED:
        one, other = (report(n) if n is not None else "zzz" for n in pair)
        with pytest.raises(error, match=match):
            decide_pair(database, "a", one, other, decision, decided_by=person)
    assert decisions() == {}


def test_there_may_be_nothing_to_take_back(database, found, report):
    with pytest.raises(MissingDataError, match="not found in area 'a'"):
        undo_pair(database, "a", report(0), report(1), decided_by="Dara")
    record_pairs(database, "a", found((0, 1, 0.6)))
    with pytest.raises(InputError, match="is queued by matching, nobody decided on it"):
        undo_pair(database, "a", report(0), report(1), decided_by="Dara")


def test_the_queue_holds_what_waits_with_both_reports(database, found, report, ids):
    record_pairs(database, "a", found(*CHAIN))
    queue = list_queue(database, "a")
    assert queue["probability"].tolist() == [0.985, 0.6]
    first = queue.iloc[0]
    assert {first["left_source"], first["right_source"]} == {"insurer", "police"}
    assert first[f"{'left' if ids[first['left_id']] == 1 else 'right'}_occurred_at"] == (
        pd.Timestamp("2024-05-20 10:01")
    )


def test_what_is_one_event_already_does_not_wait(database, found):
    record_pairs(database, "a", found((0, 1, 0.99), (1, 2, 0.98), (0, 2, 0.6)))
    assert len(list_queue(database, "a")) == 0


def test_a_pair_of_a_report_that_is_gone_does_not_wait(database, found):
    pairs = found((0, 1, 0.6))
    record_pairs(database, "a", pairs)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE crash SET area = 'b' WHERE source = 'insurer'")
    assert len(list_queue(database, "a")) == 0
    record_pairs(database, "a", pairs)
    assert read_pairs(database, "a")["decision"].tolist() == ["separate"]


def test_the_digest_follows_what_is_merged(database, found, report):
    ids = database.read("crash", "a")["crash_id"]

    def digest():
        return compute_pairs_digest(read_pairs(database, "a"), ids)

    assert digest() == ""
    record_pairs(database, "a", found((0, 1, 0.6)))
    assert digest() == ""
    decide_pair(database, "a", report(0), report(1), "merged", decided_by="Dara")
    merged = digest()
    assert len(merged) == 64
    decide_pair(database, "a", report(0), report(2), "separate", decided_by="Dara")
    assert digest() == merged
    decide_pair(database, "a", report(0), report(2), "merged", decided_by="Dara")
    assert digest() not in {"", merged}
    assert compute_pairs_digest(read_pairs(database, "a"), ids.head(0)) == ""


def test_reports_come_in_by_import_and_are_found(database, ids):
    """Three sources a minute apart are one crash; the police's second report waits."""
    pairs = find_pairs(database.read("crash", "a"))
    record_pairs(database, "a", pairs)
    events = merge_reports(database.read("crash", "a"), read_pairs(database, "a"))
    assert sorted(events["n_reports"]) == [1, 3]
    assert len(list_queue(database, "a")) >= 1


def test_two_people_deciding_at_once_lose_nothing(url, database, ids):
    """Each of six pairs is decided by a thread of its own, on connections of their own."""
    every = list(itertools.combinations(ids, 2))
    errors = []

    def decide(pair, person):
        try:
            with Database(url) as own:
                decide_pair(own, "a", *pair, "separate", decided_by=person)
        except Exception as error:
            errors.append(error)

    threads = [
        threading.Thread(target=decide, args=(pair, f"person {n}")) for n, pair in enumerate(every)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    pairs = read_pairs(database, "a")
    assert len(pairs) == len(every) == 6
    assert pairs["decided_by"].nunique() == 6
    assert len(read_pair_history(database, "a")) == 6
