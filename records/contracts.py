"""The contract of each kind's frame, checked where records leave for the pipeline.

What intake wrote fulfils it; a database edited by other hands may not.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from core.errors import TableError
from records.codebooks import list_words
from records.fields import KINDS, FieldType
from records.schema import list_content_columns
from records.tables import list_frame_columns

__all__ = ["require_contract"]

LIMITS = {"lon": 180.0, "lat": 90.0}


@cache
def _build_schema(kind_name: str) -> Any:  # noqa: ANN401 - pandera has no types
    import pandera.pandas as pa

    kind = KINDS[kind_name]
    fields = {one.name: one for one in list_content_columns(kind)}
    columns = {}
    for name, dtype in list_frame_columns(kind).items():
        one = fields.get(name)
        checks = []
        if one is not None and one.type is FieldType.WORD:
            checks.append(pa.Check.isin(list_words(one.codebook)))
        if one is not None and one.type is FieldType.COUNT:
            checks.append(pa.Check.ge(0))
        if name in LIMITS:
            checks.append(pa.Check.in_range(-LIMITS[name], LIMITS[name]))
        is_id = name in {"crash_id", "record_id"}
        is_filled = is_id or name == kind.key or (one is not None and one.is_required)
        columns[name] = pa.Column(dtype, checks, nullable=not is_filled, unique=is_id)
    both = pa.Check(
        lambda frame: frame["lon"].isna() == frame["lat"].isna(),
        error="only one of lon and lat",
    )
    return pa.DataFrameSchema(columns, strict=True, checks=[both] if "lon" in columns else [])


def require_contract(frame: pd.DataFrame, kind_name: str) -> None:
    """Make sure that a frame of records is what its readers expect.

    Parameters
    ----------
    frame
        As `Database.read` returns it.
    kind_name
        Kind of record.

    Raises
    ------
    TableError
        If a column or value is not as agreed; names how many, and the first.
    """
    import pandera.errors

    try:
        _build_schema(kind_name).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        first = cases.iloc[0]
        at = first["index"]
        where = f" (record {frame.iloc[int(at), 0]!s})" if pd.notna(at) else ""
        message = (
            f"{kind_name} records: {len(cases)} value(s) are not as agreed, first "
            f"{first['column']!s}: {first['failure_case']!s} fails {first['check']!s}{where}; "
            "correct the record and read again."
        )
        raise TableError(message) from errors
