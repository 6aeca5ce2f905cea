"""Which records a later import repeated, so that an import is undone precisely."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of repeats; imports made before list none."""
    op.create_table(
        "import_repeat",
        sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("row_number", sa.Integer, nullable=False),
        sa.Column("says_all", sa.Boolean, nullable=False),
    )
    op.create_index("ix_import_repeat_record_id", "import_repeat", ["record_id"])
    op.add_column(
        "import_batch",
        sa.Column("lists_repeats", sa.Boolean, nullable=False, server_default=sa.false()),
    )
