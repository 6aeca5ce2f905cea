"""Filters: counted by hand, kept in addresses, unknown never taken for no."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.vocabulary import RoadUser, Severity
from ui.filters import CrashFilter, count_by, filter_crashes


@pytest.fixture(scope="module")
def crashes():
    when = ["2020-01-01 00:00", "2020-12-31 23:59", "2021-06-01 12:00", None, "2021-06-02 00:00"]
    return pd.DataFrame(
        {
            "severity": pd.Series(["fatal", "slight", None, "fatal", "damage_only"], dtype="str"),
            "road_users": ["car;motorcycle_driver", "car", "", "van", "motorcycle_trailer"],
            "occurred_at": pd.to_datetime(when),
            "is_dark": ["yes", "yes", "no", "unknown", "no"],
            "hotspot_id": pd.Series(["H1", "H1", "H2", None, "H2"], dtype="str"),
        }
    )


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        (CrashFilter(), [0, 1, 2, 3, 4]),
        (CrashFilter(severities=("fatal",)), [0, 3]),
        (CrashFilter(severities=("unknown", "slight")), [1, 2]),
        (CrashFilter(road_user="car"), [0, 1]),
        (CrashFilter(road_user="motorcycle_driver"), [0]),
        (CrashFilter(darkness="dark"), [0, 1]),
        (CrashFilter(darkness="light"), [2, 4]),
        (CrashFilter(end=date(2020, 12, 31)), [0, 1]),
        (CrashFilter(start=date(2021, 6, 1), end=date(2021, 6, 1)), [2]),
        (CrashFilter(severities=("fatal",), darkness="dark", road_user="van"), []),
    ],
)
def test_filter_by_hand(crashes, chosen, rows):
    assert filter_crashes(crashes, chosen).index.tolist() == rows


def test_count_leaves_out_crashes_in_no_hotspot(crashes):
    assert count_by(crashes, "hotspot_id") == {"H1": 2, "H2": 2}


@given(
    severities=st.lists(st.sampled_from([*Severity, "unknown"]), unique=True, max_size=5),
    user=st.none() | st.sampled_from(list(RoadUser)),
    start=st.none() | st.dates(),
    end=st.none() | st.dates(),
    darkness=st.sampled_from(["any", "dark", "light"]),
)
def test_filter_survives_the_address(severities, user, start, end, darkness):
    chosen = CrashFilter(
        severities=tuple(severities), road_user=user, start=start, end=end, darkness=darkness
    )
    assert CrashFilter.from_query(chosen.to_query()) == chosen
    assert chosen.is_active == bool(chosen.to_query())


@pytest.mark.parametrize(
    "query",
    [{"severity": "deadly"}, {"user": "<script>"}, {"from": "soon"}, {"dark": "maybe"}],
)
def test_unknown_words_in_an_address_are_refused(query):
    with pytest.raises(InputError, match="not known"):
        CrashFilter.from_query(query)
