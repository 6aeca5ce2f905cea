"""What people call a hotspot."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.hotspots import compose_name

KNOWN = {
    "road_label": "NR4",
    "near_place": "Ang Snuol",
    "chainage_from_km": 23.42,
    "chainage_to_km": 23.91,
    "road_class": "trunk",
}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "NR4 km 23.4\N{EN DASH}23.9, near Ang Snuol"),
        ({"chainage_to_km": 23.44}, "NR4 km 23.4, near Ang Snuol"),
        ({"chainage_from_km": np.nan, "chainage_to_km": np.nan}, "NR4, near Ang Snuol"),
        ({"near_place": np.nan}, "NR4 km 23.4\N{EN DASH}23.9"),
        (
            {"road_label": np.nan, "chainage_from_km": np.nan, "near_place": ""},
            "Unnamed trunk road",
        ),
    ],
)
def test_a_name_says_as_much_as_is_known(change, name):
    assert compose_name(KNOWN | change) == name
