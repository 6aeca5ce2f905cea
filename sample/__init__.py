"""The synthetic sample: an invented area, its roads, records and what was planted in them.

Nothing here is real. The same seed gives the same bytes.
"""
