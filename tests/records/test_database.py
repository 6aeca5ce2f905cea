"""The database: its errors, its digest, and that kills and crowds lose nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import ConfigError, DataSourceError, InputError, TableError
from records.database import Database
from records.intake import import_file

WRITER = """
import sys, time
from pathlib import Path
import records.reading
from records.database import Database
from records.intake import import_file

url, path, marker, stop_at = sys.argv[1:]
records.reading.BATCH_ROWS = 1000

def tell(done, total, label):
    if done >= int(stop_at):
        Path(marker).touch()
        time.sleep(600)

with Database(url) as database:
    report = import_file(database, "crash", path, area="a", progress=tell)
    print(report.accepted, report.updated, report.duplicates)
"""


def start_writer(root, url, path, marker, *, stop_at=101) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(path), str(marker), str(stop_at)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def write_many(path: Path, n: int, *, prefix: str, severity: str = "slight") -> Path:
    lines = ["source_id,occurred_at,lon,lat,severity"]
    for i in range(n):
        moment = f"2024-01-{i % 28 + 1:02d} {i % 24:02d}:{i % 60:02d}"
        lines.append(f"{prefix}{i},{moment},{100 + i * 1e-5:.6f},11.5,{severity}")
    path.write_text("\n".join(lines))
    return path


def test_missing_tables_are_created_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'r.sqlite'}"
    for _ in range(2):
        with Database(url) as database:
            assert database.read("crash", "a").empty
    with sqlite3.connect(tmp_path / "r.sqlite") as raw:
        assert raw.execute("pragma journal_mode").fetchone() == ("wal",)


def test_memory_database_serves_too(crashes):
    with Database("sqlite://") as database:
        path = crashes("1,2024-01-01,1,2,,slight,,,,,,,,,")
        assert import_file(database, "crash", path, area="a").accepted == 1
        assert database.count("crash", "a") == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////no/such/folder/r.sqlite", ConfigError),
        ("sqlite:////dev/null/r.sqlite", ConfigError),
        ("no url at all", ConfigError),
        ("", ConfigError),
        ("nosuchdb://x", ConfigError),
        ("oracle://user:secret@host/x", ConfigError),
    ],
)
def test_a_database_that_cannot_be_used(url, expected):
    with pytest.raises(expected) as caught:
        Database(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database(write):
    path = write("this is text, long enough to be no database header " * 200, "r.sqlite")
    with pytest.raises(DataSourceError, match="damaged or no records database"):
        Database(f"sqlite:///{path}")


def test_a_damaged_database(tmp_path, crashes):
    file = tmp_path / "r.sqlite"
    url = f"sqlite:///{file}"
    with Database(url) as database:
        many = write_many(tmp_path / "many.csv", 3000, prefix="x")
        import_file(database, "crash", many, area="a")
    content = bytearray(file.read_bytes())
    content[8192 : len(content) - 100] = os.urandom(len(content) - 8292)
    file.write_bytes(content)
    with pytest.raises(DataSourceError), Database(url) as database:
        database.read("crash", "a")


def test_a_database_of_another_version(tmp_path):
    file = tmp_path / "r.sqlite"
    Database(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as raw:
        raw.execute("alter table crash drop column narrative")
    with (
        Database(f"sqlite:///{file}") as database,
        pytest.raises(ConfigError, match="another version"),
    ):
        database.read("crash", "a")


def test_unknown_kind(database):
    with pytest.raises(InputError, match="kind 'boat' is not known"):
        database.read("boat", "a")


def test_digest_does_not_depend_on_the_order_of_imports(tmp_path):
    one = write_many(tmp_path / "one.csv", 20, prefix="x")
    two = write_many(tmp_path / "two.csv", 30, prefix="y", severity="fatal")
    digests = set()
    for name, order in (("p", (one, two)), ("q", (two, one, two))):
        with Database(f"sqlite:///{tmp_path / name}.sqlite") as database:
            for path in order:
                import_file(database, "crash", path, area="a")
            digests.add(database.compute_digest("a"))
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [1, 100])
def test_a_killed_import_leaves_the_records_as_they_were(root, tmp_path, database_url, stop_at):
    url = database_url
    first = write_many(tmp_path / "first.csv", 50, prefix="x")
    second = write_many(tmp_path / "second.csv", 5_000, prefix="y", severity="fatal")
    with Database(url) as database:
        import_file(database, "crash", first, area="a")
        digest = database.compute_digest("a")
    marker = tmp_path / "marker"
    writer = start_writer(root, url, second, marker, stop_at=stop_at)
    try:
        give_up = time.monotonic() + 120
        while not marker.exists() and time.monotonic() < give_up:
            assert writer.poll() is None, writer.stderr.read()
            time.sleep(0.02)
        assert marker.exists()
        writer.send_signal(signal.SIGKILL)
    finally:
        writer.kill()
        writer.communicate()
    with Database(url) as database:
        assert database.compute_digest("a") == digest
        assert len(database.list_imports()) == 1
        assert import_file(database, "crash", second, area="a").accepted == 5_000
        assert database.count("crash", "a") == 5_050
        with database.reading() as connection:
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("pragma integrity_check").scalar() == "ok"


@pytest.mark.slow
def test_two_imports_at_once_lose_nothing(root, tmp_path, database_url):
    url = database_url  # a SQLite file does not exist yet: both create it
    n = 5_000
    files = [write_many(tmp_path / f"{name}.csv", n, prefix=name) for name in "pq"]
    writers = [start_writer(root, url, file, tmp_path / f"marker-{file.stem}") for file in files]
    outputs = [writer.communicate(timeout=200) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], outputs
    accepted = [[int(word) for word in out.split()] for out, _ in outputs]
    with Database(url) as database:
        # Equal content under another identifier is a duplicate: one of each pair.
        assert sorted(accepted) == [[0, 0, n], [n, 0, 0]]
        assert database.count("crash", "a") == n
        assert len(database.read_audit("a")) == n
        assert len(database.list_imports()) == 2


def test_readers_are_not_held_up_by_a_writer(database_url):
    url = database_url
    with Database(url) as writer, writer.writing(), Database(url) as reader:
        assert reader.read("crash", "a").empty


def test_a_failed_write_undoes_everything(database, crashes):
    path = crashes("1,2024-01-01,1,2,,slight,,,,,,,,,")

    def fail(done, total, label):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(database, "crash", path, area="a", progress=fail)
    assert database.count("crash", "a") == 0
    assert database.list_imports().empty


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("severity = 'ouch'", "severity: ouch"),
        ("n_killed = -1", "n_killed: -1"),
        ("lat = 95.0", "lat: 95.0"),
        ("lat = null", "only one of lon and lat"),
    ],
)
def test_a_record_edited_by_other_hands_is_noticed(database_url, crashes, change, said):
    with Database(database_url) as database:
        import_file(database, "crash", crashes("1,2024-01-01,1,2,,slight,,,,,,,,,"), area="a")
        with database.writing() as connection:
            connection.exec_driver_sql(f"update crash set {change}")
        with pytest.raises(TableError, match="not as agreed") as caught:
            database.read("crash", "a")
    assert said in str(caught.value)
