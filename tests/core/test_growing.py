"""Arrays that grow."""

from __future__ import annotations

import numpy as np
import pytest

from core.growing import lengthen


@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_what_there_is_stays_first(kind):
    values = np.arange(4, dtype=kind)
    assert lengthen(values, 4) is values
    for needed, n in ((5, 8), (20, 20)):
        longer = lengthen(values, needed)
        assert len(longer) == n
        assert longer.dtype == kind
        assert longer[:4].tolist() == [0, 1, 2, 3]
    assert len(lengthen(values[:0], 1)) == 1
