"""The app: `streamlit run app.py` serves the pages, the map tiles and the map assets.

The workspace is named by SAFECOMMUTE_HOME, else `./workspace`.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui.compression import CompressedStatic
from ui.routes import build_routes

app = st.App(
    Path(__file__).resolve().parent / "ui" / "main.py",
    routes=build_routes(),
    middleware=[Middleware(CompressedStatic)],
)
