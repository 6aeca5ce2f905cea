"""Safety performance functions: how many crashes places of a kind have on average.

A negative-binomial regression for each facility type (road class, kind of intersection) with
length and exposure as logarithms. What stands above its function is worth a look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError, NotEnoughDataError, TableError
from models.arrays import FloatArray, IntArray, require_counts
from models.spf_likelihood import (
    CountData,
    CountFit,
    fit_negative_binomial,
    fit_poisson,
    moment_overdispersion,
)
from models.spf_terms import SpfTerms, build_design, build_scale, group_types

__all__ = ["FacilityFit", "SpfFit", "SpfTerms", "fit_spf"]

OTHERS = "other types"
MEAN_RATE = "mean rate"
DEPENDENT = 1e-8  # a column with less variance of its own than this share adds nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityFit:
    """The function of one facility type."""

    facility: str
    coefficients: FloatArray  # in the order of SpfTerms.names; 0 where left out
    standard_errors: FloatArray  # NaN where left out
    overdispersion_k: float  # of a site, or of a site of 1 km (k_form)
    overdispersion_k_se: float  # NaN where k is 0, by moments, or borrowed
    n_sites: int
    n_crashes: int
    log_likelihood: float
    method: str  # "negative binomial", "Poisson, k by moments" or "mean rate" (no term but length)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfFit:
    """Functions of all facility types; `fits` is keyed by type, pooled ones share one."""

    terms: SpfTerms
    fits: Mapping[str, FacilityFit]
    n_sites: int
    n_crashes: int

    @property
    def overdispersion_k(self) -> float:
        """Mean k of the types, weighted by their crashes; 0 without any."""
        fits = list({id(fit): fit for fit in self.fits.values()}.values())
        total = sum(fit.n_crashes for fit in fits)
        return sum(fit.overdispersion_k * fit.n_crashes for fit in fits) / max(total, 1)

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return the crashes expected per site over the period of the fit, shape (n_sites,).

        Raises
        ------
        TableError
            If a column is missing or holds what it must not.
        InputError
            If a facility type has no function; names those that have.
        """
        design, offset = build_design(table, self.terms)
        expected = np.empty(len(table))
        for rows, fit in self._split(table):
            eta = design[rows] @ fit.coefficients + offset[rows]
            expected[rows] = np.exp(np.clip(eta, -700.0, 700.0))
        return expected

    def find_site_k(self, table: pd.DataFrame) -> FloatArray:
        """Return the overdispersion k of each site, shape (n_sites,)."""
        scale = build_scale(table, self.terms)
        k = np.empty(len(table))
        for rows, fit in self._split(table):
            k[rows] = fit.overdispersion_k * scale[rows]
        return k

    def to_frame(self) -> pd.DataFrame:
        """Return one row a type: coefficients, standard errors, k, method and notes."""
        return pd.DataFrame([self._describe(name, fit) for name, fit in self.fits.items()])

    def _describe(self, name: str, fit: FacilityFit) -> dict[str, Any]:
        values = dict(zip(self.terms.names, fit.coefficients.tolist(), strict=True))
        errors = zip(self.terms.names, fit.standard_errors.tolist(), strict=True)
        return {
            "facility": name,
            "fitted_as": fit.facility,
            "n_sites": fit.n_sites,
            "n_crashes": fit.n_crashes,
            **values,
            **{f"{term}_se": error for term, error in errors},
            "overdispersion_k": fit.overdispersion_k,
            "overdispersion_k_se": fit.overdispersion_k_se,
            "k_form": self.terms.k_form,
            "log_likelihood": fit.log_likelihood,
            "method": fit.method,
            "notes": "; ".join(fit.notes),
        }

    def _split(self, table: pd.DataFrame) -> list[tuple[IntArray, FacilityFit]]:
        groups = group_types(table, self.terms)
        lost = [name for name in groups if name not in self.fits]
        if lost:
            message = (
                f"{len(lost)} facility type(s) have no function, first {lost[0]!r}; there are "
                f"functions for: {', '.join(self.fits)}. Fit with these types too."
            )
            raise InputError(message)
        return [(rows, self.fits[name]) for name, rows in groups.items()]


