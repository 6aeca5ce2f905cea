"""A database of its own for each test, and files written from a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from records.database import Database
from records.intake import ImportReport, import_file

CRASH_HEADER = (
    "source_id,occurred_at,lon,lat,road_name,severity,n_killed,n_serious,n_slight,n_vehicles,"
    "road_users,light,is_worker_commute,factory_id,narrative"
)


@pytest.fixture
def database(tmp_path):
    with Database(f"sqlite:///{tmp_path / 'records.sqlite'}") as opened:
        yield opened


@pytest.fixture
def write(tmp_path):
    """Write a file from text or bytes; return its path."""

    def write_file(content: str | bytes, name: str = "crashes.csv") -> Path:
        path = tmp_path / name
        raw = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(raw)
        return path

    return write_file


@pytest.fixture
def crashes(write):
    """Write a crash file with the usual header from rows of cells."""

    def write_rows(*rows: str, name: str = "crashes.csv") -> Path:
        return write("\n".join([CRASH_HEADER, *rows]) + "\n", name)

    return write_rows


@pytest.fixture
def take(database):
    """Import a file into area `a`; check that the account balances."""

    def import_into(path: Path, kind: str = "crash", **options) -> ImportReport:
        report = import_file(database, kind, path, **{"area": "a", **options})
        outcomes = (
            report.accepted,
            report.updated,
            report.unchanged,
            report.duplicates,
            report.rejected,
        )
        assert min(outcomes) >= 0
        assert report.read == sum(outcomes)
        assert report.rejected == sum(report.reasons.values())
        return report

    return import_into
