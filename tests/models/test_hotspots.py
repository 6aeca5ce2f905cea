import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from core.errors import InputError
from models.hotspots import grow_hotspots, keep_hotspots, match_identities, summarise_hotspots


def build_adjacency(n, pairs):
    """Symmetric adjacency from pairs of touching lixels."""
    matrix = sparse.lil_array((n, n), dtype=bool)
    for a, b in pairs:
        matrix[a, b] = matrix[b, a] = True
    return sparse.csr_array(matrix)


def build_chain(n):
    return build_adjacency(n, [(i, i + 1) for i in range(n - 1)])


# --- growing


def test_two_stretches_are_two_hotspots_the_strongest_first():
    significant = [True, True, False, True, True]
    labels = grow_hotspots(
        [1, 2, 9, 3, 1], significant, [50.0] * 5, build_chain(5), max_length_m=1000
    )
    assert labels.tolist() == [1, 1, -1, 0, 0]


def test_lixels_that_only_stand_near_are_not_joined():
    labels = grow_hotspots(
        [2, 1], [True, True], [50.0] * 2, build_adjacency(2, []), max_length_m=1000
    )
    assert labels.tolist() == [0, 1]


def test_a_long_stretch_is_cut_at_its_weakest_place():
    # 7 lixels of 50 m, at most 150 m: two peaks, 1 and 5; the middle is the weakest
    labels = grow_hotspots(
        [5, 9, 6, 1, 4, 8, 7], [True] * 7, [50.0] * 7, build_chain(7), max_length_m=150
    )
    assert labels.tolist() == [0, 0, 0, -1, 1, 1, 1]


def test_a_lixel_that_touches_only_full_stretches_is_a_shoulder():
    labels = grow_hotspots([5, 4, 3, 2], [True] * 4, [50.0] * 4, build_chain(4), max_length_m=100)
    assert labels.tolist() == [0, 0, -1, 1]


def test_a_bridge_joins_two_stretches_only_when_all_fit():
    chain = build_chain(3)
    score, length = [3, 1, 2], [50.0] * 3
    joined = grow_hotspots(score, [True] * 3, length, chain, max_length_m=150)
    assert joined.tolist() == [0, 0, 0]
    apart = grow_hotspots(score, [True] * 3, length, chain, max_length_m=149)
    assert apart.tolist() == [0, 0, 1]  # the bridge goes to the stronger


def test_one_lixel_longer_than_the_limit_stands_alone():
    labels = grow_hotspots([2, 1], [True] * 2, [400.0, 50.0], build_chain(2), max_length_m=300)
    assert labels.tolist() == [0, -1]


def test_equal_scores_go_to_the_lower_id():
    labels = grow_hotspots([1, 1, 1, 1], [True] * 4, [50.0] * 4, build_chain(4), max_length_m=100)
    assert labels.tolist() == [0, 0, -1, 1]


def test_nothing_significant_is_no_hotspot():
    labels = grow_hotspots([1, 2], [False] * 2, [50.0] * 2, build_chain(2), max_length_m=100)
    assert labels.tolist() == [-1, -1]
    empty = grow_hotspots([], [], [], build_adjacency(0, []), max_length_m=100)
    assert empty.tolist() == []


def test_growing_refuses_what_it_cannot_use():
    chain = build_chain(2)
    with pytest.raises(InputError, match="first lixel 1"):
        grow_hotspots([1, np.nan], [True, True], [50.0] * 2, chain, max_length_m=100)
    with pytest.raises(InputError, match="max_length_m is 0"):
        grow_hotspots([1, 1], [True, True], [50.0] * 2, chain, max_length_m=0)
    with pytest.raises(InputError, match="adjacency: shape"):
        grow_hotspots([1], [True], [50.0], chain, max_length_m=100)
    # a score may be missing where it is not used
    labels = grow_hotspots([1, np.nan], [True, False], [50.0] * 2, chain, max_length_m=100)
    assert labels.tolist() == [0, -1]


@st.composite
def networks(draw):
    n = draw(st.integers(2, 25))
    pair = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    pairs = [(a, b) for a, b in draw(st.lists(pair, max_size=45)) if a != b]
    score = np.array(draw(st.permutations(range(n))), dtype=float)  # distinct
    significant = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    length = np.array(draw(st.lists(st.floats(5, 60), min_size=n, max_size=n)))
    return score, significant, length, build_adjacency(n, pairs)


@given(networks(), st.floats(20, 400))
def test_hotspots_are_connected_short_enough_and_only_significant(network, limit):
    score, significant, length, adjacency = network
    labels = grow_hotspots(score, significant, length, adjacency, max_length_m=limit)
    assert (labels[~significant] == -1).all()
    assert sorted(set(labels[labels >= 0].tolist())) == list(range(labels.max() + 1))
    best = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        part = adjacency[members, :][:, members]
        assert connected_components(part, directed=False)[0] == 1
        assert length[members].sum() <= limit * (1 + 1e-9) or members.size == 1
        best.append(score[members].max())
    assert best == sorted(best, reverse=True)
    # a shoulder touches at least one hotspot; only full ones leave it outside
    for shoulder in np.flatnonzero(significant & (labels == -1)):
        around = labels[adjacency[[shoulder], :].indices]
        assert (around >= 0).any()


@given(networks(), st.floats(20, 400), st.randoms(use_true_random=False))
def test_the_numbering_of_lixels_does_not_matter(network, limit, random):
    score, significant, length, adjacency = network
    order = list(range(score.size))
    random.shuffle(order)
    order = np.array(order)
    plain = grow_hotspots(score, significant, length, adjacency, max_length_m=limit)
    shuffled = grow_hotspots(
        score[order],
        significant[order],
        length[order],
        adjacency[order, :][:, order],
        max_length_m=limit,
    )
    assert shuffled.tolist() == plain[order].tolist()


