"""Records page: bring in a file, add a record, correct one, take an import back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from pipeline.entry import (
    FieldInfo,
    correct,
    describe_fields,
    enter,
    list_kinds,
    read_changes,
    read_records,
    write_as_typed,
)
from pipeline.import_log import list_imports, undo
from ui.layout import escape_markdown
from ui.place_picker import pick_place
from ui.record_fields import ask_field, name_word
from ui.same_crash import show_pairs
from ui.state import choose_area, make_workspace
from ui.upload import show_upload
from ui.words import name_field, name_kind

__all__ = ["records_page"]

TASKS = ("Bring in a file", "Add", "Correct", "Same crash?", "Take back")
KIND_ORDER = ("crash", "factory", "vehicle", "activity", "intervention")
SHOWN_ROWS = 500
MORE_FIELDS = frozenset(
    {"road_name", "road_km", "village_code", "village", "commune", "district", "province",
     "collision_type", "n_vehicles", "light"}
)  # fmt: skip
LISTED_FIELDS = 6  # beside the key, in the table to choose from


def records_page() -> None:
    """Show the chosen task for the chosen area."""
    area = choose_area()
    st.title("Records")
    if area is None:
        st.info("This workspace has no study area; type `safecommute area add KEY --osm FILE`.")
        return
    if area.is_synthetic:
        st.html('<div class="sc-synthetic"><b>SYNTHETIC</b> · Invented data for trying the '
                "software. No place, factory or crash here is real.</div>")  # fmt: skip
    _say_what_happened()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = st.pills("What to do", TASKS, default=TASKS[0], required=True, key="records-task")
        name = st.text_input(
            "Your name", key="records-name", width=220, help="Kept with every change you make."
        )
    try:
        if task == "Bring in a file":
            show_upload(area.key, name)
        elif task == "Same crash?":
            show_pairs(area.key, name)
        elif task == "Add":
            _add(area.key, name)
        elif task == "Correct":
            _correct(area.key, name)
        else:
            _take_back(area.key, name)
    except SafeCommuteError as error:
        st.error(escape_markdown(error), icon=":material/error:")


def _say_what_happened() -> None:
    said = st.session_state.pop("records-said", None)
    if said:
        st.success(escape_markdown(said), icon=":material/check:")


def _finish(said: str) -> None:
    """Say it after a fresh start of all widgets."""
    st.session_state["records-said"] = said
    st.session_state["records-round"] = st.session_state.get("records-round", 0) + 1
    st.cache_data.clear()
    st.rerun()


def _choose_kind() -> str:
    rest = [kind for kind in list_kinds() if kind not in KIND_ORDER]
    return st.selectbox(
        "Kind of record",
        [*KIND_ORDER, *rest],
        format_func=name_kind,
        key="records-kind",
        width=320,
    )


def _add(area: str, name: str) -> None:
    kind = _choose_kind()
    key = f"add-{kind}-{st.session_state.get('records-round', 0)}"
    values, source = _ask_record(area, kind, key, {})
    people = _ask_casualties(key) if kind == "crash" else []
    if not st.button("Save", type="primary", icon=":material/check:", key=f"{key}-save"):
        return
    if kind == "crash" and people and not values.get("source_id"):
        values["source_id"] = f"hand-{uuid.uuid4().hex[:8]}"
    entries: list[tuple[str, Mapping[str, str]]] = [(kind, values)]
    entries += [("casualty", {"crash_source_id": values["source_id"], **one}) for one in people]
    enter(make_workspace(), area, entries, by=name, source=source)
    more = f" with {len(people)} casualties" if people else ""
    _finish(
        f"Saved: {name_kind(kind).lower()}{more}. Maps show it after the next "
        f"`safecommute run {area} --publish`."
    )


def _ask_record(
    area: str, kind: str, key: str, known: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Ask for the fields of a record; return them as text, and who reports it."""
    fields = describe_fields(kind)
    choices = _list_choices(area, fields)
    values: dict[str, str] = {}
    has_place = any(field.name == "lon" for field in fields)
    left, right = st.columns(2, gap="medium") if has_place else (st.container(), None)
    if right is not None:
        with right:
            values["lon"], values["lat"] = pick_place(
                area, key, lon=known.get("lon", ""), lat=known.get("lat", "")
            )
    source = ""
    with left:
        if not known and kind in {"crash", "casualty"}:
            source = st.text_input(
                "Who reports it", key=f"{key}-source", placeholder="police, insurer, factory F01"
            )
        asked = [
            field
            for field in fields
            if field.name not in {"lon", "lat"} and not (known and field is fields[0])
        ]
        for field in asked:
            if field.name not in MORE_FIELDS:
                value = known.get(field.name, "")
                values[field.name] = ask_field(field, key, value=value, choices=choices)
        more = [field for field in asked if field.name in MORE_FIELDS]
        with st.expander("Where, in words, and more") if more else st.container():
            for field in more:
                value = known.get(field.name, "")
                values[field.name] = ask_field(field, key, value=value, choices=choices)
    return values, source


