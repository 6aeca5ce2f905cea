"""Gi, Gi*, local and global Moran beside PySAL esda, and by hand."""

from __future__ import annotations

import itertools
import warnings

import esda.crand
import esda.moran
import esda.significance
import numpy as np
import pytest
from esda import G_Local, Moran, Moran_Local
from esda.moran import assuncao_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import WSP
from scipy import sparse

from core.errors import InputError, NotEnoughDataError, OutOfScopeError
from models.global_moran import compute_global_moran, compute_standardised_rate
from models.local_association import compute_local_g, compute_local_moran
from models.local_significance import (
    compute_exact_significance,
    compute_permutation_significance,
)
from models.network_weights import build_weights_from_matrix

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def draw_matrix(rng, n=60, weighted=False):
    """Draw a symmetric neighbourhood in which every place has a neighbour."""
    upper = np.triu(rng.random((n, n)) < 0.08, 1) | np.eye(n, k=1, dtype=bool)
    weight = rng.uniform(0.2, 3.0, (n, n)) if weighted else np.ones((n, n))
    upper = np.where(upper, weight, 0.0)
    return sparse.csr_array(upper + upper.T)


def to_pysal(matrix):
    """Hand the same weights to PySAL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WSP(sparse.csr_matrix(matrix)).to_W(silence_warnings=True)


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(5).poisson(2.0, 60).astype(float)


def quietly(function, *arguments, **options):
    """Call esda, whose deprecations are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


@pytest.mark.parametrize("has_self", [False, True])
@pytest.mark.parametrize("transform", ["B", "R"])
def test_gi_equals_esda(counts, has_self, transform):
    matrix = draw_matrix(np.random.default_rng(1))
    weights = build_weights_from_matrix(matrix, row_standardised=transform == "R")
    ours = compute_local_g(counts, weights, has_self=has_self)
    theirs = quietly(
        G_Local, counts, to_pysal(matrix), transform=transform, star=has_self, permutations=0
    )
    np.testing.assert_allclose(ours.statistic, theirs.Gs, **CLOSE)
    np.testing.assert_allclose(ours.expected, theirs.EGs, **CLOSE)
    if transform == "B":
        np.testing.assert_allclose(ours.variance, theirs.VGs, **CLOSE)
        np.testing.assert_allclose(ours.z, theirs.Zs, **CLOSE)
    else:  # esda takes the variance of binary weights there; z must not depend on the scale
        binary = compute_local_g(counts, build_weights_from_matrix(matrix), has_self=has_self)
        np.testing.assert_allclose(ours.z, binary.z, **CLOSE)


