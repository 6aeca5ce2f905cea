"""Bring a records database to today's tables, step by step, whatever version made it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from core.errors import ConfigError
from records.schema import METADATA

__all__ = ["LATEST", "find_version", "upgrade"]

logger = logging.getLogger(__name__)

LATEST: Final = "0003"  # the last of `records/migrations/versions`
FIRST: Final = "0001"  # of databases that were made before versions were kept
MIGRATIONS: Final = Path(__file__).with_name("migrations")
VERSION_TABLE: Final = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
POINT_TABLES: Final = ("factory", "origin", "crash", "activity", "observation")


def find_version(connection: sa.Connection) -> str:
    """Return the version of a database's tables; empty when it has none."""
    tables = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in tables:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return str(version or "")
    return FIRST if "import_batch" in tables else ""


def upgrade(connection: sa.Connection, name: str) -> None:
    """Take every step that a database lacks, within the caller's transaction.

    Parameters
    ----------
    connection
        A connection that holds the write lock.
    name
        What the database is called in messages.

    Raises
    ------
    ConfigError
        If the database was made by a later version of the software.
    """
    version = find_version(connection)
    if version == LATEST:
        return
    if not version:
        METADATA.create_all(connection)
        connection.exec_driver_sql(VERSION_TABLE)
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{LATEST}')")
    else:
        _take_steps(connection, version, name)
    if connection.dialect.name == "postgresql":
        _add_points(connection)


def _take_steps(connection: sa.Connection, version: str, name: str) -> None:
    from alembic import command  # takes a while to load, and is hardly ever needed
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        ScriptDirectory.from_config(config).get_revision(version)
    except CommandError as error:
        message = (
            f"{name}: its tables are of version {version!r}, which this version of the software "
            f"does not know (it knows up to {LATEST}); use the newer software."
        )
        raise ConfigError(message) from error
    if not sa.inspect(connection).has_table("alembic_version"):
        command.stamp(config, version)
    command.upgrade(config, "head")


def _add_points(connection: sa.Connection) -> None:
    """Give tables with coordinates a PostGIS point for map programs, where PostGIS may be used."""
    query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"
    if not connection.exec_driver_sql(query).scalar():
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
    except DBAPIError as error:
        logger.warning("no PostGIS points: %s", str(error.orig).splitlines()[0])
        return
    for table in POINT_TABLES:
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS point geometry(Point, 4326) "
            "GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED"
        )
        connection.exec_driver_sql(
            f"CREATE INDEX IF NOT EXISTS ix_{table}_point ON {table} USING gist (point)"
        )
