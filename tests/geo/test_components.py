from __future__ import annotations

import pytest

from geo.components import describe_components
from geo.network import build_network_from_osm

ROAD = {"highway": "residential"}


def test_the_parts_of_a_network_are_counted_and_the_longest_shown(write_osm, options):
    nodes = {1: (0, 0), 2: (600, 0), 3: (600, 300), 4: (0, 900), 5: (100, 900), 6: (50, 2000)}
    nodes |= {7: (50, 2040)}
    ways = {
        10: ([1, 2], ROAD | {"name": "Long"}), 11: ([2, 3], ROAD | {"name": "Short"}),
        20: ([4, 5], ROAD), 30: ([6, 7], ROAD | {"name": "Lane"}),
    }  # fmt: skip
    some = options | {"max_segment_length_m": 350.0}
    summary = build_network_from_osm(write_osm(nodes, ways), **some).summary
    assert summary["n_components"] == 3
    assert summary["largest_component_share"] == pytest.approx(900 / 1040, abs=1e-6)
    assert summary["isolated_share"] == pytest.approx(140 / 1040, abs=1e-6)
    assert summary["n_single_segment_components"] == 2
    found = summary["largest_components"]
    assert [part["n_segments"] for part in found] == [3, 1, 1]
    assert [part["length_km"] for part in found] == pytest.approx([0.9, 0.1, 0.04], rel=1e-3)
    assert [part["name"] for part in found] == ["Long", None, "Lane"]
    assert found[1]["lon"] == pytest.approx(105 + 50 / 109_090, abs=2e-6)


def test_ten_of_many_parts_are_shown_and_none_of_none(write_osm, options):
    nodes = {i: (10.0 * i, 500.0 * (i // 2)) for i in range(2, 32)}
    ways = {i: ([2 * i, 2 * i + 1], ROAD) for i in range(1, 16)}
    network = build_network_from_osm(write_osm(nodes, ways), **options)
    assert network.summary["n_components"] == 15
    assert len(network.summary["largest_components"]) == 10
    none = describe_components(network.segments.iloc[:0])
    assert (none["n_components"], none["largest_components"]) == (0, [])
