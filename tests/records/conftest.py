"""A database of its own for each test, on both systems, and files written from a few lines."""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from records.database import Database
from records.intake import ImportReport, import_file
from records.schema import METADATA
from records.upgrading import LATEST
from tests.records.postgres import find_programs, running_server

NUMBERS = count()
CRASH_HEADER = (
    "source_id,occurred_at,lon,lat,road_name,severity,n_killed,n_serious,n_slight,n_vehicles,"
    "road_users,light,is_worker_commute,factory_id,narrative"
)


@pytest.fixture(scope="session")
def postgres_server():
    """Return the URL of a server that is started for the tests, or skip with the reason."""
    programs = find_programs()
    if programs is None:
        reason = "no PostgreSQL on this machine (Debian: postgresql, postgresql-postgis)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_server(programs) as url:
        yield url


@contextmanager
def connected(url):
    """Yield a connection to a database of the server on which every statement counts."""
    whole = sa.engine.make_url(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(whole, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_database(postgres_server):
    """Return the URL of a records database that the tests share, one after the other."""
    with connected(f"{postgres_server}/postgres") as connection:
        connection.exec_driver_sql("CREATE DATABASE shared")
    url = f"{postgres_server}/shared"
    Database(url).close()
    return url


@pytest.fixture
def postgres_url(postgres_database):
    """Return the URL of the shared records database, with nothing in it."""
    yield postgres_database
    names = ", ".join(METADATA.tables)
    with connected(postgres_database) as connection:
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{LATEST}'")


@pytest.fixture
def bare_postgres_url(postgres_server):
    """Return the URL of a new database that has no tables at all."""
    name = f"bare_{next(NUMBERS)}"
    with connected(f"{postgres_server}/postgres") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    with connected(f"{postgres_server}/postgres") as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request, tmp_path):
    """Return the URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite'}"
    return request.getfixturevalue("bare_postgres_url")


READERS = {  # how a file is read does not depend on where its records are kept
    "test_header",
    "test_layers",
    "test_locating",
    "test_proposal",
    "test_ready_mappings",
    "test_real_files",
    "test_xlsx",
}


def pytest_generate_tests(metafunc):
    """Run the tests of the records on both database systems, those of readers on one."""
    if "database_url" in metafunc.fixturenames:
        is_reader = metafunc.module.__name__.rpartition(".")[2] in READERS
        systems = ["sqlite"] if is_reader else ["sqlite", "postgresql"]
        metafunc.parametrize("database_url", systems, indirect=True)


@pytest.fixture
def database_url(request, tmp_path):
    """Return the URL of a database that does not exist yet (SQLite) or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def database(database_url):
    with Database(database_url) as opened:
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
