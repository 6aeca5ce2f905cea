"""Open a database engine; what is special to one database system is here.

SQLite writes ahead (readers are not held up), takes its write lock at the start of a
writing transaction (none is refused half-way), and gets many rows through its driver.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from core.errors import ConfigError, DataSourceError, SafeCommuteError

__all__ = [
    "insert_columns",
    "make_engine",
    "plain_errors",
    "take_write_lock",
    "turn_on_write_ahead",
]

BUSY_TIMEOUT_S: Final = 300.0
CACHE_KIB: Final = 65_536
N_ATTEMPTS: Final = 50
WRITE_LOCK_KEY: Final = 0x5AFEC0  # names the write lock where the database offers such locks


def take_write_lock(connection: sa.Connection) -> None:
    """Wait until no other import writes; SQLite has done so when it began."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK_KEY)))


def insert_columns(
    connection: sa.Connection, table: sa.Table, columns: dict[str, list[Any]]
) -> None:
    """Insert many rows of plain values, the fastest way that each driver has.

    Parameters
    ----------
    connection
        Within a writing transaction.
    table
        Where to.
    columns
        Values by column, all of one length. A column without any value is left to the
        table, which costs half the time where many are empty.
    """
    filled = {name: some for name, some in columns.items() if not _is_empty(some)}
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in filled)
    if not filled:
        return
    if connection.dialect.name == "postgresql":
        _copy_rows(connection, f"COPY {quote(table.name)} ({names}) FROM STDIN", filled)
        return
    for name in filled:
        if isinstance(table.c[name].type, sa.DateTime):
            filled[name] = _write_moments(filled[name])
    marks = ", ".join("?" * len(filled))
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"
    connection.exec_driver_sql(statement, list(zip(*filled.values(), strict=True)))


def _copy_rows(connection: sa.Connection, statement: str, columns: dict[str, list[Any]]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in zip(*columns.values(), strict=True):
            copy.write_row(row)


def _is_empty(values: list[Any]) -> bool:
    return not values or (values[0] is None and values.count(None) == len(values))


def _write_moments(moments: list[datetime | None]) -> list[str | None]:
    """Write moments as SQLAlchemy stores them in SQLite."""
    return [None if one is None else one.isoformat(" ", "microseconds") for one in moments]


def make_engine(url: sa.URL) -> sa.Engine:
    """Return an engine; one connection at a time for SQLite, so that no lock lingers.

    Raises
    ------
    ConfigError
        If the database system is neither SQLite nor PostgreSQL, or its driver is missing.
    """
    system = url.get_backend_name()
    if system in {"postgresql", "postgres"}:
        if find_spec("psycopg") is None:
            message = (
                "records database: PostgreSQL needs the driver psycopg; "
                "install it with `uv sync --extra postgresql`."
            )
            raise ConfigError(message)
        return sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if system != "sqlite":
        message = (
            f"records database: {system!r} is not supported; use SQLite (sqlite:///FILE) or "
            "PostgreSQL (postgresql://USER@SERVER/NAME)."
        )
        raise ConfigError(message)
    in_memory = url.database in {None, "", ":memory:"}
    engine = sa.create_engine(
        url,
        poolclass=StaticPool if in_memory else NullPool,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Let SQLAlchemy, not the driver, begin transactions; check foreign keys."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - driver's class
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock at once: no import is refused half-way.
        is_write = connection.get_execution_options().get("safecommute_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def turn_on_write_ahead(engine: sa.Engine) -> None:
    """Switch to write-ahead mode, once; another process may be doing the same."""
    name = engine.url.render_as_string(hide_password=True)
    for _ in range(N_ATTEMPTS):
        try:
            raw = engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                raw.close()
        except sqlite3.Error as error:
            problem = error
            if "locked" not in str(error):
                break
            time.sleep(0.1)
        else:
            return
    raise _explain(name, problem) from problem


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Say what is wrong with the database in one sentence."""
    try:
        yield
    except SafeCommuteError:
        raise
    except SQLAlchemyError as error:
        raise _explain(name, error) from error


def _explain(name: str, error: Exception) -> SafeCommuteError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    reason = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
    low = reason.lower()
    if "locked" in low or "busy" in low:
        return DataSourceError(
            f"{name}: another import holds the records ({reason}); try again when it is done."
        )
    if any(word in low for word in ("unable to open", "readonly", "read-only", "permission")):
        return ConfigError(
            f"{name}: the records database cannot be opened for writing ({reason}); "
            "check the folder and its rights."
        )
    if any(word in low for word in ("not a database", "malformed", "corrupt")):
        return DataSourceError(
            f"{name}: is damaged or no records database ({reason}); restore it from a copy."
        )
    if any(word in low for word in ("no such column", "has no column", "no column named")):
        return ConfigError(
            f"{name}: was made by another version of the software ({reason}); "
            "use that version, or a new database."
        )
    return DataSourceError(f"{name}: the records could not be reached: {reason}.")
