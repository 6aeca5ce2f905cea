"""The frames that records are handed on as: columns and types of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from records.fields import Field, FieldType, Kind
from records.schema import list_content_columns

__all__ = ["dtype_of", "list_frame_columns", "to_record_frame"]

DTYPES: Final[dict[FieldType, str]] = {
    FieldType.TEXT: "str",
    FieldType.WORD: "str",
    FieldType.WORDS: "str",
    FieldType.COUNT: "Int64",
    FieldType.NUMBER: "float64",
    FieldType.DEGREES: "float64",
    FieldType.LINE: "str",
    FieldType.MOMENT: "datetime64[us]",
    FieldType.DATE: "datetime64[us]",
    FieldType.TRUTH: "boolean",
}


def list_frame_columns(kind: Kind) -> dict[str, str]:
    """Return the columns of the frame of a kind and their types.

    The first is `crash_id` for crashes and `record_id` for others; `corrected_fields` are
    those that a person set; `import_id` and `row_number` say which row of which file wrote
    the record last.
    """
    columns = {"crash_id" if kind.name == "crash" else "record_id": "str"}
    columns |= {one.name: dtype_of(one) for one in list_content_columns(kind)}
    return {**columns, "corrected_fields": "str", "import_id": "int64", "row_number": "int64"}


def dtype_of(one: Field) -> Any:  # noqa: ANN401 - pandas' stubs list every literal
    """Return the pandas type of a field."""
    return "bool" if one.name == "has_time" else DTYPES[one.type]


def to_record_frame(columns: dict[str, Sequence[Any]], kind: Kind) -> pd.DataFrame:
    """Return the typed frame of a kind from columns of plain values.

    Parameters
    ----------
    columns
        Frame column → values, missing ones None.
    kind
        Kind of record.

    Returns
    -------
    records
        Columns of `list_frame_columns`, index 0..n-1.
    """
    wanted = list_frame_columns(kind)
    data = {}
    for name, dtype in wanted.items():
        values = columns[name]
        if name == "road_users":
            values = ["" if value is None else value for value in values]
        data[name] = pd.Series(list(values), dtype="object").astype(dtype)  # type: ignore[call-overload]
    return pd.DataFrame(data, columns=list(wanted))
