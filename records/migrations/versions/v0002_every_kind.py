"""A table for every kind of record, pairs of reports, corrections by field, undone imports."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the new tables; carry over which places a person corrected."""
    op.create_table(
        "crash_pair",
        sa.Column("left_id", sa.Text, primary_key=True),
        sa.Column("right_id", sa.Text, primary_key=True),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_crash_pair_area", "crash_pair", ["area"])
    _make_record_table(
        "activity",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("activity_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("held_on", sa.DateTime, nullable=False),
        sa.Column("factories", sa.Text, nullable=True),
        sa.Column("village", sa.Text, nullable=True),
        sa.Column("lon", sa.Double, nullable=True),
        sa.Column("lat", sa.Double, nullable=True),
        sa.Column("place_note", sa.Text, nullable=True),
        sa.Column("n_participants", sa.Integer, nullable=True),
        sa.Column("n_female", sa.Integer, nullable=True),
        sa.Column("n_male", sa.Integer, nullable=True),
        sa.Column("means_of_verification", sa.Text, nullable=True),
        sa.Column("notes", sa.Text, nullable=True),
    )
    _make_record_table(
        "indicator",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("indicator_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=True),
        sa.Column("unit", sa.Text, nullable=True),
        sa.Column("baseline", sa.Double, nullable=True),
        sa.Column("baseline_on", sa.DateTime, nullable=True),
        sa.Column("target", sa.Double, nullable=True),
        sa.Column("target_on", sa.DateTime, nullable=True),
        sa.Column("means_of_verification", sa.Text, nullable=True),
        sa.Column("responsible", sa.Text, nullable=True),
        sa.Column("notes", sa.Text, nullable=True),
    )
    _make_record_table(
        "indicator_value",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("indicator_value_id", sa.Text, nullable=False),
        sa.Column("indicator_id", sa.Text, nullable=False),
        sa.Column("period_start", sa.DateTime, nullable=False),
        sa.Column("period_end", sa.DateTime, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("disaggregation", sa.Text, nullable=True),
        sa.Column("means_of_verification", sa.Text, nullable=True),
        sa.Column("notes", sa.Text, nullable=True),
    )
    _make_record_table(
        "observation",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("observation_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=True),
        sa.Column("observed_at", sa.DateTime, nullable=False),
        sa.Column("has_time", sa.Boolean, nullable=True),
        sa.Column("factory_id", sa.Text, nullable=True),
        sa.Column("lon", sa.Double, nullable=True),
        sa.Column("lat", sa.Double, nullable=True),
        sa.Column("place_note", sa.Text, nullable=True),
        sa.Column("item", sa.Text, nullable=True),
        sa.Column("road_user", sa.Text, nullable=True),
        sa.Column("n_observed", sa.Integer, nullable=True),
        sa.Column("n_yes", sa.Integer, nullable=True),
        sa.Column("answer", sa.Text, nullable=True),
        sa.Column("value", sa.Double, nullable=True),
        sa.Column("notes", sa.Text, nullable=True),
    )
    _make_record_table(
        "route",
        sa.Column("source", sa.Text, nullable=True),
        sa.Column("route_id", sa.Text, nullable=False),
        sa.Column("factory_id", sa.Text, nullable=True),
        sa.Column("vehicle_id", sa.Text, nullable=True),
        sa.Column("driven_at", sa.DateTime, nullable=True),
        sa.Column("has_time", sa.Boolean, nullable=True),
        sa.Column("direction", sa.Text, nullable=True),
        sa.Column("riders", sa.Integer, nullable=True),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=True),
    )
    op.add_column("import_batch", sa.Column("undone_by", sa.Text, nullable=True))
    op.add_column("import_batch", sa.Column("undone_at", sa.DateTime, nullable=True))
    for name in ("factory", "origin", "vehicle", "crash", "casualty", "intervention"):
        op.add_column(
            name, sa.Column("corrected_fields", sa.Text, nullable=False, server_default="")
        )
    op.add_column("vehicle", sa.Column("crash_source_id", sa.Text, nullable=True))
    for name in ("placed_by", "location_quality", "village_code", "commune"):
        op.add_column("crash", sa.Column(name, sa.Text, nullable=True))
    op.add_column("crash", sa.Column("road_km", sa.Double, nullable=True))
    op.execute(
        "UPDATE crash SET placed_by = 'person', "
        "corrected_fields = 'lat;lon;place_note;placed_by' WHERE is_location_corrected"
    )
    with op.batch_alter_table("crash") as crash:
        crash.drop_column("is_location_corrected")


def _make_record_table(name: str, *fields: sa.Column[Any]) -> None:
    """Make the table of one kind of record: its fields, and what every record has."""
    op.create_table(
        name,
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("area", sa.Text, nullable=False),
        *fields,
        sa.Column("corrected_fields", sa.Text, nullable=False, server_default=""),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=False),
        sa.Column("first_import_id", sa.Integer, nullable=False),
        sa.Column("row_number", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
    )
    op.create_index(f"ix_{name}_area_content", name, ["area", "content_hash"])
    op.create_index(f"ix_{name}_first_import_id", name, ["first_import_id"])
