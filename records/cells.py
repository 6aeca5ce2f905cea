"""Pick, join, add and replace the text cells of a batch as a mapping says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from records.content import sum_digests
from records.mapping import Condition
from records.naming import simplify_name
from records.plan import Plan
from records.values import Column, clean_text, is_filled, no_problem, parse_number

__all__ = ["holds_in", "make_keys", "text_of"]


def text_of(raw: pd.DataFrame, name: str, plan: Plan) -> Column | None:
    """Return a field's text, codes replaced by words; None when the file is silent."""
    mapping = plan.mapping
    pick = plan.picks.get(name)
    if pick is None:
        constant = mapping.constants.get(name)
        return None if constant is None else pd.Series(constant, index=raw.index, dtype="str")
    if pick.sum:
        return _sum_text([raw[column] for column in pick.sum], mapping.decimal)
    if pick.join:
        parts = [clean_text(raw[column]) for column in pick.join]
        rows = zip(*(part.fillna("").tolist() for part in parts), strict=True)
        joined = [pick.with_.join(cell for cell in row if cell) for row in rows]
        text = pd.Series(joined, index=raw.index, dtype="str")
    else:
        text = raw[pick.first[0]]
        for column in pick.first[1:]:
            text = text.where(is_filled(text), raw[column])
    if name in mapping.constants:
        text = text.where(is_filled(text), mapping.constants[name])
    return _replace_codes(text, mapping.values.get(name))


def _replace_codes(text: Column, book: dict[str, str] | None) -> Column:
    if not book:
        return text
    simple = {simplify_name(code): word for code, word in book.items()}
    codes, distinct = pd.factorize(text.fillna(""))
    words = [simple.get(simplify_name(word), word) for word in distinct.tolist()]
    return pd.Series(words, dtype="str").take(codes).set_axis(text.index)


def _sum_text(parts: list[Column], decimal: str) -> Column:
    """Add columns; empty cells count nothing, all empty is empty, a wrong one is kept."""
    total: Column = pd.Series(0.0, index=parts[0].index)
    wrong = no_problem(parts[0])
    some: Column = pd.Series(False, index=parts[0].index)
    for part in parts:
        numbers, problems = parse_number(part, decimal=decimal)
        wrong = wrong.fillna(part.where(problems.notna() | (numbers < 0)))
        some |= numbers.notna()
        total += numbers.fillna(0.0)
    codes, distinct = pd.factorize(total)
    text: Column = pd.Series([f"{value:.10g}" for value in distinct.tolist()], dtype="str")
    text = text.take(codes).set_axis(total.index)
    if decimal == ",":
        text = text.str.replace(".", ",", regex=False)
    return text.where(some, "").where(wrong.isna(), wrong)


def holds_in(raw: pd.DataFrame, condition: Condition, plan: Plan) -> Column:
    """Tell in which rows a condition holds."""
    holds: Column = pd.Series(False, index=raw.index)
    for name in condition.columns:
        text = raw[plan.aliases[simplify_name(name)]]
        if condition.above is not None:
            numbers, _ = parse_number(text, decimal=plan.mapping.decimal)
            holds |= numbers > condition.above
        elif condition.equals:
            wanted = {simplify_name(word) for word in condition.equals}
            codes, distinct = pd.factorize(text.fillna(""))
            found = np.array([simplify_name(word) in wanted for word in distinct.tolist()], bool)
            holds |= found[codes]
        else:
            holds |= is_filled(text) == bool(condition.filled)
    return holds


def make_keys(raw: pd.DataFrame, plan: Plan) -> list[str]:
    """Return a key for each row made from its named cells, or from all its cells.

    Neither the order of the columns nor an empty one more or less makes a difference.
    """
    names = [plan.aliases[simplify_name(name)] for name in plan.mapping.id_columns]
    columns = []
    for name in names or [str(name) for name in raw.columns]:
        codes, texts = pd.factorize(raw[name].fillna(""))
        distinct = clean_text(pd.Series(texts, dtype="str")).fillna("")
        columns.append((simplify_name(name), codes, distinct.tolist()))
    return [f"content-{digest}" for digest in sum_digests(columns, n_rows=len(raw))]
