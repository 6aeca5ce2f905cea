"""Arrays that grow."""

from __future__ import annotations

import numpy as np
import pytest

from core.growing import lengthen, lengthen_whole


@pytest.mark.parametrize(("grow", "kind"), [(lengthen, float), (lengthen_whole, np.int64)])
def test_what_there_is_stays_first(grow, kind):
    values = np.arange(4, dtype=kind)
    assert grow(values, 4) is values
    for needed, n in ((5, 8), (20, 20)):
        longer = grow(values, needed)
        assert len(longer) == n
        assert longer.dtype == kind
        assert longer[:4].tolist() == [0, 1, 2, 3]
    assert len(grow(values[:0], 1)) == 1