def fit_spf(
    table: pd.DataFrame,
    terms: SpfTerms,
    *,
    min_crashes: int = 30,
    crashes_per_term: int = 10,
) -> SpfFit:
    """Fit a safety performance function for each facility type.

    Parameters
    ----------
    table
        One row a site, those without a crash too, with the columns of `terms`.
    terms
        What the function is made of.
    min_crashes
        Types with fewer crashes are fitted together, as "other types".
    crashes_per_term
        With fewer crashes for each coefficient only the mean rate is fitted.

    Returns
    -------
    fit
        Mean exp(b0 + sum b·ln(x) + sum b·z)·proportional, variance mu + k·mu². Every
        fall-back is named in the notes of its type.

    Raises
    ------
    TableError
        If a column is missing or holds values that cannot be used; names the first.
    NotEnoughDataError
        If the table holds no site or no crash.

    Notes
    -----
    Maximum likelihood (Newton); equal to `statsmodels` for k per site, which does not
    know k per length. Where it does not converge, a Poisson regression with k by
    moments takes its place, and where that does not, the mean rate. Of columns that say
    the same the later ones are left out. Types without a crash get half a crash in all.
    A function says what is usual, not what is safe, and nothing of cause.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., ch. 3.5 and appendix A to part C.
    Hauer, E. (2015). The Art of Regression Modeling in Road Safety. Springer.
    doi:10.1007/978-3-319-12529-9
    """
    if terms.count not in table.columns:
        raise TableError.missing_columns("sites", [terms.count], list(table.columns))
    counts = require_counts(terms.count, table[terms.count])
    if counts.sum() == 0:
        message = f"SPF: {len(counts)} site(s) and no crash; take a longer period or more sites."
        raise NotEnoughDataError(message)
    design, offset = build_design(table, terms)
    data = CountData(counts, design, offset, build_scale(table, terms))
    groups = group_types(table, terms)
    shares = {name: int(counts[rows].sum()) for name, rows in groups.items()}
    small = [name for name in groups if shares[name] < min_crashes and len(groups) > 1]
    lots = {name: rows for name, rows in groups.items() if name not in small}
    if small:
        lots[OTHERS] = np.sort(np.concatenate([groups[name] for name in small]))
    fits = {
        name: _fit_type(name, _take(data, rows), terms, crashes_per_term)
        for name, rows in lots.items()
    }
    fits = _lend_k(fits, min_crashes)
    by_type = {name: fits[OTHERS if name in small else name] for name in groups}
    return SpfFit(terms=terms, fits=by_type, n_sites=len(counts), n_crashes=int(counts.sum()))


def _fit_type(name: str, data: CountData, terms: SpfTerms, crashes_per_term: int) -> FacilityFit:
    n_crashes = int(data.counts.sum())
    kept, notes = _choose_columns(data, terms.names)
    is_too_few = n_crashes < crashes_per_term * (len(kept) - 1)
    if is_too_few:
        notes.append(f"{n_crashes} crashes are too few for {len(kept) - 1} term(s): mean rate only")
        kept = [0]
    centre = data.design[:, kept].mean(axis=0)
    spread = data.design[:, kept].std(axis=0)
    centre[0], spread[0] = 0.0, 1.0
    scaled = (data.design[:, kept] - centre) / spread
    fit, method = _fit_by_best(CountData(data.counts, scaled, data.offset, data.scale), notes)
    method = MEAN_RATE if is_too_few or n_crashes < crashes_per_term else method
    if len(fit.coefficients) < len(kept):
        kept, centre, spread = [0], centre[:1], spread[:1]
    back = np.diag(1.0 / spread)  # from centred and scaled columns to those of the table
    back[0, 1:] = -(centre / spread)[1:]
    coefficients = np.zeros(len(terms.names))
    errors = np.full(len(terms.names), np.nan)
    coefficients[kept] = back @ fit.coefficients
    variance = np.diag(back @ fit.covariance @ back.T)
    errors[kept] = np.sqrt(np.where(variance > 0, variance, np.nan))
    return FacilityFit(
        facility=name,
        coefficients=coefficients,
        standard_errors=errors,
        overdispersion_k=fit.overdispersion_k,
        overdispersion_k_se=fit.overdispersion_k_se,
        n_sites=len(data.counts),
        n_crashes=n_crashes,
        log_likelihood=fit.log_likelihood,
        method=method,
        notes=tuple(notes),
    )


