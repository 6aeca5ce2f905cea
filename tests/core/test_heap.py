"""The heap hands out its keys in order, whatever the order in which they came."""

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heap import pop, push


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.none()), max_size=60))
def test_like_heapq(moves):
    """A number is pushed, None pops."""
    keys, items, size, other = np.empty(60), np.empty(60, dtype=np.int64), 0, []
    for number, key in enumerate(moves):
        if key is not None:
            size = push(keys, items, size, key, number)
            heapq.heappush(other, key)
        elif size:
            assert keys[0] == heapq.heappop(other)
            assert moves[items[0]] == keys[0]
            size = pop(keys, items, size)
    assert size == len(other)
