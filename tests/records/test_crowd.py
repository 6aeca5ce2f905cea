"""People who type while files come in, all at once: nothing is lost, nothing counted twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from records.corrections import Entry, correct_record, enter_records
from records.database import Database
from records.intake import import_file
from records.undoing import undo_import

N_TYPED = 15
HEAD = "source_id,occurred_at,lon,lat,severity\n"


def write_file(path, prefix, n):
    """Write crashes that are no repeats of those of another prefix."""
    lat = 11 + ord(prefix) / 1000
    rows = (
        f"{prefix}{i},2024-03-{i % 28 + 1:02d} 07:{i % 60:02d},{104 + i / 1e4:.4f},{lat},slight"
        for i in range(n)
    )
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_typing_correcting_importing_and_undoing_at_once(database_url, tmp_path):
    old = write_file(tmp_path / "old.csv", "A", N_TYPED)
    new = write_file(tmp_path / "new.csv", "B", 3_000)
    wrong = write_file(tmp_path / "wrong.csv", "C", 500)
    with Database(database_url) as database:
        import_file(database, "crash", old, area="a", imported_by="start")
        known = database.read("crash", "a")["crash_id"].tolist()

    def type_in(name):
        with Database(database_url) as database:
            for i in range(N_TYPED):
                values = {
                    "source_id": f"{name}{i}",
                    "occurred_at": "2024-05-05",
                    "severity": "fatal",
                }
                entry = Entry(kind="crash", values=values)
                enter_records(database, "a", [entry], entered_by=name, source=name)

    def correct_all():
        with Database(database_url) as database:
            for crash_id in known:
                change = {"severity": "serious"}
                correct_record(database, "crash", "a", crash_id, change, corrected_by="chan")

    def take_in():
        with Database(database_url) as database:
            import_file(database, "crash", new, area="a", imported_by="dara")

    def take_in_and_back():
        with Database(database_url) as database:
            report = import_file(database, "crash", wrong, area="a", imported_by="em")
            undo_import(database, "a", report.import_id, undone_by="em")

    jobs = [
        lambda: type_in("ann"),
        lambda: type_in("bopha"),
        correct_all,
        take_in,
        take_in_and_back,
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result(timeout=200)

    with Database(database_url) as database:
        crashes = database.read("crash", "a")
        log = database.read_audit("a")
    assert len(crashes) == N_TYPED + 3_000 + 2 * N_TYPED
    by_source = crashes["source"].value_counts()
    assert by_source["ann"] == by_source["bopha"] == N_TYPED
    mine = crashes[crashes["crash_id"].isin(known)]
    assert set(mine["severity"]) == {"serious"}
    counts = log["action"].value_counts()
    assert counts["insert"] == N_TYPED + 3_000 + 500 + 2 * N_TYPED
    assert (counts["correct"], counts["remove"]) == (N_TYPED, 500)
