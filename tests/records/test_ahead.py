"""Another process works ahead: the same values, and no trace of it when something ends."""

from __future__ import annotations

import itertools
import os
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import DataSourceError
from records import preparing
from records.ahead import read_ahead
from records.database import Database
from records.intake import import_file


def list_children() -> set[str]:
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


def test_values_come_in_order():
    assert list(read_ahead(range, 3)) == [0, 1, 2]


def test_an_error_of_the_other_process_is_raised_here_after_what_came_before():
    values = read_ahead(map, int, ["1", "not a number"])
    assert next(values) == 1
    with pytest.raises(ValueError, match="not a number"):
        next(values)


def test_a_process_that_ends_early_is_told_in_a_sentence():
    with pytest.raises(DataSourceError, match=r"ended early.*nothing was kept.*try again"):
        list(read_ahead(map, os._exit, [3]))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are listed in /proc")
def test_no_process_stays_when_its_values_are_no_longer_wanted():
    before = list_children()
    with closing(read_ahead(itertools.count)) as numbers:
        assert next(numbers) == 0
        assert list_children() - before
    assert list_children() == before


def test_a_file_read_ahead_gives_the_same_records_and_the_same_account(tmp_path, monkeypatch):
    rows = ["source_id,occurred_at,lon,lat,severity,light"]
    rows += [
        f"X{i},2020-01-{1 + i % 28:02d} 07:00,104.{i:03d},11.5,slight,dusk" for i in range(400)
    ]
    rows += ["X1,2020-01-02 07:00,104.9,11.5,fatal,day", "X9,not a date,,,slight,", "too,few"]
    rows += ["X500,2020-02-01,104.2,11.2,monstrous,day", rows[7]]
    path = tmp_path / "crashes.csv"
    path.write_text("\n".join(rows))
    found = []
    for limit in (10**12, 0):
        monkeypatch.setattr(preparing, "AHEAD_BYTES", limit)
        folder = tmp_path / str(limit)
        with Database("sqlite://") as database:
            report = import_file(database, "crash", path, area="a", rejects_dir=folder)
            rejected = (folder / Path(report.rejects_file).name).read_text()
            account = {**report.to_dict(), "rejects_file": ""}
            found.append((account, database.compute_digest("a"), rejected))
    here, ahead = found
    assert here[0]["rejected"] == 3
    assert here[0]["accepted"] == 400
    assert ahead == here
