"""Data-quality page: what the records can carry, and what to ask of whom."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import SafeCommuteError
from pipeline.workspace import Workspace
from reports.quality_words import Finding, Section, Table
from ui.layout import escape_markdown
from ui.state import choose_area, find_workspace

__all__ = ["quality_page"]

KEEP_S = 3600
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def quality_page() -> None:
    """Show how good the records of an area are."""
    try:
        area = choose_area()
        if area is None:
            st.title("Nothing here yet")
            st.info(
                "This workspace has no study area. Type `safecommute demo` for the synthetic "
                "sample, or `safecommute area add KEY --osm FILE` for your own roads."
            )
            return
        workspace = find_workspace()
        if workspace is None:
            st.title(area.name)
            st.info(
                "No record is kept for this area yet. Import crashes with "
                f"`safecommute import crash FILE --area {area.key}`."
            )
            return
        _show(workspace, area.key)
    except SafeCommuteError as error:
        message = f"This cannot be shown: {escape_markdown(error)}"
        st.error(message, icon=":material/error:")


def _show(workspace: Workspace, key: str) -> None:
    from pipeline.quality import compute_quality_digest  # slow to load, and only needed here
    from reports.quality import SYNTHETIC_WORDS, describe_scope
    from reports.quality_sections import list_findings, list_sections

    digest = compute_quality_digest(workspace, key)
    result = _assess(str(workspace.home), workspace.database_url, key, digest)
    st.title("Data quality")
    st.html(f'<p class="sc-sub">{html.escape(describe_scope(result))}</p>')
    if result["is_synthetic"]:
        st.html(f'<div class="sc-synthetic">{html.escape(SYNTHETIC_WORDS)}</div>')
    sections = list_sections(result)
    found = list_findings(sections)
    if found:
        st.subheader(f"To look at: {len(found)}")
        lines = [f"- **{title}.** {escape_markdown(one.text)}" for title, one in found]
        st.markdown("\n".join(lines))
    if result["n_reports"]:
        _offer_files(result)
    for section in sections:
        _show_section(section)


@st.cache_data(ttl=KEEP_S, max_entries=8, show_spinner="Measuring the quality of the records …")
def _assess(home: str, url: str, key: str, digest: str) -> dict[str, Any]:
    """Return the assessment; `digest` makes it anew when a record changed."""
    from pathlib import Path

    from pipeline.quality import assess_quality

    del digest
    return assess_quality(Workspace(home=Path(home), database_url=url), key)


def _offer_files(result: dict[str, Any]) -> None:
    from reports.quality import render_quality_html, write_quality_xlsx

    files = (
        ("Report (HTML)", "html", "text/html", lambda: render_quality_html(result).encode()),
        ("All tables (XLSX)", "xlsx", XLSX, lambda: write_quality_xlsx(result)),
    )
    with st.container(horizontal=True):
        for label, ending, mime, make in files:
            st.download_button(
                label,
                make,
                file_name=f"data-quality-{result['area']}.{ending}",
                mime=mime,
                on_click="ignore",
                icon=":material/download:",
            )


def _show_section(section: Section) -> None:
    st.subheader(section.title)
    if section.intro:
        st.caption(section.intro)
    _show_findings(section.findings)
    for caption, svg in section.charts:
        st.image(svg)
        st.caption(caption)
    for table in section.tables:
        _show_table(table)


def _show_findings(findings: Sequence[Finding]) -> None:
    for one in findings:
        do = f"  \n→ {escape_markdown(one.do)}" if one.do else ""
        words = escape_markdown(one.text) + do
        if one.level == "look":
            st.warning(words, icon=":material/search:")
        elif one.level == "fine":
            st.success(words, icon=":material/check:")
        else:
            st.info(words, icon=":material/help:")


def _show_table(table: Table) -> None:
    if table.is_long:
        with st.expander(table.caption):
            _show_rows(table)
        return
    st.markdown(f"**{escape_markdown(table.caption)}**")
    _show_rows(table)


def _show_rows(table: Table) -> None:
    numbers = table.frame.select_dtypes("number").columns
    config = {str(name): st.column_config.NumberColumn(format="localized") for name in numbers}
    st.dataframe(table.frame, hide_index=True, column_config=config, alt=table.caption)