@pytest.mark.parametrize("has_self", [False, True])
def test_variance_of_gi_is_that_of_all_permutations(has_self):
    matrix = sparse.csr_array(
        np.array(
            [
                [0, 2.0, 0.5, 0, 0],
                [1, 0, 0, 3, 0],
                [0, 1, 0, 1, 1],
                [0, 0, 2, 0, 1],
                [1, 0, 0, 0, 0],
            ]
        )
    )
    y = np.array([3.0, 0.0, 1.0, 7.0, 2.0])
    weights = build_weights_from_matrix(matrix, self_weight=1.5)
    ours = compute_local_g(y, weights, has_self=has_self)
    row = weights.build_matrix(has_self=has_self).toarray()[1]
    if has_self:  # Gi*: its own value is drawn as well
        drawn = [row @ np.array(p) / y.sum() for p in itertools.permutations(y)]
    else:
        others = np.delete(y, 1)
        drawn = [
            np.delete(row, 1) @ np.array(p) / others.sum() for p in itertools.permutations(others)
        ]
    assert ours.expected[1] == pytest.approx(np.mean(drawn), rel=1e-12)
    assert ours.variance[1] == pytest.approx(np.var(drawn), rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("standardised", [False, True])
def test_local_moran_equals_esda(counts, weighted, standardised):
    matrix = draw_matrix(np.random.default_rng(2), weighted=weighted)
    weights = build_weights_from_matrix(matrix, row_standardised=standardised)
    ours = compute_local_moran(counts, weights)
    theirs = quietly(
        Moran_Local,
        counts,
        to_pysal(matrix),
        transformation="R" if standardised else "O",
        permutations=0,
    )
    to_ours = (len(counts) - 1) / len(counts)  # esda's moments are of n in place of n - 1
    np.testing.assert_allclose(ours.statistic, theirs.Is, **CLOSE)
    np.testing.assert_allclose(ours.expected, theirs.EIc * to_ours, **CLOSE)
    np.testing.assert_allclose(ours.variance, theirs.VIc * to_ours**2, **CLOSE)
    assert ours.quadrant.tolist() == [["", "HH", "LH", "LL", "HL"][q] for q in theirs.q]


def test_moments_of_local_moran_are_those_of_all_permutations():
    matrix = sparse.csr_array(np.array([[0, 2.0, 0, 1], [1, 0, 0, 3], [0, 1, 0, 1], [0, 0, 2, 0]]))
    y = np.array([3.0, 0.0, 1.0, 7.0])
    ours = compute_local_moran(y, build_weights_from_matrix(matrix))
    z = y - y.mean()
    row = np.delete(matrix.toarray()[3], 3)
    drawn = [
        3 * z[3] * (row @ np.array(p)) / (z**2).sum()
        for p in itertools.permutations(np.delete(z, 3))
    ]
    assert ours.expected[3] == pytest.approx(np.mean(drawn), rel=1e-12)
    assert ours.variance[3] == pytest.approx(np.var(drawn), rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("standardised", [False, True])
def test_global_moran_equals_esda(counts, weighted, standardised):
    matrix = draw_matrix(np.random.default_rng(3), weighted=weighted)
    weights = build_weights_from_matrix(matrix, row_standardised=standardised)
    ours = compute_global_moran(counts, weights)
    theirs = quietly(
        Moran, counts, to_pysal(matrix), transformation="R" if standardised else "O", permutations=0
    )
    found = (ours.statistic, ours.expected, ours.variance_normality, ours.variance_randomisation)
    np.testing.assert_allclose(
        found, (theirs.I, theirs.EI, theirs.VI_norm, theirs.VI_rand), **CLOSE
    )
    found = (ours.z_normality, ours.z_randomisation, ours.p_normality, ours.p_randomisation)
    expected = (theirs.z_norm, theirs.z_rand, theirs.p_norm, theirs.p_rand)
    np.testing.assert_allclose(found, expected, **CLOSE)
    assert np.isnan(ours.p_permutation)


def test_permutations_of_global_moran_have_its_moments(counts):
    weights = build_weights_from_matrix(draw_matrix(np.random.default_rng(3)))
    moran = compute_global_moran(counts, weights, rng=np.random.default_rng(1), n_permutations=4000)
    assert moran.mean_permutation == pytest.approx(moran.expected, abs=0.006)
    assert moran.variance_permutation == pytest.approx(moran.variance_randomisation, rel=0.1)
    assert moran.p_permutation == pytest.approx(moran.p_randomisation, abs=0.05)
    assert "cannot tell" in moran.meaning


def test_a_row_of_high_values_is_clustered():
    chain = sparse.csr_array(sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(40, 40)))
    y = np.r_[np.full(8, 5.0), np.zeros(32)] + np.arange(40) % 2
    weights = build_weights_from_matrix(chain, row_standardised=True)
    moran = compute_global_moran(y, weights, rng=np.random.default_rng(1))
    assert moran.p_permutation == pytest.approx(2 / 1000)
    assert moran.meaning.startswith("High values lie near high ones")
    assert set(compute_local_moran(y, weights).quadrant[1:7]) == {"HH"}


def test_a_sure_but_small_effect_is_called_slight_and_nothing_is_minus_zero():
    n = 40_000
    chain = sparse.csr_array(sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(n, n)))
    chain = sparse.block_array([[chain, None], [None, sparse.csr_array((1, 1))]], format="csr")
    y = np.random.default_rng(3).normal(size=n + 1)
    y = y + 0.08 * np.roll(y, 1)
    moran = compute_global_moran(y, build_weights_from_matrix(chain))
    assert moran.meaning == (
        f"High values lie near high ones slightly more than chance would have it (Moran's I "
        f"{moran.statistic:.2f}, about 0 expected by chance, p below 0.001). Chance is not the "
        "reason, but the effect is small. One place without a neighbour is left out."
    )


def test_standardised_rate_equals_esda():
    n = np.array([30, 25, 25, 15, 33, 21, 30, 20, 0])
    x = np.array([100, 100, 110, 90, 100, 90, 110, 90, 7.0])
    np.testing.assert_allclose(compute_standardised_rate(n, x), assuncao_rate(n, x), **CLOSE)
    same = compute_standardised_rate(n[:8], x[:8])
    assert same[:2] == pytest.approx([1.03843594, -0.04099089], abs=1e-8)  # esda's documentation


