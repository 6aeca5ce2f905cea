"""Shares of routes that overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from geo.route_choice import compute_overlap, compute_route_shares


def test_path_size_by_hand():
    """Routes a-b (1 + 3 km) and a-c (1 + 1 km) share a; a third of another pair is alone."""
    group = np.array([0, 0, 1])
    offset = np.array([0, 2, 4, 5])
    key = np.array([1, 2, 1, 3, 1])
    length = np.array([1000.0, 3000.0, 1000.0, 1000.0, 500.0])
    size, overlap = compute_overlap(group, offset, key, length)
    assert size.tolist() == [0.25 / 2 + 0.75, 0.5 / 2 + 0.5, 1.0]
    assert overlap.tolist() == [0.25, 0.5, 0.0]


def test_shares_by_hand():
    shares = compute_route_shares(
        np.array([0, 0, 4]),
        np.array([600.0, 720.0, 60.0]),
        np.array([0.5, 1.0, 1.0]),
        theta_per_min=0.5,
    )
    odds = 0.5 / np.exp(-0.5 * 2)
    assert shares == pytest.approx([odds / (1 + odds), 1 / (1 + odds), 1.0])


def test_routes_that_are_the_same_count_once():
    """Two copies of one route and another of equal time: a quarter, a quarter, a half."""
    size, _ = compute_overlap(
        np.zeros(3, dtype=int), np.array([0, 1, 2, 3]), np.array([1, 1, 2]), np.ones(3)
    )
    shares = compute_route_shares(np.zeros(3, dtype=int), np.ones(3), size, theta_per_min=0.3)
    assert shares.tolist() == pytest.approx([0.25, 0.25, 0.5])


def test_nothing_and_routes_without_length():
    size, overlap = compute_overlap(*(np.array(x, dtype=int) for x in ([], [0], [], [])))
    assert len(size) == len(overlap) == 0
    none = np.empty(0)
    assert len(compute_route_shares(none.astype(int), none, none, theta_per_min=1.0)) == 0
    size, overlap = compute_overlap(
        np.array([0]), np.array([0, 0]), np.empty(0, dtype=int), np.empty(0)
    )
    assert (size.tolist(), overlap.tolist()) == ([1.0], [0.0])
    with pytest.raises(InputError, match="theta_per_min"):
        compute_route_shares(np.array([0]), np.ones(1), np.ones(1), theta_per_min=-1.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 36_000)), min_size=1, max_size=12))
def test_shares_of_every_group_sum_to_one(rows):
    group, time_s = (np.array(column) for column in zip(*sorted(rows), strict=True))
    shares = compute_route_shares(group, time_s, np.ones(len(rows)), theta_per_min=2.0)
    assert np.bincount(group, weights=shares)[np.unique(group)] == pytest.approx(1.0)
    for number in np.unique(group):  # the faster, the more
        here = group == number
        assert (np.diff(shares[here][np.argsort(time_s[here])]) <= 1e-12).all()
