"""Which hotspots the page shows: the published ones, or what another method would find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import streamlit as st

from core.errors import MissingDataError
from pipeline.hotspot_views import load_hotspot_summary
from ui.hotspot_words import CONTROL_WORDS, METHOD_WORDS, NULL_WORDS, describe_choice, describe_maps
from ui.layout import is_phone
from ui.state import Shown, load_run_table

__all__ = ["ShownHotspots", "choose_hotspots"]

KEYS: Final = ("method", "null_model", "control")
LABELS: Final[Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]]] = {
    "method": ("Found by", METHOD_WORDS),
    "null_model": ("Compared with", NULL_WORDS),
    "control": ("How strict", CONTROL_WORDS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHotspots:
    """The hotspots on the page."""

    table: gpd.GeoDataFrame  # by rank
    name: str  # of the method, null and control; part of the widgets' keys
    is_published: bool
    words: str = ""  # what they are, in a sentence or two
    published_ids: frozenset[str] = frozenset()
    of_lixel: Mapping[int, str] = field(default_factory=dict)  # empty for the published

    def mark_crashes(self, crashes: pd.DataFrame) -> pd.DataFrame:
        """Return the crashes with the `hotspot_id` that they have in this table."""
        if self.is_published:
            return crashes
        return crashes.assign(hotspot_id=crashes["lixel_id"].map(dict(self.of_lixel)))


def choose_hotspots(shown: Shown) -> ShownHotspots:
    """Let the reader choose method, comparison and strictness, and return what these find."""
    hotspots = load_run_table(shown, "hotspots").sort_values("rank", ignore_index=True)
    ids = frozenset(hotspots["hotspot_id"])
    published = ShownHotspots(
        table=hotspots, name="published", is_published=True, published_ids=ids
    )
    summary = load_hotspot_summary(shown.path)
    variants = _load_variants(shown)
    if not summary or variants is None:
        return published
    standard = {key: str(summary["published"][key]) for key in KEYS}
    chosen = _ask(shown, summary, standard)
    n_asked = int((shown.manifest.get("settings") or {}).get("n_simulations", 0))
    words = _say(chosen, standard, summary, n_asked)
    if chosen == standard:
        return replace(published, words=words)
    is_chosen = pd.Series(True, index=variants.index)
    for key, word in chosen.items():
        is_chosen &= variants[key] == word
    table = variants[is_chosen].sort_values("rank", ignore_index=True)
    lixels = table[["hotspot_id", "lixel_ids"]].explode("lixel_ids").dropna()
    return ShownHotspots(
        table=gpd.GeoDataFrame(table),
        name="-".join(chosen.values()),
        is_published=False,
        words=words,
        published_ids=ids,
        of_lixel=dict(zip(lixels["lixel_ids"].astype("int64"), lixels["hotspot_id"], strict=True)),
    )


def _load_variants(shown: Shown) -> gpd.GeoDataFrame | None:
    """Return what all methods find; None for a run made before it was kept."""
    try:
        return load_run_table(shown, "hotspot_variants")
    except MissingDataError:
        return None


def _ask(shown: Shown, summary: Mapping[str, Any], standard: dict[str, str]) -> dict[str, str]:
    """Show the three choices, and what each of them means."""
    had = {key: {str(one[key]) for one in summary["variants"]} for key in KEYS}
    box = st.expander("How hotspots are found") if is_phone() else st.container()
    chosen: dict[str, str] = {}
    with box, st.container(horizontal=True, vertical_alignment="bottom"):
        for key, (label, words) in LABELS.items():
            options = [word for word in words if word in had[key]]
            chosen[key] = st.selectbox(
                label,
                options,
                index=options.index(standard[key]),
                format_func=partial(_name, words),
                key=f"hotspots-{key}-{shown.run_id}",
                width=215,
            )
        with st.popover("What do these mean?"):
            st.markdown(_explain(summary, standard))
    return chosen


def _name(words: Mapping[str, tuple[str, str]], word: str) -> str:
    return words[word][0]


def _say(
    chosen: dict[str, str], standard: dict[str, str], summary: Mapping[str, Any], n_asked: int
) -> str:
    """Say what is shown, and from how many maps of chance where it is simulated."""
    words = describe_choice(chosen, float(summary["published"]["level"]))
    for one in summary["variants"]:
        if all(one[key] == chosen[key] for key in KEYS) and one["n_simulations"]:
            words += " " + describe_maps(int(one["n_simulations"]), n_asked)
    if chosen == standard:
        return words + " These are the published hotspots."
    return words + " These are not the published hotspots."


def _explain(summary: Mapping[str, Any], standard: dict[str, str]) -> str:
    """Explain every choice in a sentence, and why a comparison is missing."""
    level = f"{float(summary['published']['level']) * 100:g} in 100"
    parts = []
    for key, (label, words) in LABELS.items():
        lines = [f"**{label}**"]
        for word, (name, meaning) in words.items():
            default = " *(published)*" if word == standard[key] else ""
            lines.append(f"- {name}{default}: {meaning.format(level=level)}.")
        parts.append("\n".join(lines))
    missing = {**summary.get("missing_nulls", {}), **summary.get("missing_methods", {})}
    if missing:
        lines = ["**Not possible here**"]
        names = {**NULL_WORDS, **METHOD_WORDS}
        lines += [f"- {names[word][0]}: {why}." for word, why in missing.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
