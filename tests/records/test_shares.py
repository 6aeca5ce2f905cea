import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from records.shares import find_bad_shares


def test_shares_that_cannot_be_are_named():
    shares = pd.DataFrame(
        {
            "origin_id": list("abcdefg"),
            "share_motorcycle_driver": [-1.0, 0.4, 60.0, 60.0, 1.0, np.nan, np.inf],
            "share_bus": [2.0, 0.6, 40.0, np.nan, 1.0, np.nan, 0.0],
        },
        index=range(10, 17),
    )
    found = find_bad_shares(shares)
    above = "share_motorcycle_driver is above 1, and the shares do not sum to 100"
    assert found.dropna().to_dict() == {
        10: "share_motorcycle_driver is negative",
        13: above,  # 60 of 100: of the others nothing is said
        16: "share_motorcycle_driver is not a finite number",
    }


def test_rows_without_shares_are_well():
    assert find_bad_shares(pd.DataFrame({"origin_id": ["a"]})).isna().all()
    assert find_bad_shares(pd.DataFrame({"share_bus": []}, dtype="float64")).empty


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_shares_from_0_to_1_are_well_whatever_their_sum(values):
    row = pd.DataFrame([values], columns=[f"share_{i}" for i in range(len(values))])
    assert find_bad_shares(row).isna().all()
