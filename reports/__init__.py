"""Results as people read them: maps, charts, claims, styles."""
