"""What a wide bandwidth would take is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ConfigError
from core.settings import load_settings
from models.edge_graph import Positions, build_edge_graph
from models.smoothing import build_kernel_matrix
from pipeline.hotspot_kernel_size import measure_reach, require_room


@pytest.fixture(scope="module")
def grid():
    """Twelve by twelve streets of 100 m, two lixels a street."""
    n = 12
    node = np.arange(n * n).reshape(n, n)
    first = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    last = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    graph = build_edge_graph(first, last, np.full(len(first), 100.0))
    edge = np.repeat(np.arange(len(first)), 2)
    return graph, Positions(edge=edge, offset=np.tile([25.0, 75.0], len(first)))


def test_distances_are_along_the_roads_and_either_way():
    graph = build_edge_graph([0, 1, 0], [1, 2, 1], [100.0, 60.0, 30.0])  # two roads from 0 to 1
    at = Positions(edge=[0, 1], offset=[90.0, 50.0])
    distance, n_sampled = measure_reach(graph, at, reach_m=500.0)
    assert n_sampled == 2
    assert distance.tolist() == [0.0, 0.0, 60.0, 60.0]
    far = Positions(edge=[0, 1], offset=[5.0, 0.0])  # back to 0 and along the short road
    assert measure_reach(graph, far, reach_m=500.0)[0].tolist() == [0.0, 0.0, 35.0, 35.0]


def test_the_estimate_is_near_what_is_built(grid):
    graph, at = grid
    kernel = build_kernel_matrix(graph, at, bandwidth_m=260.0)
    n_entries = require_room(graph, at, reach_m=260.0, setting="hotspot_bandwidth_m")
    assert n_entries == pytest.approx(kernel.nnz, rel=0.1)


def test_too_much_is_refused_with_its_size_and_what_fits(grid):
    graph, at = grid
    with pytest.raises(ConfigError, match=r"hotspot_bandwidth_m is 5,000 m: about 528 of 528") as e:
        require_room(graph, at, reach_m=5_000.0, setting="hotspot_bandwidth_m", most=30_000)
    fits = float(str(e.value).split("Set hotspot_bandwidth_m to ")[1].split(" m")[0])
    assert fits >= 200
    assert require_room(graph, at, reach_m=fits, setting="x", most=30_000) <= 30_000


@pytest.mark.parametrize("line", ["hotspot_bandwidth_m: 100000", "window_length_m: 100000"])
def test_a_setting_beyond_all_sense_is_refused(tmp_path, line):
    path = tmp_path / "settings.yaml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"{line.split(':')[0]}.*less than or equal to"):
        load_settings(path)
