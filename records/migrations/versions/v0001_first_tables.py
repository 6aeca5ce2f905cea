"""The first tables: imports, audit log, and six kinds of records."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "import_batch",
        sa.Column("import_id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("file_sha256", sa.Text, nullable=False),
        sa.Column("mapping", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("imported_by", sa.Text, nullable=False),
        sa.Column("imported_at", sa.DateTime, nullable=False),
        sa.Column("read", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.Column("unchanged", sa.Integer, nullable=False),
        sa.Column("duplicates", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
    )
    op.create_table(
        "audit_log",
        sa.Column("audit_id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=True),
        sa.Column("row_number", sa.Integer, nullable=True),
        sa.Column("old_values", sa.Text, nullable=True),
    )
    op.create_index("ix_audit_log_record_id", "audit_log", ["record_id"])
    _make_record_table(
        "casualty",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("casualty_id", sa.Text, nullable=False),
        sa.Column("crash_source_id", sa.Text, nullable=False),
        sa.Column("sex", sa.Text, nullable=True),
        sa.Column("age_band", sa.Text, nullable=True),
        sa.Column("road_user", sa.Text, nullable=True),
        sa.Column("helmet", sa.Text, nullable=True),
        sa.Column("injury", sa.Text, nullable=True),
        sa.Column("is_worker", sa.Text, nullable=True),
        sa.Column("factory_id", sa.Text, nullable=True),
    )
    _make_record_table(
        "crash",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.DateTime, nullable=False),
        sa.Column("has_time", sa.Boolean, nullable=True),
        sa.Column("lon", sa.Double, nullable=True),
        sa.Column("lat", sa.Double, nullable=True),
        sa.Column("place_note", sa.Text, nullable=True),
        sa.Column("road_name", sa.Text, nullable=True),
        sa.Column("village", sa.Text, nullable=True),
        sa.Column("district", sa.Text, nullable=True),
        sa.Column("province", sa.Text, nullable=True),
        sa.Column("severity", sa.Text, nullable=True),
        sa.Column("n_killed", sa.Integer, nullable=True),
        sa.Column("n_serious", sa.Integer, nullable=True),
        sa.Column("n_slight", sa.Integer, nullable=True),
        sa.Column("n_vehicles", sa.Integer, nullable=True),
        sa.Column("road_users", sa.Text, nullable=True),
        sa.Column("light", sa.Text, nullable=True),
        sa.Column("is_worker_commute", sa.Text, nullable=True),
        sa.Column("factory_id", sa.Text, nullable=True),
        sa.Column("collision_type", sa.Text, nullable=True),
        sa.Column("narrative", sa.Text, nullable=True),
        sa.Column("is_location_corrected", sa.Boolean, nullable=False),
    )
    _make_record_table(
        "factory",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("factory_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("lon", sa.Double, nullable=True),
        sa.Column("lat", sa.Double, nullable=True),
        sa.Column("place_note", sa.Text, nullable=True),
        sa.Column("workers", sa.Integer, nullable=True),
        sa.Column("female_workers", sa.Integer, nullable=True),
        sa.Column("shifts", sa.Text, nullable=True),
        sa.Column("brands", sa.Text, nullable=True),
        sa.Column("province", sa.Text, nullable=True),
        sa.Column("is_pilot", sa.Boolean, nullable=True),
    )
    _make_record_table(
        "intervention",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("intervention_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("measure", sa.Text, nullable=True),
        sa.Column("factories", sa.Text, nullable=True),
        sa.Column("start_before", sa.DateTime, nullable=True),
        sa.Column("start", sa.DateTime, nullable=True),
        sa.Column("end", sa.DateTime, nullable=True),
        sa.Column("end_after", sa.DateTime, nullable=True),
        sa.Column("published_before", sa.Integer, nullable=True),
        sa.Column("published_after", sa.Integer, nullable=True),
        sa.Column("months_before", sa.Double, nullable=True),
        sa.Column("months_after", sa.Double, nullable=True),
        sa.Column("published_claim", sa.Text, nullable=True),
        sa.Column("counted_by", sa.Text, nullable=True),
        sa.Column("was_chosen_for_crashes", sa.Text, nullable=True),
        sa.Column("has_definition_changed", sa.Text, nullable=True),
        sa.Column("citation", sa.Text, nullable=True),
        sa.Column("notes", sa.Text, nullable=True),
    )
    _make_record_table(
        "origin",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("origin_id", sa.Text, nullable=False),
        sa.Column("factory_id", sa.Text, nullable=False),
        sa.Column("village", sa.Text, nullable=True),
        sa.Column("lon", sa.Double, nullable=True),
        sa.Column("lat", sa.Double, nullable=True),
        sa.Column("place_note", sa.Text, nullable=True),
        sa.Column("workers", sa.Integer, nullable=True),
        sa.Column("share_pedestrian", sa.Double, nullable=True),
        sa.Column("share_bicycle", sa.Double, nullable=True),
        sa.Column("share_motorcycle_driver", sa.Double, nullable=True),
        sa.Column("share_motorcycle_passenger", sa.Double, nullable=True),
        sa.Column("share_motorcycle_trailer", sa.Double, nullable=True),
        sa.Column("share_car", sa.Double, nullable=True),
        sa.Column("share_van", sa.Double, nullable=True),
        sa.Column("share_bus", sa.Double, nullable=True),
        sa.Column("share_open_truck_with_people", sa.Double, nullable=True),
        sa.Column("share_other", sa.Double, nullable=True),
    )
    _make_record_table(
        "vehicle",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("vehicle_id", sa.Text, nullable=False),
        sa.Column("factory_id", sa.Text, nullable=True),
        sa.Column("type", sa.Text, nullable=True),
        sa.Column("seats", sa.Integer, nullable=True),
        sa.Column("riders", sa.Integer, nullable=True),
        sa.Column("is_registered", sa.Text, nullable=True),
        sa.Column("is_insured", sa.Text, nullable=True),
        sa.Column("has_licence", sa.Text, nullable=True),
    )


def _make_record_table(name: str, *fields: sa.Column[Any]) -> None:
    """Make the table of one kind of record: its fields, and what every record has."""
    op.create_table(
        name,
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("area", sa.Text, nullable=False),
        *fields,
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=False),
        sa.Column("first_import_id", sa.Integer, nullable=False),
        sa.Column("row_number", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
    )
    op.create_index(f"ix_{name}_area_content", name, ["area", "content_hash"])
    op.create_index(f"ix_{name}_first_import_id", name, ["first_import_id"])
