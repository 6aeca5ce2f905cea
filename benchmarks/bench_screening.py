"""Functions, Empirical Bayes, ranks, agreement and the high-injury network on a million sites.

Run as `python -m benchmarks.bench_screening [--sites N] [--peer-sites N]`. The sites are
INVENTED: four types, crashes from a known negative binomial whose coefficients must be found
again. The peer is `statsmodels` on the first type of `--peer-sites` sites (Newton), for which
the answers must be equal. Printed as JSON: seconds and processor seconds of each step, peak
memory of the process after it.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

TYPES = ("primary", "residential", "secondary", "tertiary")
EXPONENT, SLOPE, K = 0.5, 0.3, 0.8
SEED = 20261122


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=1_000_000)
    parser.add_argument("--peer-sites", type=int, default=200_000)
    parser.add_argument("--draws", type=int, default=100)
    arguments = parser.parse_args()

    from models.empirical_bayes import combine_with_expected, simulate_ranks
    from models.high_injury import find_high_injury_network
    from models.rank_agreement import compute_rank_agreement
    from models.site_screening import compute_excess_predicted
    from models.spf import fit_spf
    from models.spf_terms import SpfTerms

    result: dict[str, object] = {"n_sites": arguments.sites}

    def step(name: str, work: Callable):
        start, used = time.perf_counter(), time.process_time()
        answer = work()
        result[name] = {
            "seconds": round(time.perf_counter() - start, 2),
            "processor_seconds": round(time.process_time() - used, 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        return answer

    sites = make_sites(arguments.sites)
    result["n_crashes"] = int(sites["n_crashes"].sum())
    terms = SpfTerms(proportional_to=("length_m",), log_terms=("flow",), linear_terms=("light",))
    per_km = SpfTerms(
        proportional_to=("length_m",), log_terms=("flow",), facility="road_class", k_form="per_km"
    )
    one = step("fit_spf, one type", lambda: fit_spf(sites, terms))
    step("fit_spf, four types, k per km", lambda: fit_spf(sites, per_km))
    fit = one.fits["all"]
    result["found again"] = {
        "exponent": round(float(fit.coefficients[1]), 4),
        "slope": round(float(fit.coefficients[2]), 4),
        "k": round(fit.overdispersion_k, 4),
        "true": [EXPONENT, SLOPE, K],
    }
    predicted = one.predict(sites)
    k = one.find_site_k(sites)
    counts = sites["n_crashes"].to_numpy(dtype=np.float64)
    found = step("combine_with_expected", lambda: combine_with_expected(counts, predicted, k))
    raw = step("compute_excess_predicted", lambda: compute_excess_predicted(counts, predicted, k))
    rng = np.random.default_rng(SEED)
    step(
        f"simulate_ranks, {arguments.draws} draws",
        lambda: simulate_ranks(
            found, n_worst=20, rng=rng, n_draws=arguments.draws, n_followed=2000
        ),
    )
    some = counts > 0
    values = pd.DataFrame(
        {"count": counts, "excess": raw.excess, "expected": found.excess, "p": -raw.p_value}
    )[some]
    step(
        f"compute_rank_agreement, {int(some.sum())} sites, 20 resamples",
        lambda: compute_rank_agreement(values, top=(20, 100), rng=rng, n_resamples=20),
    )
    ksi = rng.binomial(counts.astype(np.int64), 0.1)
    step(
        "find_high_injury_network",
        lambda: find_high_injury_network(ksi, sites["length_m"], share=0.5, rng=rng),
    )
    compare_with_peer(sites.head(arguments.peer_sites), terms, result, step)
    print(json.dumps(result, indent=2))


def make_sites(n: int) -> pd.DataFrame:
    """Invent sites whose crashes follow a known function."""
    rng = np.random.default_rng(SEED)
    length, flow, light = rng.uniform(20, 500, n), rng.lognormal(4, 1, n), rng.normal(0, 1, n)
    mean = np.exp(-9.3 + EXPONENT * np.log(flow) + SLOPE * light) * length
    return pd.DataFrame(
        {
            "n_crashes": rng.poisson(mean * rng.gamma(1 / K, K, n)),
            "length_m": length,
            "flow": flow,
            "light": light,
            "road_class": rng.choice(TYPES, n),
        }
    )


def compare_with_peer(
    sites: pd.DataFrame, terms: object, result: dict[str, object], step: Callable
) -> None:
    """Fit the same sites with statsmodels and tell the greatest difference."""
    import statsmodels.api as sm

    from models.spf import fit_spf

    ours = step(f"fit_spf, {len(sites)} sites", lambda: fit_spf(sites, terms)).fits["all"]
    design = np.column_stack([np.ones(len(sites)), np.log(sites["flow"]), sites["light"]])
    model = sm.NegativeBinomial(
        sites["n_crashes"].to_numpy(), design, offset=np.log(sites["length_m"].to_numpy())
    )
    theirs = step(
        f"statsmodels, {len(sites)} sites", lambda: model.fit(disp=0, method="newton", maxiter=100)
    )
    found = np.r_[ours.coefficients, ours.overdispersion_k]
    result["greatest relative difference from statsmodels"] = float(
        np.abs(found / theirs.params - 1).max()
    )


if __name__ == "__main__":
    main()
