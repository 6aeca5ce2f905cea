"""The script that Streamlit runs for every reader: look, navigation, and nothing else."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.commute import commute_page
from ui.data import data_page
from ui.entry import records_page
from ui.factories import factories_page
from ui.hotspot import hotspot_page
from ui.hotspots import hotspots_page
from ui.interventions import interventions_page
from ui.layout import apply_look
from ui.measures import measures_page
from ui.overview import overview_page
from ui.quality import quality_page

ICON = Path(__file__).resolve().parent / "icon.svg"


def main() -> None:
    """Set the look and run the page that the address names."""
    st.set_page_config(page_title="safecommute", page_icon=str(ICON), layout="wide")
    apply_look()
    pages = {
        "overview": st.Page(overview_page, title="Overview", default=True),
        "hotspots": st.Page(hotspots_page, title="Hotspots", url_path="hotspots"),
        "measures": st.Page(measures_page, title="Measures", url_path="measures"),
        "factories": st.Page(factories_page, title="Factories", url_path="factories"),
        "commute": st.Page(commute_page, title="Commutes", url_path="commute"),
        "interventions": st.Page(
            interventions_page, title="Interventions", url_path="interventions"
        ),
        "data": st.Page(data_page, title="Data", url_path="data"),
        "quality": st.Page(quality_page, title="Data quality", url_path="quality"),
        "records": st.Page(records_page, title="Records", url_path="records"),
        "hotspot": st.Page(
            hotspot_page, title="One hotspot", url_path="hotspot", visibility="hidden"
        ),
    }
    st.session_state["pages"] = pages
    st.navigation(list(pages.values()), position="top").run()


main()
