"""What a safety performance function is made of, and its columns as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.errors import TableError
from core.units import M_PER_KM
from models.arrays import FloatArray, IntArray

__all__ = ["SpfTerms", "build_design", "build_scale", "group_types"]

CONSTANT = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfTerms:
    """Which columns the function is made of.

    Attributes
    ----------
    count
        Column of crashes over the study period.
    proportional_to
        Columns (> 0) that the crashes are proportional to: coefficient 1 (`length_m`).
    log_terms
        Columns (> 0) whose logarithm gets a coefficient (traffic, worker-km).
    linear_terms
        Columns taken as they are.
    facility
        Column of the facility type, each with a function of its own; None: one for all.
    k_form
        `site`: one overdispersion k for each site of a type; `per_km`: k divided by the
        site's length in km, as the HSM has it for segments (a long segment is the sum
        of short ones).
    length
        Column of the length [m] for `per_km`.
    """

    count: str = "n_crashes"
    proportional_to: tuple[str, ...] = ()
    log_terms: tuple[str, ...] = ()
    linear_terms: tuple[str, ...] = ()
    facility: str | None = None
    k_form: Literal["site", "per_km"] = "site"
    length: str = "length_m"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients: the constant first."""
        logs = tuple(f"ln({name})" for name in self.log_terms)
        return (CONSTANT, *logs, *self.linear_terms)


def group_types(table: pd.DataFrame, terms: SpfTerms) -> dict[str, IntArray]:
    """Return the rows of each facility type, types in order of their names."""
    if terms.facility is None:
        return {"all": np.arange(len(table), dtype=np.int64)}
    if terms.facility not in table.columns:
        raise TableError.missing_columns("sites", [terms.facility], list(table.columns))
    words = table[terms.facility].astype("object")
    codes, names = pd.factorize(words.where(words.notna(), "unknown"), sort=False)
    order = np.argsort(codes, kind="stable").astype(np.int64)
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    by_name = {str(names[codes[part[0]]]): part for part in parts if len(part)}
    return dict(sorted(by_name.items()))


def build_design(table: pd.DataFrame, terms: SpfTerms) -> tuple[FloatArray, FloatArray]:
    """Build the columns of the regression and the offset."""
    needed = [*terms.proportional_to, *terms.log_terms, *terms.linear_terms]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise TableError.missing_columns("sites", missing, list(map(str, table.columns)))
    offset = np.zeros(len(table))
    for name in terms.proportional_to:
        offset += np.log(_read(table, name, is_positive=True))
    design = np.ones((len(table), len(terms.names)))
    for column, name in enumerate(terms.log_terms, start=1):
        design[:, column] = np.log(_read(table, name, is_positive=True))
    for column, name in enumerate(terms.linear_terms, start=1 + len(terms.log_terms)):
        design[:, column] = _read(table, name, is_positive=False)
    return design, offset


def build_scale(table: pd.DataFrame, terms: SpfTerms) -> FloatArray:
    """Build what k is multiplied by at each site: 1, or 1 ÷ its length in km."""
    if terms.k_form == "site":
        return np.ones(len(table))
    if terms.length not in table.columns:
        raise TableError.missing_columns("sites", [terms.length], list(map(str, table.columns)))
    return M_PER_KM / _read(table, terms.length, is_positive=True)


def _read(table: pd.DataFrame, name: str, *, is_positive: bool) -> FloatArray:
    try:
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        message = f"sites: column {name} holds no numbers ({error}); give numbers."
        raise TableError(message) from error
    is_good = np.isfinite(values) & (values > 0) if is_positive else np.isfinite(values)
    if not is_good.all():
        first = int(np.flatnonzero(~is_good)[0])
        wanted = "above 0 (its logarithm is taken)" if is_positive else "finite"
        message = (
            f"sites: {int((~is_good).sum())} of {len(values)} value(s) of {name} are not {wanted}, "
            f"first in row {first}: {values[first]}; fill them, or leave the column or rows out."
        )
        raise TableError(message)
    return values
