"""Data page: what came in, what could not be placed and why, for whoever mends it."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from ui.layout import escape_markdown, page_of_run, show_heading
from ui.state import Shown, find_workspace, load_crashes
from ui.words import name_unplaced, protect_cells

__all__ = ["data_page"]

KEEP_S = 60
COUNTS = ("read", "accepted", "updated", "unchanged", "duplicates", "rejected")


@page_of_run
def data_page(shown: Shown) -> None:
    """Show what the run was made from."""
    show_heading(shown, "Data")
    imports = pd.DataFrame()
    try:
        imports = _list_imports(shown.area.key)
        _show_imports(imports)
    except SafeCommuteError as error:
        st.error(f"The records cannot be read: {escape_markdown(error)}", icon=":material/error:")
    _show_unplaced(shown, load_crashes(shown), imports)
    _show_run(shown)


@st.cache_data(ttl=KEEP_S, show_spinner="Reading the list of imports …")
def _list_imports(area: str) -> pd.DataFrame:
    from pipeline.import_log import list_imports  # slow to load, and only needed here

    workspace = find_workspace()
    return list_imports(workspace, area) if workspace else pd.DataFrame()


def _show_imports(imports: pd.DataFrame) -> None:
    st.subheader("What came in")
    if imports.empty:
        st.info("No import is recorded for this area.")
        return
    st.caption(
        "Every row of a file is accepted, an update of what was known, unchanged, a duplicate, or "
        "rejected with a reason: the five add up to the rows read."
    )
    words = {name: name.capitalize() for name in COUNTS}
    table = imports[["imported_at", "kind", "file_name", *COUNTS]].rename(
        columns={"imported_at": "When (UTC)", "kind": "Kind", "file_name": "File", **words}
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "When (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            **dict.fromkeys(words.values(), st.column_config.NumberColumn(format="localized")),
        },
        alt="Imports, the latest first",
    )
    rows = [
        {"File": file, "Why": reason, "Rows": n}
        for file, text in zip(imports["file_name"], imports["reasons"], strict=True)
        for reason, n in _read_reasons(text).items()
    ]
    if rows:
        with st.expander("Why rows were rejected or set apart"):
            st.dataframe(pd.DataFrame(rows), hide_index=True)


def _read_reasons(text: object) -> dict[str, int]:
    try:
        return {str(reason): int(n) for reason, n in json.loads(str(text)).items()}
    except (ValueError, AttributeError):
        return {}


def _show_unplaced(shown: Shown, crashes: pd.DataFrame, imports: pd.DataFrame) -> None:
    st.subheader("Crashes that could not be placed on a road")
    unplaced = crashes[crashes["site_id"].isna()]
    if unplaced.empty:
        st.success("Every crash was placed on a road.")
        return
    files = {} if imports.empty else imports.set_index("import_id")["file_name"].to_dict()
    unplaced = unplaced.sort_values(["import_id", "row_number"])
    table = pd.DataFrame(
        {
            "Why": unplaced["unplaced_reason"].map(name_unplaced),
            "File": unplaced["import_id"].map(files).fillna("not known"),
            "Row": unplaced["row_number"],
            "Month": unplaced["occurred_at"].dt.strftime("%Y-%m").fillna("not known"),
            "Source": unplaced["source"],
            "Report": unplaced["source_id"],
        }
    )
    st.caption(
        f"{len(table):,} of {len(crashes):,} crashes of the period. They are kept, and counted on "
        "no road and in no hotspot."
    )
    st.dataframe(table, hide_index=True, alt="Crashes without a road")
    st.download_button(
        "Download this list (CSV)",
        protect_cells(table).to_csv(index=False).encode("utf-8-sig"),
        file_name=f"unplaced-{shown.area.key}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def _show_run(shown: Shown) -> None:
    run = shown.manifest
    with st.expander("How these results were made"):
        st.markdown(f"Run `{shown.run_id}`, seed `{run.get('seed')}`.")
        steps = run.get("steps") or []
        if steps:
            st.dataframe(pd.DataFrame(steps), hide_index=True)
        settings = run.get("settings") or {}
        rows = [(name, json.dumps(value, ensure_ascii=False)) for name, value in settings.items()]
        st.dataframe(pd.DataFrame(rows, columns=["Setting", "Value"]), hide_index=True)
