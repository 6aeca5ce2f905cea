"""The look that all pages share: style, heading, warning of synthetic data, errors."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from functools import wraps

import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from reports.map_style import HOTSPOT_COLOUR, NO_CRASH_COLOUR, CountClass, write_attribution
from ui.explorer_map import N_NUMBERED
from ui.state import Shown, require_run
from ui.words import describe_period

__all__ = [
    "apply_look",
    "escape_markdown",
    "is_phone",
    "page_of_run",
    "show_cards",
    "show_flow_legend",
    "show_heading",
    "show_legend",
]

STYLE = """
<style>
.block-container { padding-top: 4.2rem; padding-bottom: 3rem; max-width: 1500px; }
h1 { font-size: 1.9rem !important; padding: 0 !important; }
h2, h3 { font-size: 1.2rem !important; padding: .4rem 0 !important; }
[data-testid="stPageLink"] p { color: #0b5cad; text-decoration: underline; }
.sc-synthetic { background: #7a1f6d; color: #fff; border-radius: 4px; padding: .35rem .7rem;
  font-size: .95rem; }
.sc-sub { color: #4a5563; margin: 0; }
.sc-legend { display: flex; flex-wrap: wrap; gap: .2rem .9rem; font-size: .85rem; color: #1b2430;
  align-items: center; }
.sc-legend i { display: inline-block; width: 22px; margin-right: 5px; vertical-align: middle; }
.sc-legend i.sc-dot { width: 11px; height: 11px; border-radius: 50%; }
.sc-cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  gap: .6rem; }
.sc-card { border: 1px solid #d8dee6; border-radius: 4px; padding: .6rem .8rem; }
.sc-card b { display: block; font-size: 1.6rem; font-weight: 600; line-height: 1.3; }
.sc-card span { display: block; font-size: .88rem; color: #4a5563; line-height: 1.3; }
.sc-card .sc-label { color: #1b2430; }
[data-testid="stButtonGroup"] [role="group"],
[data-testid="stButtonGroup"] [role="radiogroup"],
[data-testid="stButtonGroup"] [role="toolbar"] { flex-wrap: wrap !important; }
@media (max-width: 640px) {
  .block-container { padding-left: 1rem; padding-right: 1rem; }
  h1 { font-size: 1.5rem !important; }
  .sc-card b { font-size: 1.3rem; }
}
</style>
"""


def apply_look() -> None:
    """Add the style that all pages share."""
    st.html(STYLE)


def page_of_run(page: Callable[[Shown], None]) -> Callable[[], None]:
    """Make a page that shows a published run, or says in words why it cannot."""

    @wraps(page)
    def shown_page() -> None:
        try:
            shown = require_run()
            if shown is not None:
                page(shown)
        except SafeCommuteError as error:
            st.error(f"This cannot be shown: {error}", icon=":material/error:")

    return shown_page


def show_heading(shown: Shown, title: str) -> None:
    """Write the page's title, what it covers, and that the data are invented if they are."""
    st.title(title)
    created = pd.to_datetime(str(shown.manifest.get("created_at")), errors="coerce", utc=True)
    is_dated = isinstance(created, pd.Timestamp)
    fresh = f" · computed {created.day} {created:%B %Y, %H:%M} UTC" if is_dated else ""
    period = describe_period(shown.manifest.get("period"))
    words = f"{shown.area.name} · crashes {period}{fresh}"
    st.html(f'<p class="sc-sub">{html.escape(words)}</p>')
    if shown.is_synthetic:
        st.html(
            '<div class="sc-synthetic"><b>SYNTHETIC</b> · Invented data for trying the software. '
            "No place, factory or crash here is real.</div>"
        )


def show_cards(figures: Sequence[tuple[str, str, str]]) -> None:
    """Show figures side by side: label, value, and what the value is of."""
    cards = "".join(
        f'<div class="sc-card"><span class="sc-label">{html.escape(label)}</span>'
        f"<b>{html.escape(value)}</b><span>{html.escape(note)}</span></div>"
        for label, value, note in figures
    )
    st.html(f'<div class="sc-cards">{cards}</div>')


def is_phone() -> bool:
    """Whether the reader's browser says that it runs on a phone."""
    return "Mobi" in st.context.headers.get("User-Agent", "")


def show_legend(shown: Shown, period: str, classes: Sequence[CountClass]) -> None:
    """Explain the colours of the map."""
    source = write_attribution(is_synthetic=shown.is_synthetic)
    steps = "".join(
        f'<span><i style="border-top:{step.width_px + 1:.0f}px solid {step.colour}"></i>'
        f"{step.label}</span>"
        for step in classes
    )
    st.html(
        f'<div class="sc-legend"><b>Crashes on one stretch of road</b>'
        f'<span><i style="border-top:2px solid {NO_CRASH_COLOUR}"></i>none reported</span>{steps}'
        f'<span><i style="border-top:10px solid {HOTSPOT_COLOUR};opacity:.45"></i>hotspot, '
        f"the worst {N_NUMBERED} with their rank</span>"
        f"<span>{html.escape(period)} · north is up · {source}</span></div>"
    )


def show_flow_legend(
    shown: Shown, classes: Sequence[CountClass], marks: Sequence[tuple[str, str]] = ()
) -> None:
    """Explain the colours of a map of workers; `marks` are labels and colours of dots."""
    source = write_attribution(is_synthetic=shown.is_synthetic)
    steps = "".join(
        f'<span><i style="border-top:{step.width_px + 1:.0f}px solid {step.colour}"></i>'
        f"{step.label}</span>"
        for step in classes
    )
    dots = "".join(
        f'<span><i class="sc-dot" style="background:{colour}"></i>{html.escape(label)}</span>'
        for label, colour in (("factory gate", "#7a1f6d"), *marks)
    )
    st.html(
        f'<div class="sc-legend"><b>Workers a day on a road, one way</b>{steps}{dots}'
        f"<span>modelled · north is up · {source}</span></div>"
    )


def escape_markdown(text: object) -> str:
    """Return text of a record so that Markdown shows it as it is."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!|<>~$:" else c for c in str(text))
