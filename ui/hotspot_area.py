"""Whether crashes of the whole area gather at all, in sentences."""

from __future__ import annotations

import streamlit as st

from pipeline.hotspot_views import load_hotspot_summary
from ui.layout import escape_markdown
from ui.state import Shown

__all__ = ["show_area"]


def show_area(shown: Shown) -> None:
    """Show what the run says of the area as a whole; nothing for an older run."""
    area = load_hotspot_summary(shown.path).get("area", {})
    sentences = area.get("sentences", [])
    if not sentences:
        return
    with st.expander("The area as a whole"):
        for one in sentences:
            st.markdown(f"**{escape_markdown(one['question'])}** {escape_markdown(one['answer'])}")
        if area.get("note"):
            st.caption(escape_markdown(area["note"]))
