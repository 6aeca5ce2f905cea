"""Interventions: what was done, and how far the crashes before and after can tell."""

from __future__ import annotations

import streamlit as st

from ui.layout import page_of_run, show_heading
from ui.state import Shown

__all__ = ["interventions_page"]


@page_of_run
def interventions_page(shown: Shown) -> None:
    """Show every intervention of the area with its claim and caveats."""
    show_heading(shown, "Did it work?")
    st.info("No intervention is recorded for this area.")