def _list_choices(area: str, fields: Sequence[FieldInfo]) -> dict[str, list[str]]:
    """Return the identifiers of the factories and indicators that a field may name."""
    found: dict[str, list[str]] = {}
    for kind in {field.refers_to for field in fields} & {"factory", "indicator"}:
        records = read_records(make_workspace(), area, kind)
        found[kind] = sorted(records[f"{kind}_id"].astype("str"))
    return found


def _ask_casualties(key: str) -> list[dict[str, str]]:
    """Ask for the people who were hurt, a row each."""
    asked = ("injury", "sex", "age_band", "road_user", "helmet", "is_worker")
    fields = {field.name: field for field in describe_fields("casualty")}
    st.markdown("**People hurt**, one row each; no names")
    columns = {
        name: st.column_config.SelectboxColumn(
            name_field(name), options=list(fields[name].words), format_func=name_word,
            required=name == "injury",
        )
        for name in asked
    }  # fmt: skip
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in asked})
    rows = st.data_editor(
        empty, num_rows="dynamic", column_config=columns, hide_index=True, key=f"{key}-people"
    )
    filled = rows.dropna(how="all")
    return [
        {str(name): str(value) for name, value in row.items() if pd.notna(value)}
        for row in filled.to_dict("records")
    ]


def _correct(area: str, name: str) -> None:
    kind = _choose_kind()
    records = read_records(make_workspace(), area, kind)
    if records.empty:
        st.info(f"There is no {name_kind(kind).lower()} in the records of this area yet.")
        return
    record = _choose_record(records, kind)
    if record is None:
        return
    record_id = str(record.iloc[0])
    known = write_as_typed(record, kind)
    key = f"correct-{record_id}-{st.session_state.get('records-round', 0)}"
    values, _ = _ask_record(area, kind, key, known)
    changes = {
        field: text for field, text in values.items() if text.strip() != known.get(field, "")
    }
    if "occurred_at" in changes and known.get("occurred_at", "").startswith(values["occurred_at"]):
        del changes["occurred_at"]  # the same minute; the record also has seconds
    with st.expander("What happened to this record so far"):
        log = read_changes(make_workspace(), area, record_id)
        st.dataframe(
            log[["changed_at", "action", "changed_by", "row_number", "old_values"]],
            hide_index=True,
        )
    if not st.button("Save the correction", type="primary", key=f"{key}-save",
                     disabled=not changes):  # fmt: skip
        return
    before = correct(make_workspace(), area, kind, record_id, changes, by=name)
    said = ", ".join(name_field(field).lower() for field in before if field in values)
    _finish(f"Corrected: {said or 'nothing was different'}. No later import changes it back.")


def _choose_record(records: pd.DataFrame, kind: str) -> pd.Series[Any] | None:
    words = st.text_input("Find", key=f"find-{kind}", placeholder="a number, a date, a name")
    fields = [field.name for field in describe_fields(kind) if field.name in records]
    telling = [name for name in fields if name not in MORE_FIELDS | {"lon", "lat"}]
    listed = _newest_first(records)[telling[: LISTED_FIELDS + 1]]
    if words.strip():
        text = listed.astype("str").fillna("").apply(" ".join, axis=1)
        listed = listed[text.str.contains(words.strip(), case=False, regex=False)]
    if len(listed) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS:,} of {len(listed):,}; type a word to find others.")
    shown = listed.head(SHOWN_ROWS)
    answer = st.dataframe(
        shown.rename(columns=name_field),
        hide_index=True,
        height=260,
        on_select="rerun",
        selection_mode="single-row",
        key=f"records-{kind}-{words}-{st.session_state.get('records-round', 0)}",
        alt="Records to choose from",
    )
    chosen = answer["selection"]["rows"]
    if not chosen:
        st.caption("Choose a row to correct it.")
        return None
    record: pd.Series[Any] = records.loc[shown.index[chosen[0]]]
    return record


def _newest_first(records: pd.DataFrame) -> pd.DataFrame:
    moments = [str(name) for name in records.select_dtypes("datetime")]
    return records.sort_values(moments[0], ascending=False) if moments else records


def _take_back(area: str, name: str) -> None:
    imports = list_imports(make_workspace(), area)
    standing = imports[imports["undone_at"].isna()]
    if standing.empty:
        st.info("There is no import to take back.")
        return
    st.caption(
        "Everything that came with a file goes, and what it changed is as it was before. "
        "The log keeps all of it, and the same file can come in again."
    )
    labels = {
        int(row["import_id"]): f"{row['import_id']} · {row['imported_at']:%Y-%m-%d %H:%M} UTC · "
        f"{row['kind']} · {row['file_name']} · {row['accepted']} new, {row['updated']} changed"
        for row in standing.to_dict("records")
    }
    chosen = st.selectbox("Import", list(labels), format_func=labels.__getitem__)
    even = st.checkbox("Also records that a person corrected since")
    if st.button("Take it back", type="primary", disabled=not name.strip(),
                 help="Needs your name."):  # fmt: skip
        report = undo(make_workspace(), area, chosen, even_corrected=even, by=name)
        _finish(
            f"Import {chosen} taken back: {report['removed']} records removed, "
            f"{report['restored']} as they were before, {report['handed_over']} kept because a "
            "later file says the same."
        )
