"""Safety performance functions: equal to statsmodels, and never lost for words."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, NotEnoughDataError, TableError
from models.spf import fit_spf
from models.spf_likelihood import CountData, fit_negative_binomial
from models.spf_terms import SpfTerms

TERMS = SpfTerms(proportional_to=("length_m",), log_terms=("flow",), linear_terms=("light",))


def make_sites(n=4000, *, k=0.6, base=-6.0, seed=3, per_km=False):
    rng = np.random.default_rng(seed)
    length = rng.uniform(20, 500, n)
    flow = rng.lognormal(4, 1, n)
    light = rng.normal(0, 1, n)
    mean = np.exp(base + 0.5 * np.log(flow) + 0.3 * light) * length
    site_k = k * 1000 / length if per_km else np.full(n, k)
    counts = rng.poisson(mean * rng.gamma(1 / site_k, site_k))
    words = np.where(rng.random(n) < 0.7, "primary", "residential")
    columns = {"n_crashes": counts, "length_m": length, "flow": flow, "light": light}
    return pd.DataFrame({**columns, "road_class": words})


def test_it_equals_statsmodels():
    sites = make_sites()
    fit = fit_spf(sites, TERMS).fits["all"]
    design = np.column_stack([np.ones(len(sites)), np.log(sites["flow"]), sites["light"]])
    model = sm.NegativeBinomial(
        sites["n_crashes"].to_numpy(), design, offset=np.log(sites["length_m"].to_numpy())
    )
    theirs = model.fit(disp=0, method="newton", maxiter=100)
    assert fit.coefficients == pytest.approx(theirs.params[:3], rel=1e-6)
    assert fit.standard_errors == pytest.approx(theirs.bse[:3], rel=1e-5)
    assert fit.overdispersion_k == pytest.approx(theirs.params[3], rel=1e-6)
    assert fit.overdispersion_k_se == pytest.approx(theirs.bse[3], rel=1e-4)
    assert fit.log_likelihood == pytest.approx(theirs.llf, rel=1e-9)
    assert fit.method == "negative binomial"
    assert fit.notes == ()


def test_k_per_km_is_found_again():
    fit = fit_spf(
        make_sites(20_000, k=0.2, per_km=True),
        SpfTerms(
            proportional_to=("length_m",),
            log_terms=("flow",),
            linear_terms=("light",),
            k_form="per_km",
        ),
    ).fits["all"]
    assert fit.overdispersion_k == pytest.approx(0.2, abs=4 * fit.overdispersion_k_se)
    assert fit.coefficients[1:] == pytest.approx([0.5, 0.3], abs=0.06)


def test_k_of_a_site_is_k_over_its_length_in_km():
    sites = make_sites()
    terms = SpfTerms(proportional_to=("length_m",), k_form="per_km")
    fit = fit_spf(sites, terms)
    found = fit.find_site_k(sites)
    assert found == pytest.approx(fit.overdispersion_k / (sites["length_m"].to_numpy() / 1000))


def test_each_type_has_its_own_function_and_totals_are_near():
    sites = make_sites()
    fit = fit_spf(sites, SpfTerms(proportional_to=("length_m",), facility="road_class"))
    predicted = fit.predict(sites)
    for word in ("primary", "residential"):
        here = sites["road_class"].eq(word).to_numpy()
        assert predicted[here].sum() == pytest.approx(sites.loc[here, "n_crashes"].sum(), rel=0.1)
    assert fit.to_frame()["facility"].tolist() == ["primary", "residential"]
    assert fit.overdispersion_k > 0


def test_types_with_few_crashes_are_fitted_together_and_say_so():
    sites = make_sites()
    sites.loc[sites.index[:40], ["road_class", "n_crashes"]] = ["track", 0]
    sites.loc[sites.index[40:60], ["road_class", "n_crashes"]] = ["path", 0]
    terms = SpfTerms(proportional_to=("length_m",), log_terms=("flow",), facility="road_class")
    fit = fit_spf(sites, terms)
    assert fit.fits["track"] is fit.fits["path"]
    assert fit.fits["track"].facility == "other types"
    assert fit.fits["track"].method == "mean rate"
    assert any("half a crash" in note for note in fit.fits["track"].notes)
    assert any("k: the mean of the other types" in note for note in fit.fits["track"].notes)
    small = sites["road_class"].isin(["track", "path"])
    assert fit.predict(sites)[small].sum() == pytest.approx(0.5)


@pytest.mark.parametrize("n", [1, 9, 15])
def test_few_crashes_give_the_mean_rate_and_are_called_so(n):
    sites = make_sites().assign(n_crashes=0)
    sites.loc[sites.index[:n], "n_crashes"] = 1
    fit = fit_spf(sites, TERMS).fits["all"]
    assert fit.method == "mean rate"
    assert (fit.coefficients[1:] == 0).all()


def test_columns_that_say_nothing_new_are_left_out():
    sites = make_sites().assign(flow2=lambda t: t["flow"] ** 2, flat=3.0)
    terms = SpfTerms(
        proportional_to=("length_m",), log_terms=("flow", "flow2"), linear_terms=("flat",)
    )
    fit = fit_spf(sites, terms).fits["all"]
    assert [note.split(" left")[0] for note in fit.notes] == ["ln(flow2)", "flat"]
    assert fit.coefficients[2:].tolist() == [0, 0]
    alone = fit_spf(sites, SpfTerms(proportional_to=("length_m",), log_terms=("flow",)))
    assert fit.coefficients[:2] == pytest.approx(alone.fits["all"].coefficients, rel=1e-7)


def test_a_term_that_runs_away_falls_back_to_the_mean_rate():
    rng = np.random.default_rng(1)
    is_on = np.r_[np.zeros(300), np.ones(300)]
    sites = pd.DataFrame({"n_crashes": is_on * rng.poisson(1.0, 600), "is_on": is_on})
    fit = fit_spf(sites, SpfTerms(linear_terms=("is_on",)))
    assert np.isfinite(fit.predict(sites)).all()
    assert fit.predict(sites).sum() == pytest.approx(sites["n_crashes"].sum(), rel=0.05)


def test_counts_no_more_spread_than_chance_have_k_0():
    rng = np.random.default_rng(8)
    sites = pd.DataFrame({"n_crashes": rng.binomial(10, 0.5, 2000)})
    fit = fit_spf(sites, SpfTerms()).fits["all"]
    assert fit.overdispersion_k == 0
    assert np.exp(fit.coefficients[0]) == pytest.approx(sites["n_crashes"].mean())


def test_few_crashes_give_the_mean_rate():
    sites = make_sites(60, base=-11.0)
    sites.loc[0, "n_crashes"] = 1
    fit = fit_spf(sites, TERMS)
    assert "mean rate only" in " ".join(fit.fits["all"].notes)
    assert fit.predict(sites).sum() == pytest.approx(sites["n_crashes"].sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"n_crashes": 0}, NotEnoughDataError, "no crash"),
        ({"flow": 0.0}, TableError, "above 0"),
        ({"light": np.nan}, TableError, "finite"),
        ({"n_crashes": 0.5}, InputError, "not counts"),
        ({"flow": "many"}, TableError, "no numbers"),
    ],
)
def test_bad_columns_are_named(change, error, words):
    with pytest.raises(error, match=words):
        fit_spf(make_sites(50).assign(**change), TERMS)


def test_missing_columns_and_unknown_types_are_named():
    sites = make_sites(200)
    with pytest.raises(TableError, match="flow"):
        fit_spf(sites.drop(columns="flow"), TERMS)
    with pytest.raises(TableError, match="road_class"):
        fit_spf(sites.drop(columns="road_class"), SpfTerms(facility="road_class"))
    fit = fit_spf(sites, SpfTerms(facility="road_class"))
    with pytest.raises(InputError, match="'motorway'"):
        fit.predict(sites.assign(road_class="motorway"))
    with pytest.raises(NotEnoughDataError, match="0 site"):
        fit_spf(sites.iloc[:0], TERMS)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=5, max_size=40), st.floats(0.2, 5.0))
def test_k_is_the_highest_point_of_the_likelihood(counts, length):
    counts = np.array(counts, dtype=float)
    if counts.sum() == 0:
        return
    n = len(counts)
    scale = np.linspace(1, length, n)
    data = CountData(counts, np.ones((n, 1)), np.zeros(n), scale)
    fit = fit_negative_binomial(data)
    if not fit.is_converged or fit.overdispersion_k == 0:
        return

    def height(log_mean, k):
        size = 1 / (k * scale)
        mean = np.exp(log_mean)
        from scipy.stats import nbinom

        return nbinom.logpmf(counts, size, size / (size + mean)).sum()

    best = height(fit.coefficients[0], fit.overdispersion_k)
    assert best == pytest.approx(fit.log_likelihood, abs=1e-6)
    for log_mean, k in ((0.01, 1), (-0.01, 1), (0, 1.03), (0, 0.97)):
        assert height(fit.coefficients[0] + log_mean, fit.overdispersion_k * k) <= best + 1e-7
