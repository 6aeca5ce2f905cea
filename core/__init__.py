"""Shared by every other package: errors, vocabulary, units, settings, progress, provenance."""
