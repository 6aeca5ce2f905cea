"""Databases of every version come to the same tables, with everything that was in them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.errors import ConfigError, SafeCommuteError
from records.database import Database
from records.engines import make_engine
from records.schema import METADATA
from records.upgrading import LATEST, MIGRATIONS, find_version, upgrade

pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type 'geometry'")

FIRST_IMPORT = (
    "INSERT INTO import_batch VALUES (1, 'crash', 'a', 'f.csv', 'abc', '', '', 'ann', "
    "'2026-01-02 03:04:05', 1, 1, 0, 0, 0, 0, '{}')"
)
CRASH_COLUMNS = (
    "record_id, area, source, source_id, occurred_at, has_time, lon, lat, severity, "
    "is_location_corrected, content_hash, import_id, first_import_id, row_number, recorded_at"
)
PLACED = (
    "('r1', 'a', 'police', '1', '2026-01-01 07:00:00', true, 104.9, 11.5, 'fatal', "
    "true, 'h1', 1, 1, 2, '2026-01-02 03:04:05')"
)
AS_SENT = (
    "('r2', 'a', 'police', '2', '2026-01-01 07:00:00', true, 104.9, 11.5, 'slight', "
    "false, 'h2', 1, 1, 3, '2026-01-02 03:04:05')"
)


def take_steps(connection, to):
    from alembic import command

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@pytest.fixture
def old_url(bare_database_url):
    """Return the URL of a database as the first version made it, with two crashes."""
    engine = make_engine(sa.engine.make_url(bare_database_url))
    with engine.connect() as plain:
        connection = plain.execution_options(safecommute_write=True)
        with connection.begin():
            take_steps(connection, "0001")
            connection.exec_driver_sql("DROP TABLE alembic_version")  # it kept no version
            connection.exec_driver_sql(FIRST_IMPORT)
            for row in (PLACED, AS_SENT):
                connection.exec_driver_sql(f"INSERT INTO crash ({CRASH_COLUMNS}) VALUES {row}")
    engine.dispose()
    return bare_database_url


def find_differences(url):
    """Return how a database's tables differ from those of the code."""
    engine = make_engine(sa.engine.make_url(url))
    extra = {"spatial_ref_sys", "alembic_version"}

    def is_ours(thing, name, kind, reflected, compare_to):
        del thing, reflected, compare_to
        return (
            name not in extra
            and not (kind == "column" and name == "point")
            and not (kind == "index" and name.endswith("_point"))
        )

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": is_ours, "compare_type": True}
        )
        differences = compare_metadata(context, METADATA)
    engine.dispose()
    return differences


def test_an_old_database_is_carried_over(old_url):
    with Database(old_url) as database:
        crashes = database.read("crash", "a").set_index("source_id")
        with database.reading() as connection:
            assert find_version(connection) == LATEST
    assert crashes["severity"].to_dict() == {"1": "fatal", "2": "slight"}
    assert crashes["placed_by"].fillna("").to_dict() == {"1": "person", "2": ""}
    assert crashes["corrected_fields"].to_dict() == {
        "1": "lat;lon;place_note;placed_by",
        "2": "",
    }
    assert crashes["lon"].tolist() == [104.9, 104.9]


def test_the_steps_lead_to_the_tables_of_the_code(old_url):
    assert find_differences(old_url) != []
    Database(old_url).close()
    assert find_differences(old_url) == []


def test_a_new_database_has_the_tables_of_the_code(bare_database_url):
    Database(bare_database_url).close()
    assert find_differences(bare_database_url) == []


def test_latest_is_the_last_step():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [LATEST]


def test_a_database_of_a_later_version_is_left_alone(database_url):
    with Database(database_url) as database, database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"version '9999'.*use the newer software"):
        Database(database_url)


def test_a_step_that_fails_leaves_the_database_as_it_was(old_url, monkeypatch):
    def fail(connection, name):
        upgrade(connection, name)
        connection.exec_driver_sql("SELECT nonsense FROM nowhere")

    monkeypatch.setattr("records.database.upgrade", fail)
    with pytest.raises(SafeCommuteError, match="nowhere"):
        Database(old_url)
    monkeypatch.undo()
    engine = make_engine(sa.engine.make_url(old_url))
    with engine.connect() as connection:
        assert find_version(connection) == "0001"
        assert connection.exec_driver_sql("SELECT count(*) FROM crash").scalar() == 2
    engine.dispose()
    with Database(old_url) as database:
        assert database.count("crash", "a") == 2


def test_map_programs_find_points_in_postgis(postgres_url, tmp_path, crashes):
    from records.intake import import_file

    with Database(postgres_url) as database:
        with database.reading() as connection:
            query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"
            if not connection.exec_driver_sql(query).scalar():
                pytest.skip("this PostgreSQL has no PostGIS (Debian: postgresql-postgis)")
        import_file(
            database, "crash", crashes("1,2024-01-01,104.9,11.5,,slight,,,,,,,,,"), area="a"
        )
        with database.reading() as connection:
            text = connection.exec_driver_sql("SELECT ST_AsEWKT(point) FROM crash").scalar()
    assert text == "SRID=4326;POINT(104.9 11.5)"