def test_islands_cannot_tell():
    matrix = draw_matrix(np.random.default_rng(1), n=10).tolil()
    matrix[4, :], matrix[:, 4] = 0, 0
    weights = build_weights_from_matrix(sparse.csr_array(matrix))
    y = np.arange(10.0) % 4
    assert weights.n_islands == 1
    assert "1 of 10 places" in weights.meaning
    g, moran = compute_local_g(y, weights), compute_local_moran(y, weights)
    exact = compute_exact_significance(y, weights)
    drawn = compute_permutation_significance(y, weights, seed=1, n_permutations=9)
    for found in (g.statistic, g.z, moran.statistic, moran.z, exact.p_high, drawn.q_value):
        assert np.flatnonzero(np.isnan(found)).tolist() == [4]
    assert moran.quadrant[4] == ""
    told = np.arange(10) != 4
    whole = compute_global_moran(y, weights)
    alone = compute_global_moran(y[told], build_weights_from_matrix(weights.raw[told, :][:, told]))
    assert whole.n_islands == 1
    assert whole.statistic == alone.statistic


def test_exact_reference_is_all_draws():
    y = np.array([2.0, 0.0, 1.0, 0.0, 5.0, 1.0, 0.0])
    matrix = draw_matrix(np.random.default_rng(4), n=7)
    weights = build_weights_from_matrix(matrix)
    exact = compute_exact_significance(y, weights)
    lag = matrix @ y
    for i in range(7):
        k = int((matrix.toarray()[i] > 0).sum())
        sums = [sum(c) for c in itertools.combinations(np.delete(y, i), k)]
        assert exact.p_high[i] == pytest.approx(np.mean(np.array(sums) >= lag[i]), rel=1e-12)
        assert exact.p_low[i] == pytest.approx(np.mean(np.array(sums) <= lag[i]), rel=1e-12)
    whole = compute_exact_significance(y, weights, has_self=True)
    for i in range(7):
        sums = [sum(c) for c in itertools.combinations(y, int((matrix.toarray()[i] > 0).sum()) + 1)]
        assert whole.p_high[i] == pytest.approx(np.mean(np.array(sums) >= lag[i] + y[i]), rel=1e-12)


def lay_grid(side):
    """Lay a grid in which places up to two steps apart are neighbours."""
    place = np.arange(side * side).reshape(side, side)
    one = np.r_[place[:, :-1].ravel(), place[:-1].ravel()]
    other = np.r_[place[:, 1:].ravel(), place[1:].ravel()]
    touching = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(side**2, side**2))
    touching = sparse.csr_array(touching + touching.T)
    near = sparse.csr_array(touching + touching @ touching)
    near.data[:] = 1.0
    return place, build_weights_from_matrix(near)


def test_maps_without_clusters_show_hardly_any_and_a_planted_one_is_found():
    rng = np.random.default_rng(1)
    place, weights = lay_grid(16)
    alarms = 0
    for _ in range(100):
        y = rng.poisson(rng.gamma(0.7, 1.0, place.size)).astype(float)
        alarms += np.nanmin(compute_exact_significance(y, weights).q_high) <= 0.05
    assert alarms <= 11  # 5 % of 100, and three standard errors
    y = rng.poisson(0.5, place.size).astype(float)
    cluster = place[5:9, 5:9].ravel()
    y[cluster] = rng.poisson(4.0, 16)
    q_high = compute_exact_significance(y, weights, has_self=True).q_high
    assert (q_high[cluster] <= 0.05).mean() > 0.7
    assert (np.delete(q_high, cluster) <= 0.05).sum() < 12  # those around it


@pytest.mark.parametrize("standardised", [False, True])
def test_permutations_approach_the_exact_reference(counts, standardised):
    matrix = draw_matrix(np.random.default_rng(6))
    weights = build_weights_from_matrix(matrix, row_standardised=standardised)
    exact = compute_exact_significance(counts, weights)
    drawn = compute_permutation_significance(counts, weights, seed=3, n_permutations=9999)
    sd = np.sqrt(exact.p_high * (1 - exact.p_high) / 9999) + 2e-4
    assert np.abs((drawn.p_high - exact.p_high) / sd).max() < 4.5
    assert exact.n_permutations == 0
    assert drawn.n_permutations == 9999


