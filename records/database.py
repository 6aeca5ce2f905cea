"""Open the database of records, read tables from it, write to it one at a time.

SQLite in write-ahead mode by default; what is special to a database system is in
`_prepare_sqlite` and `Database.writing` only.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from core.errors import ConfigError, DataSourceError, SafeCommuteError
from records.fields import KINDS, find_kind
from records.schema import AUDIT, IMPORTS, METADATA, RECORDS
from records.tables import to_record_frame

__all__ = ["Database", "insert_rows"]

BUSY_TIMEOUT_S: Final = 300.0
N_ATTEMPTS: Final = 50
WRITE_LOCK_KEY: Final = 0x5AFEC0  # names the write lock where the database offers such locks


class Database:
    """The records of all areas.

    Parameters
    ----------
    url
        SQLAlchemy URL, e.g. `sqlite:////home/me/workspace/records.sqlite`. Missing
        tables are created.

    Raises
    ------
    ConfigError
        If the URL is wrong, or the database cannot be opened or written.
    DataSourceError
        If the file is damaged or no database.

    Notes
    -----
    Readers see the state after the last finished import, also while another runs. One
    writer works at a time; others wait for it, up to five minutes.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = sa.engine.make_url(url)
            self._engine = _make_engine(self._url)
        except (ArgumentError, ImportError, ValueError) as error:
            reason = str(error).splitlines()[0]
            message = (
                f"records database: the URL cannot be used ({reason}); "
                "check SAFECOMMUTE_DATABASE_URL."
            )
            raise ConfigError(message) from error
        self.name = self._url.render_as_string(hide_password=True)
        try:
            self._create_missing_tables()
        except BaseException:
            self._engine.dispose()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def read(self, kind: str, area: str) -> pd.DataFrame:
        """Return the records of one kind in one area, typed, in the order of their ids.

        Parameters
        ----------
        kind
            `factory`, `origin`, `vehicle`, `crash`, `casualty` or `intervention`.
        area
            Key of the study area.

        Returns
        -------
        records
            One row per record; columns and types as `records.tables` describes them.

        Raises
        ------
        InputError
            If there is no such kind.
        DataSourceError
            If the database cannot be read.
        """
        spec = find_kind(kind)
        table = RECORDS[kind]
        query = sa.select(table).where(table.c.area == area).order_by(table.c.record_id)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in table.c]
        names = [column.name for column in table.c]
        return to_record_frame(dict(zip(names, columns, strict=True)), spec)

    def compute_digest(self, area: str) -> str:
        """Return a SHA-256 of the content of all records of an area.

        It depends on what the records say, not on when, how often or in which order
        they were imported.
        """
        digest = hashlib.sha256()
        with self.reading() as connection:
            for kind in KINDS:
                table = RECORDS[kind]
                query = (
                    sa.select(table.c.record_id, table.c.content_hash)
                    .where(table.c.area == area)
                    .order_by(table.c.record_id)
                )
                digest.update(f"{kind}\n".encode())
                for block in connection.execute(query).partitions(50_000):
                    digest.update("".join(f"{one}={two}\n" for one, two in block).encode())
        return digest.hexdigest()

    def count(self, kind: str, area: str) -> int:
        """Return how many records of a kind an area has."""
        table = RECORDS[find_kind(kind).name]
        query = sa.select(sa.func.count()).select_from(table).where(table.c.area == area)
        with self.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def list_imports(self, area: str | None = None) -> pd.DataFrame:
        """Return the imports, latest first: file, checksum, mapping, by whom, when, counts."""
        query = sa.select(IMPORTS).order_by(IMPORTS.c.import_id.desc())
        if area is not None:
            query = query.where(IMPORTS.c.area == area)
        with self.reading() as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        return pd.DataFrame(rows, columns=[column.name for column in IMPORTS.c])

    def read_audit(self, area: str, record_id: str | None = None) -> pd.DataFrame:
        """Return every change made to an area's records, the earliest first.

        Parameters
        ----------
        area
            Key of the study area.
        record_id
            Of one record only (`crash_id` of a crash).

        Returns
        -------
        changes
            `kind`, `record_id`, `action` (insert, update), `changed_at` [UTC],
            `changed_by`, `import_id`, `row_number`, `old_values` (JSON of the fields
            that changed).
        """
        query = sa.select(AUDIT).join(IMPORTS, IMPORTS.c.import_id == AUDIT.c.import_id)
        query = query.where(IMPORTS.c.area == area).order_by(AUDIT.c.audit_id)
        if record_id is not None:
            query = query.where(AUDIT.c.record_id == record_id)
        with self.reading() as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        return pd.DataFrame(rows, columns=[column.name for column in AUDIT.c])

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one state of the records throughout."""
        with _plain_errors(self.name), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, keep: bool = True) -> Iterator[sa.Connection]:
        """Yield the connection of the only writer; all is kept at the end, or nothing.

        Parameters
        ----------
        keep
            False undoes everything at the end: a rehearsal.
        """
        with _plain_errors(self.name), self._engine.connect() as plain:
            connection = plain.execution_options(safecommute_write=True)
            with connection.begin() as transaction:
                if connection.dialect.name == "postgresql":
                    lock = sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK_KEY))
                    connection.execute(lock)
                yield connection
                if not keep:
                    transaction.rollback()

    def _create_missing_tables(self) -> None:
        """Create what is missing; two processes may do so at once."""
        with _plain_errors(self.name):
            if self._url.get_backend_name() == "sqlite":
                _turn_on_write_ahead(self._engine)
            if self._has_all_tables():
                return
            with self.writing() as connection:
                METADATA.create_all(connection)

    def _has_all_tables(self) -> bool:
        with self._engine.connect() as connection:
            return set(METADATA.tables) <= set(sa.inspect(connection).get_table_names())


def insert_rows(
    connection: sa.Connection, table: sa.Table, names: list[str], rows: list[tuple[Any, ...]]
) -> None:
    """Insert many rows of plain values.

    SQLite's driver is given the rows as they are, which is four times as fast.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        payload = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(sa.insert(table), payload)
        return
    moments = [at for at, name in enumerate(names) if isinstance(table.c[name].type, sa.DateTime)]
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"
    connection.exec_driver_sql(statement, [_as_stored(row, moments) for row in rows])


def _as_stored(row: tuple[Any, ...], moments: list[int]) -> tuple[Any, ...]:
    """Write moments as SQLAlchemy stores them in SQLite."""
    values = list(row)
    for at in moments:
        if values[at] is not None:
            values[at] = values[at].isoformat(sep=" ", timespec="microseconds")
    return tuple(values)


def _make_engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url)
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

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock at once: no import is refused half-way.
        is_write = connection.get_execution_options().get("safecommute_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def _turn_on_write_ahead(engine: sa.Engine) -> None:
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
def _plain_errors(name: str) -> Iterator[None]:
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
