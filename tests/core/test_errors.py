from __future__ import annotations

import pickle

import pytest

from core import errors


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n.endswith("Error")])
def test_every_error_survives_a_process_pool(name):
    error = getattr(errors, name)("file.csv: 3 rows, first 7; do this")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_a_missing_column_is_named_with_what_was_found():
    error = errors.TableError.missing_columns("crashes.csv", ["lon", "lat"], ["x", "y"])
    assert "lon, lat" in str(error)
    assert "x, y" in str(error)
    assert isinstance(error, ValueError)
