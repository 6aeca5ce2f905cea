"""Points on edges: what is taken, and what is refused in words."""

import numpy as np
import pytest

from core.errors import InputError
from models.edge_graph import Positions, build_edge_graph, require_on_graph


def test_lists_are_taken_as_arrays():
    graph = build_edge_graph([0], [1], [10.0])
    places = Positions(edge=[0, 0], offset=[3, 4])
    assert places.edge.dtype == np.int64
    assert places.offset.dtype == np.float64
    assert len(Positions(edge=[], offset=[])) == 0
    require_on_graph("places", places, graph)
    with pytest.raises(InputError, match="places: 1 of 1 lie on no edge"):
        require_on_graph("places", Positions(edge=[0], offset=[11]), graph)


def test_what_is_no_place_is_refused():
    with pytest.raises(InputError, match="edge: 1 of 2 are no whole numbers, first at position 1"):
        Positions(edge=[0.0, 0.5], offset=[1.0, 2.0])
    with pytest.raises(InputError, match="edge: 1 of 1 are no whole numbers"):
        Positions(edge=[np.nan], offset=[1.0])
    with pytest.raises(InputError, match="offset: no numbers"):
        Positions(edge=[0], offset=["far"])
    with pytest.raises(InputError, match="equally long"):
        Positions(edge=[0, 1], offset=[1.0])
