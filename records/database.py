"""Open the database of records, read tables from it, write to it one at a time.

SQLite in write-ahead mode by default; what is special to a database system is in
`records.engines`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from core.errors import (
    ConfigError,
)
from records.contracts import require_contract
from records.engines import make_engine, plain_errors, take_write_lock, turn_on_write_ahead
from records.fields import KINDS, find_kind
from records.schema import AUDIT, IMPORTS, RECORDS
from records.tables import list_frame_columns, to_record_frame
from records.upgrading import LATEST, find_version, upgrade

__all__ = ["Database"]

MAX_LON, MAX_LAT = 180.0, 90.0


class Database:
    """The records of all areas.

    Parameters
    ----------
    url
        SQLAlchemy URL, e.g. `sqlite:////home/me/workspace/records.sqlite` or
        `postgresql://me@server/safecommute`. Tables are made, or brought up to date.

    Raises
    ------
    ConfigError
        If the URL is wrong, the database cannot be opened or written, or was made by a
        later version of the software.
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
            self._engine = make_engine(self._url)
        except (ArgumentError, ImportError, ValueError) as error:
            reason = str(error).splitlines()[0]
            message = (
                f"records database: the URL cannot be used ({reason}); "
                "check SAFECOMMUTE_DATABASE_URL."
            )
            raise ConfigError(message) from error
        self.name = self._url.render_as_string(hide_password=True)
        try:
            self._prepare()
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
        TableError
            If a value is not one that intake could have written.
        DataSourceError
            If the database cannot be read.
        """
        spec = find_kind(kind)
        table = RECORDS[kind]
        names = list_frame_columns(spec)
        wanted = [table.c["record_id" if name == "crash_id" else name] for name in names]
        query = sa.select(*wanted).where(table.c.area == area)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        columns = zip(*rows, strict=True) if rows else [()] * len(wanted)
        frame = to_record_frame(dict(zip(names, columns, strict=True)), spec)
        frame = frame.sort_values(frame.columns[0], ignore_index=True)  # dearer in the database
        require_contract(frame, kind)
        return frame

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
        with plain_errors(self.name), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self, *, keep: bool = True) -> Iterator[sa.Connection]:
        """Yield the connection of the only writer; all is kept at the end, or nothing.

        Parameters
        ----------
        keep
            False undoes everything at the end: a rehearsal.
        """
        with plain_errors(self.name), self._engine.connect() as plain:
            connection = plain.execution_options(safecommute_write=True)
            with connection.begin() as transaction:
                take_write_lock(connection)
                yield connection
                if not keep:
                    transaction.rollback()

    def _prepare(self) -> None:
        """Bring the tables to today's; two processes may do so at once."""
        with plain_errors(self.name):
            if self._url.get_backend_name() == "sqlite":
                turn_on_write_ahead(self._engine)
            with self._engine.connect() as connection:
                if find_version(connection) == LATEST:
                    return
            with self.writing() as connection:
                upgrade(connection, self.name)
