"""The steps by which an older records database becomes one of today (Alembic)."""
