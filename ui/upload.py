"""Bring in a file: look at it, correct how it is read, see what becomes of each row, take it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from pipeline.entry import describe_fields, list_kinds
from pipeline.imports import import_records
from pipeline.mappings import find_mapping, keep_mapping, list_mappings
from pipeline.matching import find_duplicates
from pipeline.unpacking import unpack_shapefile
from pipeline.villages import keep_villages, list_village_files
from records.mapping import Mapping
from ui.layout import escape_markdown, show_cards
from ui.state import make_workspace
from ui.words import name_field, name_kind, protect_cells

__all__ = ["show_upload"]

SUFFIXES = ["csv", "tsv", "txt", "xlsx", "geojson", "json", "gpkg", "gpx", "zip"]
BY_NAME = "Found by the columns' names"
COUNTS = ("read", "accepted", "updated", "unchanged", "duplicates", "rejected")
COUNT_WORDS = {
    "read": ("Rows read", "in the file"),
    "accepted": ("New", "records"),
    "updated": ("Changed", "records known before"),
    "unchanged": ("Unchanged", "nothing new"),
    "duplicates": ("Repeated", "said twice"),
    "rejected": ("Refused", "with a reason, below"),
}
KIND_FIRST = ("crash", "factory", "origin", "vehicle", "casualty")


def show_upload(area: str, name: str) -> None:
    """Show the steps from a file to its records."""
    rest = [kind for kind in list_kinds() if kind not in KIND_FIRST]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox(
            "A row of the file is a", [*KIND_FIRST, *rest], format_func=name_kind, key="upload-kind"
        )
        names = [BY_NAME, *list_mappings(make_workspace(), kind)]
        chosen = st.selectbox("How it is read", names, key=f"upload-mapping-{kind}")
        source = st.text_input(
            "Who reports it",
            key="upload-source",
            placeholder="police, insurer, factory F01",
            help="Numbers of crashes are unique within a source: give each its name.",
        )
    _show_what_was_taken()
    turn = st.session_state.get("upload-turn", 0)
    sent = st.file_uploader("The file", type=SUFFIXES, key=f"upload-file-{turn}")
    if sent is None:
        st.caption(
            "CSV in any encoding, XLSX, GeoJSON, GeoPackage, zipped Shapefile, Kobo export, "
            "GPX of driven routes."
        )
        _offer_to_keep_villages()
        return
    try:
        path = _keep_sent(sent)
    except SafeCommuteError as error:
        st.error(escape_markdown(error), icon=":material/error:")
        return
    mapping = None if chosen == BY_NAME else find_mapping(make_workspace(), chosen)
    report, mapping = _rehearse(area, kind, path, source, mapping)
    if report is None:
        return
    _show_account(report, "What would become of its rows")
    _offer_to_keep(mapping)
    if not name.strip():
        st.caption("Give your name above to take the file in.")
    if st.button("Take it in", type="primary", disabled=not name.strip(),
                 icon=":material/check:"):  # fmt: skip
        done = _import(area, kind, path, source, mapping, by=name)
        found = find_duplicates(make_workspace(), area) if kind == "crash" else None
        st.session_state["upload-done"] = (done, found)
        st.session_state["upload-turn"] = turn + 1
        _forget_sent()
        st.cache_data.clear()
        st.rerun()


def _offer_to_keep_villages() -> None:
    """Take in a file that says where villages are, for rows without coordinates."""
    workspace = make_workspace()
    kept = [path.name for path in list_village_files(workspace)]
    with st.expander("Where villages are, for rows without coordinates"):
        st.caption(
            f"Kept for every file that comes in: {escape_markdown(', '.join(kept))}."
            if kept
            else "None yet: rows that name only a village are taken in without a place."
        )
        sent = st.file_uploader(
            "Points of villages or communes: code, name, longitude, latitude",
            type=SUFFIXES[:-1],  # a Shapefile is several files
            key="upload-villages",
        )
        if sent is None:
            return
        if st.session_state.get("villages-kept") != sent.file_id:
            try:
                with tempfile.TemporaryDirectory(prefix="safecommute-") as folder:
                    path = Path(folder) / (Path(sent.name).name or "villages")
                    path.write_bytes(sent.getbuffer())
                    keep_villages(workspace, path)
            except SafeCommuteError as error:
                st.error(escape_markdown(error), icon=":material/error:")
                return
            st.session_state["villages-kept"] = sent.file_id
        st.success(f"{escape_markdown(sent.name)} is kept.", icon=":material/check:")


def _show_what_was_taken() -> None:
    """Show the account of the file that was taken in just now."""
    done, found = st.session_state.pop("upload-done", (None, None))
    if done is None:
        return
    st.success(f"{escape_markdown(done['file'])} is taken in.", icon=":material/check:")
    _show_account(done, "What became of its rows")
    if found is not None:
        st.info(
            f"Compared with the other reports: {found['merged']:,} pairs are the same crash, "
            f"{found['queued']:,} are doubtful and wait under “Same crash?”."
        )
    st.caption("Maps show it after the next `safecommute run AREA --publish`.")


def _keep_sent(sent: Any) -> Path:  # noqa: ANN401 - Streamlit's uploaded file
    """Write the uploaded bytes under their own name into a folder of this visit."""
    key = f"upload-{sent.file_id}"
    if key not in st.session_state:
        _forget_sent()
        folder = Path(tempfile.mkdtemp(prefix="safecommute-"))
        target = folder / (Path(sent.name).name or "file")
        target.write_bytes(sent.getbuffer())
        st.session_state["upload-folder"] = str(folder)
        is_archive = target.suffix.lower() == ".zip"
        st.session_state[key] = str(unpack_shapefile(target) if is_archive else target)
    return Path(st.session_state[key])


def _forget_sent() -> None:
    """Remove what was uploaded last: records do not lie about in temporary folders."""
    folder = st.session_state.pop("upload-folder", None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _rehearse(
    area: str, kind: str, path: Path, source: str, mapping: Mapping | None
) -> tuple[dict[str, Any] | None, Mapping | None]:
    """Go through the file without keeping anything, with a corrected proposal if need be."""
    try:
        report = _import(area, kind, path, source, mapping)
    except SafeCommuteError as error:
        st.error(escape_markdown(error), icon=":material/error:")
        return None, None
    proposal = report.get("proposal")
    if proposal is None:
        return report, mapping
    corrected = _correct_proposal(kind, proposal, key=f"{path}-{kind}")
    try:
        again = _import(area, kind, path, source, corrected)
    except SafeCommuteError as error:
        st.error(escape_markdown(error), icon=":material/error:")
        return None, None
    return again, corrected


def _import(
    area: str, kind: str, path: Path, source: str, mapping: Mapping | None, *, by: str = ""
) -> dict[str, Any]:
    """Take the file in; a rehearsal where nobody is named."""
    with st.spinner("Reading the file …"):
        return import_records(
            make_workspace(),
            kind,
            path,
            area=area,
            mapping=mapping,
            source=source.strip() or None,
            dry_run=not by,
            by=by,
        )


def _correct_proposal(kind: str, proposal: dict[str, Any], *, key: str) -> Mapping:
    """Let a person say what each column holds; return the mapping that follows."""
    st.subheader("How the file is read")
    st.caption("Proposed by looking at the file. Correct the second column where it is wrong.")
    for question in proposal["questions"]:
        st.warning(escape_markdown(question), icon=":material/warning:")
    simple, fields = [], [field.name for field in describe_fields(kind)]
    picks = dict(proposal["mapping"].get("columns", {}))
    guesses = {one["column"]: one for one in proposal["columns"]}
    for field, pick in picks.items():
        if set(pick) == {"first"} and len(pick["first"]) == 1:
            simple.append((pick["first"][0], field))
    rows = [
        {"Column": column, "Holds": field, "How sure": guesses.get(column, {}).get("confidence"),
         "Why": guesses.get(column, {}).get("reason")}
        for column, field in simple
    ]  # fmt: skip
    rows += [{"Column": column, "Holds": None} for column in proposal["unused_columns"]]
    table = st.data_editor(
        pd.DataFrame(rows, columns=["Column", "Holds", "How sure", "Why"]),
        hide_index=True,
        disabled=["Column", "How sure", "Why"],
        column_config={
            "Holds": st.column_config.SelectboxColumn(
                options=["time", *fields], format_func=lambda one: name_field(str(one))
            )
        },
        key=f"proposal-{key}",
    )
    columns: dict[str, Any] = {
        field: pick for field, pick in picks.items() if field not in {one for _, one in simple}
    }
    for row in table.dropna(subset="Holds").to_dict("records"):
        columns.setdefault(str(row["Holds"]), {"first": []})["first"].append(row["Column"])
    return Mapping.model_validate({**proposal["mapping"], "columns": columns})


def _show_account(report: dict[str, Any], title: str) -> None:
    st.subheader(title)
    for one in (report, *report.get("linked", [])):
        if report.get("linked"):
            st.markdown(f"**{name_kind(one['kind'])}**")
        show_cards([(COUNT_WORDS[name][0], f"{one[name]:,}", COUNT_WORDS[name][1])
                    for name in COUNTS])  # fmt: skip
        rows = [("refused", reason, n) for reason, n in one["reasons"].items()]
        rows += [("noted", note, n) for note, n in one["notes"].items()]
        if rows:
            with st.expander("Why rows were refused, and what was noted", expanded=True):
                st.dataframe(pd.DataFrame(rows, columns=["", "What", "Rows"]), hide_index=True)
        if one["unused_columns"]:
            st.caption("Columns not used: " + escape_markdown(", ".join(one["unused_columns"])))
        _offer_refused(one)


def _offer_refused(report: dict[str, Any]) -> None:
    """Let the refused rows be downloaded, to be mended and sent again."""
    path = Path(report["rejects_file"]) if report["rejects_file"] else None
    if path is None or not path.is_file():
        return
    refused = pd.read_csv(path, dtype="str", keep_default_na=False)
    st.download_button(
        "Download the refused rows (CSV)",
        protect_cells(refused).to_csv(index=False).encode("utf-8-sig"),
        file_name=path.name,
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def _offer_to_keep(mapping: Mapping | None) -> None:
    if mapping is None or not mapping.columns:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Keep this way of reading for next month as", key="upload-keep")
        if st.button("Keep it", disabled=not name.strip()):
            keep_mapping(make_workspace(), name.strip(), mapping)
            st.success(f"Kept as {escape_markdown(name.strip())}.", icon=":material/check:")