def _fit_by_best(data: CountData, notes: list[str]) -> tuple[CountFit, str]:
    """Fit by the best method that converges, and say which it was."""
    if data.counts.sum() > 0:
        fit = fit_negative_binomial(data)
        if fit.is_converged and np.isfinite(fit.covariance).all():
            return fit, "negative binomial"
        fit = fit_poisson(data)
        if fit.is_converged and np.isfinite(fit.covariance).all():
            notes.append("the negative binomial did not converge")
            return fit, "Poisson, k by moments"
        notes.append("neither negative binomial nor Poisson converged with these terms")
    else:
        notes.append("no crash on any of them: half a crash in all is taken")
    total = max(float(data.counts.sum()), 0.5)
    exposure = np.exp(data.offset)
    mean = exposure * (total / exposure.sum())
    fit = CountFit(
        coefficients=np.array([np.log(total / exposure.sum())]),
        covariance=np.array([[1.0 / total]]),
        overdispersion_k=moment_overdispersion(data.counts, mean, data.scale),
        overdispersion_k_se=np.nan,
        log_likelihood=np.nan,
        is_converged=True,
    )
    return fit, MEAN_RATE


def _lend_k(fits: dict[str, FacilityFit], min_crashes: int) -> dict[str, FacilityFit]:
    """Give types with too few crashes to know their k the mean k of the others."""
    known = [fit for fit in fits.values() if fit.n_crashes >= min_crashes]
    if not known:
        return fits
    total = sum(fit.n_crashes for fit in known)
    k = sum(fit.overdispersion_k * fit.n_crashes for fit in known) / total
    note = f"too few crashes to know k: the mean of the other types, {k:.3g}"
    return {
        name: fit if fit.n_crashes >= min_crashes else _with_k(fit, k, note)
        for name, fit in fits.items()
    }


def _with_k(fit: FacilityFit, k: float, note: str) -> FacilityFit:
    return FacilityFit(
        facility=fit.facility,
        coefficients=fit.coefficients,
        standard_errors=fit.standard_errors,
        overdispersion_k=k,
        overdispersion_k_se=np.nan,
        n_sites=fit.n_sites,
        n_crashes=fit.n_crashes,
        log_likelihood=np.nan,
        method=fit.method,
        notes=(*fit.notes, note),
    )


def _take(data: CountData, rows: IntArray) -> CountData:
    if len(rows) == len(data.counts):
        return data
    return CountData(data.counts[rows], data.design[rows], data.offset[rows], data.scale[rows])


def _choose_columns(data: CountData, names: tuple[str, ...]) -> tuple[list[int], list[str]]:
    """Keep the columns that add something to those before them and have a finite coefficient."""
    design, has_crash = data.design, data.counts > 0
    centred = design - design.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    kept, notes = [0], []
    basis: list[FloatArray] = []
    for column in range(1, design.shape[1]):
        greatest = float(np.abs(design[:, column]).max(initial=0.0))
        rest = centred[:, column] / size[column] if size[column] > 0 else centred[:, column]
        for _ in range(2):  # twice is enough for rounding
            for axis in basis:
                rest = rest - axis * float(axis @ rest)
        length = float(np.sqrt(rest @ rest))
        if size[column] <= 1e-12 * greatest * len(design) ** 0.5 or length**2 < DEPENDENT:
            is_constant = size[column] <= 1e-12 * greatest * len(design) ** 0.5
            reason = "is the same everywhere" if is_constant else "says the same as others"
            notes.append(f"{names[column]} left out: it {reason}")
            continue
        at = design[has_crash, column]
        if len(at) and np.ptp(at) == 0 and at[0] in (design[:, column].min(), greatest):
            notes.append(f"{names[column]} left out: all crashes are where it is {at[0]:g}")
            continue
        kept.append(column)
        basis.append(rest / length)
    return kept, notes