@pytest.fixture
def interpreted_esda(monkeypatch):
    """Let esda run without compiling, which takes more than a minute."""
    for module in (esda.crand, esda.moran, esda.significance):
        for name, function in list(vars(module).items()):
            if hasattr(function, "py_func"):
                monkeypatch.setattr(module, name, function.py_func)
        if hasattr(module, "boolean"):  # numba's
            monkeypatch.setattr(module, "boolean", bool)


def test_permutation_p_values_are_those_of_esda(counts, interpreted_esda):
    matrix = draw_matrix(np.random.default_rng(7), weighted=True)
    weights = build_weights_from_matrix(matrix)
    ours = compute_permutation_significance(counts, weights, seed=1, n_permutations=9999)
    theirs = quietly(
        Moran_Local, counts, to_pysal(matrix), transformation="O", permutations=9999, seed=1
    )
    smaller = np.minimum(ours.p_high, ours.p_low)
    sd = np.sqrt(2 * smaller * (1 - smaller) / 9999) + 3e-4
    assert np.abs((smaller - theirs.p_sim) / sd).max() < 4.5


def test_permutations_do_not_depend_on_the_threads(counts):
    weights = build_weights_from_matrix(draw_matrix(np.random.default_rng(7), weighted=True))
    one, two, other = (
        compute_permutation_significance(counts, weights, seed=seed, n_permutations=99, n_workers=n)
        for seed, n in ((11, 1), (11, 3), (12, 1))
    )
    np.testing.assert_array_equal(one.p_high, two.p_high)
    np.testing.assert_array_equal(one.q_low, two.q_low)
    assert (one.p_high != other.p_high).any()


def test_what_cannot_be_used_is_refused(counts):
    matrix = draw_matrix(np.random.default_rng(7), weighted=True)
    weights = build_weights_from_matrix(matrix)
    with pytest.raises(InputError, match="differ in weight"):
        compute_exact_significance(counts, weights)
    with pytest.raises(InputError, match="missing"):
        compute_local_moran(np.where(counts == 0, np.nan, counts), weights)
    with pytest.raises(InputError, match="negative"):
        compute_local_g(counts - 1, weights)
    with pytest.raises(NotEnoughDataError, match="all 60 places have the value 1, so none"):
        compute_local_g(np.ones(60), weights)
    with pytest.raises(NotEnoughDataError, match=r"0 place.s.; at least 4 are needed"):
        compute_local_moran([], build_weights_from_matrix(sparse.csr_array((0, 0))))
    with pytest.raises(InputError, match="permutations"):
        compute_permutation_significance(counts, weights, seed=1, n_permutations=0)
    with pytest.raises(OutOfScopeError, match="permutations"):
        compute_exact_significance(
            counts * 10**9, build_weights_from_matrix(draw_matrix(np.random.default_rng(7)))
        )
    with pytest.raises(InputError, match="exposure"):
        compute_standardised_rate([1, 2], [1.0, 0.0])


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_z_does_not_depend_on_the_unit(seed, scale):
    rng = np.random.default_rng(seed)
    matrix = draw_matrix(rng, n=12, weighted=True)
    y = np.r_[rng.integers(0, 6, 11), 9].astype(float)
    weights = build_weights_from_matrix(matrix)
    scaled = build_weights_from_matrix(matrix * scale, self_weight=scale)
    g = compute_local_g(y, weights)
    np.testing.assert_allclose(compute_local_g(y * scale, scaled).z, g.z, rtol=1e-8, atol=1e-8)
    one = compute_permutation_significance(y, weights, seed=2, n_permutations=49)
    other = compute_permutation_significance(y * scale, scaled, seed=2, n_permutations=49)
    np.testing.assert_array_equal(one.p_high, other.p_high)


def test_global_moran_says_what_is_missing():
    alone = build_weights_from_matrix(sparse.csr_array((6, 6)))
    with pytest.raises(
        NotEnoughDataError, match=r"0 of 6 place.s. have a neighbour.*longer distance"
    ):
        compute_global_moran(np.arange(6.0), alone)
    ring = np.roll(np.eye(6), 1, axis=1)
    ring[4:] = ring[:, 4:] = 0
    ring[3, 0] = 1
    near = build_weights_from_matrix(sparse.csr_array(ring + ring.T))
    with pytest.raises(NotEnoughDataError, match="all 4 places with a neighbour have the value 2"):
        compute_global_moran([2, 2, 2, 2, 1, 7], near)