@given(networks())
def test_without_a_limit_hotspots_are_the_connected_components(network):
    score, significant, length, adjacency = network
    labels = grow_hotspots(score, significant, length, adjacency, max_length_m=1e9)
    ids = np.flatnonzero(significant)
    n_parts, part = connected_components(adjacency[ids, :][:, ids], directed=False)
    assert labels.max(initial=-1) + 1 == (n_parts if ids.size else 0)
    assert pd.crosstab(part, labels[ids]).gt(0).to_numpy().sum() == (n_parts if ids.size else 0)


# --- keeping and summing up


def test_dropping_a_hotspot_renumbers_the_others():
    labels = np.array([0, 1, 1, -1, 2])
    kept = keep_hotspots(labels, np.array([True, False, True]))
    assert kept.tolist() == [0, -1, -1, -1, 1]
    assert keep_hotspots(np.array([-1, -1]), np.array([], dtype=bool)).tolist() == [-1, -1]


def test_summary_by_hand():
    summary = summarise_hotspots(
        np.array([0, 0, -1, 1]),
        n_crashes=[3, 2, 7, 1],
        expected=[0.5, 0.5, 1.0, 2.0],
        length_m=[50.0, 50.0, 50.0, 200.0],
        p_value=[0.01, 0.001, 0.5, 0.04],
        q_value=[0.02, 0.004, 0.5, 0.05],
        years=2.0,
    )
    first = summary.loc[0]
    assert first["n_lixels"] == 2
    assert first["n_crashes"] == 5
    assert first["excess_crashes"] == 4.0
    assert first["rate_ratio"] == 5.0
    assert first["ci_low"] == pytest.approx(1.623, abs=5e-4)  # Garwood for 5, mean 1
    assert first["ci_high"] == pytest.approx(11.668, abs=5e-4)
    assert first["crashes_per_km_year"] == pytest.approx(25.0)  # 5 on 0.1 km in 2 years
    assert first["p_value"] == 0.001
    assert first["q_value"] == 0.004
    assert summary["n_crashes"].tolist() == [5, 1]


def test_summary_of_no_hotspots_has_the_columns_and_no_rows():
    summary = summarise_hotspots(
        np.array([-1]),
        n_crashes=[1],
        expected=[1.0],
        length_m=[50.0],
        p_value=[0.6],
        q_value=[0.6],
        years=1.0,
    )
    assert len(summary) == 0
    assert {"excess_crashes", "ci_high", "q_value"} <= set(summary.columns)
    with pytest.raises(InputError, match="years is 0"):
        summarise_hotspots(
            np.array([-1]),
            n_crashes=[1],
            expected=[1.0],
            length_m=[50.0],
            p_value=[0.6],
            q_value=[0.6],
            years=0.0,
        )


# --- identities


def test_the_same_place_keeps_its_identity():
    match = match_identities(np.array([0, 0, -1, 1, 1]), ["H7", "H7", "H7", None, None], [50.0] * 5)
    assert match.hotspot_id == ("H7", "H8")
    assert match.is_new.tolist() == [False, True]
    assert match.next_number == 9


def test_less_than_half_of_the_shorter_is_another_place():
    labels = np.array([0, 0, 0, -1, -1])
    previous = [None, None, "H1", "H1", "H1"]
    match = match_identities(labels, previous, [50.0] * 5)
    assert match.hotspot_id == ("H2",)


def test_exactly_half_is_the_same_place():
    match = match_identities(np.array([0, 0, -1]), [None, "H1", "H1"], [0.1, 0.1, 0.1])
    assert match.hotspot_id == ("H1",)


def test_when_a_hotspot_splits_the_longer_part_keeps_the_identity():
    labels = np.array([0, -1, 1, 1])
    match = match_identities(labels, ["H3"] * 4, [50.0] * 4)
    assert match.hotspot_id == ("H4", "H3")
    assert match.is_new.tolist() == [True, False]


def test_numbers_are_never_used_twice():
    match = match_identities(np.array([0]), [None], [50.0], next_number=12)
    assert match.hotspot_id == ("H12",)
    assert match.next_number == 13


def test_the_first_run_numbers_by_label():
    match = match_identities(np.array([1, 0, 2]), [None] * 3, [50.0] * 3)
    assert match.hotspot_id == ("H1", "H2", "H3")
    assert match.is_new.all()
    assert match_identities(np.array([-1]), ["H1"], [50.0]).hotspot_id == ()


def test_an_identity_that_is_none_is_refused():
    with pytest.raises(InputError, match="first 'spot 1'"):
        match_identities(np.array([0]), ["spot 1"], [50.0])


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_identities_are_unique_and_stable_when_nothing_changed(rows):
    raw = np.array([label for label, _ in rows])
    known = sorted(set(raw[raw >= 0].tolist()))
    labels = np.array([known.index(x) if x >= 0 else -1 for x in raw])
    previous = [f"H{number}" if number else None for _, number in rows]
    match = match_identities(labels, previous, np.full(len(rows), 50.0))
    assert len(set(match.hotspot_id)) == len(match.hotspot_id) == len(known)
    own = [match.hotspot_id[label] if label >= 0 else None for label in labels]
    again = match_identities(labels, own, np.full(len(rows), 50.0))
    assert again.hotspot_id == match.hotspot_id
    assert not again.is_new.any()
